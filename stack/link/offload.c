/* Super-segments: split into frames, and made of them. */
#include "stack/link/offload.h"

#include <string.h>

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"
#include "stack/link/frame_facts.h"
#include "stack/trace/names.h"

#define PROTOCOL_TCP 6U
#define IP4_PLAIN 20U /* bytes of an IP header without options */
/* bytes from the start of the IP header */
#define IP4_TOTAL 2U
#define IP4_ID 4U
#define IP4_CHECKSUM 10U
#define IP4_ADDRESSES 12U
/* and of the TCP header */
#define TCP_SEQ 4U
#define TCP_ACK_FIELD 8U
#define TCP_FLAGS 13U
#define TCP_WINDOW 14U
#define TCP_CHECKSUM 16U
#define TCP_REST 18U /* urgent pointer and options */

static uint16_t get16(const uint8_t *at)
{
    struct rd r = rd_of(at, 2);
    return rd_be16(&r);
}

static void put16(uint8_t *at, uint16_t v)
{
    struct wr w = wr_of(at, 2);
    wr_be16(&w, v);
}

static void put32(uint8_t *at, uint32_t v)
{
    struct wr w = wr_of(at, 4);
    wr_be32(&w, v);
}

/* The sum over the pseudo-header (RFC 9293 3.1) of a segment of `len` bytes. */
static uint64_t pseudo_sum(const uint8_t *ip, uint32_t len)
{
    uint64_t sum = csum_add(0, ip + IP4_ADDRESSES, 8);
    sum = csum_add_be32(sum, PROTOCOL_TCP);
    return csum_add_be32(sum, len);
}

/* Brings the headers at `frame` along with a payload of `len` bytes: lengths, the IP checksum, and of the
 * TCP checksum the pseudo-header's part, which whoever finishes it starts from. */
static struct offload set_length(uint8_t *frame, const struct frame_facts *f, uint32_t len)
{
    uint8_t *ip = frame + f->ip;
    uint8_t *tcp = frame + f->tcp;
    uint32_t headers = f->payload - f->ip;
    put16(ip + IP4_TOTAL, (uint16_t)(headers + len));
    put16(ip + IP4_CHECKSUM, 0);
    put16(ip + IP4_CHECKSUM, csum_finish(csum_add(0, ip, f->ip_header)));
    uint64_t sum = pseudo_sum(ip, headers - f->ip_header + len);
    put16(tcp + TCP_CHECKSUM, (uint16_t)~csum_finish(sum));
    return (struct offload){
        .csum = CSUM_PARTIAL, .csum_start = (uint16_t)f->tcp, .csum_offset = TCP_CHECKSUM};
}

/* ---- one into many ---- */

/* The frame of the segment whose payload lies `at` bytes into that of `frame`. NULL: no buffer. */
static struct buf *segment_of(const struct buf *frame, const struct frame_facts *f, uint32_t at,
                              struct slab_pools *pools)
{
    uint32_t size = frame->offload.gso_size;
    uint32_t len = u32_min(size, f->len - at);
    struct buf *b = buf_new(pools, 0, f->payload + len);
    if (b == NULL) {
        return NULL;
    }
    uint8_t *out = buf_data(b);
    memcpy(out, buf_data(frame), f->payload);
    memcpy(out + f->payload, buf_data(frame) + f->payload + at, len);
    b->len = f->payload + len;
    put16(out + f->ip + IP4_ID, (uint16_t)(get16(out + f->ip + IP4_ID) + at / size));
    put32(out + f->tcp + TCP_SEQ, f->seq + at);
    /* The congestion window was reduced once (RFC 3168 6.1.2); the stream ends, and is pushed, at its
     * end. */
    uint8_t flags = f->flags;
    if (at > 0) {
        flags &= (uint8_t)~TCP_CWR;
    }
    if (at + len < f->len) {
        flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    }
    out[f->tcp + TCP_FLAGS] = flags;
    b->offload = set_length(out, f, len);
    return b;
}

bool offload_split(struct buf *frame, struct slab_pools *pools, struct list *out)
{
    if (frame->offload.gso_type == GSO_NONE) {
        list_push_back(out, &frame->link);
        return true;
    }
    struct frame_facts f;
    frame_look(buf_slice(frame), &f);
    bool whole = f.is_tcp && frame->offload.gso_type == GSO_TCP4 && frame->offload.gso_size > 0;
    struct list parts;
    list_init(&parts);
    for (uint32_t at = 0; whole && (at < f.len || at == 0); at += frame->offload.gso_size) {
        struct buf *b = segment_of(frame, &f, at, pools);
        whole = b != NULL;
        if (whole) {
            list_push_back(&parts, &b->link);
        }
    }
    buf_free(frame);
    if (!whole) {
        buf_free_queue(&parts);
        return false;
    }
    list_append_all(&parts, out);
    return true;
}

/* ---- many into one ---- */

/* Joined, nobody would see again that a checksum was wrong. */
static bool checksum_holds(const struct buf *b, const struct frame_facts *f)
{
    const uint8_t *ip = buf_data(b) + f->ip;
    if (csum_finish(csum_add(0, ip, f->ip_header)) != 0) {
        return false;
    }
    switch (b->offload.csum) {
    case CSUM_PARTIAL:
        return b->offload.csum_start == f->tcp && b->offload.csum_offset == TCP_CHECKSUM;
    case CSUM_VERIFIED:
        return true;
    default:
        break;
    }
    uint32_t len = f->ip_len - f->ip_header;
    return csum_finish(csum_add(pseudo_sum(ip, len), buf_data(b) + f->tcp, len)) == 0;
}

/* A data segment that may be one of several. */
static bool may_join(const struct buf *b, struct frame_facts *f)
{
    frame_look(buf_slice(b), f);
    return f->is_tcp && f->ip_header == IP4_PLAIN && f->len > 0 &&
           b->offload.gso_type == GSO_NONE && (f->flags & ~TCP_PSH) == TCP_ACK &&
           f->payload <= PACKET_HEADER_MAX && checksum_holds(b, f);
}

static bool same(const uint8_t *a, const uint8_t *b, uint32_t from, uint32_t to)
{
    return memcmp(a + from, b + from, to - from) == 0;
}

/* Whether `b` differs from the first, whose headers these are, only in what is of each segment: length
 * and identification, sequence number, PSH, checksums. */
static bool alike(const uint8_t *first, const struct frame_facts *f, const struct buf *b,
                  const struct frame_facts *g)
{
    const uint8_t *at = buf_data(b);
    return g->payload == f->payload && same(first, at, 0, f->ip + IP4_TOTAL) &&
           same(first, at, f->ip + IP4_ID + 2, f->ip + IP4_CHECKSUM) &&
           same(first, at, f->ip + IP4_ADDRESSES, f->tcp + TCP_SEQ) &&
           same(first, at, f->tcp + TCP_ACK_FIELD, f->tcp + TCP_FLAGS) &&
           same(first, at, f->tcp + TCP_WINDOW, f->tcp + TCP_CHECKSUM) &&
           same(first, at, f->tcp + TCP_REST, f->payload);
}

static void hold(struct list *frames, struct list *held)
{
    list_push_back(held, list_pop_front(frames));
}

void offload_join(struct list *frames, struct packet *out, struct list *held)
{
    struct buf *first = buf_of_link(frames->next);
    struct frame_facts f, g;
    packet_init(out);
    if (!may_join(first, &f)) {
        packet_add(out, buf_slice(first));
        out->offload = first->offload;
        hold(frames, held);
        return;
    }
    uint8_t *headers = packet_push(out, f.payload);
    memcpy(headers, buf_data(first), f.payload);
    packet_add(out, (struct slice){buf_data(first) + f.payload, f.len});
    hold(frames, held);
    uint32_t len = f.len, last = f.len;
    uint8_t flags = f.flags;
    while (!list_empty(frames) && last == f.len && (flags & TCP_PSH) == 0) {
        struct buf *b = buf_of_link(frames->next);
        if (!may_join(b, &g) || !alike(headers, &f, b, &g) || g.seq != f.seq + len ||
            g.len > f.len || f.payload - f.ip + len + g.len > UINT16_MAX ||
            !packet_add(out, (struct slice){buf_data(b) + g.payload, g.len})) {
            break;
        }
        len += g.len;
        last = g.len;
        flags |= g.flags;
        hold(frames, held);
    }
    if (len == f.len) { /* alone after all: as it came */
        packet_init(out);
        packet_add(out, buf_slice(first));
        out->offload = first->offload;
        return;
    }
    headers[f.tcp + TCP_FLAGS] = flags;
    out->offload = set_length(headers, &f, len);
    out->offload.gso_type = GSO_TCP4;
    out->offload.gso_size = (uint16_t)f.len;
}
