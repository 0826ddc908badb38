/* Constants that scripts name: families, options, flags, errors (symbols.def). */
#ifndef VITRINE_CONFORMANCE_SYMBOLS_H
#define VITRINE_CONFORMANCE_SYMBOLS_H

#include "stack/base/types.h"

bool symbol_value(const char *name, int64_t *out); /* false: no such name */
/* "ECONNRESET"; the number as text when it has no name here. */
const char *errno_name(int number);

#endif
