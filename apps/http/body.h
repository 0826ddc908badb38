/* The body of a request or an answer: its bytes without the framing around them. RFC 9112 6 and 7.1.
 *
 * Works in place: it points into what came in and keeps nothing but where it stands.
 */
#ifndef VITRINE_APPS_HTTP_BODY_H
#define VITRINE_APPS_HTTP_BODY_H

#include "apps/http/parser.h"

#define HTTP_CHUNK_LINE_MAX 256U /* bytes of a chunk-size line with its extensions */
#define HTTP_TRAILERS_MAX 8192U  /* bytes of all trailer fields */

enum http_body_state {
    HTTP_BODY_SIZE, /* in a chunk-size line */
    HTTP_BODY_DATA,
    HTTP_BODY_DATA_END, /* the CRLF behind a chunk */
    HTTP_BODY_TRAILER,
    HTTP_BODY_DONE,
    HTTP_BODY_ERROR,
};

struct http_body {
    enum http_body_state state;
    bool chunked;
    bool extension;    /* behind the digits of the chunk size */
    bool cr;           /* the last byte was a CR */
    unsigned digits;   /* of the chunk size so far */
    unsigned line;     /* bytes of the current line */
    unsigned trailers; /* bytes of trailers so far */
    uint64_t left;     /* bytes of data until the end of the chunk, or of the body */
    uint64_t total;    /* bytes of data so far */
};

/* `length` bytes, unless it comes in chunks. HTTP_BODY_TO_THE_END: as long as the connection lasts, which only an
 * answer may do (RFC 9112 6.3); then the end is none of ours to see. */
#define HTTP_BODY_TO_THE_END UINT64_MAX
void http_body_init(struct http_body *b, bool chunked, uint64_t length);
/* The next run of data in `in`, in place; `*used` bytes of `in` were taken, the run included. Empty
 * when `in` holds no data: then ask again with more, unless the state is DONE or ERROR. */
struct slice http_body_next(struct http_body *b, struct slice in, size_t *used);

#endif
