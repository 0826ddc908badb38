/* Tokens of the packetdrill language.
 *
 * Comments (`//`, `#` at the start of a line, C's) and white space are skipped; each token knows its
 * line and where it stands, so that `S.` can be told from `S .`. A name given by -D or #define stands for its value. The
 * directives #ifdef, #ifndef, #else, #endif, #define, #undef and #include are obeyed here.
 */
#ifndef VITRINE_CONFORMANCE_LEXER_H
#define VITRINE_CONFORMANCE_LEXER_H

#include "tests/conformance/arena.h"

#define DEFINES_MAX 128U
#define SCRIPT_BYTES_MAX (1U << 20) /* of one file */
#define INCLUDE_DEPTH 8U
#define IF_DEPTH 16U
#define EXPAND_MAX 16U /* defines that stand for defines, before it counts as a loop */

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,    /* letters, digits and _ */
    TOKEN_NUMBER,  /* decimal or 0x */
    TOKEN_SECONDS, /* 1.5 */
    TOKEN_TEXT,    /* "…", without quotes and with escapes resolved */
    TOKEN_SHELL,   /* `…` */
    TOKEN_CODE,    /* %{ … }% */
    TOKEN_SETTING, /* --name=value, at the start of a line */
    TOKEN_DOTS,    /* ... */
    TOKEN_SIGN,    /* any other character */
};

struct token {
    enum token_kind kind;
    char sign;         /* SIGN */
    bool joined;       /* nothing stands between it and the token before */
    unsigned line;
    int64_t number;    /* NUMBER: its value; SECONDS: nanoseconds */
    const char *text;  /* WORD, TEXT, SHELL, CODE, SETTING; the digits of a NUMBER */
    const char *start; /* in the source */
};

struct define {
    const char *name, *value;
};

struct defines {
    struct define list[DEFINES_MAX];
    unsigned count;
};

struct lexer_source {
    const char *pos, *end;
    unsigned line;
    bool directives; /* a file: #-lines count. Not the value of a define */
};

struct lexer {
    struct arena *arena;
    struct defines *defines;
    /* Reads the file of an #include; NULL: it cannot be read. */
    char *(*read)(void *arg, const char *name, size_t *len);
    void *read_arg;
    struct lexer_source sources[INCLUDE_DEPTH + EXPAND_MAX];
    unsigned depth; /* sources in use */
    bool if_taken[IF_DEPTH];
    unsigned if_depth;
    unsigned line; /* of the outermost file */
    const char *error; /* NULL: none so far. Then only TOKEN_END follows */
    bool word_follows; /* the last token ended where this one begins */
    const char *last_end;
};

void lexer_init(struct lexer *l, struct arena *arena, struct defines *defines, const char *text,
                size_t len);
struct token lexer_next(struct lexer *l);
/* Rereads the rest of the line, comments stripped, as text for people. */
const char *lexer_line_text(struct arena *arena, const char *from, const char *end);
/* false: the list is full. A later value replaces an earlier one. */
bool define_add(struct defines *d, const char *name, const char *value);
const char *define_value(const struct defines *d, const char *name); /* NULL: not defined */
void define_remove(struct defines *d, const char *name);

#endif
