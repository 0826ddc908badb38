#include "tests/fuzz/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/timewait.h"

#define PEER_ISS 0xffffff00U /* of slot 0: its numbers soon go through zero */

uint8_t program_byte(tcp_seq s)
{
    return (uint8_t)(s.v * 7U + (s.v >> 8U) * 13U + (s.v >> 16U));
}

/* ---- what is where ---- */

static struct tcp_tuple tuple_of(unsigned slot)
{
    uint16_t ours = slot < PROGRAM_PASSIVE ? PROGRAM_PORT : (uint16_t)(PROGRAM_OUR_PORT + slot);
    return (struct tcp_tuple){
        .local = {ip4_addr(OUR_IP), ours},
        .remote = {ip4_addr(PEER_IP), (uint16_t)(PROGRAM_PEER_PORT + slot)},
    };
}

static void view_conn(struct program_view *v, const struct tcp_conn *c)
{
    v->open = true;
    v->snd_una = c->snd_una;
    v->snd_nxt = c->snd_nxt;
    v->iss = c->iss;
    v->ts_ok = c->ts_ok;
    v->ts_now = conn_ts_now(c, c->tcp->now);
    if (c->state >= TCP_SYN_RCVD) {
        v->rcv_nxt = c->rcv_nxt;
        v->rcv_adv = c->rcv_adv;
        v->irs = c->irs;
        v->ts_recent = c->ts_recent;
    }
}

struct program_view program_view(struct program *p, unsigned slot)
{
    tcp_seq iss = seq_of(PEER_ISS + slot * 0x40000000U);
    tcp_seq ours = seq_of(p->snd_nxt[slot]);
    struct program_view v = {
        .tuple = tuple_of(slot),
        .rcv_nxt = iss,
        .rcv_adv = seq_add(iss, 65535),
        .irs = iss,
        .snd_una = ours,
        .snd_nxt = ours,
        .iss = ours,
        .ts_recent = 0x7fffff00U,
    };
    struct tcp_entry *e = demux_find(&p->net.host.tcp, &v.tuple);
    if (e != NULL && e->timewait) {
        struct tcp_timewait *w = CONTAINER_OF(e, struct tcp_timewait, entry);
        v.rcv_nxt = v.rcv_adv = w->rcv_nxt;
        v.snd_una = v.snd_nxt = w->snd_nxt;
        v.ts_recent = w->ts_recent;
        v.ts_ok = w->ts_ok;
    } else if (e != NULL) {
        struct tcp_conn room;
        view_conn(&v, rest_look(handle_of_entry(e), &room));
    }
    return v;
}

struct program_app *program_app_of(struct program *p, unsigned slot)
{
    uint16_t port = (uint16_t)(PROGRAM_PEER_PORT + slot);
    for (unsigned i = 0; i < PROGRAM_APPS; i++) {
        struct stream *s = p->apps[i].s;
        if (s != NULL && handle_of_stream(s)->entry.tuple.remote.port == port) {
            return &p->apps[i];
        }
    }
    return NULL;
}

/* ---- what the host sends ---- */

/* RFC 9293 3.1: a good checksum, options that end where the header does, and the bytes that belong at
 * these sequence numbers. */
static void look(struct net *n, const uint8_t *packet, size_t len)
{
    struct program *p = CONTAINER_OF(n, struct program, net);
    size_t ip = (packet[0] & 15U) * 4U;
    if (packet[9] != IP_TCP) {
        return;
    }
    struct rd r = rd_of(packet + ip, len - ip);
    uint32_t sum = (PEER_IP >> 16) + (PEER_IP & 0xffff) + (OUR_IP >> 16) + (OUR_IP & 0xffff) +
                   IP_TCP + (uint32_t)(len - ip);
    FUZZ_CHECK(plain_checksum(packet + ip, len - ip, sum) == 0); /* MUST-2 */
    rd_skip(&r, 2);
    unsigned slot = (unsigned)(rd_be16(&r) - PROGRAM_PEER_PORT);
    tcp_seq seq = seq_of(rd_be32(&r));
    rd_skip(&r, 4);
    uint8_t header = (uint8_t)((rd_u8(&r) >> 4U) * 4U);
    uint8_t flags = rd_u8(&r);
    rd_skip(&r, 6);
    FUZZ_CHECK(header >= 20 && slot < PROGRAM_SLOTS);
    rd_skip(&r, header - 20U);
    FUZZ_CHECK(!r.failed);
    struct slice data = rd_take(&r, rd_left(&r));
    seq = seq_add(seq, (flags & TCP_SYN) != 0 ? 1 : 0);
    for (size_t i = 0; i < data.len; i++) {
        FUZZ_CHECK(data.data[i] == program_byte(seq_add(seq, (uint32_t)i)));
    }
    p->snd_nxt[slot] = seq_add(seq, (uint32_t)data.len + ((flags & TCP_FIN) != 0 ? 1 : 0)).v;
}

static void broken(void *arg, const char *rule, const char *text)
{
    (void)arg;
    fprintf(stderr, "%s: broken: %s\n", rule, text);
    abort();
}

static void check(struct net *n)
{
    struct program *p = CONTAINER_OF(n, struct program, net);
    invariants_check(&p->invariants, n->now);
}

/* ---- life ---- */

void program_init(struct program *p)
{
    static const struct tcp_config config = {
        .max_connections = 6,
        .max_timewait = 3,
        .send_buffer = 16 * 1024,
        .receive_buffer = 16 * 1024,
        .reassembly_max = 8,
        .challenge_acks = 10,
    };
    net_init(&p->net, 1500, &config);
    p->net.look = look;
    p->net.check = check;
    p->invariants = (struct invariants){.host = &p->net.host, .fail = broken};
    invariants_begin(&p->invariants);
    p->listener = NULL;
    p->habit = 0;
    memset(p->apps, 0, sizeof p->apps);
    for (unsigned i = 0; i < PROGRAM_SLOTS; i++) {
        p->snd_nxt[i] = 0x12345678U;
    }
}

void program_run(struct program *p, struct rd *in)
{
    for (unsigned i = 0; i < PROGRAM_OPS && rd_left(in) > 0; i++) {
        program_step(p, in);
    }
}

void program_done(struct program *p)
{
    net_release(&p->net);
    host_enter(&p->net.host, p->net.now);
    for (unsigned i = 0; i < PROGRAM_APPS; i++) {
        struct stream *s = p->apps[i].s;
        p->apps[i].s = NULL;
        if (s != NULL && i % 2 == 0) {
            tcp_close(s);
        } else if (s != NULL) {
            stream_abort(s);
        }
    }
    if (p->listener != NULL) {
        tcp_unlisten(&p->net.host.tcp, p->listener);
    }
    net_done(&p->net);
}
