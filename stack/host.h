/* One host: its interfaces, addresses, routes, protocols and timers, tied together.
 *
 * A pure machine. The driver (the TAP loop, a simulator, a test, a replayed recording) calls
 *
 *   host_input(host, iface, frames, now)   frames that came in
 *   host_advance(host, now)                timers that are due
 *   host_flush(host, now)                  one pass of output for everything that has something to say
 *   host_deadline(host)                    when host_advance and host_flush must be called next
 *
 * with a `now` that never goes back (one that does counts as the latest seen). Input and timers never send: they mark; the flush sends.
 * Application callbacks run at the end of host_input and host_advance.
 */
#ifndef VITRINE_HOST_H
#define VITRINE_HOST_H

#include "stack/base/buf.h"
#include "stack/base/random.h"
#include "stack/base/timer.h"
#include "stack/ip/ip.h"
#include "stack/link/iface.h"
#include "stack/tcp/tcp.h"
#include "stack/trace/trace.h"
#include "stack/udp/udp.h"

#define HOST_RECORDER_EVENTS 16384U /* the default size of the flight recorder */

struct host_config {
    uint8_t seed[32];         /* every secret, port and jitter of the host comes from it */
    struct slab_limits slabs; /* memory for frames and queues; zeros mean the defaults */
    struct ip_config ip;      /* zeros mean the defaults */
    struct tcp_config tcp;    /* zeros mean the defaults */
    uint32_t recorder_events; /* size of the flight recorder, a power of two; 0 = the default */
};

struct host {
    struct recorder recorder;
    struct slab_pools pools;
    struct random random;
    struct wheel wheel;
    struct iface ifaces[IP_INTERFACES];
    unsigned iface_count;
    struct ip ip;
    struct udp udp;
    struct tcp tcp;
    nsec now; /* the latest moment that a driver told */
};

/* The host that was made last, NULL once it is gone: where a debugger begins (scripts/gdb). Nothing in
 * the stack reads it. */
extern struct host *vitrine_host;

/* false: out of memory, and nothing is left behind. `h` must stay where it is. `now` is the moment at which the host begins. */
bool host_init(struct host *h, const struct host_config *config, nsec now);
/* Frees everything. Connections that are still open end without a word on the wire. */
void host_done(struct host *h);
/* Attaches a device with our address on its link; NULL when there is no place left. */
struct iface *host_attach(struct host *h, struct netdev *dev, struct ip_addr addr, unsigned prefix);
bool host_default_route(struct host *h, struct iface *out, struct ip_addr gateway);

/* Takes every frame (struct buf, by its link) off `frames`. */
void host_input(struct host *h, struct iface *in, struct list *frames, nsec now);
void host_advance(struct host *h, nsec now);
void host_flush(struct host *h, nsec now);
nsec host_deadline(const struct host *h);
/* An application acts outside of a callback (a signal, a command): its calls follow this one. */
void host_enter(struct host *h, nsec now);

#endif
