/* System calls: `name(arguments) = result ERRNO (text)`, and the expressions in them. */
#include <string.h>

#include "tests/conformance/parse.h"
#include "tests/conformance/parser.h"

static struct expr *new_expr(struct parse *p, enum expr_kind kind)
{
    struct expr *e = arena_get(&p->script->arena, sizeof *e);
    e->kind = kind;
    e->line = p->now.line;
    if (p->parts++ == EXPR_PARTS) {
        parse_error(p, "too many expressions");
    }
    return e;
}

/* Parts with commas between them, up to `close`. */
static void parse_parts(struct parse *p, struct expr *e, char close)
{
    struct expr **tail = &e->first;
    if (parse_accept(p, close)) {
        return;
    }
    do {
        *tail = parse_expr(p);
        tail = &(*tail)->next;
    } while (parse_accept(p, ',') && !parse_at_sign(p, close)); /* a comma may stand at the end */
    parse_expect(p, close);
}

/* `name = value`, `name(length) = value` or a plain value. */
static struct expr *parse_field(struct parse *p)
{
    struct expr *e = parse_expr(p);
    if ((e->kind == EXPR_SYMBOL || e->kind == EXPR_CALL) && parse_accept(p, '=')) {
        const char *name = e->text;
        e = parse_expr(p);
        e->field = name;
    }
    return e;
}

static void parse_fields(struct parse *p, struct expr *e)
{
    struct expr **tail = &e->first;
    if (parse_accept(p, '}')) {
        return;
    }
    do {
        *tail = parse_field(p);
        tail = &(*tail)->next;
    } while (parse_accept(p, ','));
    parse_expect(p, '}');
}

static struct expr *parse_number_expr(struct parse *p)
{
    struct expr *e = new_expr(p, EXPR_NUMBER);
    bool negative = parse_accept(p, '-');
    if (p->now.kind != TOKEN_NUMBER) {
        (void)parse_number(p, INT64_MAX, "a number");
        return e;
    }
    e->number = parse_take(p).number;
    e->number = negative ? -e->number : e->number;
    return e;
}

static struct expr *parse_word_expr(struct parse *p)
{
    struct expr *e = new_expr(p, EXPR_SYMBOL);
    e->text = parse_take(p).text;
    if (parse_accept(p, '(')) {
        e->kind = EXPR_CALL;
        parse_parts(p, e, ')');
    }
    return e;
}

static struct expr *parse_group(struct parse *p)
{
    struct expr *e;
    if (parse_accept(p, '[')) {
        e = new_expr(p, EXPR_LIST);
        parse_parts(p, e, ']');
    } else if (parse_accept(p, '{')) {
        e = new_expr(p, EXPR_STRUCT);
        parse_fields(p, e);
    } else if (parse_accept(p, '~')) {
        e = new_expr(p, EXPR_NOT);
        e->first = parse_expr(p);
    } else if (parse_accept(p, '(')) {
        e = parse_expr(p);
        parse_expect(p, ')');
    } else {
        e = parse_number_expr(p); /* or the error that it is none */
    }
    return e;
}

static struct expr *parse_single(struct parse *p)
{
    struct expr *e;
    switch (p->now.kind) {
    case TOKEN_DOTS:
        e = new_expr(p, EXPR_ELLIPSIS);
        (void)parse_take(p);
        return e;
    case TOKEN_TEXT:
        e = new_expr(p, EXPR_TEXT);
        e->number = p->now.number;
        e->text = parse_take(p).text;
        return e;
    case TOKEN_WORD:
        return parse_word_expr(p);
    default:
        return parse_group(p);
    }
}

struct expr *parse_expr(struct parse *p)
{
    if (p->depth == EXPR_DEPTH) {
        parse_error(p, "too many brackets in brackets");
        return new_expr(p, EXPR_ELLIPSIS);
    }
    p->depth++;
    struct expr *e = parse_single(p);
    while (parse_accept(p, '|')) {
        struct expr *either = new_expr(p, EXPR_OR);
        either->first = e;
        e->next = parse_single(p);
        e = either;
    }
    p->depth--;
    return e;
}

/* `ENAME` and a note in brackets, which may hold anything. */
static void parse_errno(struct parse *p, struct call *c)
{
    if (p->now.kind == TOKEN_WORD && p->now.text[0] == 'E') {
        c->error = parse_take(p).text;
    }
    if (parse_accept(p, '(')) {
        while (p->now.kind != TOKEN_END && !parse_at_sign(p, ')')) {
            (void)parse_take(p);
        }
        parse_expect(p, ')');
    }
}

struct call *parse_call(struct parse *p)
{
    struct call *c = arena_get(&p->script->arena, sizeof *c);
    c->name = parse_take(p).text;
    parse_expect(p, '(');
    if (!parse_accept(p, ')')) {
        do {
            if (c->argc == CALL_ARGS) {
                parse_error(p, "too many arguments");
                return c;
            }
            c->args[c->argc++] = parse_expr(p);
        } while (parse_accept(p, ','));
        parse_expect(p, ')');
    }
    parse_expect(p, '=');
    c->result = parse_expr(p);
    parse_errno(p, c);
    return c;
}
