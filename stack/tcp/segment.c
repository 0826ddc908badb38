/* Segments: parse and build. Implements RFC 9293 3.1 and 3.2 (MUST-2 to MUST-7, MUST-64, MUST-68,
 * MUST-69), the option formats of RFC 7323 2.2 and 3.2, of RFC 2018 2 and 3 and of RFC 7413 4.1.1.
 */
#include "stack/tcp/segment.h"

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"

#define CHECKSUM_AT 16U /* bytes into the header (RFC 9293 3.1) */

enum option_kind {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_WSCALE = 3,
    OPTION_SACK_OK = 4,
    OPTION_SACK = 5,
    OPTION_TS = 8,
    OPTION_FAST_OPEN = 34,
    OPTION_ACCECN0 = 172,
    OPTION_ACCECN1 = 174,
};

uint32_t segment_span(const struct tcp_segment *s)
{
    return s->len + ((s->flags & TCP_SYN) != 0 ? 1 : 0) + ((s->flags & TCP_FIN) != 0 ? 1 : 0);
}

tcp_seq segment_end(const struct tcp_segment *s)
{
    return seq_add(s->seq, segment_span(s));
}

static void parse_sack(struct rd body, struct tcp_segment *s)
{
    if (rd_left(&body) % 8 != 0) {
        return;
    }
    s->opts |= TCP_OPT_HAS_SACK;
    while (rd_left(&body) >= 8 && s->sack_count < TCP_SACK_BLOCKS) {
        struct tcp_sack_block *b = &s->sack[s->sack_count++];
        b->start = seq_of(rd_be32(&body));
        b->end = seq_of(rd_be32(&body));
    }
}

/* RFC 9768 3.2.3: as many whole fields as there are; the rest is padding. */
static void parse_accecn(bool order1, struct rd body, struct tcp_segment *s)
{
    s->opts |= TCP_OPT_HAS_ACCECN;
    s->accecn_order1 = order1;
    s->accecn_fields = 0;
    while (rd_left(&body) >= 3 && s->accecn_fields < COUNT_OF(s->accecn)) {
        unsigned at = s->accecn_fields++;
        s->accecn[order1 ? COUNT_OF(s->accecn) - 1 - at : at] = rd_be24(&body);
    }
}

/* RFC 7413 4.1.1 with erratum 4238: a request, or a cookie of an even number of bytes; in a SYN only. */
static void parse_fast_open(struct rd body, struct tcp_segment *s)
{
    size_t len = rd_left(&body);
    bool fits = len == 0 || (len >= FAST_OPEN_COOKIE_MIN && len <= FAST_OPEN_COOKIE_MAX);
    if (!fits || len % 2 != 0 || (s->flags & TCP_SYN) == 0) {
        return;
    }
    s->opts |= TCP_OPT_HAS_FAST_OPEN;
    s->fast_open.len = (uint8_t)len;
    rd_copy(&body, s->fast_open.bytes, len);
}

/* One option's body. A known kind with a length that is not its own is ignored like an unknown one. */
static void parse_option(uint8_t kind, struct rd body, struct tcp_segment *s)
{
    size_t len = rd_left(&body);
    if (kind == OPTION_MSS && len == 2) {
        s->opts |= TCP_OPT_HAS_MSS;
        s->mss = rd_be16(&body);
    } else if (kind == OPTION_WSCALE && len == 1) {
        uint8_t shift = rd_u8(&body);
        s->opts |= TCP_OPT_HAS_WSCALE;
        s->wscale_in = shift;
        s->wscale = shift > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : shift; /* RFC 7323 2.3 */
    } else if (kind == OPTION_SACK_OK && len == 0) {
        s->opts |= TCP_OPT_HAS_SACK_OK;
    } else if (kind == OPTION_SACK) {
        parse_sack(body, s);
    } else if (kind == OPTION_TS && len == 8) {
        s->opts |= TCP_OPT_HAS_TS;
        s->tsval = rd_be32(&body);
        s->tsecr = rd_be32(&body);
    } else if (kind == OPTION_FAST_OPEN) {
        parse_fast_open(body, s);
    } else if (kind == OPTION_ACCECN0 || kind == OPTION_ACCECN1) {
        parse_accecn(kind == OPTION_ACCECN1, body, s);
    }
}

/* MUST-6, MUST-7, MUST-68: every kind but 0 and 1 has a length that counts itself and its kind. False: a
 * length cannot be. Behind the end of the list nothing counts. */
static bool read_option(struct rd *r, struct tcp_segment *s)
{
    uint8_t kind = rd_u8(r);
    if (kind == OPTION_END) {
        rd_skip(r, rd_left(r));
        return true;
    }
    if (kind == OPTION_NOP) {
        return true;
    }
    uint8_t len = rd_u8(r);
    if (r->failed || len < 2) {
        return false;
    }
    struct rd body = rd_sub(r, len - 2U);
    if (r->failed) {
        return false;
    }
    parse_option(kind, body, s);
    return true;
}

static bool parse_options(struct rd r, struct tcp_segment *s)
{
    while (rd_left(&r) > 0) {
        if (!read_option(&r, s)) {
            return false;
        }
    }
    return true;
}

static bool checksum_good(const struct ip_packet *p)
{
    if (p->buf->offload.csum == CSUM_VERIFIED || p->buf->offload.csum == CSUM_PARTIAL) {
        return true;
    }
    uint64_t sum = ip_pseudo_sum(p->src, p->dst, IP_TCP, p->buf->len);
    return csum_finish(csum_add(sum, buf_data(p->buf), p->buf->len)) == 0;
}

bool segment_parse(struct ip_packet *p, struct tcp_segment *s, enum drop_reason *why)
{
    *s = (struct tcp_segment){.src.addr = p->src,
                              .dst.addr = p->dst,
                              .at = p->now,
                              .back = p->back,
                              .ecn = p->tos & IP_ECN_MASK};
    struct rd r = rd_slice(buf_slice(p->buf));
    s->src.port = rd_be16(&r);
    s->dst.port = rd_be16(&r);
    s->seq = seq_of(rd_be32(&r));
    s->ack = seq_of(rd_be32(&r));
    uint8_t offset = rd_u8(&r);
    uint32_t header = (uint32_t)(offset >> 4U) * 4U;
    s->ae = (offset & 1U) != 0; /* of the other three bits nothing is known: they do not count */
    s->flags = rd_u8(&r);
    s->wnd = rd_be16(&r);
    rd_skip(&r, 2); /* checksum */
    s->urgent = rd_be16(&r);
    if (r.failed) {
        *why = DROP_TCP_TRUNCATED;
        return false;
    }
    if (header < TCP_HEADER_MIN || header > p->buf->len) {
        *why = DROP_TCP_BAD_OFFSET;
        return false;
    }
    if (!checksum_good(p)) {
        *why = DROP_TCP_BAD_CHECKSUM;
        return false;
    }
    if (!parse_options(rd_sub(&r, header - TCP_HEADER_MIN), s)) {
        *why = DROP_TCP_BAD_OPTION;
        return false;
    }
    buf_trim_front(p->buf, header);
    s->len = p->buf->len;
    s->payload = p->buf;
    return true;
}

static void write_timestamps(struct wr *w, const struct tcp_segment *s)
{
    wr_u8(w, OPTION_TS);
    wr_u8(w, 10);
    wr_be32(w, s->tsval);
    wr_be32(w, s->tsecr);
}

static void write_syn_options(struct wr *w, const struct tcp_segment *s)
{
    if ((s->opts & TCP_OPT_HAS_MSS) != 0) {
        wr_u8(w, OPTION_MSS);
        wr_u8(w, 4);
        wr_be16(w, s->mss);
    }
    if ((s->opts & TCP_OPT_HAS_SACK_OK) != 0) {
        wr_u8(w, OPTION_SACK_OK);
        wr_u8(w, 2);
    }
    if ((s->opts & TCP_OPT_HAS_TS) != 0) {
        write_timestamps(w, s);
    }
    if ((s->opts & TCP_OPT_HAS_WSCALE) != 0) {
        wr_u8(w, OPTION_NOP);
        wr_u8(w, OPTION_WSCALE);
        wr_u8(w, 3);
        wr_u8(w, s->wscale);
    }
    if ((s->opts & TCP_OPT_HAS_FAST_OPEN) != 0) { /* of an even length: nothing to align */
        wr_u8(w, OPTION_FAST_OPEN);
        wr_u8(w, (uint8_t)(2U + s->fast_open.len));
        wr_bytes(w, s->fast_open.bytes, s->fast_open.len);
    }
}

/* RFC 9768 3.2.3. Behind all others: its length is no multiple of four. */
static void write_accecn(struct wr *w, const struct tcp_segment *s)
{
    if ((s->opts & TCP_OPT_HAS_ACCECN) == 0) {
        return;
    }
    wr_u8(w, s->accecn_order1 ? OPTION_ACCECN1 : OPTION_ACCECN0);
    wr_u8(w, (uint8_t)(2U + 3U * s->accecn_fields));
    for (unsigned i = 0; i < s->accecn_fields; i++) {
        uint32_t v = s->accecn[s->accecn_order1 ? COUNT_OF(s->accecn) - 1 - i : i];
        wr_u8(w, (uint8_t)(v >> 16U));
        wr_be16(w, (uint16_t)v);
    }
}

/* RFC 7323 appendix A: two NOPs align the numbers to 32 bits. */
static void write_other_options(struct wr *w, const struct tcp_segment *s)
{
    if ((s->opts & TCP_OPT_HAS_TS) != 0) {
        wr_u8(w, OPTION_NOP);
        wr_u8(w, OPTION_NOP);
        write_timestamps(w, s);
    }
    if (s->sack_count > 0) {
        wr_u8(w, OPTION_NOP);
        wr_u8(w, OPTION_NOP);
        wr_u8(w, OPTION_SACK);
        wr_u8(w, (uint8_t)(2U + 8U * s->sack_count));
        for (unsigned i = 0; i < s->sack_count; i++) {
            wr_be32(w, s->sack[i].start.v);
            wr_be32(w, s->sack[i].end.v);
        }
    }
}

static struct wr write_options(const struct tcp_segment *s, uint8_t *out)
{
    struct wr w = wr_of(out, TCP_OPTIONS_MAX);
    if ((s->flags & TCP_SYN) != 0) {
        write_syn_options(&w, s);
    } else {
        write_other_options(&w, s);
    }
    write_accecn(&w, s);
    while (wr_len(&w) % 4 != 0) {
        wr_u8(&w, OPTION_END); /* MUST-69: zeros behind the end */
    }
    return w;
}

uint32_t segment_options_len(const struct tcp_segment *s)
{
    if ((s->flags & TCP_SYN) == 0 && (s->opts & TCP_OPT_HAS_ACCECN) == 0) { /* most of them */
        uint32_t blocks = s->sack_count > 0 ? 4U + 8U * s->sack_count : 0U;
        return ((s->opts & TCP_OPT_HAS_TS) != 0 ? 12U : 0U) + blocks;
    }
    uint8_t scratch[TCP_OPTIONS_MAX];
    struct wr w = write_options(s, scratch);
    return (uint32_t)wr_len(&w);
}

void segment_write(const struct tcp_segment *s, struct packet *p)
{
    uint8_t options[TCP_OPTIONS_MAX];
    struct wr o = write_options(s, options);
    size_t header_len = TCP_HEADER_MIN + wr_len(&o);
    size_t segment_len = header_len + p->payload_len;
    uint8_t *header = packet_push(p, header_len);
    struct wr w = wr_of(header, header_len);
    wr_be16(&w, s->src.port);
    wr_be16(&w, s->dst.port);
    wr_be32(&w, s->seq.v);
    wr_be32(&w, s->ack.v);
    wr_u8(&w, (uint8_t)((header_len / 4U) << 4U | (s->ae ? 1U : 0U)));
    wr_u8(&w, s->flags);
    wr_be16(&w, s->wnd);
    wr_be16(&w, 0); /* the checksum's place */
    wr_be16(&w, s->urgent);
    wr_bytes(&w, options, wr_len(&o));

    uint64_t sum = ip_pseudo_sum(s->src.addr, s->dst.addr, IP_TCP, segment_len);
    struct wr check = wr_of(header + CHECKSUM_AT, 2);
    if (p->offload.csum ==
        CSUM_PARTIAL) { /* the device begins where we end, and so without the complement */
        p->offload.csum_start = 0;
        p->offload.csum_offset = CHECKSUM_AT;
        wr_be16(&check, (uint16_t)~csum_finish(sum));
        return;
    }
    sum = csum_add(sum, header, header_len);
    sum = csum_add_slices(sum, p->payload, p->slices);
    wr_be16(&check, csum_finish(sum));
}

void segment_trace_in(struct recorder *r, uint32_t conn, const struct tcp_segment *s, uint32_t wnd)
{
    TRACE(r, conn, tcp_in, .seq = s->seq.v, .ack = s->ack.v, .wnd = wnd, .len = s->len,
          .flags = (uint16_t)(s->flags | (s->ae ? TCP_AE : 0)), .opts = s->opts, .mss = s->mss,
          .urgent = s->urgent, .wscale = s->wscale, .ecn = s->ecn, .tsval = s->tsval,
          .tsecr = s->tsecr);
}

void segment_trace_stray(struct recorder *r, uint32_t conn, const struct tcp_segment *s)
{
    TRACE(r, conn, tcp_stray, .from = s->src.addr, .seq = s->seq.v, .ack = s->ack.v, .len = s->len,
          .from_port = s->src.port, .to_port = s->dst.port,
          .flags = (uint16_t)(s->flags | (s->ae ? TCP_AE : 0)));
}

void segment_trace_out(struct recorder *r, uint32_t conn, const struct tcp_segment *s, uint32_t wnd,
                       bool retransmission)
{
    TRACE(r, conn, tcp_out, .seq = s->seq.v, .ack = s->ack.v, .wnd = wnd, .len = s->len,
          .flags = (uint16_t)(s->flags | (s->ae ? TCP_AE : 0)), .opts = s->opts, .mss = s->mss,
          .urgent = s->urgent, .wscale = s->wscale, .ecn = s->ecn, .tsval = s->tsval,
          .tsecr = s->tsecr, .retransmission = retransmission);
}
