/* `%{ assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd }%`: assertions about a connection.
 *
 * The language writes them in Python; what is understood here is `assert` with an expression of numbers,
 * names, + - * / // % ** & | ^ ~ << >>, comparisons (also in a chain, and `in`), and, or, not, abs, min, max;
 * and `print`, which does nothing. Anything else is not supported, by name.
 */
#ifndef VITRINE_CONFORMANCE_CODE_H
#define VITRINE_CONFORMANCE_CODE_H

#include "stack/base/types.h"

#define CODE_WHY 512U  /* bytes of a reason */
#define CODE_DEPTH 64U /* of brackets in brackets */

enum code_result {
    CODE_TRUE,        /* every assertion holds */
    CODE_FALSE,       /* `why`: which does not, and the values in it */
    CODE_UNSUPPORTED, /* `why`: a name or construct */
};

/* The value of a name; false: it has none. */
typedef bool (*code_lookup)(void *arg, const char *name, double *out);

/* `judge` false: only whether all of it is understood. */
enum code_result code_run(const char *text, bool judge, code_lookup lookup, void *arg,
                          char why[CODE_WHY]);

#endif
