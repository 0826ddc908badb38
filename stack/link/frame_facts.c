/* Looking into frames on their way: IPv4 (RFC 791 3.1), TCP (RFC 9293 3.1), ECN (RFC 3168 5). */
#include "stack/link/frame_facts.h"

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"
#include "stack/link/ethernet.h"
#include "stack/trace/names.h"

#define PROTOCOL_ICMP 1U
#define PROTOCOL_TCP 6U
#define IP_FRAGMENT 0x3fffU /* more fragments, or an offset */
#define IP4_HEADER_MIN 20U  /* bytes */
#define TCP_HEADER_LEAST 20U
#define IP4_CHECKSUM 10U /* bytes from the header's start */
#define TCP_CHECKSUM 16U

#define ECN_MASK 3U /* the lower two bits of the traffic class octet (RFC 3168 5) */
#define ECN_NOT_ECT 0U
#define ECN_CE 3U

/* The TCP header, at the cursor; `left` bytes of the packet are behind the IP header. */
static void look_at_tcp(struct rd r, uint32_t left, struct frame_facts *out)
{
    out->tcp = out->ip + out->ip_header;
    out->src_port = rd_be16(&r);
    out->dst_port = rd_be16(&r);
    out->seq = rd_be32(&r);
    out->ack = rd_be32(&r);
    uint32_t header = (uint32_t)(rd_u8(&r) >> 4) * 4;
    out->flags = rd_u8(&r);
    if (r.failed || header < TCP_HEADER_LEAST || header > left) {
        return;
    }
    out->payload = out->tcp + header;
    out->len = left - header;
    out->is_tcp = true;
}

void frame_look(struct slice frame, struct frame_facts *out)
{
    *out = (struct frame_facts){0};
    struct rd r = rd_slice(frame);
    rd_skip(&r, 12);
    if (rd_be16(&r) != ETHERTYPE_IPV4) {
        return;
    }
    uint8_t version = rd_u8(&r);
    rd_skip(&r, 1);
    uint16_t total = rd_be16(&r);
    rd_skip(&r, 2);
    uint16_t fragment = rd_be16(&r);
    rd_skip(&r, 1);
    uint8_t protocol = rd_u8(&r);
    rd_skip(&r, 10);
    uint32_t header = (version & 0x0fU) * 4U;
    if (r.failed || version >> 4 != 4 || header < IP4_HEADER_MIN || total < header ||
        total > frame.len - ETHERNET_HEADER) {
        return;
    }
    out->is_ip = true;
    out->ip = ETHERNET_HEADER;
    out->ip_header = header;
    out->ip_len = total;
    rd_skip(&r, header - IP4_HEADER_MIN);
    if (protocol == PROTOCOL_TCP && (fragment & 0x3fffU) == 0) {
        look_at_tcp(rd_sub(&r, total - header), total - header, out);
    }
}

/* RFC 792: what quotes a packet. */
static bool is_icmp_error(uint8_t type)
{
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

bool frame_concerns_all(struct slice frame)
{
    struct rd r = rd_slice(frame);
    rd_skip(&r, 12);
    uint16_t type = rd_be16(&r);
    if (type == ETHERTYPE_ARP) {
        return true;
    }
    uint32_t header = (rd_u8(&r) & 0x0fU) * 4U;
    rd_skip(&r, 5);
    uint16_t fragment = rd_be16(&r);
    rd_skip(&r, 1);
    uint8_t protocol = rd_u8(&r);
    rd_skip(&r, header > 10 ? header - 10 : 0);
    uint8_t icmp = rd_u8(&r);
    if (type != ETHERTYPE_IPV4 || r.failed) {
        return false;
    }
    return (fragment & IP_FRAGMENT) != 0 || (protocol == PROTOCOL_ICMP && is_icmp_error(icmp));
}

uint32_t frame_span(const struct frame_facts *f)
{
    return f->len + ((f->flags & TCP_SYN) != 0) + ((f->flags & TCP_FIN) != 0);
}

uint32_t frame_packet_len(const struct buf *frame)
{
    struct frame_facts f;
    frame_look(buf_slice(frame), &f);
    if (f.is_tcp && frame->offload.gso_type != GSO_NONE) {
        return f.payload - f.ip + u32_min(f.len, frame->offload.gso_size);
    }
    if (f.is_ip) {
        return f.ip_len;
    }
    return frame->len > ETHERNET_HEADER ? frame->len - ETHERNET_HEADER : 0;
}

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

bool frame_mark(struct buf *frame)
{
    struct frame_facts f;
    frame_look(buf_slice(frame), &f);
    if (!f.is_ip) {
        return false;
    }
    uint8_t *ip = buf_data(frame) + f.ip;
    uint8_t ecn = ip[1] & ECN_MASK;
    if (ecn == ECN_NOT_ECT || ecn == ECN_CE) {
        return false;
    }
    uint16_t before = get16(ip);
    ip[1] |= ECN_CE;
    /* HC' = ~(~HC + ~m + m') (RFC 1624 3, equation 3) */
    uint64_t sum = csum_add_be16(0, (uint16_t)~get16(ip + IP4_CHECKSUM));
    sum = csum_add_be16(sum, (uint16_t)~before);
    sum = csum_add_be16(sum, get16(ip));
    put16(ip + IP4_CHECKSUM, csum_finish(sum));
    return true;
}

bool frame_fix_checksums(struct buf *frame)
{
    struct frame_facts f;
    frame_look(buf_slice(frame), &f);
    if (!f.is_tcp || frame->offload.gso_type != GSO_NONE) {
        return false;
    }
    uint8_t *ip = buf_data(frame) + f.ip;
    put16(ip + IP4_CHECKSUM, 0);
    put16(ip + IP4_CHECKSUM, csum_finish(csum_add(0, ip, f.ip_header)));
    uint8_t *tcp = buf_data(frame) + f.tcp;
    uint32_t tcp_len = f.ip_len - f.ip_header;
    /* The pseudo-header: both addresses, the protocol, the length (RFC 9293 3.1). */
    uint64_t sum = csum_add(0, ip + 12, 8);
    sum = csum_add_be32(sum, PROTOCOL_TCP);
    sum = csum_add_be32(sum, tcp_len);
    put16(tcp + TCP_CHECKSUM, 0);
    put16(tcp + TCP_CHECKSUM, csum_finish(csum_add(sum, tcp, tcp_len)));
    frame->offload = (struct offload){.csum = CSUM_UNKNOWN};
    return true;
}

bool frame_finish_checksum(struct buf *frame)
{
    struct offload *o = &frame->offload;
    if (o->gso_type != GSO_NONE) {
        return false;
    }
    if (o->csum != CSUM_PARTIAL) {
        return true;
    }
    uint32_t field = (uint32_t)o->csum_start + o->csum_offset;
    if (field + 2 > frame->len) {
        return false;
    }
    /* Up to the packet's end, or Ethernet padding would be summed too. */
    struct frame_facts f;
    frame_look(buf_slice(frame), &f);
    uint32_t end = f.is_ip ? f.ip + f.ip_len : frame->len;
    if (field + 2 > end) {
        return false;
    }
    uint8_t *from = buf_data(frame) + o->csum_start;
    uint16_t sum = csum_finish(csum_add(0, from, end - o->csum_start));
    /* The other zero, since in UDP this one means that there is no checksum (RFC 768). */
    put16(buf_data(frame) + field, sum == 0 ? UINT16_MAX : sum);
    *o = (struct offload){.csum = CSUM_UNKNOWN};
    return true;
}
