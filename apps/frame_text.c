/* A frame in a line; see frame_text.h. RFC 826, RFC 791, RFC 792, RFC 9293 3.1. */
#include "apps/frame_text.h"

#include "stack/ip/ip4.h"
#include "stack/link/arp.h"
#include "stack/link/ethernet.h"

static void tcp_text(struct rd *r, size_t len, uint16_t from, uint16_t to, struct draft *out)
{
    uint32_t seq = rd_be32(r), ack = rd_be32(r);
    uint8_t offset = rd_u8(r), flags = rd_u8(r);
    uint16_t window = rd_be16(r);
    uint16_t checksum = rd_be16(r);
    size_t header = (size_t)(offset >> 4U) * 4;
    static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    draft_addf(out, "TCP %u > %u", from, to);
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if ((flags & 1U << i) != 0) {
            draft_addf(out, " %s", names[i]);
        }
    }
    draft_addf(out, ", seq %u, ack %u, window %u, %zu bytes, checksum 0x%04x", seq, ack, window,
               len - size_min(len, header), checksum);
    rd_skip(r, 2); /* the urgent pointer */
    if (header > 20 && rd_left(r) > 0) {
        struct slice options = rd_take(r, size_min(header - 20, rd_left(r)));
        draft_add(out, ", options ");
        for (size_t i = 0; i < options.len; i++) {
            draft_addf(out, "%02x", options.data[i]);
        }
    }
}

static void ip4_text(struct rd *r, size_t packet_len, struct draft *out)
{
    struct ip4_header h;
    char src[IP_TEXT_MAX], dst[IP_TEXT_MAX];
    bool good = ip4_parse(r, &h) && h.header_len >= IP4_HEADER;
    bool big = packet_len > UINT16_MAX && h.total_len == 0; /* NETDEV_BIG */
    size_t total = big ? packet_len : h.total_len;
    if (!good || total < h.header_len) {
        draft_add(out, "no whole IPv4 header");
        return;
    }
    rd_skip(r, h.header_len - IP4_HEADER);
    size_t len = total - h.header_len;
    draft_addf(out, "IPv4 %s > %s, id %u, ttl %u, tos 0x%02x, ", ip_text(h.src, src),
               ip_text(h.dst, dst), h.id, h.ttl, h.tos);
    if (h.more_fragments || h.fragment_offset > 0) {
        draft_addf(out, "fragment at %u of protocol %u, %zu bytes", h.fragment_offset, h.protocol,
                   len);
        return;
    }
    uint16_t first = rd_be16(r), second = rd_be16(r);
    if (h.protocol == IP_TCP) {
        tcp_text(r, len, first, second, out);
    } else if (h.protocol == IP_UDP) {
        draft_addf(out, "UDP %u > %u, %zu bytes", first, second, len);
    } else if (h.protocol == IP_ICMP) {
        draft_addf(out, "ICMP type %u, code %u, %zu bytes", first >> 8U, first & 0xffU, len);
    } else {
        draft_addf(out, "protocol %u, %zu bytes", h.protocol, len);
    }
}

static void arp_text(struct rd *r, struct draft *out)
{
    struct arp_packet a;
    char link[MAC_TEXT_MAX], ours[IP_TEXT_MAX], theirs[IP_TEXT_MAX];
    if (!arp_parse(r, &a)) {
        draft_add(out, "ARP, malformed");
        return;
    }
    draft_addf(out, "ARP %s: %s is at %s, to %s", a.operation == ARP_REQUEST ? "request" : "reply",
               ip_text(a.spa, ours), mac_text(a.sha, link), ip_text(a.tpa, theirs));
}

void frame_text(struct slice bytes, size_t len, struct draft *out)
{
    struct rd r = rd_slice(bytes);
    struct ethernet_header h;
    char src[MAC_TEXT_MAX], dst[MAC_TEXT_MAX];
    if (!ethernet_parse(&r, &h)) {
        draft_addf(out, "%zu bytes, no Ethernet header", len);
        return;
    }
    draft_addf(out, "%zu bytes, %s > %s, ", len, mac_text(h.src, src), mac_text(h.dst, dst));
    if (h.type == ETHERTYPE_IPV4) {
        ip4_text(&r, len - ETHERNET_HEADER, out);
    } else if (h.type == ETHERTYPE_ARP) {
        arp_text(&r, out);
    } else {
        draft_addf(out, "EtherType 0x%04x", h.type);
    }
    if (r.failed) {
        draft_add(out, " (cut short)");
    }
}
