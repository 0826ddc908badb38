#include "apps/saved_cookies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/private_file.h"
#include "stack/tcp/fast_open_paths.h"

#define LINE_MAX_BYTES 256

static bool take_hex(const char *text, struct fast_open_cookie *out)
{
    size_t digits = strlen(text);
    *out = (struct fast_open_cookie){.len = (uint8_t)(digits / 2)};
    if (digits % 4 != 0 || digits < 2U * FAST_OPEN_COOKIE_MIN ||
        digits > 2U * FAST_OPEN_COOKIE_MAX || strspn(text, "0123456789abcdef") != digits) {
        return false;
    }
    for (size_t i = 0; i < out->len; i++) {
        char byte[3] = {text[2 * i], text[2 * i + 1], '\0'};
        out->bytes[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return true;
}

static bool take_line(char *line, struct tcp *t)
{
    struct ip_addr ours;
    struct ip_addr theirs;
    struct fast_open_cookie cookie;
    char *rest = line;
    const char *word[4];
    for (unsigned i = 0; i < COUNT_OF(word); i++) {
        word[i] = strsep(&rest, " ");
    }
    if (rest != NULL || word[3] == NULL || !ip_parse(word[0], &ours) ||
        !ip_parse(word[1], &theirs) || !take_hex(word[3], &cookie)) {
        return false;
    }
    char *end;
    unsigned long mss = strtoul(word[2], &end, 10);
    if (end == word[2] || *end != '\0' || mss > UINT16_MAX) {
        return false;
    }
    fast_open_cookie_keep(t, ours, theirs, &cookie, (uint16_t)mss);
    return true;
}

bool saved_cookies_read(const char *file, struct tcp *t)
{
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(file, "re");
    if (f == NULL && errno == ENOENT) {
        return true;
    }
    if (f == NULL) {
        fprintf(stderr, "vitrine: --fast-open %s: %s\n", file, strerror(errno));
        return false;
    }
    bool good = true;
    for (unsigned n = 1; good && fgets(line, sizeof line, f) != NULL; n++) {
        line[strcspn(line, "\n")] = '\0';
        good = take_line(line, t);
        if (!good) {
            fprintf(stderr, "vitrine: --fast-open %s: line %u is no cookie\n", file, n);
        }
    }
    fclose(f);
    return good;
}

static void add_line(void *arg, const struct fast_open_known *k)
{
    char ours[IP_TEXT_MAX];
    char theirs[IP_TEXT_MAX];
    fprintf(arg, "%s %s %u ", ip_text(k->local, ours), ip_text(k->remote, theirs), k->mss);
    for (unsigned i = 0; i < k->cookie.len; i++) {
        fprintf(arg, "%02x", k->cookie.bytes[i]);
    }
    fputc('\n', arg);
}

bool saved_cookies_write(const char *file, struct tcp *t, nsec now)
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL) {
        fprintf(stderr, "vitrine: --fast-open %s: %s\n", file, strerror(errno));
        return false;
    }
    fast_open_cookies_each(t, now, add_line, f);
    bool good = fclose(f) == 0 && private_file_replace(file, text, len);
    if (!good) {
        fprintf(stderr, "vitrine: --fast-open %s is not written: %s\n", file, strerror(errno));
    }
    free(text);
    return good;
}
