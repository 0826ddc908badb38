/* The exchange of `vitrine get`: one request and its answer (RFC 9110, RFC 9112).
 *
 * The way of it: tcp_connect opens, tls_client wraps it for https, `opened` sends the request, `readable` reads the
 * head and then the body, which goes to the output as fast as that takes it; what it does not take stays in TCP's
 * receive queue and closes the window.
 */
#ifndef VITRINE_APPS_GET_EXCHANGE_H
#define VITRINE_APPS_GET_EXCHANGE_H

#include "apps/descriptor.h"
#include "apps/get_options.h"
#include "apps/http/body.h"
#include "apps/http/reply.h"
#include "apps/node.h"
#include "apps/terminal.h"
#include "apps/tls_detail.h"

struct get {
    struct get_options options;
    struct node node;
    struct tls_context *tls;
    struct stream *stream; /* NULL once gone */
    uint32_t conn_id;
    bool asked;        /* the request was sent, before `opened` */
    bool opened, over; /* `over`: the status is known, only the goodbyes are left */
    struct http_reply reply;
    struct http_body body;
    bool in_body;
    struct timer deadline;
    struct terminal terminal;
    struct event_file events;
    struct tls_detail detail;
    struct descriptor out;
    int epoll_fd, signal_fd;
    enum get_status status;
};

/* Opens the connection; the rest follows from its events. */
void get_exchange_begin(struct get *g, struct ip_addr address);
/* The output takes more: what waits in the stream goes on. */
void get_exchange_pump(struct get *g);
/* It is over. The first word on how it ended is the last: later ones follow from it. */
void get_exchange_finish(struct get *g, enum get_status status);
/* The same, with a sentence on stderr. */
__attribute__((format(printf, 3, 4))) void get_exchange_fail(struct get *g, enum get_status status,
                                                             const char *format, ...);

#endif
