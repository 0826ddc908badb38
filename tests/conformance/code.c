#include "tests/conformance/code.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stack/base/text.h"

#define NAME_MAX_LEN 64U

struct code {
    const char *at;
    code_lookup lookup;
    void *arg;
    const char *unsupported; /* NULL: all was understood so far */
    char bad_name[NAME_MAX_LEN];
    unsigned brackets; /* open; inside of them a line goes on */
    unsigned depth;    /* of expressions in expressions */
    struct text seen;  /* "name = value" of the names in the present assertion */
};

static double expression(struct code *c);

static void unsupported(struct code *c, const char *what)
{
    if (c->unsupported == NULL) {
        c->unsupported = what;
    }
    c->at += strlen(c->at); /* nothing more is read */
}

/* Blanks; a line that goes on with a backslash, or inside of brackets, is one. */
static void skip_blank(struct code *c)
{
    for (;;) {
        bool line_goes_on = c->brackets > 0 && *c->at == '\n';
        if (*c->at == ' ' || *c->at == '\t' || *c->at == '\r' || line_goes_on) {
            c->at++;
        } else if (c->at[0] == '\\' && c->at[1] == '\n') {
            c->at += 2;
        } else {
            return;
        }
    }
}

static bool name_part(char ch)
{
    return isalnum((unsigned char)ch) != 0 || ch == '_';
}

static bool accept(struct code *c, const char *sign)
{
    skip_blank(c);
    size_t n = strlen(sign);
    if (strncmp(c->at, sign, n) != 0) {
        return false;
    }
    c->at += n;
    return true;
}

/* A sign that is not the beginning of a longer one. */
static bool accept_not(struct code *c, const char *sign, const char *unless)
{
    skip_blank(c);
    size_t n = strlen(sign);
    if (strncmp(c->at, sign, n) != 0 || (c->at[n] != '\0' && strchr(unless, c->at[n]) != NULL)) {
        return false;
    }
    c->at += n;
    return true;
}

static bool accept_word(struct code *c, const char *word)
{
    skip_blank(c);
    size_t n = strlen(word);
    if (strncmp(c->at, word, n) != 0 || name_part(c->at[n])) {
        return false;
    }
    c->at += n;
    return true;
}

/* ---- atoms ---- */

static double call(struct code *c, const char *name)
{
    double v = expression(c);
    while (accept(c, ",")) {
        double other = expression(c);
        if (strcmp(name, "min") == 0) {
            v = other < v ? other : v;
        } else if (strcmp(name, "max") == 0) {
            v = other > v ? other : v;
        }
    }
    if (!accept(c, ")")) {
        unsupported(c, "call without )");
    }
    if (strcmp(name, "abs") == 0) {
        return fabs(v);
    }
    if (strcmp(name, "int") == 0) {
        return trunc(v);
    }
    return v;
}

static double value_of(struct code *c, const char *name)
{
    double v = 0;
    if (strcmp(name, "True") == 0) {
        return 1;
    }
    if (strcmp(name, "False") == 0) {
        return 0;
    }
    if (!c->lookup(c->arg, name, &v)) {
        memcpy(c->bad_name, name, strlen(name) + 1);
        unsupported(c, c->bad_name);
        return 0;
    }
    text_addf(&c->seen, "%s%s = %.10g", c->seen.len > 0 ? ", " : "", name, v);
    return v;
}

static double named(struct code *c)
{
    char name[NAME_MAX_LEN];
    size_t n = 0;
    while (name_part(*c->at)) {
        if (n + 1 == sizeof name) {
            unsupported(c, "a very long name");
            return 0;
        }
        name[n++] = *c->at++;
    }
    name[n] = '\0';
    bool function = strcmp(name, "abs") == 0 || strcmp(name, "min") == 0 ||
                    strcmp(name, "max") == 0 || strcmp(name, "int") == 0;
    if (!function) {
        return value_of(c, name);
    }
    if (!accept(c, "(")) {
        unsupported(c, "a function that is not called");
        return 0;
    }
    c->brackets++;
    double v = call(c, name);
    c->brackets--;
    return v;
}

static double atom(struct code *c)
{
    skip_blank(c);
    if (accept(c, "(")) {
        c->brackets++;
        double v = expression(c);
        if (!accept(c, ")")) {
            unsupported(c, "( without )");
        }
        c->brackets--;
        return v;
    }
    if (isdigit((unsigned char)*c->at) != 0) {
        char *end;
        double v = strtod(c->at, &end);
        c->at = end;
        return v;
    }
    if (isalpha((unsigned char)*c->at) != 0 || *c->at == '_') {
        return named(c);
    }
    unsupported(c, "an expression that is not understood");
    return 0;
}

/* ---- operators, those that bind most tightly first ---- */

static double unary(struct code *c);

/* One level deeper; false: that is too deep. */
static bool enter(struct code *c)
{
    if (c->depth == CODE_DEPTH) {
        unsupported(c, "too deep an expression");
        return false;
    }
    c->depth++;
    return true;
}

static double power(struct code *c)
{
    double v = atom(c);
    if (accept(c, "**") && enter(c)) {
        v = pow(v, unary(c));
        c->depth--;
    }
    return v;
}

static double unary(struct code *c)
{
    double sign = 1;
    while (accept(c, "-")) {
        sign = -sign;
    }
    if (accept(c, "~")) {
        return sign * (double)~(int64_t)power(c);
    }
    return sign * power(c);
}

static double product(struct code *c)
{
    double v = unary(c);
    for (;;) {
        if (accept_not(c, "*", "*")) {
            v *= unary(c);
        } else if (accept(c, "//")) {
            double by = unary(c);
            v = by != 0 ? floor(v / by) : 0;
        } else if (accept_not(c, "/", "/")) {
            double by = unary(c);
            v = by != 0 ? v / by : 0;
        } else if (accept(c, "%")) {
            double by = unary(c);
            v = by != 0 ? v - by * floor(v / by) : 0;
        } else {
            return v;
        }
    }
}

static double sum(struct code *c)
{
    double v = product(c);
    for (;;) {
        if (accept(c, "+")) {
            v += product(c);
        } else if (accept(c, "-")) {
            v -= product(c);
        } else {
            return v;
        }
    }
}

static double shift(struct code *c)
{
    double v = sum(c);
    for (;;) {
        if (accept(c, "<<")) {
            v = ldexp(v, (int)sum(c));
        } else if (accept(c, ">>")) {
            v = floor(ldexp(v, -(int)sum(c)));
        } else {
            return v;
        }
    }
}

static double bits(struct code *c)
{
    double v = shift(c);
    for (;;) {
        if (accept(c, "&")) {
            v = (double)((int64_t)v & (int64_t)shift(c));
        } else if (accept(c, "|")) {
            v = (double)((int64_t)v | (int64_t)shift(c));
        } else if (accept(c, "^")) {
            v = (double)((int64_t)v ^ (int64_t)shift(c));
        } else {
            return v;
        }
    }
}

/* `in (1, 2)` or `in [1, 2]`. */
static bool among(struct code *c, double v)
{
    const char *close = accept(c, "(") ? ")" : accept(c, "[") ? "]" : NULL;
    bool found = false;
    if (close == NULL) {
        unsupported(c, "in without a list");
        return false;
    }
    c->brackets++;
    do {
        found = expression(c) == v || found;
    } while (accept(c, ","));
    if (!accept(c, close)) {
        unsupported(c, "a list without end");
    }
    c->brackets--;
    return found;
}

/* One comparison with what stands left; false in `*any` when there is none. */
static bool compare(struct code *c, double *left, bool *any)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">"};
    *any = true;
    if (accept_word(c, "not")) {
        return accept_word(c, "in") && !among(c, *left);
    }
    if (accept_word(c, "in")) {
        return among(c, *left);
    }
    for (unsigned i = 0; i < COUNT_OF(signs); i++) {
        if (!accept(c, signs[i])) {
            continue;
        }
        double a = *left;
        double b = bits(c);
        *left = b;
        bool results[] = {a == b, a != b, a <= b, a >= b, a<b, a> b};
        return results[i];
    }
    *any = false;
    return true;
}

static double comparison(struct code *c)
{
    double v = bits(c);
    bool any;
    bool holds = compare(c, &v, &any);
    if (!any) {
        return v;
    }
    while (any) {
        bool next = compare(c, &v, &any);
        holds = holds && next;
    }
    return holds ? 1 : 0;
}

static double negation(struct code *c)
{
    if (!accept_word(c, "not")) {
        return comparison(c);
    }
    if (!enter(c)) {
        return 0;
    }
    double v = negation(c) == 0 ? 1 : 0;
    c->depth--;
    return v;
}

static double conjunction(struct code *c)
{
    double v = negation(c);
    while (accept_word(c, "and")) {
        double other = negation(c);
        v = v != 0 ? other : v;
    }
    return v;
}

static double expression(struct code *c)
{
    if (!enter(c)) {
        return 0;
    }
    double v = conjunction(c);
    while (accept_word(c, "or")) {
        double other = conjunction(c);
        v = v != 0 ? v : other;
    }
    c->depth--;
    return v;
}

/* ---- statements ---- */

/* The rest of a statement: up to the end of the line outside of quotes and brackets. */
static void skip_statement(struct code *c)
{
    char quote = '\0';
    int open = 0;
    for (; *c->at != '\0'; c->at++) {
        char ch = *c->at;
        if (quote != '\0') {
            quote = ch == quote ? '\0' : quote;
        } else if (ch == '"' || ch == '\'') {
            quote = ch;
        } else if (ch == '(' || ch == '[') {
            open++;
        } else if (ch == ')' || ch == ']') {
            open--;
        } else if ((ch == '\n' || ch == ';') && open <= 0) {
            return;
        }
    }
}

/* false: an assertion does not hold. */
static bool statement(struct code *c, bool judge, char why[CODE_WHY])
{
    char values[CODE_WHY / 2] = "";
    if (accept(c, "#") || accept_word(c, "print")) {
        skip_statement(c);
        return true;
    }
    if (!accept_word(c, "assert")) {
        unsupported(c, "a statement other than assert and print");
        return true;
    }
    skip_blank(c);
    const char *from = c->at;
    c->seen = text_of(values, sizeof values);
    bool holds = expression(c) != 0;
    int shown = c->at - from < (int)CODE_WHY / 3 ? (int)(c->at - from) : (int)CODE_WHY / 3;
    skip_blank(c);
    if (*c->at != ',' && *c->at != '\n' && *c->at != ';' && *c->at != '\0' && *c->at != '#') {
        unsupported(c, "an expression that is not understood");
    }
    skip_statement(c);
    if (holds || !judge || c->unsupported != NULL) {
        return true;
    }
    struct text t = text_of(why, CODE_WHY);
    text_addf(&t, "assert %.*s: %s", shown, from, values);
    return false;
}

enum code_result code_run(const char *text, bool judge, code_lookup lookup, void *arg,
                          char why[CODE_WHY])
{
    struct code c = {.at = text, .lookup = lookup, .arg = arg};
    bool holds = true;
    why[0] = '\0';
    while (holds && c.unsupported == NULL) {
        while (isspace((unsigned char)*c.at) != 0 || *c.at == ';') {
            c.at++;
        }
        if (*c.at == '\0') {
            break;
        }
        holds = statement(&c, judge, why);
    }
    if (c.unsupported != NULL) {
        struct text t = text_of(why, CODE_WHY);
        text_addf(&t, "%s", c.unsupported);
        return CODE_UNSUPPORTED;
    }
    return holds ? CODE_TRUE : CODE_FALSE;
}
