/* Frames made by hand, for tests: nothing here uses the stack's own builders or checksum. */
#ifndef VITRINE_TESTS_FRAMES_H
#define VITRINE_TESTS_FRAMES_H

#include "stack/base/types.h"
#include "tests/unit/link/fake_netdev.h"

#define FRAME_ETH 14U /* offset of the IP header in a frame */
#define FRAME_IP 20U  /* bytes of an IP header without options */

struct frame {
    uint8_t b[2048];
    size_t len;
};

/* What an IPv4 packet says in its header; frame_ip4 computes the lengths and the checksum. */
struct ip4_spec {
    uint32_t src, dst;
    uint8_t protocol;
    uint8_t ttl;
    uint8_t tos;
    uint16_t id;       /* identification; 0: 0x1234 */
    uint16_t fragment; /* flags and offset, as on the wire */
    const uint8_t *options;
    size_t options_len; /* bytes, a multiple of 4 */
};

/* The addresses of every test: we are .2, the peer is .1, on 10.9.0.0/24. */
#define OUR_IP 0x0a090002U
#define PEER_IP 0x0a090001U
extern const struct mac our_mac;  /* 02:00:00:00:00:02 */
extern const struct mac peer_mac; /* 02:00:00:00:00:01 */

/* A frame from hexadecimal digits; spaces are passed over. */
struct frame frame_of_hex(const char *hex);
void frame_add_hex(struct frame *f, const char *hex);
void frame_add(struct frame *f, const void *bytes, size_t len);
/* An Ethernet header from the peer to us. */
struct frame frame_to_us(uint16_t ethertype);
/* A frame from the peer to us with an IPv4 packet. */
struct frame frame_ip4(const struct ip4_spec *spec, const void *payload, size_t len);
/* From the peer's address to ours, TTL 64. */
struct ip4_spec ip4_spec_to_us(uint8_t protocol);
/* Writes the IPv4 header checksum anew, after a test has changed the header. */
void frame_fix_ip4(struct frame *f);
/* RFC 1071 section 1, word by word. `bytes` ends with an odd byte padded by zero. */
uint16_t plain_checksum(const uint8_t *bytes, size_t len, uint32_t sum);
void put16(uint8_t *at, uint16_t v);

/* Asserts that the device sent frame `index`, byte for byte. */
void expect_frame(const struct fake_netdev *d, unsigned index, const struct frame *want);

#endif
