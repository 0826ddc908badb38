/* What `vitrine get` can be told. */
#ifndef VITRINE_APPS_GET_OPTIONS_H
#define VITRINE_APPS_GET_OPTIONS_H

#include "apps/tls_options.h"
#include "apps/url.h"

#define GET_RESOLVE 16U

struct get_options {
    struct node_options node;
    struct url url;
    struct tls_options tls;
    const char *resolve[GET_RESOLVE]; /* "NAME:ADDRESS" */
    size_t resolves;
    const char *fast_open; /* file of cookies (saved_cookies.h); NULL: no Fast Open */
    const char *session;   /* file of a session to come back to, and to leave; NULL: none */
    const char *output;    /* file; NULL: standard output */
    const char *events;    /* file for JSON lines; NULL: none */
    bool verbose, head, fail;
    nsec max_time; /* 0: as long as it takes */
};

/* How it ends: the numbers are curl's, so that scripts need not care who fetched. */
enum get_status {
    GET_OK = 0,
    GET_USAGE = 2,
    GET_BAD_URL = 3,
    GET_NO_HOST = 6,
    GET_NO_CONNECTION = 7,
    GET_STRANGE_ANSWER = 8,
    GET_PARTIAL = 18,
    GET_HTTP_ERROR = 22, /* with --fail */
    GET_WRITE = 23,
    GET_NO_MEMORY = 27,
    GET_TIMEOUT = 28,
    GET_TLS = 35,
    GET_NOTHING = 52,
    GET_RECEIVE = 56,
    GET_OWN_CERTIFICATE = 58,
    GET_CERTIFICATE = 60,
    GET_TRUST = 77,
};

/* GET_OK; GET_USAGE or GET_BAD_URL, said on stderr. `*help`: it was asked for, and shown. */
enum get_status get_options_parse(int argc, char **argv, struct get_options *out, bool *help);

#endif
