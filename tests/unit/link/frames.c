/* Frames made by hand, for tests. */
#include "tests/unit/link/frames.h"

#include <check.h>
#include <ctype.h>
#include <string.h>

const struct mac our_mac = {{0x02, 0, 0, 0, 0, 0x02}};
const struct mac peer_mac = {{0x02, 0, 0, 0, 0, 0x01}};

static unsigned hex_digit(char c)
{
    ck_assert(isxdigit((unsigned char)c));
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

void frame_add(struct frame *f, const void *bytes, size_t len)
{
    ck_assert_uint_le(f->len + len, sizeof(f->b));
    if (len > 0) {
        memcpy(f->b + f->len, bytes, len);
    }
    f->len += len;
}

void frame_add_hex(struct frame *f, const char *hex)
{
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        uint8_t byte = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
        frame_add(f, &byte, 1);
        hex += 2;
    }
}

struct frame frame_of_hex(const char *hex)
{
    struct frame f = {.len = 0};
    frame_add_hex(&f, hex);
    return f;
}

void put16(uint8_t *at, uint16_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
    put16(at, (uint16_t)(v >> 16));
    put16(at + 2, (uint16_t)v);
}

struct frame frame_to_us(uint16_t ethertype)
{
    struct frame f = {.len = 0};
    frame_add(&f, our_mac.b, 6);
    frame_add(&f, peer_mac.b, 6);
    uint8_t type[2];
    put16(type, ethertype);
    frame_add(&f, type, 2);
    return f;
}

uint16_t plain_checksum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i += 2) {
        sum += (uint32_t)(bytes[i] << 8);
        if (i + 1 < len) {
            sum += bytes[i + 1];
        }
        sum = (sum & 0xffffU) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

void frame_fix_ip4(struct frame *f)
{
    uint8_t *h = f->b + FRAME_ETH;
    size_t len = (h[0] & 0x0fU) * 4U;
    put16(h + 10, 0);
    put16(h + 10, plain_checksum(h, len, 0));
}

struct ip4_spec ip4_spec_to_us(uint8_t protocol)
{
    return (struct ip4_spec){.src = PEER_IP, .dst = OUR_IP, .protocol = protocol, .ttl = 64};
}

struct frame frame_ip4(const struct ip4_spec *spec, const void *payload, size_t len)
{
    struct frame f = frame_to_us(0x0800);
    size_t header_len = FRAME_IP + spec->options_len;
    uint8_t h[FRAME_IP] = {0};
    h[0] = (uint8_t)(0x40U | header_len / 4);
    h[1] = spec->tos;
    put16(h + 2, (uint16_t)(header_len + len));
    put16(h + 4, spec->id != 0 ? spec->id : 0x1234);
    put16(h + 6, spec->fragment);
    h[8] = spec->ttl;
    h[9] = spec->protocol;
    put32(h + 12, spec->src);
    put32(h + 16, spec->dst);
    frame_add(&f, h, sizeof(h));
    frame_add(&f, spec->options, spec->options_len);
    frame_add(&f, payload, len);
    frame_fix_ip4(&f);
    return f;
}

void expect_frame(const struct fake_netdev *d, unsigned index, const struct frame *want)
{
    ck_assert_uint_lt(index, d->count);
    ck_assert_uint_eq(d->frames[index].len, want->len);
    ck_assert_mem_eq(d->frames[index].bytes, want->b, want->len);
}
