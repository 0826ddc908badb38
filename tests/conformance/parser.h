/* From the text of a script to its settings and events. */
#ifndef VITRINE_CONFORMANCE_PARSER_H
#define VITRINE_CONFORMANCE_PARSER_H

#include "tests/conformance/lexer.h"
#include "tests/conformance/script.h"

#define SCRIPT_EVENTS_MAX 100000U
#define EXPR_DEPTH 32U /* of lists in lists */
#define EXPR_PARTS 100000U

/* Where included files come from. */
struct script_reader {
    const char *(*read)(void *arg, struct arena *arena, const char *name, size_t *len);
    void *arg;
};

/* Fills `out`; script_done must follow in any case. What the script defines itself is added to a copy of
 * `defines`. `out->error` and `out->unsupported` say whether it can be run. `reader` may be NULL. */
void script_parse(struct script *out, const char *text, size_t len, const struct defines *defines,
                  const struct script_reader *reader);
void script_done(struct script *s);

#endif
