/* RFC 791 3.1, RFC 9293 3.1, RFC 3168 6.1.2: one segment into many. */
#include "tests/sim/device.h"

#include "stack/base/cursor.h"
#include "stack/link/offload.h"
#include "tests/sim/observer_sight.h"

enum {
    IP_TOTAL = 2,
    IP_ID = 4,
    IP_SUM = 10,
    TCP_SEQ = 4,
    TCP_OFFSET = 12,
    TCP_BITS = 13,
    TCP_SUM = 16
};
enum { CWR = 0x80 };

static uint16_t get16(const uint8_t *at)
{
    struct rd r = rd_of(at, 2);
    return rd_be16(&r);
}

static void put16(uint8_t *at, uint32_t v)
{
    struct wr w = wr_of(at, 2);
    wr_be16(&w, (uint16_t)v);
}

/* Where things are in a frame. */
struct layout {
    uint32_t ip, tcp, payload; /* bytes from its start */
    uint32_t len;              /* bytes of payload */
};

/* false: no IPv4 packet with a whole TCP header. */
static bool lay_out(const struct buf *frame, struct layout *l)
{
    const uint8_t *at = buf_data(frame);
    *l = (struct layout){.ip = ETHER_HEADER};
    if (frame->len < ETHER_HEADER + 40 || get16(at + 12) != ETHER_IP4 ||
        at[l->ip + 9] != PROTOCOL_TCP) {
        return false;
    }
    l->tcp = l->ip + (at[l->ip] & 15U) * 4U;
    if (l->tcp + 20 > frame->len) {
        return false;
    }
    l->payload = l->tcp + (uint32_t)(at[l->tcp + TCP_OFFSET] >> 4U) * 4U;
    l->len = frame->len - l->payload;
    return l->payload <= frame->len && get16(at + l->ip + IP_TOTAL) == frame->len - l->ip;
}

/* What stands in the field is the sum over the pseudo-header, and what the sum is of begins with the header. */
static void finish_checksum(struct buf *b, uint32_t start, uint32_t offset)
{
    uint8_t *at = buf_data(b);
    put16(at + start + offset, ~sight_sum(0, at + start, b->len - start));
    b->offload = (struct offload){0};
}

/* The segment whose payload lies `from` bytes into that of `frame`. */
static struct buf *segment(const struct buf *frame, const struct layout *l, uint32_t from,
                           struct slab_pools *pools)
{
    uint32_t len = u32_min(frame->offload.gso_size, l->len - from);
    struct buf *b = buf_new(pools, 0, l->payload + len);
    if (b == NULL) {
        return NULL;
    }
    uint8_t *at = buf_data(b);
    struct wr w = wr_of(at, l->payload + len);
    wr_bytes(&w, buf_data(frame), l->payload);
    wr_bytes(&w, buf_data(frame) + l->payload + from, len);
    b->len = l->payload + len;

    uint8_t *ip = at + l->ip;
    put16(ip + IP_TOTAL, b->len - l->ip);
    put16(ip + IP_ID, get16(ip + IP_ID) + from / frame->offload.gso_size);
    put16(ip + IP_SUM, 0);
    put16(ip + IP_SUM, ~sight_sum(0, ip, l->tcp - l->ip));

    uint8_t *tcp = at + l->tcp;
    struct rd seq = rd_of(tcp + TCP_SEQ, 4);
    struct wr moved = wr_of(tcp + TCP_SEQ, 4);
    wr_be32(&moved, rd_be32(&seq) + from);
    bool last = from + len == l->len;
    tcp[TCP_BITS] &= (uint8_t) ~((from > 0 ? CWR : 0) | (last ? 0 : PSH | FIN));
    /* The pseudo-header has the length of this one: ~m + m' (RFC 1624). */
    uint32_t sum = get16(tcp + TCP_SUM) + (UINT16_MAX - (l->payload - l->tcp + l->len)) +
                   (l->payload - l->tcp + len);
    put16(tcp + TCP_SUM, (sum & UINT16_MAX) + (sum >> 16U));
    finish_checksum(b, l->tcp, TCP_SUM);
    return b;
}

static const char *cut(const struct buf *frame, struct slab_pools *pools, struct list *out)
{
    const struct offload *o = &frame->offload;
    struct layout l;
    if (!lay_out(frame, &l)) {
        return "a super-segment is no IPv4 packet with TCP";
    }
    if (o->gso_type != GSO_TCP4 || o->gso_size == 0 || l.len <= o->gso_size) {
        return "a super-segment is to be cut, and no segment says how large";
    }
    if (o->csum != CSUM_PARTIAL || o->csum_start != l.tcp || o->csum_offset != TCP_SUM) {
        return "a super-segment's checksum is left to the device";
    }
    if ((buf_data(frame)[l.tcp + TCP_BITS] & (SYN | RST | URG)) != 0) {
        return "SYN, RST and URG are in no super-segment: each part would have them";
    }
    for (uint32_t from = 0; from < l.len; from += o->gso_size) {
        struct buf *b = segment(frame, &l, from, pools);
        if (b == NULL) {
            return "the device has no buffer";
        }
        list_push_back(out, &b->link);
    }
    return NULL;
}

const char *sim_device_cut(struct buf *frame, struct slab_pools *pools, struct list *out)
{
    const struct offload *o = &frame->offload;
    if (o->gso_type != GSO_NONE) {
        const char *fault = cut(frame, pools, out);
        buf_free(frame);
        return fault;
    }
    if (o->csum == CSUM_PARTIAL) {
        if ((uint32_t)o->csum_start + o->csum_offset + 2 > frame->len) {
            buf_free(frame);
            return "the checksum lies outside the frame";
        }
        finish_checksum(frame, o->csum_start, o->csum_offset);
    }
    list_push_back(out, &frame->link);
    return NULL;
}

unsigned sim_device_join(struct list *frames, struct slab_pools *pools, struct list *out)
{
    unsigned count = 0;
    while (!list_empty(frames)) {
        struct list held;
        list_init(&held);
        struct packet joined;
        offload_join(frames, &joined, &held);
        bool alone = held.next == held.prev;
        struct buf *b = alone ? NULL : packet_to_buf(&joined, pools);
        if (b == NULL) {
            list_append_all(&held, out);
        } else {
            buf_free_queue(&held);
            list_push_back(out, &b->link);
            count++;
        }
    }
    return count;
}
