/* What the parts of the parser share: a stream of tokens with one token of look-ahead, and an error
 * that stays. After an error only TOKEN_END follows, so that every loop ends.
 */
#ifndef VITRINE_CONFORMANCE_PARSE_H
#define VITRINE_CONFORMANCE_PARSE_H

#include "tests/conformance/lexer.h"
#include "tests/conformance/script.h"

struct parse {
    struct lexer lexer;
    struct token now; /* the token to be read */
    struct script *script;
    unsigned line;    /* of the token that was read last: where an error is */
    const char *text; /* the whole file */
    size_t text_len;
    unsigned depth; /* of expressions in expressions */
    unsigned parts; /* expressions so far */
};

/* The token, and on to the next. */
struct token parse_take(struct parse *p);
/* Only the first error of a script is kept. */
__attribute__((format(printf, 2, 3))) void parse_error(struct parse *p, const char *form, ...);
/* Notes a construct that is known and not supported; reading goes on where it can. */
void parse_unsupported(struct parse *p, unsigned line, const char *what);
bool parse_failed(const struct parse *p);

bool parse_at_sign(const struct parse *p, char sign);
bool parse_at_word(const struct parse *p, const char *word);
bool parse_accept(struct parse *p, char sign); /* takes it if it is there */
bool parse_accept_word(struct parse *p, const char *word);
void parse_expect(struct parse *p, char sign);
/* A number of 0 to `max`; `what` names it in the error. */
int64_t parse_number(struct parse *p, int64_t max, const char *what);
nsec parse_seconds(struct parse *p);

struct expr *parse_expr(struct parse *p);                   /* parse_call.c */
struct call *parse_call(struct parse *p);                   /* parse_call.c: name(…) = result */
struct packet_line *parse_packet(struct parse *p);          /* parse_packet.c: < or > comes next */
void parse_options(struct parse *p, struct packet_line *k); /* parse_options.c: behind the < */

#endif
