/* What the parts of the system calls share: arguments, and the calls of each part. */
#ifndef VITRINE_CONFORMANCE_CALLS_H
#define VITRINE_CONFORMANCE_CALLS_H

#include "tests/conformance/run.h"

/* A number, a constant, `a|b`, `~a`, htons(a), or a list of one of them. false: it is none. */
bool expr_number(const struct expr *e, int64_t *out);
/* Argument `i` as a number; 0 when it is `...` or not there. */
int64_t call_number(const struct call *c, unsigned i);
/* What the script says that the call returns; 0 when it is `...`. */
int64_t call_result_number(const struct call *c);
/* The value of `name` in a struct; NULL: it has no such field. */
const struct expr *expr_field(const struct expr *e, const char *name);
/* `{sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr("…")}`; `...` leaves it as it is.
 * false: it is no address. */
bool call_address(const struct expr *e, struct endpoint *out);
/* The socket in argument `i`; NULL: none has that number. */
struct sock *call_sock(const struct run *r, const struct call *c, unsigned i);
/* A call that has to wait on a socket that does not: `error` instead. Else a wait, up to `timeout`
 * (0: without end) after it began. */
struct outcome call_wait(struct run *r, struct attempt *a, const struct sock *k, int64_t flags,
                         nsec timeout, int error);
/* Text that lives as long as the script. */
__attribute__((format(printf, 2, 3))) const char *call_text(struct run *r, const char *form, ...);

typedef struct outcome (*call_fn)(struct run *r, struct attempt *a);
typedef const char *(*call_check_fn)(const struct call *c);

/* calls_io.c */
struct outcome call_read(struct run *r, struct attempt *a);
struct outcome call_readv(struct run *r, struct attempt *a);
struct outcome call_recv(struct run *r, struct attempt *a);
struct outcome call_recvmsg(struct run *r, struct attempt *a);
struct outcome call_write(struct run *r, struct attempt *a);
struct outcome call_writev(struct run *r, struct attempt *a);
struct outcome call_send(struct run *r, struct attempt *a);
struct outcome call_sendmsg(struct run *r, struct attempt *a);
const char *check_recv(const struct call *c); /* also of recvfrom */
const char *check_send(const struct call *c); /* also of sendto */
const char *check_recvmsg(const struct call *c);
const char *check_sendmsg(const struct call *c);

/* calls_options.c */
struct outcome call_setsockopt(struct run *r, struct attempt *a);
struct outcome call_getsockopt(struct run *r, struct attempt *a);
struct outcome call_fcntl(struct run *r, struct attempt *a);
struct outcome call_ioctl(struct run *r, struct attempt *a);
const char *check_setsockopt(const struct call *c);
const char *check_getsockopt(const struct call *c);
const char *check_fcntl(const struct call *c);
const char *check_ioctl(const struct call *c);

/* calls_poll.c */
struct outcome call_poll(struct run *r, struct attempt *a);
struct outcome call_epoll_create(struct run *r, struct attempt *a);
struct outcome call_epoll_ctl(struct run *r, struct attempt *a);
struct outcome call_epoll_wait(struct run *r, struct attempt *a);

/* calls.c */
struct outcome call_new_socket(struct run *r, const struct call *c, enum sock_state state);

#endif
