/* Tokens of the packetdrill language.
 *
 * Comments (`//`, `#`, C's) and white space are skipped. Each token knows its line, and whether it is
 * joined to the one before, so that `S.` can be told from `S .`. A name given by -D or #define stands
 * for its value. The directives #ifdef, #ifndef, #else, #endif, #define, #undef and #include are
 * obeyed here.
 */
#ifndef VITRINE_CONFORMANCE_LEXER_H
#define VITRINE_CONFORMANCE_LEXER_H

#include "tests/conformance/arena.h"

#define DEFINES_MAX 128U
#define SCRIPT_BYTES_MAX (1U << 20) /* of one file */
#define LEXER_DEPTH 16U             /* files and defines that stand inside of each other */
#define IF_DEPTH 16U

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,    /* letters, digits and _ */
    TOKEN_NUMBER,  /* decimal or 0x */
    TOKEN_SECONDS, /* 1.5 */
    TOKEN_TEXT,    /* "…", without quotes and with escapes resolved */
    TOKEN_SHELL,   /* `…` */
    TOKEN_CODE,    /* %{ … }% */
    TOKEN_SETTING, /* --name=value at the start of a line */
    TOKEN_DOTS,    /* ... */
    TOKEN_SIGN,    /* any other character */
};

struct token {
    enum token_kind kind;
    char sign;         /* SIGN */
    bool joined;       /* nothing stands between it and the token before */
    unsigned line;     /* in the outermost file */
    int64_t number;    /* NUMBER: its value; SECONDS: nanoseconds */
    const char *text;  /* WORD, TEXT, SHELL, CODE, SETTING, and a NUMBER's digits */
    const char *start; /* where it stands in the source */
};

struct define {
    const char *name, *value;
};

struct defines {
    struct define list[DEFINES_MAX];
    unsigned count;
};

/* false: the list is full. A later value replaces an earlier one. */
bool define_add(struct defines *d, const char *name, const char *value);
const char *define_value(const struct defines *d, const char *name); /* NULL: not defined */
void define_remove(struct defines *d, const char *name);

/* A file, or the value of a define. */
struct lexer_source {
    const char *pos, *end;
    const char *name;  /* of the define; NULL: a file */
    const char *ended; /* where the last token ended */
    unsigned line;
    unsigned ifs; /* #ifdef that are open in this file */
    bool fresh;   /* nothing but white space so far on this line */
};

struct lexer {
    struct arena *arena;
    struct defines *defines;
    /* The text of an included file; NULL: it cannot be read. */
    const char *(*read)(void *arg, struct arena *arena, const char *name, size_t *len);
    void *read_arg;
    struct lexer_source sources[LEXER_DEPTH];
    unsigned depth;    /* sources in use */
    const char *error; /* NULL: none so far. Then only TOKEN_END follows */
};

void lexer_init(struct lexer *l, struct arena *arena, struct defines *defines, const char *text,
                size_t len);
struct token lexer_next(struct lexer *l);

#endif
