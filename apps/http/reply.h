/* The head of an HTTP/1.1 answer, for a client: status line and fields, as they come. RFC 9112 4 to 6, RFC 9110 8.6.
 *
 * As strict as the parser of requests (parser.h) where leniency would let two readers see two messages.
 */
#ifndef VITRINE_APPS_HTTP_REPLY_H
#define VITRINE_APPS_HTTP_REPLY_H

#include "apps/http/parser.h"

#define HTTP_REPLY_MAX 65536U /* bytes of the whole head */

struct http_reply {
    enum http_parse state;
    const char *why; /* of an error, a sentence */
    char *head;      /* as it came, with the ends of its lines; valid until http_reply_done */
    size_t len;      /* bytes in `head` */
    size_t line;     /* where the line in hand begins */
    bool has_line;   /* the status line is done */
    unsigned status;
    uint8_t minor; /* HTTP/1.minor */
    bool chunked, has_length;
    uint64_t length; /* Content-Length, bytes */
};

void http_reply_init(struct http_reply *r);
void http_reply_done(struct http_reply *r);
/* Takes bytes up to the end of the head; returns how many it took. Interim answers (1xx) are heads of their own:
 * init and feed again. */
size_t http_reply_feed(struct http_reply *r, struct slice in);
/* How long the body is that follows (RFC 9112 6.3), for http_body_init; `head`: the request was HEAD. */
uint64_t http_reply_length(const struct http_reply *r, bool head);

#endif
