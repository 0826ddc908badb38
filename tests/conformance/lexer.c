#include "tests/conformance/lexer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- defines ---- */

static struct define *find_define(struct defines *d, const char *name)
{
    for (unsigned i = 0; i < d->count; i++) {
        if (strcmp(d->list[i].name, name) == 0) {
            return &d->list[i];
        }
    }
    return NULL;
}

bool define_add(struct defines *d, const char *name, const char *value)
{
    struct define *known = find_define(d, name);
    if (known != NULL) {
        known->value = value;
        return true;
    }
    if (d->count == DEFINES_MAX) {
        return false;
    }
    d->list[d->count++] = (struct define){.name = name, .value = value};
    return true;
}

const char *define_value(const struct defines *d, const char *name)
{
    for (unsigned i = 0; i < d->count; i++) {
        if (strcmp(d->list[i].name, name) == 0) {
            return d->list[i].value;
        }
    }
    return NULL;
}

void define_remove(struct defines *d, const char *name)
{
    struct define *known = find_define(d, name);
    if (known != NULL) {
        *known = d->list[--d->count];
    }
}

/* ---- characters ---- */

static bool word_start(char c)
{
    return isalpha((unsigned char)c) != 0 || c == '_';
}

static bool word_part(char c)
{
    return isalnum((unsigned char)c) != 0 || c == '_';
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static char peek(const struct lexer_source *s, size_t ahead)
{
    return (size_t)(s->end - s->pos) > ahead ? s->pos[ahead] : '\0';
}

static void step(struct lexer_source *s)
{
    if (*s->pos == '\n') {
        s->line++;
        s->fresh = true;
    } else if (isspace((unsigned char)*s->pos) == 0) {
        s->fresh = false;
    }
    s->pos++;
}

static bool starts(const struct lexer_source *s, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(s->end - s->pos) >= n && memcmp(s->pos, with, n) == 0;
}

static struct token fail(struct lexer *l, struct token t, const char *error)
{
    l->error = l->error != NULL ? l->error : error;
    t.kind = TOKEN_END;
    return t;
}

static bool push(struct lexer *l, const char *text, size_t len, const char *define)
{
    if (l->depth == LEXER_DEPTH) {
        l->error = define != NULL ? "a define stands for itself" : "#include too deep";
        return false;
    }
    l->sources[l->depth++] = (struct lexer_source){
        .pos = text, .end = text + len, .name = define, .line = 1, .fresh = define == NULL};
    return true;
}

void lexer_init(struct lexer *l, struct arena *arena, struct defines *defines, const char *text,
                size_t len)
{
    *l = (struct lexer){.arena = arena, .defines = defines};
    push(l, text, len, NULL);
}

/* ---- directives ---- */

static const char *rest_of_line(struct lexer *l, struct lexer_source *s)
{
    const char *from = s->pos;
    while (s->pos < s->end && *s->pos != '\n') {
        step(s);
    }
    const char *to = s->pos;
    while (from < to && isspace((unsigned char)*from) != 0) {
        from++;
    }
    while (to > from && isspace((unsigned char)to[-1]) != 0) {
        to--;
    }
    return arena_text(l->arena, from, (size_t)(to - from));
}

/* The first word of `line`; `*rest` is what follows it. */
static const char *first_word(struct lexer *l, const char *line, const char **rest)
{
    size_t n = 0;
    while (word_part(line[n])) {
        n++;
    }
    *rest = line + n;
    while (isspace((unsigned char)**rest) != 0) {
        (*rest)++;
    }
    return arena_text(l->arena, line, n);
}

/* Leaves out lines up to the #endif that belongs to this #ifdef, or to its #else if that counts. */
static void skip_branch(struct lexer *l, struct lexer_source *s, bool until_else)
{
    unsigned inner = 0;
    while (s->pos < s->end) {
        const char *line = rest_of_line(l, s);
        if (strncmp(line, "#if", 3) == 0) {
            inner++;
        } else if (strncmp(line, "#endif", 6) == 0 && inner-- == 0) {
            s->ifs--;
            return;
        } else if (strncmp(line, "#else", 5) == 0 && inner == 0 && until_else) {
            return;
        }
        if (s->pos < s->end) {
            step(s);
        }
    }
    l->error = "#ifdef without #endif";
}

static void open_branch(struct lexer *l, struct lexer_source *s, bool taken)
{
    if (s->ifs == IF_DEPTH) {
        l->error = "#ifdef too deep";
        return;
    }
    s->ifs++;
    if (!taken) {
        skip_branch(l, s, true);
    }
}

static void include(struct lexer *l, const char *argument)
{
    size_t n = strlen(argument);
    size_t len = 0;
    if (n < 2 || argument[0] != '"' || argument[n - 1] != '"') {
        l->error = "#include needs a name in quotes";
        return;
    }
    const char *name = arena_text(l->arena, argument + 1, n - 2);
    const char *text = l->read == NULL ? NULL : l->read(l->read_arg, l->arena, name, &len);
    if (text == NULL) {
        l->error = arena_printf(l->arena, "cannot read \"%s\"", name);
        return;
    }
    push(l, text, len, NULL);
}

/* `#` at the start of a line: a directive, or a comment. */
static void hash_line(struct lexer *l, struct lexer_source *s)
{
    const char *argument;
    const char *value;
    const char *line = rest_of_line(l, s);
    const char *word = first_word(l, line + 1, &argument);
    const char *name = first_word(l, argument, &value);
    if (strcmp(word, "ifdef") == 0 || strcmp(word, "ifndef") == 0) {
        bool defined = define_value(l->defines, name) != NULL;
        open_branch(l, s, defined == (strcmp(word, "ifdef") == 0));
    } else if (strcmp(word, "else") == 0 && s->ifs > 0) {
        skip_branch(l, s, false);
    } else if (strcmp(word, "endif") == 0 && s->ifs > 0) {
        s->ifs--;
    } else if (strcmp(word, "define") == 0) {
        if (*name == '\0' || !define_add(l->defines, name, value)) {
            l->error = "#define needs a name, and there are not too many";
        }
    } else if (strcmp(word, "undef") == 0) {
        define_remove(l->defines, name);
    } else if (strcmp(word, "include") == 0) {
        include(l, argument);
    }
}

/* ---- tokens ---- */

static void skip_comment(struct lexer *l, struct lexer_source *s)
{
    s->pos += 2;
    while (s->pos < s->end && !starts(s, "*/")) {
        step(s);
    }
    if (s->pos == s->end) {
        l->error = "comment without end";
        return;
    }
    s->pos += 2;
}

/* White space, comments and directives. */
static void skip_blank(struct lexer *l)
{
    while (l->error == NULL && l->depth > 0) {
        struct lexer_source *s = &l->sources[l->depth - 1];
        if (s->pos == s->end) {
            if (s->ifs > 0) {
                l->error = "#ifdef without #endif";
            }
            if (l->depth == 1) {
                return;
            }
            l->depth--;
        } else if (isspace((unsigned char)*s->pos) != 0) {
            step(s);
        } else if (starts(s, "//")) {
            (void)rest_of_line(l, s);
        } else if (starts(s, "/*")) {
            skip_comment(l, s);
        } else if (*s->pos == '#' && s->fresh && s->name == NULL) {
            hash_line(l, s);
        } else if (*s->pos == '#') {
            (void)rest_of_line(l, s);
        } else {
            return;
        }
    }
}

/* What stands between `open` bytes and the text `close`. */
static struct token enclosed(struct lexer *l, struct lexer_source *s, struct token t,
                             enum token_kind kind, size_t open, const char *close)
{
    s->pos += open;
    const char *from = s->pos;
    while (s->pos < s->end && !starts(s, close)) {
        step(s);
    }
    if (s->pos == s->end) {
        return fail(l, t, kind == TOKEN_CODE ? "%{ without }%" : "` without `");
    }
    t.kind = kind;
    t.text = arena_text(l->arena, from, (size_t)(s->pos - from));
    s->pos += strlen(close);
    s->fresh = false;
    return t;
}

static char escaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '0':
        return '\0';
    default:
        return c;
    }
}

/* Bytes from the opening quote to the closing one, or to the end of the line. */
static size_t quoted_span(const struct lexer_source *s)
{
    const char *p = s->pos + 1;
    while (p < s->end && *p != '"' && *p != '\n') {
        p += *p == '\\' && s->end - p > 1 ? 2 : 1;
    }
    return (size_t)(p - s->pos);
}

static struct token quoted(struct lexer *l, struct lexer_source *s, struct token t)
{
    char *out = arena_get(l->arena, quoted_span(s) + 1);
    size_t n = 0;
    s->pos++;
    while (s->pos < s->end && *s->pos != '"' && *s->pos != '\n') {
        if (*s->pos == '\\' && s->end - s->pos > 1) {
            s->pos++;
            out[n++] = escaped(*s->pos);
        } else {
            out[n++] = *s->pos;
        }
        s->pos++;
    }
    if (s->pos == s->end || *s->pos != '"') {
        return fail(l, t, "\" without \"");
    }
    s->pos++;
    t.kind = TOKEN_TEXT;
    t.number = (int64_t)n;
    t.text = out;
    return t;
}

static struct token hexadecimal(struct lexer *l, struct lexer_source *s, struct token t)
{
    const char *from = s->pos;
    uint64_t value = 0;
    s->pos += 2;
    while (isxdigit((unsigned char)peek(s, 0)) != 0) {
        char c = (char)tolower((unsigned char)*s->pos++);
        value = value * 16 + (uint64_t)(digit(c) ? c - '0' : c - 'a' + 10);
        if (s->pos - from > 18) {
            return fail(l, t, "number too large");
        }
    }
    t.number = (int64_t)value;
    return t;
}

/* Decimal digits; with a point they are seconds, to the nanosecond. `0...1` is a number and dots. */
static struct token number(struct lexer *l, struct lexer_source *s, struct token t)
{
    const char *from = s->pos;
    t.kind = TOKEN_NUMBER;
    if (starts(s, "0x") || starts(s, "0X")) {
        t = hexadecimal(l, s, t);
    } else {
        while (digit(peek(s, 0))) {
            if (s->pos - from == 18) { /* digits that fit for certain */
                return fail(l, t, "number too large");
            }
            t.number = t.number * 10 + (*s->pos++ - '0');
        }
        if (peek(s, 0) == '.' && peek(s, 1) != '.') {
            if (t.number > INT64_C(1000000000)) {
                return fail(l, t, "time too large");
            }
            t.kind = TOKEN_SECONDS;
            t.number *= NS_PER_SEC;
            s->pos++;
            for (int64_t unit = NS_PER_SEC / 10; digit(peek(s, 0)); unit /= 10) {
                t.number += (*s->pos++ - '0') * unit;
            }
        }
    }
    t.text = arena_text(l->arena, from, (size_t)(s->pos - from));
    return t;
}

static struct token word(struct lexer *l, struct lexer_source *s, struct token t)
{
    const char *from = s->pos;
    while (word_part(peek(s, 0))) {
        s->pos++;
    }
    t.kind = TOKEN_WORD;
    t.text = arena_text(l->arena, from, (size_t)(s->pos - from));
    return t;
}

static struct token token_at(struct lexer *l, struct lexer_source *s)
{
    struct token t = {.line = l->sources[0].line, .start = s->pos, .joined = s->pos == s->ended};
    bool fresh = s->fresh && s->name == NULL;
    char c = *s->pos;
    s->fresh = false;
    if (fresh && starts(s, "--")) {
        s->pos += 2;
        t.text = rest_of_line(l, s);
        t.kind = TOKEN_SETTING;
        return t;
    }
    if (c == '`') {
        return enclosed(l, s, t, TOKEN_SHELL, 1, "`");
    }
    if (starts(s, "%{")) {
        return enclosed(l, s, t, TOKEN_CODE, 2, "}%");
    }
    if (c == '"') {
        return quoted(l, s, t);
    }
    if (starts(s, "...")) {
        s->pos += 3;
        t.kind = TOKEN_DOTS;
        return t;
    }
    if (digit(c) || (c == '.' && digit(peek(s, 1)))) {
        return number(l, s, t);
    }
    if (word_start(c)) {
        return word(l, s, t);
    }
    s->pos++;
    t.kind = TOKEN_SIGN;
    t.sign = c;
    return t;
}

struct token lexer_next(struct lexer *l)
{
    for (;;) {
        skip_blank(l);
        struct lexer_source *s = &l->sources[l->depth - 1];
        if (l->error != NULL || s->pos == s->end) {
            return (struct token){.kind = TOKEN_END, .line = l->sources[0].line};
        }
        struct token t = token_at(l, s);
        s->ended = s->pos;
        const char *value = t.kind == TOKEN_WORD ? define_value(l->defines, t.text) : NULL;
        if (value == NULL) {
            return t;
        }
        push(l, value, strlen(value), t.text);
    }
}
