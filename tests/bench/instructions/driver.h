/* What the parts of bench-instructions share; see main.c. */
#ifndef BENCH_INSTRUCTIONS_H
#define BENCH_INSTRUCTIONS_H

#include <openssl/ssl.h>

#include "stack/host.h"

#define HTTP_PORT 80U
#define HTTPS_PORT 443U
#define DISCARD_PORT 9U
#define CHARGEN_PORT 19U
#define MIB (1024U * 1024U)

_Noreturn void die(const char *what);

/* ---- server.c: what is counted ---- */

/* The services of `vitrine serve` on a host, with files and a development CA in `dir`. */
void server_begin(struct host *h, const char *dir);
/* All that the server does: callgrind counts inside of these two calls, and not inside of server_transmit. */
void server_turn(struct host *h, struct iface *iface, struct list *frames, nsec now);
bool server_transmit(struct netdev *dev, const struct packet *frame);

/* ---- cable.c: the two hosts, frames in memory between them, and the time ---- */

/* An end of the cable: a device of one host that puts what it is given in front of the other. */
struct end {
    struct netdev dev; /* first */
    struct slab_pools *to;
    struct list frames; /* for the other host */
    uint64_t segments;  /* with data, as they passed */
};

struct cable {
    struct host server, client;
    struct iface *server_iface, *client_iface;
    struct end from_server, from_client;
    nsec now;
};

bool end_take(struct end *e, const struct packet *frame);
/* `frames`: nobody has offloads. */
void cable_begin(struct cable *c, const char *dir, bool true_frames);
/* Until `*done`. */
void cable_run(struct cable *c, const bool *done);

/* ---- client.c: who asks; not counted ---- */

struct plan {
    uint16_t port;
    const char *cipher; /* NULL: plain */
    const char *path;   /* GET, or POST of `upload` bytes; NULL: no HTTP */
    uint64_t upload,
        download;            /* bytes; download without HTTP: so many are read, and then it ends */
    unsigned times;          /* so often, or so many connections */
    bool each_alone, resume; /* a connection each, whose session goes on */
};

void client_begin(struct cable *c, const struct plan *p, bool *done);

#endif
