#include "tests/conformance/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/conformance/parse.h"

#define SECONDS_MAX INT64_C(100000000)
#define SOURCE_TEXT_MAX 160U /* bytes of a line that people are shown */

bool parse_failed(const struct parse *p)
{
    return p->script->error != NULL;
}

void parse_error(struct parse *p, const char *form, ...)
{
    if (parse_failed(p)) {
        return;
    }
    char text[256];
    va_list args;
    va_start(args, form);
    (void)vsnprintf(text, sizeof text, form, args);
    va_end(args);
    p->script->error = arena_printf(&p->script->arena, "%s", text);
    p->script->error_line = p->line;
    p->now.kind = TOKEN_END;
}

void parse_unsupported(struct parse *p, unsigned line, const char *what)
{
    if (p->script->unsupported == NULL) {
        p->script->unsupported = arena_printf(&p->script->arena, "line %u: %s", line, what);
    }
}

struct token parse_take(struct parse *p)
{
    struct token t = p->now;
    if (parse_failed(p)) {
        return t;
    }
    p->line = t.line;
    p->now = lexer_next(&p->lexer);
    if (p->lexer.error != NULL) {
        p->line = p->now.line;
        parse_error(p, "%s", p->lexer.error);
    }
    return t;
}

bool parse_at_sign(const struct parse *p, char sign)
{
    return p->now.kind == TOKEN_SIGN && p->now.sign == sign;
}

bool parse_at_word(const struct parse *p, const char *word)
{
    return p->now.kind == TOKEN_WORD && strcmp(p->now.text, word) == 0;
}

bool parse_accept(struct parse *p, char sign)
{
    if (!parse_at_sign(p, sign)) {
        return false;
    }
    (void)parse_take(p);
    return true;
}

bool parse_accept_word(struct parse *p, const char *word)
{
    if (!parse_at_word(p, word)) {
        return false;
    }
    (void)parse_take(p);
    return true;
}

static const char *token_text(const struct token *t, char out[3])
{
    switch (t->kind) {
    case TOKEN_END:
        return "the end";
    case TOKEN_SIGN:
        out[0] = t->sign;
        out[1] = '\0';
        return out;
    case TOKEN_DOTS:
        return "...";
    case TOKEN_SHELL:
        return "a command";
    case TOKEN_CODE:
        return "%{";
    case TOKEN_SETTING:
        return "a setting";
    default:
        return t->text;
    }
}

static void unexpected(struct parse *p, const char *wanted)
{
    char sign[3];
    const char *got = token_text(&p->now, sign);
    parse_error(p, "expected %s, got '%s'", wanted, got);
}

void parse_expect(struct parse *p, char sign)
{
    if (!parse_accept(p, sign)) {
        char wanted[4] = {'\'', sign, '\'', '\0'};
        unexpected(p, wanted);
    }
}

int64_t parse_number(struct parse *p, int64_t max, const char *what)
{
    if (p->now.kind != TOKEN_NUMBER) {
        unexpected(p, what);
        return 0;
    }
    if (p->now.number < 0 || p->now.number > max) {
        parse_error(p, "%s out of range", what);
        return 0;
    }
    return parse_take(p).number;
}

nsec parse_seconds(struct parse *p)
{
    if (p->now.kind == TOKEN_SECONDS) {
        if (p->now.number > SECONDS_MAX * NS_PER_SEC) {
            parse_error(p, "a time out of range");
        }
        return parse_take(p).number;
    }
    return parse_number(p, SECONDS_MAX, "a time") * NS_PER_SEC;
}

/* ---- events ---- */

/* `1.5`, `+0.1`, `*`, `1~2`, `+1~+2`, and `0...0.5` before a system call that blocks. */
static struct when parse_when(struct parse *p, bool *blocks, nsec *end)
{
    struct when w = {.kind = WHEN_ABSOLUTE};
    *blocks = false;
    *end = 0;
    if (parse_accept(p, '*')) {
        w.kind = WHEN_ANY;
        return w;
    }
    if (parse_accept(p, '+')) {
        w.kind = WHEN_RELATIVE;
    }
    w.from = w.to = parse_seconds(p);
    if (parse_accept(p, '~')) {
        if (w.kind == WHEN_RELATIVE) {
            (void)parse_accept(p, '+');
        }
        w.to = parse_seconds(p);
        if (w.to < w.from) {
            parse_error(p, "the range ends before it begins");
        }
    } else if (p->now.kind == TOKEN_DOTS) {
        (void)parse_take(p);
        (void)parse_accept(p, '+');
        *blocks = true;
        *end = parse_seconds(p);
        if (*end < w.from) {
            parse_error(p, "the call returns before it begins");
        }
    }
    return w;
}

/* The line from `from` on, for people: without comment, and not too long. */
static const char *source_text(struct parse *p)
{
    const char *from = p->now.start;
    const char *end = p->text + p->text_len;
    size_t n = 0;
    if (from < p->text || from >= end) {
        return ""; /* of an included file, or of a define */
    }
    while (from + n < end && from[n] != '\n' && n < SOURCE_TEXT_MAX) {
        if (from[n] == '/' && from + n + 1 < end && from[n + 1] == '/') {
            break;
        }
        n++;
    }
    while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '\t')) {
        n--;
    }
    return arena_text(&p->script->arena, from, n);
}

static void parse_what(struct parse *p, struct script_event *e, bool blocks, nsec end)
{
    if (parse_at_sign(p, '<') || parse_at_sign(p, '>')) {
        e->kind = SCRIPT_PACKET;
        e->u.packet = parse_packet(p);
    } else if (p->now.kind == TOKEN_SHELL) {
        e->kind = SCRIPT_SHELL;
        e->u.text = parse_take(p).text;
    } else if (p->now.kind == TOKEN_CODE) {
        e->kind = SCRIPT_CODE;
        e->u.text = parse_take(p).text;
    } else if (p->now.kind == TOKEN_WORD) {
        e->kind = SCRIPT_CALL;
        e->u.call = parse_call(p);
        e->u.call->blocks = blocks;
        e->u.call->end = end;
        return;
    } else {
        unexpected(p, "a packet, a call, a command or %{");
    }
    if (blocks) {
        parse_error(p, "only a call takes a time range with '...'");
    }
}

static struct script_event *parse_event(struct parse *p)
{
    struct script_event *e = arena_get(&p->script->arena, sizeof *e);
    bool blocks = false;
    nsec until = 0;
    e->line = p->now.line;
    e->source = source_text(p);
    if (p->now.kind == TOKEN_SHELL || p->now.kind == TOKEN_CODE) { /* at once */
        e->when.kind = WHEN_RELATIVE;
    } else {
        e->when = parse_when(p, &blocks, &until);
    }
    parse_what(p, e, blocks, until);
    return e;
}

static void parse_setting(struct parse *p, struct script_setting ***tail)
{
    struct arena *a = &p->script->arena;
    struct token t = parse_take(p);
    const char *equals = strchr(t.text, '=');
    size_t n = strcspn(t.text, "= \t"); /* a comment may follow */
    const char *value = equals == t.text + n ? equals + 1 : "";
    size_t value_len = strcspn(value, " \t");
    struct script_setting *s = arena_get(a, sizeof *s);
    s->name = arena_text(a, t.text, n);
    s->value = arena_text(a, value, value_len);
    s->line = t.line;
    **tail = s;
    *tail = &s->next;
}

static void parse_script(struct parse *p)
{
    struct script_setting **settings = &p->script->settings;
    struct script_event **events = &p->script->events;
    unsigned count = 0;
    p->now = lexer_next(&p->lexer);
    p->line = p->now.line;
    if (p->lexer.error != NULL) {
        parse_error(p, "%s", p->lexer.error);
    }
    while (p->now.kind != TOKEN_END) {
        p->line = p->now.line;
        if (p->now.kind == TOKEN_SETTING) {
            if (count > 0) {
                parse_error(p, "a setting behind the first event");
                return;
            }
            parse_setting(p, &settings);
            continue;
        }
        if (count++ == SCRIPT_EVENTS_MAX) {
            parse_error(p, "too many events");
            return;
        }
        *events = parse_event(p);
        events = &(*events)->next;
    }
}

void script_parse(struct script *out, const char *text, size_t len, const struct defines *defines,
                  const struct script_reader *reader)
{
    *out = (struct script){0};
    struct defines own = *defines;
    struct parse p = {.script = out, .text = text, .text_len = len};
    lexer_init(&p.lexer, &out->arena, &own, text, len);
    if (reader != NULL) {
        p.lexer.read = reader->read;
        p.lexer.read_arg = reader->arg;
    }
    if (len > SCRIPT_BYTES_MAX) {
        parse_error(&p, "longer than %u bytes", SCRIPT_BYTES_MAX);
        return;
    }
    parse_script(&p);
}

void script_done(struct script *s)
{
    arena_done(&s->arena);
}
