/* IPv4: RFC 791 3.1 (header and options), RFC 1122 3.2.1 (what a host checks and discards),
 * RFC 6864 (identification of packets that are never divided), RFC 7126 (source routes).
 *
 * The checks stand in ip4_check in their order; the first that fails names the drop.
 */
#include "stack/ip/ip4.h"

#include "stack/base/checksum.h"
#include "stack/ip/route.h"

#define IP4_DONT_FRAGMENT 0x4000U
#define IP4_MORE_FRAGMENTS 0x2000U
#define IP4_OFFSET_MASK 0x1fffU /* in units of 8 bytes */

enum ip4_option {
    IP4_OPTION_END = 0,
    IP4_OPTION_NOP = 1,
    IP4_OPTION_LSRR = 131, /* loose source and record route */
    IP4_OPTION_SSRR = 137, /* strict source and record route */
};

#define VERDICT_GOOD DROP_REASONS /* no reason to drop */

bool ip4_parse(struct rd *r, struct ip4_header *out)
{
    uint8_t version_ihl = rd_u8(r);
    out->version = version_ihl >> 4;
    out->header_len = (uint8_t)((version_ihl & 0x0fU) * 4);
    out->tos = rd_u8(r);
    out->total_len = rd_be16(r);
    out->id = rd_be16(r);
    uint16_t fragment = rd_be16(r);
    out->more_fragments = (fragment & IP4_MORE_FRAGMENTS) != 0;
    out->fragment_offset = (uint16_t)((fragment & IP4_OFFSET_MASK) * 8U);
    out->ttl = rd_u8(r);
    out->protocol = rd_u8(r);
    rd_skip(r, 2); /* the checksum is verified over the whole header */
    out->src = ip4_addr(rd_be32(r));
    out->dst = ip4_addr(rd_be32(r));
    return !r->failed;
}

/* ---- in ---- */

/* RFC 791 3.1, RFC 1122 3.2.1.1 and 3.2.1.2: lengths and checksum. */
static enum drop_reason ip4_check_header(struct slice packet, const struct ip4_header *h)
{
    if (h->header_len < IP4_HEADER || h->header_len > packet.len) {
        return DROP_IP_BAD_HEADER_LENGTH;
    }
    if (h->total_len < h->header_len || h->total_len > packet.len) {
        return DROP_IP_BAD_TOTAL_LENGTH;
    }
    if (csum_finish(csum_add(0, packet.data, h->header_len)) != 0) {
        return DROP_IP_BAD_CHECKSUM;
    }
    return VERDICT_GOOD;
}

/* RFC 1122 3.2.1.8: options are passed over, but their lengths must be right. A source route is
 * refused even where it ends here (RFC 7126 4.3, 4.4). */
static enum drop_reason ip4_check_options(struct rd options)
{
    while (rd_left(&options) > 0) {
        uint8_t kind = rd_u8(&options);
        if (kind == IP4_OPTION_END) {
            return VERDICT_GOOD;
        }
        if (kind == IP4_OPTION_NOP) {
            continue;
        }
        uint8_t len = rd_u8(&options); /* counts the two bytes read so far */
        if (len < 2) {
            return DROP_IP_BAD_OPTION;
        }
        rd_skip(&options, len - 2U);
        if (options.failed) {
            return DROP_IP_BAD_OPTION;
        }
        if (kind == IP4_OPTION_LSRR || kind == IP4_OPTION_SSRR) {
            return DROP_IP_SOURCE_ROUTED;
        }
    }
    return VERDICT_GOOD;
}

/* RFC 1122 3.2.1.3: a source must be one host, and not ourselves. Class E is nobody's. */
static bool ip4_source_good(const struct ip *ip, struct ip_addr src)
{
    uint32_t v = ip4_value(src);
    bool this_network = v >> 24 == 0;
    bool class_e = v >> 28 == 15;
    return !this_network && !class_e && !ip_is_multicast(src) && !ip_is_loopback(src) &&
           !ip_is_broadcast(ip, src) && !ip_is_ours(ip, src);
}

static enum drop_reason ip4_check_addresses(const struct ip *ip, const struct ip4_header *h,
                                            bool link_group, bool *broadcast)
{
    if (!ip4_source_good(ip, h->src)) {
        return DROP_IP_BAD_SOURCE;
    }
    *broadcast = ip_is_broadcast(ip, h->dst);
    if (!*broadcast && !ip_is_ours(ip, h->dst)) {
        return DROP_IP_NOT_FOR_US;
    }
    if (link_group && !*broadcast) {
        return DROP_IP_LINK_BROADCAST;
    }
    return VERDICT_GOOD;
}

static enum drop_reason ip4_check(const struct ip *ip, struct slice packet, bool link_group,
                                  struct ip4_header *h, bool *broadcast)
{
    struct rd r = rd_slice(packet);
    if (!ip4_parse(&r, h)) {
        return DROP_IP_TRUNCATED;
    }
    if (h->version != 4) {
        return DROP_IP_BAD_VERSION;
    }
    enum drop_reason why = ip4_check_header(packet, h);
    if (why != VERDICT_GOOD) {
        return why;
    }
    why = ip4_check_options(rd_sub(&r, h->header_len - IP4_HEADER));
    if (why != VERDICT_GOOD) {
        return why;
    }
    if (h->ttl == 0) {
        return DROP_IP_TTL_ZERO;
    }
    why = ip4_check_addresses(ip, h, link_group, broadcast);
    if (why != VERDICT_GOOD) {
        return why;
    }
    return VERDICT_GOOD;
}

void ip4_input(struct ip *ip, struct iface *in, struct buf *buf, bool link_group, nsec now)
{
    struct ip4_header h;
    bool broadcast = false;
    enum drop_reason why = ip4_check(ip, buf_slice(buf), link_group, &h, &broadcast);
    if (why != VERDICT_GOOD) {
        trace_drop(ip->recorder, why, 0, buf->len);
        buf_free(buf);
        return;
    }
    buf_trim_back(buf, buf->len - h.total_len); /* the padding of a short frame (RFC 894) */
    struct slice header = {buf_data(buf), h.header_len};
    buf_trim_front(buf, h.header_len);
    struct ip_packet p = {
        .buf = buf,
        .header = header,
        .src = h.src,
        .dst = h.dst,
        .protocol = h.protocol,
        .ttl = h.ttl,
        .tos = h.tos,
        .broadcast = broadcast,
        .in = in,
        .now = now,
    };
    bool fragment = h.more_fragments || h.fragment_offset != 0;
    if (!fragment || fragments_add(&ip->fragments, &p, &h)) {
        ip_deliver(ip, &p);
    }
    buf_free(p.buf);
}

/* ---- out ---- */

static void ip4_push(struct ip *ip, struct packet *p, const struct ip_how *how)
{
    uint16_t total_len = (uint16_t)(packet_len(p) + IP4_HEADER);
    uint8_t *header = packet_push(p, IP4_HEADER);
    struct wr w = wr_of(header, IP4_HEADER);
    wr_u8(&w, 4U << 4 | IP4_HEADER / 4);
    wr_u8(&w, how->tos);
    wr_be16(&w, total_len);
    wr_be16(&w, ip->next_id++);
    wr_be16(&w, IP4_DONT_FRAGMENT);
    wr_u8(&w, how->ttl);
    wr_u8(&w, how->protocol);
    struct wr checksum = w;
    wr_be16(&w, 0);
    wr_be32(&w, ip4_value(how->src));
    wr_be32(&w, ip4_value(how->dst));
    wr_be16(&checksum, csum_finish(csum_add(0, header, IP4_HEADER)));
}

enum ip_result ip4_output(struct ip *ip, struct packet *p, const struct ip_how *how, nsec now)
{
    size_t total_len = packet_len(p) + IP4_HEADER;
    const struct ip_route *route = ip_route_for(ip, how->dst);
    if (route == NULL || ip_is_loopback(how->dst) || ip_is_ours(ip, how->dst)) {
        trace_drop(ip->recorder, DROP_IP_NO_ROUTE, 0, total_len);
        return IP_REFUSED;
    }
    bool divided_by_device = p->offload.gso_size != 0;
    if (total_len > UINT16_MAX || (total_len > route->out->dev->mtu && !divided_by_device)) {
        trace_drop(ip->recorder, DROP_IP_TOO_BIG, 0, total_len);
        return IP_REFUSED;
    }
    ip4_push(ip, p, how);
    struct ip_addr next_hop = ip_is_any(route->gateway) ? how->dst : route->gateway;
    return iface_output(route->out, p, next_hop, now) == IFACE_REFUSED ? IP_REFUSED : IP_SENT;
}
