/* What may be seen on the wire: of each segment that a host gives to its device, whether that host may
 * say it, by what has come to it. With a parser of its own.
 */
#include "stack/base/checksum.h"
#include "stack/base/cursor.h"
#include "tests/sim/world.h"

struct seen {
    struct endpoint from, to;
    tcp_seq seq, ack;
    uint8_t flags;
    uint16_t wnd, mss;
    uint8_t wscale;
    bool has_wscale, has_mss;
    bool whole;            /* lengths and checksums are right */
    uint32_t options, len; /* bytes of options and of payload */
};

static void see_options(struct rd r, struct seen *s)
{
    while (rd_left(&r) > 0) {
        uint8_t kind = rd_u8(&r);
        if (kind == 0) {
            return;
        }
        if (kind == 1) {
            continue;
        }
        struct rd body = rd_sub(&r, rd_u8(&r) - 2U);
        if (kind == 2) {
            s->has_mss = true;
            s->mss = rd_be16(&body);
        } else if (kind == 3) {
            s->has_wscale = true;
            s->wscale = rd_u8(&body);
        }
    }
}

static bool checksums_right(struct slice f, uint32_t ip_header)
{
    const uint8_t *ip = f.data + 14;
    if (f.len < 14 + ip_header + 20) {
        return false;
    }
    uint32_t len = (uint32_t)f.len - 14 - ip_header;
    uint64_t sum = csum_add(0, ip + 12, 8);
    sum = csum_add_be32(sum, IP_TCP);
    sum = csum_add_be32(sum, len);
    return csum_finish(csum_add(0, ip, ip_header)) == 0 &&
           csum_finish(csum_add(sum, ip + ip_header, len)) == 0;
}

/* Reads a frame with a parser of its own; false: it is no TCP segment. */
static bool see(struct slice f, struct seen *s)
{
    *s = (struct seen){0};
    struct rd r = rd_slice(f);
    rd_skip(&r, 12);
    if (rd_be16(&r) != 0x0800 || f.data[14 + 9] != IP_TCP) {
        return false;
    }
    uint32_t ip_header = (rd_u8(&r) & 15U) * 4U;
    rd_skip(&r, 1);
    uint32_t total = rd_be16(&r);
    rd_skip(&r, 8);
    s->from.addr = ip4_addr(rd_be32(&r));
    s->to.addr = ip4_addr(rd_be32(&r));
    rd_skip(&r, ip_header - 20);
    s->from.port = rd_be16(&r);
    s->to.port = rd_be16(&r);
    s->seq = seq_of(rd_be32(&r));
    s->ack = seq_of(rd_be32(&r));
    uint32_t header = (uint32_t)(rd_u8(&r) >> 4U) * 4U;
    s->flags = rd_u8(&r);
    s->wnd = rd_be16(&r);
    rd_skip(&r, 4);
    s->options = header - 20;
    see_options(rd_sub(&r, s->options), s);
    s->len = (uint32_t)rd_left(&r);
    s->whole = !r.failed && total == f.len - 14 && checksums_right(f, ip_header);
    return true;
}

static bool same(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && ip_equal(a->addr, b->addr);
}

/* The connection, and which of its sides sent the segment. */
static struct sim_watched *flow_of(struct sim_world *w, const struct seen *s, unsigned *side)
{
    unsigned count = w->watched_count < SIM_WATCHED ? w->watched_count : SIM_WATCHED;
    for (unsigned i = 0; i < count; i++) {
        struct sim_watched *f = &w->watched[i];
        for (*side = 0; *side < 2; ++*side) {
            if (same(&f->end[*side], &s->from) && same(&f->end[1 - *side], &s->to)) {
                return f;
            }
        }
    }
    *side = 0;
    struct sim_watched *f = &w->watched[w->watched_count++ % SIM_WATCHED];
    *f = (struct sim_watched){.end = {s->from, s->to}};
    return f;
}

static uint32_t window_unit(const struct sim_watched *f, unsigned side)
{
    bool both = f->has_wscale[0] && f->has_wscale[1];
    return UINT32_C(1) << (both ? f->wscale[side] : 0);
}

static tcp_seq right_edge(const struct sim_watched *f, unsigned from, const struct seen *s)
{
    uint32_t unit = (s->flags & TCP_SYN) != 0 ? 1 : window_unit(f, from);
    return seq_add(s->ack, s->wnd * unit);
}

/* A SYN that came late makes another connection of the same ports. */
static void watch_syn(struct sim_watched *f, unsigned side, const struct seen *s)
{
    if (f->sent_ack[side] && !seq_eq(s->seq, f->iss[side])) {
        f->sent_ack[side] = false;
        f->told[1 - side] = false;
    }
    f->iss[side] = s->seq;
    f->has_wscale[side] = s->has_wscale;
    f->wscale[side] = s->wscale;
    f->mss[side] = s->has_mss ? s->mss : 536;
}

/* The ACK never goes back, and the window's edge at most by what the scale cannot express
 * (RFC 7323 2.4); behind the peer's FIN no window means anything. */
static void watch_offer(struct sim_world *w, struct sim_watched *f, unsigned side,
                        const struct seen *s)
{
    tcp_seq edge = right_edge(f, side, s);
    bool over = (s->flags & TCP_SYN) != 0 || /* which cannot tell more than 64 KiB */
                (f->fin_sent[1 - side] && seq_gt(s->ack, f->fin[1 - side]));
    if (f->sent_ack[side]) {
        SIM_CHECK(w, seq_ge(s->ack, f->ack[side]));
        SIM_CHECK(w, over || seq_gt(seq_add(edge, window_unit(f, side)), f->offered[side]));
        edge = seq_max(edge, f->offered[side]);
    }
    f->sent_ack[side] = true;
    f->ack[side] = s->ack;
    f->offered[side] = edge;
}

void sim_watch_sent(struct sim_world *w, struct slice frame)
{
    struct seen s;
    if (!see(frame, &s)) {
        return;
    }
    SIM_CHECK(w, s.whole);
    if ((s.flags & TCP_RST) != 0) {
        return;
    }
    unsigned side;
    struct sim_watched *f = flow_of(w, &s, &side);
    if ((s.flags & TCP_SYN) != 0) {
        SIM_CHECK(w, s.len == 0);
        watch_syn(f, side, &s);
    }
    if ((s.flags & TCP_ACK) != 0) {
        watch_offer(w, f, side, &s);
    }
    bool fin = (s.flags & TCP_FIN) != 0;
    if (s.len > 0 || fin) {
        tcp_seq end = seq_add(s.seq, s.len + (fin ? 1 : 0));
        SIM_CHECK(w, (s.flags & TCP_ACK) != 0); /* MUST: every segment but the first SYN */
        SIM_CHECK(w, f->told[side] && seq_le(end, f->edge[side]));
        SIM_CHECK(w, s.len + s.options <= u32_max(f->mss[1 - side], 48)); /* MUST-16 */
    }
    if (fin) {
        f->fin_sent[side] = true;
        f->fin[side] = seq_add(s.seq, s.len);
    }
}

void sim_watch_arrived(struct sim_world *w, struct slice frame)
{
    struct seen s;
    if (!see(frame, &s) || !s.whole || (s.flags & TCP_ACK) == 0 || (s.flags & TCP_RST) != 0) {
        return;
    }
    unsigned from;
    struct sim_watched *f = flow_of(w, &s, &from);
    unsigned side = 1 - from;
    tcp_seq edge = right_edge(f, from, &s);
    f->edge[side] = f->told[side] ? seq_max(f->edge[side], edge) : edge;
    f->told[side] = true;
}
