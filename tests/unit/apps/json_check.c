/* A strict reader of JSON for tests; see json_check.h. */
#include "tests/unit/apps/json_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *at, *end;
    bool bad;
    const char *path;  /* what is looked for; NULL: nothing */
    const char *found; /* where its value begins */
    size_t found_len;
};

static void value(struct reader *r, const char *path, unsigned depth);

static char next(const struct reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

static void space(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0') {
        r->at++;
    }
}

static bool take(struct reader *r, char c)
{
    space(r);
    if (r->bad || next(r) != c) {
        return false;
    }
    r->at++;
    return true;
}

static void expect(struct reader *r, char c)
{
    if (!take(r, c)) {
        r->bad = true;
    }
}

static void string(struct reader *r)
{
    expect(r, '"');
    while (!r->bad && r->at < r->end && *r->at != '"') {
        unsigned char c = (unsigned char)*r->at++;
        r->bad = c < 0x20;
        if (c != '\\') {
            continue;
        }
        char e = next(r);
        r->at++;
        if (e == 'u') {
            for (int i = 0; i < 4; i++, r->at++) {
                r->bad =
                    r->bad || next(r) == '\0' || strchr("0123456789abcdefABCDEF", next(r)) == NULL;
            }
        } else {
            r->bad = e == '\0' || strchr("\"\\/bfnrt", e) == NULL;
        }
    }
    if (r->bad || r->at >= r->end) {
        r->bad = true;
        return;
    }
    r->at++;
}

static void digits(struct reader *r)
{
    if (next(r) < '0' || next(r) > '9') {
        r->bad = true;
    }
    while (next(r) >= '0' && next(r) <= '9') {
        r->at++;
    }
}

static void number(struct reader *r)
{
    r->at += next(r) == '-' ? 1 : 0;
    if (next(r) == '0') {
        r->at++;
    } else {
        digits(r);
    }
    if (next(r) == '.') {
        r->at++;
        digits(r);
    }
    if (next(r) == 'e' || next(r) == 'E') {
        r->at++;
        r->at += next(r) == '+' || next(r) == '-' ? 1 : 0;
        digits(r);
    }
}

/* The rest of the path behind `name`, if it begins with that; NULL: not this way. */
static const char *step_into(const char *path, const char *name, size_t len)
{
    if (path == NULL || strncmp(path, name, len) != 0 || (path[len] != '.' && path[len] != '\0')) {
        return NULL;
    }
    return path[len] == '.' ? path + len + 1 : path + len;
}

static void object(struct reader *r, const char *path, unsigned depth)
{
    expect(r, '{');
    if (take(r, '}')) {
        return;
    }
    do {
        space(r);
        const char *name = r->at + 1;
        string(r);
        size_t len = r->bad ? 0 : (size_t)(r->at - 1 - name);
        expect(r, ':');
        value(r, r->bad ? NULL : step_into(path, name, len), depth);
    } while (take(r, ','));
    expect(r, '}');
}

static void array(struct reader *r, const char *path, unsigned depth)
{
    expect(r, '[');
    if (take(r, ']')) {
        return;
    }
    unsigned i = 0;
    do {
        char index[16];
        int n = snprintf(index, sizeof index, "%u", i++);
        value(r, step_into(path, index, (size_t)n), depth);
    } while (take(r, ','));
    expect(r, ']');
}

static void word(struct reader *r, const char *w)
{
    size_t n = strlen(w);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, w, n) != 0) {
        r->bad = true;
    } else {
        r->at += n;
    }
}

/* `path`: what is looked for inside this value; "" is the value itself; NULL: nothing. */
static void value(struct reader *r, const char *path, unsigned depth)
{
    space(r);
    const char *start = r->at;
    if (r->bad || depth > 32) {
        r->bad = true;
        return;
    }
    switch (next(r)) {
    case '{':
        object(r, path, depth + 1);
        break;
    case '[':
        array(r, path, depth + 1);
        break;
    case '"':
        string(r);
        break;
    case 't':
        word(r, "true");
        break;
    case 'f':
        word(r, "false");
        break;
    case 'n':
        word(r, "null");
        break;
    default:
        number(r);
    }
    if (path != NULL && *path == '\0') {
        r->found = start;
        r->found_len = (size_t)(r->at - start);
    }
}

bool json_valid(const char *text, size_t len)
{
    struct reader r = {.at = text, .end = text + len};
    value(&r, NULL, 0);
    space(&r);
    return !r.bad && r.at == r.end;
}

const char *json_at(const char *text, size_t len, const char *path, char *out, size_t size)
{
    struct reader r = {.at = text, .end = text + len};
    value(&r, path, 0);
    snprintf(out, size, "%.*s", (int)r.found_len, r.found != NULL ? r.found : "");
    return out;
}
