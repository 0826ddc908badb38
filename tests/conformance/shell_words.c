#include "tests/conformance/shell_words.h"

#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word_out {
    char *text;
    size_t len;
    bool full;
};

static void put(struct word_out *o, char c)
{
    o->full = o->len + 1 >= WORD_MAX;
    if (!o->full) {
        o->text[o->len++] = c;
    }
}

/* `$((a*b*c))`: the product in digits; anything else stays as it stands. */
static const char *arithmetic(struct word_out *o, const char *p)
{
    const char *from = p;
    long long product = 1;
    char digits[32];
    p += 3;
    for (;;) {
        char *end;
        long long factor = strtoll(p, &end, 10);
        if (end == p || factor < 0 || (factor > 0 && product > INT64_C(1000000000000) / factor)) {
            put(o, *from);
            return from + 1;
        }
        product *= factor;
        p = end + strspn(end, " ");
        if (*p != '*') {
            break;
        }
        p++;
    }
    if (strncmp(p, "))", 2) != 0) {
        put(o, *from);
        return from + 1;
    }
    (void)snprintf(digits, sizeof digits, "%lld", product);
    for (const char *d = digits; *d != '\0'; d++) {
        put(o, *d);
    }
    return p + 2;
}

static bool blank(const char *p)
{
    return (isspace((unsigned char)*p) != 0 && *p != '\n') || (*p == '\\' && p[1] == '\n');
}

static const char *skip_blank(const char *p)
{
    while (blank(p)) {
        p += *p == '\\' ? 2 : 1;
    }
    return p;
}

static bool ends_command(char c)
{
    return c == '\0' || c == '\n' || c == ';' || c == '&' || c == '|' || c == '#';
}

/* `>file`, `2>file`, `2>&1`, `> file`: what is behind it; NULL: there is none. */
static const char *redirection(const char *p)
{
    p += isdigit((unsigned char)*p) != 0 ? 1 : 0;
    if (*p != '>') {
        return NULL;
    }
    p += strspn(p, ">&");
    p = skip_blank(p);
    while (isspace((unsigned char)*p) == 0 && !ends_command(*p)) {
        p++;
    }
    return p;
}

bool shell_word(const char **at, char word[WORD_MAX])
{
    struct word_out out = {.text = word};
    char quote = '\0';
    const char *p = skip_blank(*at);
    for (const char *behind = redirection(p); behind != NULL; behind = redirection(p)) {
        p = skip_blank(behind);
    }
    bool over = ends_command(*p);
    while (!over && *p != '\0' && !out.full) {
        if (quote != '\0' ? *p == quote : *p == '"' || *p == '\'') {
            quote = quote != '\0' ? '\0' : *p;
            p++;
        } else if (quote == '\0' && (blank(p) || *p == '\n' || *p == ';' || *p == '|')) {
            break;
        } else if (quote != '\'' && strncmp(p, "$((", 3) == 0) {
            p = arithmetic(&out, p);
        } else {
            put(&out, *p++);
        }
    }
    word[out.len] = '\0';
    *at = p;
    return !over && !out.full;
}

void shell_between(const char **at)
{
    const char *p = *at;
    for (;;) {
        if (*p == '#') {
            p += strcspn(p, "\n");
        } else if (*p != '\0' && (isspace((unsigned char)*p) != 0 || *p == ';' || *p == '&')) {
            p++;
        } else {
            break;
        }
    }
    *at = p;
}
