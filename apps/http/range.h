/* Byte ranges. RFC 9110 14.1.2, 14.2. */
#ifndef VITRINE_APPS_HTTP_RANGE_H
#define VITRINE_APPS_HTTP_RANGE_H

#include "stack/base/types.h"

enum http_range {
    HTTP_RANGE_WHOLE,       /* no single byte range: answer with everything (RFC 9110 14.2) */
    HTTP_RANGE_PART,        /* `first` and `length` say which bytes */
    HTTP_RANGE_UNSATISFIED, /* 416: the range begins behind the end */
};

/* What a Range field asks of a representation of `size` bytes. Several ranges give the whole. */
enum http_range http_range_of(struct slice field, uint64_t size, uint64_t *first, uint64_t *length);

#endif
