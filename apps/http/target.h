/* The request target: its path, decoded, and its query. RFC 9112 3.2, RFC 3986 2.1 and 3.3. */
#ifndef VITRINE_APPS_HTTP_TARGET_H
#define VITRINE_APPS_HTTP_TARGET_H

#include "apps/http/parser.h"

struct http_target {
    char
        path[HTTP_TARGET_MAX + 2]; /* decoded; begins with "/", ends with a NUL, has no other NUL */
    size_t path_len;
    struct slice query; /* behind the "?", not decoded; empty when there is none */
};

enum http_target_fault {
    HTTP_TARGET_GOOD,
    HTTP_TARGET_MALFORMED, /* 400: a form that may not be, or a bad percent escape */
    HTTP_TARGET_NOWHERE,   /* 404: "." or ".." as a segment, or an escaped slash or NUL */
};

/* Origin-form ("/a?b") and absolute-form ("http://host/a?b"), which a server must take
 * (RFC 9112 3.2.2). */
enum http_target_fault http_target_parse(struct slice target, struct http_target *out);

#endif
