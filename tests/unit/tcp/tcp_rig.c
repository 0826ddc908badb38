/* One host with a fake device, a peer made by hand, and an application that keeps notes. */
#include "tests/unit/tcp/tcp_rig.h"

#include <stdlib.h>
#include <string.h>

#include "stack/tcp/cc.h"
#include "tests/unit/link/link_rig.h"

#define QUIET_TIME SEC(1800) /* longer than any timer of an application that has gone */

struct rig rig;

/* ---- time and frames ---- */

static uint16_t get16(const uint8_t *b)
{
    return (uint16_t)(b[0] << 8 | b[1]);
}

static uint32_t get32(const uint8_t *b)
{
    return (uint32_t)get16(b) << 16 | get16(b + 2);
}

static void put32(uint8_t *at, uint32_t v)
{
    put16(at, (uint16_t)(v >> 16));
    put16(at + 2, (uint16_t)v);
}

/* RFC 791 3.1: the last address of a source route, else the destination in the header. */
static uint32_t final_destination(const uint8_t *frame)
{
    const uint8_t *ip = frame + FRAME_ETH;
    size_t end = (size_t)(ip[0] & 0x0fU) * 4;
    for (size_t at = FRAME_IP; at < end && ip[at] != 0; at += ip[at] == 1 ? 1 : ip[at + 1]) {
        if (ip[at] == 131 || ip[at] == 137) {
            return get32(ip + at + ip[at + 1] - 4);
        }
    }
    return get32(ip + 16);
}

/* Of a TCP segment of `len` bytes between the two (RFC 9293 3.1), folded. With a source route in `frame` the last
 * address of that stands for the destination; NULL: there is none. */
static uint32_t pseudo_sum(const uint8_t *frame, size_t len)
{
    uint32_t to = frame != NULL ? final_destination(frame) : PEER_IP;
    uint32_t sum =
        (to >> 16) + (to & 0xffff) + (OUR_IP >> 16) + (OUR_IP & 0xffff) + 6 + (uint32_t)len;
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

static void answer_arp(void)
{
    struct frame reply = arp_frame(2, peer_mac, PEER_IP, OUR_IP);
    struct list frames;
    list_init(&frames);
    struct buf *b = buf_copy_of(&rig.host.pools, reply.b, reply.len);
    list_push_back(&frames, &b->link);
    host_input(&rig.host, rig.iface, &frames, rig.now);
}

static void keep(struct fake_frame f)
{
    ck_assert_uint_lt(rig.sent_count, RIG_SENT);
    rig.sent_at[rig.sent_count] = rig.now;
    rig.sent[rig.sent_count++] = f;
}

/* Where the TCP header of a frame of ours begins. */
static size_t tcp_at(const uint8_t *frame)
{
    return FRAME_ETH + (size_t)(frame[FRAME_ETH] & 0x0fU) * 4;
}

static void finish_checksum(struct fake_frame *f)
{
    uint8_t *t = f->bytes + tcp_at(f->bytes);
    size_t len = f->len - tcp_at(f->bytes);
    put16(t + 16, 0);
    put16(t + 16, plain_checksum(t, len, pseudo_sum(f->bytes, len)));
}

/* What a device makes of the part [at, at + n) of a super-segment's payload, which begins at `header`. */
static struct fake_frame piece(const struct fake_frame *whole, size_t header, size_t at, size_t n)
{
    struct fake_frame f = {.bytes = malloc(header + n), .len = header + n};
    bool first = at == 0;
    bool last = header + at + n == whole->len;
    memcpy(f.bytes, whole->bytes, header);
    memcpy(f.bytes + header, whole->bytes + header + at, n);
    uint8_t *ip = f.bytes + FRAME_ETH;
    uint8_t *t = f.bytes + tcp_at(f.bytes);
    put16(ip + 2, (uint16_t)(f.len - FRAME_ETH));
    put16(ip + 4, (uint16_t)(get16(ip + 4) + at / whole->offload.gso_size));
    put16(ip + 10, 0);
    put16(ip + 10, plain_checksum(ip, (size_t)(t - ip), 0));
    put32(t + 4, get32(t + 4) + (uint32_t)at);
    t[13] &= (uint8_t) ~((first ? 0U : TCP_CWR) | (last ? 0U : TCP_PSH | TCP_FIN));
    finish_checksum(&f);
    return f;
}

/* What the device does before the wire: checksums are finished, super-segments cut. */
static void send_off(struct fake_frame *f)
{
    size_t tcp = tcp_at(f->bytes);
    size_t header = tcp + (size_t)(f->bytes[tcp + 12] >> 4U) * 4;
    bool big = (rig.dev.dev.caps & NETDEV_BIG) != 0 && f->len - FRAME_ETH > 65535;
    ck_assert_uint_eq(get16(f->bytes + FRAME_ETH + 2), big ? 0 : f->len - FRAME_ETH);
    ck_assert_uint_le(f->len, NETDEV_BIG_BYTES);
    if (f->offload.csum == CSUM_PARTIAL) {
        ck_assert_uint_eq(f->offload.csum_start, tcp);
        ck_assert_uint_eq(f->offload.csum_offset, 16);
        ck_assert_uint_eq(get16(f->bytes + tcp + 16), pseudo_sum(f->bytes, f->len - tcp));
        finish_checksum(f);
    }
    if (f->offload.gso_type == GSO_NONE) {
        keep(*f);
        return;
    }
    rig.supers++;
    size_t size = f->offload.gso_size;
    ck_assert_uint_gt(f->len - header, size); /* else it is none */
    for (size_t at = 0; at < f->len - header; at += size) {
        keep(piece(f, header, at, size_min(size, f->len - header - at)));
    }
    free(f->bytes);
}

/* Moves what the device was given to the rig; ARP requests for the peer are answered. */
static void collect(void)
{
    bool asked = false;
    for (unsigned i = 0; i < rig.dev.count; i++) {
        struct fake_frame *f = &rig.dev.frames[i];
        bool arp = f->len >= 42 && get16(f->bytes + 12) == 0x0806;
        asked = asked || (arp && get16(f->bytes + 20) == 1 && get32(f->bytes + 38) == PEER_IP);
        if (arp || f->bytes[FRAME_ETH + 9] != 6) {
            free(f->bytes);
            continue;
        }
        send_off(f);
    }
    rig.dev.count = 0;
    if (asked) {
        answer_arp();
        host_flush(&rig.host, rig.now);
        collect();
    }
}

void rig_flush(void)
{
    host_flush(&rig.host, rig.now);
    collect();
}

void run_to(nsec at)
{
    for (nsec due = host_deadline(&rig.host); due <= at; due = host_deadline(&rig.host)) {
        rig.now = nsec_max(rig.now, due);
        host_advance(&rig.host, rig.now);
        rig_flush();
    }
    rig.now = at;
    host_advance(&rig.host, at);
    rig_flush();
}

void run_for(nsec span)
{
    run_to(rig.now + span);
}

void rig_release(void)
{
    rig.hold = false;
    host_input(&rig.host, rig.iface, &rig.held, rig.now);
    rig_flush();
}

void rig_inject(const struct frame *f)
{
    struct buf *b = buf_copy_of(&rig.host.pools, f->b, f->len);
    ck_assert_ptr_nonnull(b);
    list_push_back(&rig.held, &b->link);
    if (!rig.hold) {
        rig_release();
    }
}

/* ---- life ---- */

uint8_t pushed(uint32_t i, uint32_t n, uint32_t every)
{
    bool whole = (rig.dev.dev.caps & NETDEV_TSO4) != 0;
    bool last = i + 1 == n || (!whole && (i + 1) % every == 0);
    return last ? TCP_ACK | TCP_PSH : TCP_ACK;
}

void rig_restart_with(const struct host_config *config)
{
    if (rig.iface != NULL) {
        rig_tear_down();
    }
    memset(&rig, 0, sizeof(rig));
    list_init(&rig.held);
    rig.now = SEC(5000);
    fake_netdev_init(&rig.dev, our_mac, 1500);
    rig.dev.dev.caps = getenv("RIG_OFFLOAD") != NULL ? NETDEV_CSUM | NETDEV_TSO4 : 0;
    ck_assert(host_init(&rig.host, config, rig.now));
    rig.iface = host_attach(&rig.host, &rig.dev.dev, ip4_addr(OUR_IP), 24);
    ck_assert_ptr_nonnull(rig.iface);
    ck_assert(host_default_route(&rig.host, rig.iface, ip4_addr(PEER_IP)));
    struct frame hello = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    rig_inject(&hello);
    expect_nothing();
}

bool rig_quick_acks;

void rig_restart(const struct tcp_config *config)
{
    struct host_config host = {.seed = {9}, .tcp = *config};
    /* sizes and moments that do not hang on what went before; delack_test and autotune_test see the others */
    host.tcp.no_autotune = true;
    host.tcp.no_quick_acks = !rig_quick_acks;
    if (host.tcp.cc == NULL) {
        host.tcp.cc = &cc_newreno; /* whose windows RFC 5681 tells by the segment */
    }
    rig_restart_with(&host);
}

void rig_set_up(void)
{
    rig.iface = NULL;
    rig_quick_acks = false;
    rig_restart(&(struct tcp_config){0});
}

static size_t neighbour_timers(void)
{
    size_t armed = 0;
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        const struct neighbour *n = &rig.iface->neighbours.entries[i];
        armed += n->in_use && timer_armed(&n->timer) ? 1 : 0;
    }
    return armed;
}

static void expect_nothing_left(void)
{
    const struct tcp *t = &rig.host.tcp;
    ck_assert_uint_eq(t->handle_pool.in_use, 0);
    ck_assert_uint_eq(t->conn_pool.in_use, 0);
    ck_assert_uint_eq(t->rest_pool.in_use, 0);
    ck_assert_uint_eq(t->timewait_pool.in_use, 0);
    ck_assert_uint_eq(t->range_pool.in_use, 0);
    ck_assert_uint_eq(t->route_pool.in_use, 0);
    ck_assert_uint_eq(t->connections.count, 0);
    ck_assert(list_empty(&t->all) && list_empty(&t->dirty) && list_empty(&t->events) &&
              list_empty(&t->starved));
    expect_pools_empty(&rig.host.pools);
    ck_assert_uint_eq(rig.host.wheel.armed, neighbour_timers());
}

void rig_tear_down(void)
{
    host_enter(&rig.host, rig.now);
    for (unsigned i = 0; i < RIG_APPS; i++) {
        if (rig.apps[i].s != NULL) {
            stream_abort(rig.apps[i].s);
        }
    }
    if (rig.listener != NULL) {
        tcp_unlisten(&rig.host.tcp, rig.listener);
    }
    rig_flush();
    discard_sent();
    run_for(QUIET_TIME);
    expect_nothing_left();
    discard_sent();
    host_done(&rig.host);
    ck_assert_uint_eq(rig.host.wheel.armed, 0);
    rig.iface = NULL;
}

TCase *rig_case(Suite *s, const char *name)
{
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 60); /* seconds; a sanitizer on a busy machine is slow */
    tcase_add_checked_fixture(tc, rig_set_up, rig_tear_down);
    suite_add_tcase(s, tc);
    return tc;
}

/* ---- the peer ---- */

uint8_t pattern(size_t offset)
{
    return (uint8_t)(offset * 7 + offset / 251);
}

struct peer peer_new(void)
{
    return (struct peer){.port = PEER_PORT,
                         .our_port = SERVER_PORT,
                         .iss = PEER_ISS,
                         .wnd = 65535,
                         .offer = {.mss = 1460},
                         .tsval = 0x7ffffff0U};
}

static size_t put_timestamps(uint8_t *o, const struct peer *p)
{
    o[0] = 1;
    o[1] = 1;
    o[2] = 8;
    o[3] = 10;
    put32(o + 4, p->tsval);
    put32(o + 8, p->ts_recent);
    return 12;
}

/* The options that the peer puts on a segment: its offer on a SYN, else timestamps. */
static size_t usual_options(const struct peer *p, unsigned flags, uint8_t out[40])
{
    size_t n = 0;
    if ((flags & TCP_SYN) == 0) {
        return p->ts ? put_timestamps(out, p) : 0;
    }
    if (p->offer.mss != 0) {
        out[n] = 2;
        out[n + 1] = 4;
        put16(out + n + 2, p->offer.mss);
        n += 4;
    }
    if (p->offer.wscale) { /* on purpose not aligned (MUST-64) */
        memcpy(out + n, (uint8_t[]){3, 3, p->offer.shift}, 3);
        n += 3;
    }
    if (p->offer.sack_ok) {
        memcpy(out + n, (uint8_t[]){4, 2}, 2);
        n += 2;
    }
    return p->offer.ts ? n + put_timestamps(out + n, p) : n;
}

void raw_fix(struct raw *r)
{
    put16(r->b + 16, 0);
    put16(r->b + 16, plain_checksum(r->b, r->len, pseudo_sum(NULL, r->len)));
}

struct raw raw_with_options(const struct peer *p, unsigned flags, uint32_t seq, uint32_t ack,
                            const void *options, size_t options_len, const void *data, size_t len)
{
    struct raw r = {.len = 20 + (options_len + 3) / 4 * 4 + len};
    ck_assert_uint_le(r.len, sizeof(r.b));
    size_t header = r.len - len;
    put16(r.b, p->port);
    put16(r.b + 2, p->our_port);
    put32(r.b + 4, p->iss + seq);
    put32(r.b + 8, (flags & TCP_ACK) != 0 ? p->irs + ack : 0);
    r.b[12] = (uint8_t)(header / 4 << 4);
    r.b[13] = (uint8_t)flags;
    put16(r.b + 14, p->wnd);
    if (options_len > 0) {
        memcpy(r.b + 20, options, options_len);
    }
    if (len > 0) {
        memcpy(r.b + header, data, len);
    }
    raw_fix(&r);
    return r;
}

struct raw raw_segment(const struct peer *p, unsigned flags, uint32_t seq, uint32_t ack,
                       const void *data, size_t len)
{
    uint8_t options[40];
    size_t n = usual_options(p, flags, options);
    return raw_with_options(p, flags, seq, ack, options, n, data, len);
}

void raw_send(const struct raw *r)
{
    struct ip4_spec ip = ip4_spec_to_us(6);
    struct frame f = frame_ip4(&ip, r->b, r->len);
    rig_inject(&f);
}

void peer_send(const struct peer *p, unsigned flags, uint32_t seq, uint32_t ack)
{
    peer_data(p, flags, seq, ack, 0);
}

void peer_data(const struct peer *p, unsigned flags, uint32_t seq, uint32_t ack, size_t len)
{
    uint8_t data[1500];
    uint32_t first = (flags & TCP_SYN) != 0 ? 0 : seq - 1; /* offset in the stream */
    for (size_t i = 0; i < len; i++) {
        data[i] = pattern(first + i);
    }
    struct raw r = raw_segment(p, flags, seq, ack, data, len);
    raw_send(&r);
}

void peer_icmp(const struct peer *p, uint8_t type, uint8_t code, uint32_t seq, uint16_t mtu)
{
    uint8_t m[36] = {type, code};
    put16(m + 6, mtu);
    uint8_t *ip = m + 8;
    ip[0] = 0x45;
    put16(ip + 2, 40);
    ip[8] = 64;
    ip[9] = 6;
    put32(ip + 12, OUR_IP);
    put32(ip + 16, PEER_IP);
    put16(ip + 10, plain_checksum(ip, 20, 0));
    put16(ip + 20, p->our_port);
    put16(ip + 22, p->port);
    put32(ip + 24, p->irs + seq);
    put16(m + 2, plain_checksum(m, sizeof(m), 0));
    struct ip4_spec spec = ip4_spec_to_us(1);
    struct frame f = frame_ip4(&spec, m, sizeof(m));
    rig_inject(&f);
}

/* ---- what we sent ---- */

bool sent_any(void)
{
    return rig.taken < rig.sent_count;
}

static void read_option(struct wire *w, uint8_t kind, const uint8_t *body, size_t len)
{
    if (kind == 2 && len == 2) {
        w->has_mss = true;
        w->mss = get16(body);
    } else if (kind == 3 && len == 1) {
        w->has_wscale = true;
        w->shift = body[0];
    } else if (kind == 4 && len == 0) {
        w->has_sack_ok = true;
    } else if (kind == 8 && len == 8) {
        w->has_ts = true;
        w->tsval = get32(body);
        w->tsecr = get32(body + 4);
    } else if ((kind == 172 || kind == 174) && len % 3 == 0 && len <= 9) {
        w->has_accecn = true; /* RFC 9768 3.2.3 */
        w->accecn_len = len;
    } else if (kind == 34 && len % 2 == 0 && len <= sizeof w->cookie && len != 2) {
        w->has_cookie = true; /* RFC 7413 4.1.1 */
        w->cookie_len = len;
        memcpy(w->cookie, body, len);
    } else if (kind == 5 && len % 8 == 0 && len <= 32) {
        for (w->sack_count = 0; w->sack_count < len / 8; w->sack_count++) {
            w->sack[w->sack_count][0] = get32(body + 8 * w->sack_count);
            w->sack[w->sack_count][1] = get32(body + 8 * w->sack_count + 4);
        }
    } else {
        ck_abort_msg("option of kind %u with %zu bytes", kind, len);
    }
}

static void read_options(struct wire *w, const uint8_t *o, size_t len)
{
    size_t i = 0;
    while (i < len && o[i] != 0) {
        if (o[i] == 1) {
            i++;
            continue;
        }
        ck_assert(i + 1 < len && o[i + 1] >= 2 && i + o[i + 1] <= len);
        read_option(w, o[i], o + i + 2, o[i + 1] - 2U);
        i += o[i + 1];
    }
    for (; i < len; i++) {
        ck_assert_uint_eq(o[i], 0); /* MUST-69 */
    }
}

/* What every packet of ours must be, whatever it carries. */
static void check_headers(const uint8_t *b, size_t len)
{
    ck_assert_uint_ge(len, 54);
    ck_assert_mem_eq(b, peer_mac.b, 6);
    ck_assert_mem_eq(b + 6, our_mac.b, 6);
    ck_assert_uint_eq(get16(b + 12), 0x0800);
    const uint8_t *ip = b + FRAME_ETH;
    ck_assert_uint_eq(ip[0], 0x45);
    ck_assert_uint_eq(get16(ip + 2), len - FRAME_ETH);
    ck_assert_uint_eq(plain_checksum(ip, 20, 0), 0);
    ck_assert_uint_eq(get32(ip + 12), OUR_IP);
    ck_assert_uint_eq(get32(ip + 16), PEER_IP);
    size_t tcp_len = len - FRAME_ETH - FRAME_IP;
    ck_assert_uint_eq(plain_checksum(ip + FRAME_IP, tcp_len, pseudo_sum(NULL, tcp_len)),
                      0); /* MUST-2 */
}

struct wire take_segment(int line)
{
    ck_assert_msg(sent_any(), "line %d: nothing was sent", line);
    const struct fake_frame *f = &rig.sent[rig.taken];
    check_headers(f->bytes, f->len);
    const uint8_t *t = f->bytes + FRAME_ETH + FRAME_IP;
    struct wire w = {
        .at = rig.sent_at[rig.taken],
        .ttl = f->bytes[FRAME_ETH + 8],
        .tos = f->bytes[FRAME_ETH + 1],
        .src_port = get16(t),
        .dst_port = get16(t + 2),
        .seq = get32(t + 4),
        .ack = get32(t + 8),
        .flags = t[13],
        .wnd = get16(t + 14),
        .urgent = get16(t + 18),
    };
    rig.taken++;
    size_t header = (size_t)(t[12] >> 4) * 4;
    ck_assert_uint_ge(header, 20);
    ck_assert_uint_le(header, f->len - FRAME_ETH - FRAME_IP);
    ck_assert_uint_eq(t[12] & 0x0eU, 0);
    w.options_len = header - 20;
    read_options(&w, t + 20, w.options_len);
    ck_assert(!w.has_mss || (w.flags & TCP_SYN) != 0); /* MUST-65 */
    w.data = t + header;
    w.len = f->len - FRAME_ETH - FRAME_IP - header;
    return w;
}

struct wire expect_at(struct peer *p, unsigned flags, uint32_t seq, uint32_t ack, size_t len,
                      int line)
{
    struct wire w = take_segment(line);
    char got_flags[TCP_FLAGS_TEXT_MAX];
    char want_flags[TCP_FLAGS_TEXT_MAX];
    ck_assert_msg(w.flags == flags, "line %d: %s came, not %s", line,
                  tcp_flags_text(w.flags, got_flags), tcp_flags_text((uint8_t)flags, want_flags));
    ck_assert_msg(w.src_port == p->our_port && w.dst_port == p->port, "line %d: from %u to %u",
                  line, w.src_port, w.dst_port);
    if ((flags & TCP_SYN) != 0 && !p->knows_irs) {
        p->irs = w.seq;
        p->knows_irs = true;
    }
    w.seq -= p->irs;
    if ((flags & TCP_ACK) != 0) {
        w.ack -= p->iss;
    }
    for (unsigned i = 0; i < w.sack_count; i++) {
        w.sack[i][0] -= p->iss;
        w.sack[i][1] -= p->iss;
    }
    ck_assert_msg(w.seq == seq, "line %d: seq %u, not %u", line, w.seq, seq);
    ck_assert_msg(w.ack == ack, "line %d: ack %u, not %u", line, w.ack, ack);
    ck_assert_msg(w.len == len, "line %d: %zu bytes, not %zu", line, w.len, len);
    uint32_t first = w.seq - ((flags & TCP_SYN) != 0 ? 0U : 1U); /* of the stream's bytes */
    for (size_t i = 0; i < w.len; i++) {
        ck_assert_msg(w.data[i] == pattern(first + i), "line %d: wrong byte %zu", line, i);
    }
    if (w.has_ts) {
        p->ts_recent = w.tsval;
    }
    return w;
}

void expect_nothing_at(int line)
{
    if (sent_any()) {
        struct wire w = take_segment(line);
        char flags[TCP_FLAGS_TEXT_MAX];
        ck_abort_msg("line %d: %s with %zu bytes was sent", line, tcp_flags_text(w.flags, flags),
                     w.len);
    }
}

void discard_sent(void)
{
    for (unsigned i = 0; i < rig.sent_count; i++) {
        free(rig.sent[i].bytes);
    }
    rig.sent_count = 0;
    rig.taken = 0;
}

void expect_time_at(const struct wire *w, nsec at, int line)
{
    ck_assert_msg(w->at >= at && w->at <= at + WHEEL_LATE, "line %d: sent %.3f ms late", line,
                  (double)(w->at - at) / 1e6);
}

uint64_t drops_of(enum drop_reason why)
{
    return rig.host.recorder.drops[why];
}
