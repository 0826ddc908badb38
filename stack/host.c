/* One host: what each call of a driver does, in order. See host.h. */
#include "stack/host.h"

struct host *vitrine_host;

static const struct slab_limits default_slabs = {
    .slabs =
        {[SLAB_SMALL] = 65536, [SLAB_FRAME] = 65536, [SLAB_RECORD] = 32768, [SLAB_SUPER] = 4096},
    .bufs = 262144,
};

static struct slab_limits host_slab_limits(const struct slab_limits *asked)
{
    struct slab_limits limits = *asked;
    for (unsigned i = 0; i < SLAB_CLASSES; i++) {
        if (limits.slabs[i] == 0) {
            limits.slabs[i] = default_slabs.slabs[i];
        }
    }
    if (limits.bufs == 0) {
        limits.bufs = default_slabs.bufs;
    }
    return limits;
}

/* Time never goes back for what is inside. */
static nsec host_now(struct host *h, nsec now)
{
    h->now = nsec_max(h->now, now);
    return h->now;
}

bool host_init(struct host *h, const struct host_config *config, nsec now)
{
    uint32_t events = config->recorder_events;
    h->iface_count = 0;
    h->now = now;
    if (!recorder_init(&h->recorder, events != 0 ? events : HOST_RECORDER_EVENTS)) {
        return false;
    }
    recorder_begin(&h->recorder, CAUSE_APP, now);
    struct slab_limits limits = host_slab_limits(&config->slabs);
    slab_pools_init(&h->pools, &limits);
    random_init(&h->random, config->seed);
    wheel_init(&h->wheel, now);
    ip_init(&h->ip, &config->ip, &h->recorder, &h->pools, &h->wheel, &h->random);
    if (!udp_init(&h->udp, &h->ip, &h->recorder) ||
        !tcp_init(&h->tcp, &config->tcp, &h->recorder, &h->pools, &h->wheel, &h->ip, &h->random,
                  now)) {
        ip_done(&h->ip);
        slab_pools_done(&h->pools);
        recorder_done(&h->recorder);
        return false;
    }
    __atomic_store_n(&vitrine_host, h, __ATOMIC_RELAXED);
    return true;
}

void host_done(struct host *h)
{
    struct host *me = h; /* there may be other threads, with hosts of their own */
    __atomic_compare_exchange_n(&vitrine_host, &me, NULL, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    tcp_done(&h->tcp);
    udp_done(&h->udp);
    ip_done(&h->ip);
    for (unsigned i = 0; i < h->iface_count; i++) {
        iface_done(&h->ifaces[i]);
    }
    slab_pools_done(&h->pools);
    recorder_done(&h->recorder);
}

struct iface *host_attach(struct host *h, struct netdev *dev, struct ip_addr addr, unsigned prefix)
{
    if (h->iface_count == IP_INTERFACES) {
        return NULL;
    }
    struct iface *f = &h->ifaces[h->iface_count];
    if (!iface_init(f, dev, addr, prefix, &h->recorder, &h->pools, &h->wheel, &h->random)) {
        return NULL;
    }
    if (!ip_add_iface(&h->ip, f)) {
        iface_done(f);
        return NULL;
    }
    h->iface_count++;
    return f;
}

bool host_default_route(struct host *h, struct iface *out, struct ip_addr gateway)
{
    struct ip_route route = {.prefix = ip4_addr(0), .bits = 0, .gateway = gateway, .out = out};
    return ip_add_route(&h->ip, &route);
}

void host_input(struct host *h, struct iface *in, struct list *frames, nsec now)
{
    now = host_now(h, now);
    tcp_enter(&h->tcp, now);
    for (struct list *node = list_pop_front(frames); node != NULL; node = list_pop_front(frames)) {
        recorder_begin(&h->recorder, CAUSE_FRAME, now);
        iface_input(in, buf_of_link(node), now);
    }
    udp_notify(&h->udp);
    tcp_notify(&h->tcp);
}

void host_advance(struct host *h, nsec now)
{
    now = host_now(h, now);
    tcp_enter(&h->tcp, now);
    wheel_advance(&h->wheel, now); /* each timer that fires begins a cause of its own */
    tcp_notify(&h->tcp);
}

void host_flush(struct host *h, nsec now)
{
    now = host_now(h, now);
    h->recorder.now = now; /* the causes are those of the input; the time is that of the output */
    tcp_enter(&h->tcp, now);
    for (unsigned i = 0; i < h->iface_count; i++) {
        iface_flush(&h->ifaces[i]);
    }
    ip_flush(&h->ip, now);
    udp_flush(&h->udp, now);
    tcp_flush(&h->tcp, now);
    /* What has just been sent may have needed a neighbour that must be asked for. */
    for (unsigned i = 0; i < h->iface_count; i++) {
        iface_flush(&h->ifaces[i]);
    }
    recorder_settle(&h->recorder);
}

nsec host_deadline(const struct host *h)
{
    return tcp_unfinished(&h->tcp) ? h->now : wheel_deadline(&h->wheel);
}

void host_enter(struct host *h, nsec now)
{
    now = host_now(h, now);
    recorder_begin(&h->recorder, CAUSE_APP, now);
    tcp_enter(&h->tcp, now);
}
