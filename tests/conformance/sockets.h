/* Sockets as a script's system calls see them, on top of the stack's streams.
 *
 * No call waits: one that would have to says so in its outcome, and the runner asks again when the
 * world has moved. Data is a pattern that depends on its place in the stream, so that a byte at a wrong
 * place is seen on the wire and by the reader.
 */
#ifndef VITRINE_CONFORMANCE_SOCKETS_H
#define VITRINE_CONFORMANCE_SOCKETS_H

#include "stack/tcp/info.h"
#include "tests/conformance/world.h"

#define SOCKETS_MAX 256U
#define BACKLOG_MAX 1024
#define WRITTEN_MAX (256U << 20) /* bytes that one socket may write in a script */
#define DEFAULT_PORT 8080U       /* where `...` stands for an address */

/* What a call came to. */
struct outcome {
    int64_t value;           /* what it returned, -1 with `error` */
    int error;               /* errno */
    bool wait;               /* it cannot be finished yet */
    const char *fault;       /* the world is wrong: bytes of a stream differ, … */
    const char *unsupported; /* this runner cannot do that */
};

enum sock_state {
    SOCK_FRESH,
    SOCK_LISTENING,
    SOCK_CONNECTING,
    SOCK_CONNECTED,
    SOCK_ENDED,
    SOCK_EPOLL,
};

struct sock {
    int fd; /* in the script; -1: not accepted yet, or closed */
    enum sock_state state;
    struct sockets *owner;
    bool nonblock, bound;
    struct endpoint local, remote;
    struct tcp_options options;
    struct tcp_listener *listener; /* LISTENING */
    struct sock *next_accept;      /* in the queue of its listener */
    struct sock *accept_first;     /* LISTENING: established, not accepted yet */
    struct stream *stream;         /* NULL once the stack is done with it */
    bool peer_closed, shut_rd, shut_wr;
    bool linger;                /* SO_LINGER with a time of zero: close resets */
    bool cork;                  /* TCP_CORK */
    uint32_t fast_open_pending; /* TCP_FASTOPEN: at once */
    bool fast_open_connect;     /* TCP_FASTOPEN_CONNECT */
    bool connect_waits;         /* … and there is a cookie: the SYN leaves with the first write */
    bool tells_queued;          /* TCP_INQ: a read tells how much is left */
    bool more;                  /* the latest write said that another follows (MSG_MORE) */
    uint32_t rcv_low;           /* SO_RCVLOWAT: readable from so many bytes on; 0 is 1 */
    unsigned notices[STREAM_REPORTS]; /* reports of the stack, by kind */
    int error;                        /* SO_ERROR */
    nsec rcv_timeout, snd_timeout;    /* 0: none */
    uint64_t read_total;              /* bytes that the script has read */
    uint64_t short_writes;            /* that found less room than they needed */
    uint8_t *written;                 /* bytes that the script has written */
    size_t written_len, written_cap;
    struct tcp_info last;            /* when the stream ended */
    bool datagram;                   /* SOCK_DGRAM: the next two, and no stream */
    struct udp_port *port;           /* NULL: not bound yet */
    struct held_datagram *datagrams; /* that came, oldest first */
    /* EPOLL */
    struct sock *watched[SOCKETS_MAX];
    uint32_t interest[SOCKETS_MAX];
    struct edge { /* with EPOLLET: what had happened when it was last told */
        bool told;
        uint64_t arrivals; /* bytes, the peer's FIN and the end */
        uint64_t full;     /* short_writes */
    } edges[SOCKETS_MAX];
    unsigned watch_count;
};

struct sockets {
    struct world *world;
    struct sock *all[SOCKETS_MAX];
    unsigned count;
    struct tcp_options defaults; /* of new sockets */
    struct sock *latest;         /* the connection that unmarked packets and assertions are about */
};

uint8_t pattern_byte(uint64_t offset); /* of a stream, from 0 */

void sockets_init(struct sockets *s, struct world *w);
void sockets_done(struct sockets *s);
struct sock *sock_find(const struct sockets *s, int64_t fd); /* NULL: no such socket */
/* The connection with these ports, accepted or not; the newest if there are several. */
struct sock *sock_of_ports(const struct sockets *s, uint16_t local, uint16_t remote);

struct outcome outcome_of(int64_t value);
struct outcome outcome_error(int error);
struct outcome outcome_wait(void);

struct sock *sock_new(struct sockets *s, int fd, enum sock_state state); /* NULL: too many */
struct outcome sock_bind(struct sock *k, struct endpoint at);
struct outcome sock_listen(struct sock *k, int64_t backlog);
struct outcome sock_connect(struct sock *k, struct endpoint to);
/* connect and write in one (MSG_FASTOPEN). `done`: bytes that are queued. */
struct outcome sock_connect_with(struct sock *k, struct endpoint to, const char *text, size_t len,
                                 size_t *done);
struct outcome sock_accept(struct sock *k, struct sock **out);
struct outcome sock_shutdown(struct sock *k, int64_t how);
struct outcome sock_close(struct sock *k);

/* sockets_io.c */
struct outcome sock_read(struct sock *k, size_t len, int64_t flags);
/* `done`: bytes of this call that went before it had to wait. `text` NULL: the pattern. MSG_OOB makes
 * all of it urgent; MSG_MORE holds the last small segment back until the next write without it. */
struct outcome sock_write(struct sock *k, const char *text, size_t len, int64_t flags,
                          size_t *done);
/* Puts up to `len` bytes into the send queue of a connection, open or not yet; how many found room. */
size_t sock_put(struct sock *k, const char *text, size_t len);
/* The options, as they are with TCP_CORK and MSG_MORE, take effect. */
void sock_apply_options(struct sock *k);
/* What is held back by TCP_CORK and MSG_MORE goes now (TCP_NODELAY while corked). */
void sock_uncork_once(struct sock *k);
/* The next byte to be read is the last urgent one (SIOCATMARK). */
bool sock_at_mark(struct sock *k);
uint32_t sock_ready(struct sock *k); /* POLLIN, … */
void sock_info(struct sock *k, struct tcp_info *out);

/* datagrams.c */
struct outcome datagram_bind(struct sock *k, struct endpoint at);
struct outcome datagram_connect(struct sock *k, struct endpoint to);
/* `to` NULL: to whom it is connected. `text` NULL: the pattern. */
struct outcome datagram_send(struct sock *k, const struct endpoint *to, const char *text,
                             size_t len);
/* `whole_length`: tells it also of what does not fit (MSG_TRUNC). */
struct outcome datagram_read(struct sock *k, size_t len, bool peek, bool whole_length,
                             struct endpoint *from);
uint32_t datagram_ready(const struct sock *k); /* POLLIN, … */
int64_t datagram_next(const struct sock *k);   /* bytes of the next to be read */
void datagram_close(struct sock *k);

#endif
