/* The small headers: Ethernet, ARP (stack/link) and IPv4's fixed part (stack/ip/ip4.c, ip4_parse).
 *
 * Proven for every frame of up to BYTES bytes:
 * - the parsers read nothing outside, say no exactly when there are too few bytes (for ARP: or another
 *   kind), and stand behind the header when they say yes;
 * - what ethernet_push and arp_push write is read back alike, with any content, and is as long as it is;
 * - frame_look (stack/link/frame_facts.c) gives an IP packet and a TCP payload that lie inside the frame.
 *
 * proof-sources: stack/link/ethernet.c stack/link/arp.c stack/ip/ip4.c stack/link/packet.c
 * proof-sources: stack/base/cursor.c stack/base/addr.c stack/link/frame_facts.c
 * proof-unwind: 7
 * proof-unwind-ip4_parse: 18
 * proof-checks: --unsigned-overflow-check
 */
#include "stack/base/cursor.h"
#include "stack/ip/ip4.h"
#include "stack/link/arp.h"
#include "stack/link/ethernet.h"
#include "stack/link/frame_facts.h"
#include "tests/proofs/proof.h"

#define BYTES 30U
#define FRAME 60U

static bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = any_size(len - 1);
    return a[i] == b[i]; /* for any of them, so for all */
}

PROOF(ethernet)
{
    uint8_t bytes[BYTES];
    size_t len = any_size(BYTES);
    struct rd r = rd_of(bytes + BYTES - len, len);
    struct ethernet_header h;
    bool good = ethernet_parse(&r, &h);
    PROVE(good == (len >= ETHERNET_HEADER), "only a whole header");
    PROVE(!good || rd_left(&r) == len - ETHERNET_HEADER, "behind it");

    struct packet p;
    packet_init(&p);
    ethernet_push(&p, &h);
    struct slice written = packet_header(&p);
    PROVE(written.len == ETHERNET_HEADER, "its length");
    if (good) {
        PROVE(same(written.data, bytes + BYTES - len, ETHERNET_HEADER), "the same bytes");
        REACHES("a header");
    }
}

PROOF(arp)
{
    uint8_t bytes[BYTES];
    size_t len = any_size(BYTES);
    struct rd r = rd_of(bytes + BYTES - len, len);
    struct arp_packet a;
    bool good = arp_parse(&r, &a);
    PROVE(!good || (len >= ARP_PACKET && rd_left(&r) == len - ARP_PACKET), "only a whole packet");
    PROVE(!good || a.operation == ARP_REQUEST || a.operation == ARP_REPLY, "a known operation");

    struct packet p;
    packet_init(&p);
    arp_push(&p, &a);
    struct slice written = packet_header(&p);
    PROVE(written.len == ARP_PACKET, "its length");
    if (good) {
        PROVE(same(written.data, bytes + BYTES - len, ARP_PACKET), "the same bytes");
        REACHES_IF(len == ARP_PACKET, "a packet");
    }
}

PROOF(ip4_parse)
{
    uint8_t bytes[BYTES];
    size_t len = any_size(BYTES);
    const uint8_t *at = bytes + BYTES - len;
    struct rd r = rd_of(at, len);
    struct ip4_header h;
    bool good = ip4_parse(&r, &h);
    PROVE(good == (len >= IP4_HEADER), "only a whole header");
    PROVE(h.version < 16 && h.header_len <= 60 && h.header_len % 4 == 0, "four bits each");
    PROVE(h.fragment_offset % 8 == 0, "in units of 8 bytes");
    if (good) {
        PROVE(rd_left(&r) == len - IP4_HEADER, "behind it");
        PROVE(h.total_len == (at[2] << 8 | at[3]) && h.protocol == at[9], "what stands there");
        PROVE(ip_is_v4(h.src) && ip_is_v4(h.dst) && h.dst.b[15] == at[19], "its addresses");
        REACHES_IF(h.more_fragments && h.fragment_offset == 65528, "the last offset");
    }
}

PROOF(frame_look)
{
    uint8_t bytes[FRAME];
    size_t len = any_size(FRAME);
    struct frame_facts f;
    frame_look((struct slice){bytes + FRAME - len, len}, &f);
    PROVE(!f.is_tcp || f.is_ip, "TCP in IP");
    if (f.is_ip) {
        PROVE(f.ip + f.ip_len <= len, "a packet inside the frame");
        PROVE(f.ip_header >= IP4_HEADER && f.ip_header <= f.ip_len, "a header inside the packet");
    }
    if (f.is_tcp) {
        PROVE(f.tcp == f.ip + f.ip_header && f.payload >= f.tcp + 20, "one behind the other");
        PROVE(f.payload + f.len == f.ip + f.ip_len, "the payload ends the packet");
        PROVE(frame_span(&f) <= f.len + 2, "SYN and FIN count one each");
        REACHES_IF(f.len == 6, "a payload");
    }
}
