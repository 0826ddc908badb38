/* IPv4: RFC 791 3.1 (header and options), RFC 1122 3.2.1 (what a host checks and discards),
 * RFC 6864 (identification of packets that are never divided), RFC 7126 (source routes).
 *
 * The checks stand in ip4_check in their order; the first that fails names the drop.
 */
#include "stack/ip/ip4.h"

#include "stack/base/checksum.h"
#include "stack/ip/icmp.h"
#include "stack/ip/route.h"

#define IP4_DONT_FRAGMENT 0x4000U
#define IP4_MORE_FRAGMENTS 0x2000U
#define IP4_OFFSET_MASK 0x1fffU /* in units of 8 bytes */

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

/* RFC 1122 3.2.1.8: options that we do not know are passed over, but their lengths must be right. A
 * source route that goes on is not ours to follow; one that ends here is taken only by a host that was
 * told to (RFC 7126 4.3, 4.4). */
static enum drop_reason ip4_check_options(const struct ip *ip, struct slice options,
                                          struct ip_options_seen *seen)
{
    if (!ip_options_read(options, seen)) {
        return DROP_IP_BAD_OPTION;
    }
    bool goes_on = seen->route.len != 0 && !ip_route_complete(seen->route);
    if (goes_on || (seen->route.len != 0 && !ip->config.source_routes)) {
        return DROP_IP_SOURCE_ROUTED;
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
    if (h->ttl == 0) {
        return DROP_IP_TTL_ZERO;
    }
    return ip4_check_addresses(ip, h, link_group, broadcast);
}

static struct slice ip4_options_of(struct slice header)
{
    struct rd r = rd_slice(header);
    rd_skip(&r, IP4_HEADER);
    return rd_take(&r, rd_left(&r));
}

/* RFC 1122 3.2.2.5 and 3.3.5: the sender learns what was wrong with its options. */
static void ip4_refuse_options(struct ip *ip, const struct ip_packet *p, enum drop_reason why,
                               const struct ip_options_seen *seen, bool first)
{
    trace_drop(ip->recorder, why, 0, p->buf->len);
    if (!first) {
        return; /* RFC 1122 3.2.2: no error about a fragment but the first */
    }
    if (why == DROP_IP_BAD_OPTION) {
        uint32_t pointer = IP4_HEADER + seen->fault;
        icmp_complain(ip, p, ICMP_PARAMETER_PROBLEM, 0, pointer << 24);
    } else if (!ip_route_complete(seen->route)) {
        ip_unreachable(ip, p, ICMP_CODE_SOURCE_ROUTE_FAILED);
    }
}

/* The packet is whole: what its options ask of the answer, and up. */
static void ip4_deliver(struct ip *ip, struct ip_packet *p)
{
    struct ip_options_seen seen;
    struct ip_options back;
    if (ip_options_read(ip4_options_of(p->header), &seen) && seen.route.len != 0 &&
        ip_route_reverse(seen.route, p->src, &back)) {
        p->back = &back;
    }
    ip_deliver(ip, p);
    p->back = NULL;
}

static void ip4_take(struct ip *ip, struct ip_packet *p, const struct ip4_header *h)
{
    struct ip_options_seen seen;
    enum drop_reason why = ip4_check_options(ip, ip4_options_of(p->header), &seen);
    if (why != VERDICT_GOOD) {
        ip4_refuse_options(ip, p, why, &seen, h->fragment_offset == 0);
        return;
    }
    bool fragment = h->more_fragments || h->fragment_offset != 0;
    if (!fragment || fragments_add(&ip->fragments, p, h)) {
        ip4_deliver(ip, p);
    }
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
    ip4_take(ip, &p, &h);
    buf_free(p.buf);
}

/* ---- out ---- */

static const struct ip_options no_options = {0};

/* `fragment` is the header's word of flags and offset. The destination on the wire is where a source
 * route begins, if there is one. */
static void ip4_push(struct packet *p, const struct ip_how *how, const struct ip_options *options,
                     uint16_t id, uint16_t fragment)
{
    size_t header_len = IP4_HEADER + options->len;
    size_t total_len = packet_len(p) + header_len;
    bool routed = !ip_is_any(options->first_hop);
    uint8_t *header = packet_push(p, header_len);
    struct wr w = wr_of(header, header_len);
    wr_u8(&w, (uint8_t)(4U << 4 | header_len / 4));
    wr_u8(&w, how->tos);
    wr_be16(&w, total_len <= UINT16_MAX ? (uint16_t)total_len : 0); /* NETDEV_BIG */
    wr_be16(&w, id);
    wr_be16(&w, fragment);
    wr_u8(&w, how->ttl != 0 ? how->ttl : IP_DEFAULT_TTL); /* RFC 1122 3.2.1.7: never zero */
    wr_u8(&w, how->protocol);
    struct wr checksum = w;
    wr_be16(&w, 0);
    wr_be32(&w, ip4_value(how->src));
    wr_be32(&w, ip4_value(routed ? options->first_hop : how->dst));
    wr_bytes(&w, options->bytes, options->len);
    wr_be16(&checksum, csum_finish(csum_add(0, header, header_len)));
}

/* RFC 791 3.2, "Fragmentation": the whole in pieces of a multiple of 8 bytes. Only for packets that
 * lie in one piece and have no transport header pushed, as ICMP's do. */
static enum ip_result ip4_output_divided(struct ip *ip, const struct packet *whole,
                                         const struct ip_how *how, const struct ip_options *options,
                                         const struct ip_way *way, nsec now)
{
    size_t room = (way->out->dev->mtu - IP4_HEADER - options->len) / 8 * 8;
    uint16_t id = ip->next_divided_id++;
    struct ip_options later;
    ip_options_copied(options, &later);
    struct rd r = rd_slice(whole->payload[0]);
    for (size_t at = 0; rd_left(&r) > 0; at += room) {
        struct packet p;
        packet_init(&p);
        packet_add(&p, rd_take(&r, size_min(room, rd_left(&r))));
        uint16_t more = rd_left(&r) > 0 ? IP4_MORE_FRAGMENTS : 0;
        ip4_push(&p, how, at == 0 ? options : &later, id, (uint16_t)(more | at / 8));
        if (iface_output(way->out, &p, way->next_hop, now) == IFACE_REFUSED) {
            return IP_REFUSED;
        }
    }
    return IP_SENT;
}

/* RFC 6864 4.3: a packet that may be divided on its way has an identification that does not come again soon. A device that
 * makes several packets of one counts on from that of the first, and so do we. */
static uint16_t ip4_next_id(struct ip *ip, const struct packet *p, bool may_fragment)
{
    if (!may_fragment) {
        return ip->next_id++;
    }
    size_t each = p->offload.gso_size;
    size_t packets = each == 0 ? 1 : (p->payload_len + each - 1) / each;
    uint16_t first = ip->next_divided_id;
    ip->next_divided_id = (uint16_t)(first + packets);
    return first;
}

enum ip_result ip4_output(struct ip *ip, struct packet *p, const struct ip_how *how, nsec now)
{
    const struct ip_options *options = how->options != NULL ? how->options : &no_options;
    struct ip_addr dst = ip_is_any(options->first_hop) ? how->dst : options->first_hop;
    size_t total_len = packet_len(p) + IP4_HEADER + options->len;
    struct ip_way way;
    if (!ip_way_to(ip, dst, &way) || ip_is_loopback(dst) || ip_is_ours(ip, dst)) {
        trace_drop(ip->recorder, DROP_IP_NO_ROUTE, 0, total_len);
        return IP_REFUSED;
    }
    bool divided_by_device = p->offload.gso_size != 0;
    bool too_big = total_len > way.out->dev->mtu && !divided_by_device;
    bool big = divided_by_device && (way.out->dev->caps & NETDEV_BIG) != 0;
    if ((total_len > UINT16_MAX && !big) || (too_big && !how->divide)) {
        trace_drop(ip->recorder, DROP_IP_TOO_BIG, 0, total_len);
        return IP_REFUSED;
    }
    if (too_big) {
        return ip4_output_divided(ip, p, how, options, &way, now);
    }
    uint16_t id = ip4_next_id(ip, p, how->may_fragment);
    ip4_push(p, how, options, id, how->may_fragment ? 0 : IP4_DONT_FRAGMENT);
    return iface_output(way.out, p, way.next_hop, now) == IFACE_REFUSED ? IP_REFUSED : IP_SENT;
}
