/* URLs and the hosts file; see url.h. */
#include "apps/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_host(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_';
        if (!good) {
            return false;
        }
    }
    return n > 0;
}

static bool take_port(const char *text, size_t n, struct url *out)
{
    unsigned port = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || port > UINT16_MAX) {
            return false;
        }
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    out->port = (uint16_t)port;
    return n > 0 && port > 0 && port <= UINT16_MAX;
}

/* What stands in a request line must not end it: no blanks, no control characters (RFC 3986 2). */
static bool take_target(const char *text, struct url *out)
{
    size_t n = strcspn(text, "#");
    const char *slash = text[0] == '/' ? "" : "/";
    if (n + 2 > sizeof out->target) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] == 0x7f) {
            return false;
        }
    }
    snprintf(out->target, sizeof out->target, "%s%.*s", slash, (int)n, text);
    return true;
}

static bool take_scheme(const char **text, struct url *out)
{
    const char *end = strstr(*text, "://");
    size_t n = end != NULL ? (size_t)(end - *text) : 0;
    if (end != NULL && memchr(*text, '/', n) == NULL && memchr(*text, '?', n) == NULL) {
        out->tls = n == 5 && strncasecmp(*text, "https", n) == 0;
        if (!out->tls && (n != 4 || strncasecmp(*text, "http", n) != 0)) {
            return false;
        }
        *text = end + 3;
    }
    out->port = out->tls ? 443 : 80;
    return true;
}

bool url_parse(const char *text, struct url *out, const char **why)
{
    *out = (struct url){0};
    if (!take_scheme(&text, out)) {
        *why = "the scheme is neither http nor https";
        return false;
    }
    size_t authority = strcspn(text, "/?#");
    if (memchr(text, '@', authority) != NULL) {
        *why = "a user and password are not sent";
        return false;
    }
    const char *colon = memchr(text, ':', authority);
    size_t host = colon != NULL ? (size_t)(colon - text) : authority;
    if (host >= sizeof out->host || !is_host(text, host)) {
        *why = "the host is no name and no IPv4 address";
        return false;
    }
    memcpy(out->host, text, host);
    if (colon != NULL && !take_port(colon + 1, authority - host - 1, out)) {
        *why = "the port is none";
        return false;
    }
    if (!take_target(text + authority, out)) {
        *why = "the path has characters that must be escaped, or is too long";
        return false;
    }
    return true;
}

static bool fixed_find(const char *name, const char *const *fixed, size_t count,
                       struct ip_addr *out)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < count; i++) {
        if (strncasecmp(fixed[i], name, n) == 0 && fixed[i][n] == ':' &&
            ip_parse(fixed[i] + n + 1, out)) {
            return true;
        }
    }
    return false;
}

/* A line of a hosts file: an address, names, a comment. */
static bool line_has(char *line, const char *name, struct ip_addr *out)
{
    static const char blanks[] = " \t\r\n";
    struct ip_addr ip;
    line[strcspn(line, "#")] = '\0';
    char *rest = line;
    char *word = strtok_r(line, blanks, &rest);
    if (word == NULL || !ip_parse(word, &ip) || !ip_is_v4(ip)) {
        return false;
    }
    while ((word = strtok_r(NULL, blanks, &rest)) != NULL) {
        if (strcasecmp(word, name) == 0) {
            *out = ip;
            return true;
        }
    }
    return false;
}

static bool file_find(const char *name, const char *file, struct ip_addr *out)
{
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    FILE *f = fopen(file, "re");
    while (f != NULL && !found && getline(&line, &size, f) >= 0) {
        found = line_has(line, name, out);
    }
    free(line);
    if (f != NULL) {
        fclose(f);
    }
    return found;
}

bool hosts_find(const char *name, const char *const *fixed, size_t count, const char *file,
                struct ip_addr *out)
{
    return (ip_parse(name, out) && ip_is_v4(*out)) || fixed_find(name, fixed, count, out) ||
           file_find(name, file, out);
}
