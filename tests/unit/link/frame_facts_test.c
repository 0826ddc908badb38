/* Looking into frames on their way, and the changes that happen to them there. */
#include "stack/link/frame_facts.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "stack/trace/names.h"
#include "tests/unit/link/wire_rig.h"

static const struct slab_limits limits = {.slabs = {4, 4, 4, 4}, .bufs = 8};
static struct slab_pools pools;

static void setup(void)
{
    slab_pools_init(&pools, &limits);
}

static void teardown(void)
{
    ck_assert_uint_eq(pools.bufs.in_use, 0);
    slab_pools_done(&pools);
}

static struct buf *buf_of(const struct frame *f)
{
    struct buf *b = buf_copy_of(&pools, f->b, f->len);
    ck_assert_ptr_nonnull(b);
    return b;
}

static struct frame_facts facts_of(const struct frame *f)
{
    struct frame_facts facts;
    frame_look((struct slice){f->b, f->len}, &facts);
    return facts;
}

START_TEST(a_segment_is_read)
{
    struct frame f = frame_tcp(TCP_ACK | TCP_FIN, 0x01020304, 100);
    struct frame_facts facts = facts_of(&f);
    ck_assert(facts.is_ip && facts.is_tcp);
    ck_assert_uint_eq(facts.ip, 14);
    ck_assert_uint_eq(facts.ip_header, 20);
    ck_assert_uint_eq(facts.ip_len, 140);
    ck_assert_uint_eq(facts.tcp, 34);
    ck_assert_uint_eq(facts.payload, 54);
    ck_assert_uint_eq(facts.len, 100);
    ck_assert_uint_eq(facts.seq, 0x01020304);
    ck_assert_uint_eq(facts.ack, 77);
    ck_assert_uint_eq(facts.src_port, 40000);
    ck_assert_uint_eq(facts.dst_port, 80);
    ck_assert_uint_eq(facts.flags, TCP_ACK | TCP_FIN);
    ck_assert_uint_eq(frame_span(&facts), 101);
}
END_TEST

START_TEST(options_of_both_headers_are_passed_over)
{
    uint8_t segment[24 + 3] = {0};
    segment[7] = 9;       /* seq */
    segment[12] = 6 << 4; /* one word of options */
    segment[13] = TCP_PSH;
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.options = (const uint8_t[]){1, 1, 1, 1, 1, 1, 1, 0};
    spec.options_len = 8;
    struct frame f = frame_ip4(&spec, segment, sizeof segment);
    frame_add_hex(&f, "00 00 00 00"); /* Ethernet padding */
    struct frame_facts facts = facts_of(&f);
    ck_assert(facts.is_tcp);
    ck_assert_uint_eq(facts.tcp, 14 + 28);
    ck_assert_uint_eq(facts.payload, 14 + 28 + 24);
    ck_assert_uint_eq(facts.len, 3);
    ck_assert_uint_eq(facts.seq, 9);
}
END_TEST

START_TEST(what_is_no_whole_segment_has_no_facts_of_one)
{
    struct frame whole = frame_tcp(TCP_ACK, 1, 10);
    for (size_t len = 0; len < whole.len; len++) {
        /* At its exact length, so that a sanitizer sees any byte read too many. */
        uint8_t *cut = malloc(len > 0 ? len : 1);
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, whole.b, len);
        struct frame_facts facts;
        frame_look((struct slice){cut, len}, &facts);
        ck_assert(!facts.is_ip && !facts.is_tcp);
        free(cut);
    }
    struct frame f = whole;
    f.b[12] = 0x86; /* IPv6's EtherType */
    f.b[13] = 0xdd;
    ck_assert(!facts_of(&f).is_ip);
    f = whole;
    f.b[14] = 0x65; /* version 6 */
    ck_assert(!facts_of(&f).is_ip);
    f = whole;
    f.b[14] = 0x44; /* a header of 16 bytes */
    ck_assert(!facts_of(&f).is_ip);
    f = whole;
    f.b[23] = 17; /* UDP */
    ck_assert(facts_of(&f).is_ip && !facts_of(&f).is_tcp);
    f = whole;
    f.b[20] = 0x20; /* more fragments follow */
    ck_assert(facts_of(&f).is_ip && !facts_of(&f).is_tcp);
    f = whole;
    f.b[46] = 4 << 4; /* data offset below 5 words */
    ck_assert(!facts_of(&f).is_tcp);
    f.b[46] = 8 << 4; /* beyond the packet: 32 of 30 bytes */
    ck_assert(!facts_of(&f).is_tcp);
    f.b[46] = 7 << 4;
    ck_assert(facts_of(&f).is_tcp);
}
END_TEST

/* Every identification, so that the sum takes every value there is, both zeros among them. */
START_TEST(a_mark_keeps_the_header_checksum_right)
{
    unsigned wrong = 0;
    struct ip4_spec spec = ip4_spec_to_us(6);
    for (uint8_t ecn = 1; ecn <= 2; ecn++) { /* ECT(1) and ECT(0), RFC 3168 5 */
        spec.tos = (uint8_t)(0xb8 | ecn);
        struct frame f = frame_ip4(&spec, "x", 1);
        struct buf *b = buf_of(&f);
        for (uint32_t id = 0; id <= UINT16_MAX; id++) {
            put16(f.b + 18, (uint16_t)id);
            frame_fix_ip4(&f);
            memcpy(buf_data(b), f.b, f.len);
            bool marked = frame_mark(b);
            f.b[15] = 0xbb;
            frame_fix_ip4(&f);
            wrong += !marked || memcmp(buf_data(b), f.b, f.len) != 0;
            f.b[15] = spec.tos;
        }
        buf_free(b);
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(only_what_understands_a_mark_gets_one)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    for (uint8_t ecn = 0; ecn <= 3; ecn += 3) { /* not ECT, and marked already */
        spec.tos = ecn;
        struct frame f = frame_ip4(&spec, "x", 1);
        struct buf *b = buf_of(&f);
        ck_assert(!frame_mark(b));
        ck_assert_mem_eq(buf_data(b), f.b, f.len);
        buf_free(b);
    }
    struct frame arp = frame_to_us(0x0806);
    frame_add_hex(&arp, "02020202 02020202 02020202 02020202 02020202");
    struct buf *b = buf_of(&arp);
    ck_assert(!frame_mark(b));
    ck_assert_mem_eq(buf_data(b), arp.b, arp.len);
    buf_free(b);
}
END_TEST

START_TEST(checksums_are_made_right)
{
    for (uint32_t len = 0; len < 4; len++) {
        struct frame f = frame_tcp(TCP_ACK, 5, len);
        struct buf *b = buf_of(&f);
        put16(buf_data(b) + 14 + 10, 0xdead);
        put16(buf_data(b) + 34 + 16, 0xbeef);
        ck_assert(frame_fix_checksums(b));
        ck_assert_mem_eq(buf_data(b), f.b, f.len);
        buf_free(b);
    }
    struct ip4_spec spec = ip4_spec_to_us(17);
    struct frame udp = frame_ip4(&spec, "12345678", 8);
    struct buf *b = buf_of(&udp);
    ck_assert(!frame_fix_checksums(b));
    buf_free(b);
}
END_TEST

/* The field holds the sum of the pseudo-header; padding behind the packet does not count. */
START_TEST(a_partial_checksum_is_finished)
{
    struct frame f = frame_tcp(TCP_ACK, 5, 3);
    struct frame want = f;
    uint8_t pseudo[12] = {0};
    memcpy(pseudo, f.b + 26, 8);
    pseudo[9] = 6;
    pseudo[11] = 23;
    put16(f.b + 50, (uint16_t)~plain_checksum(pseudo, sizeof pseudo, 0));
    frame_add_hex(&f, "ffee");
    frame_add_hex(&want, "ffee");
    struct buf *b = buf_of(&f);
    b->offload = (struct offload){.csum = CSUM_PARTIAL, .csum_start = 34, .csum_offset = 16};
    ck_assert(frame_finish_checksum(b));
    ck_assert_mem_eq(buf_data(b), want.b, want.len);
    ck_assert_uint_eq(b->offload.csum, CSUM_UNKNOWN);
    ck_assert(frame_finish_checksum(b)); /* there is nothing more to do */
    ck_assert_mem_eq(buf_data(b), want.b, want.len);

    b->offload = (struct offload){.csum = CSUM_PARTIAL, .csum_start = 34, .csum_offset = 22};
    ck_assert(!frame_finish_checksum(b)); /* the field lies across the packet's end */
    b->offload = (struct offload){
        .csum = CSUM_PARTIAL, .csum_start = 34, .csum_offset = 16, .gso_type = GSO_TCP4};
    ck_assert(!frame_finish_checksum(b));
    ck_assert_mem_eq(buf_data(b), want.b, want.len);
    buf_free(b);
}
END_TEST

START_TEST(a_super_segment_is_as_large_as_its_largest_segment)
{
    struct frame f = frame_tcp(TCP_ACK, 5, 1900);
    struct buf *b = buf_of(&f);
    ck_assert_uint_eq(frame_packet_len(b), 1940);
    b->offload = (struct offload){.csum = CSUM_PARTIAL, .gso_type = GSO_TCP4, .gso_size = 1000};
    ck_assert_uint_eq(frame_packet_len(b), 1040);
    b->offload.gso_size = 4000;
    ck_assert_uint_eq(frame_packet_len(b), 1940);
    b->offload = (struct offload){0};
    b->len = 13;
    ck_assert_uint_eq(frame_packet_len(b), 0);
    buf_free(b);
    struct frame other = frame_to_us(0x88b5);
    frame_add_hex(&other, "01020304");
    b = buf_of(&other);
    ck_assert_uint_eq(frame_packet_len(b), 4);
    buf_free(b);
}
END_TEST

Suite *frame_facts_suite(void);
Suite *frame_facts_suite(void)
{
    Suite *s = suite_create("frame_facts");
    TCase *c = tcase_create("frame_facts");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_segment_is_read);
    tcase_add_test(c, options_of_both_headers_are_passed_over);
    tcase_add_test(c, what_is_no_whole_segment_has_no_facts_of_one);
    tcase_add_test(c, a_mark_keeps_the_header_checksum_right);
    tcase_add_test(c, only_what_understands_a_mark_gets_one);
    tcase_add_test(c, checksums_are_made_right);
    tcase_add_test(c, a_partial_checksum_is_finished);
    tcase_add_test(c, a_super_segment_is_as_large_as_its_largest_segment);
    suite_add_tcase(s, c);
    return s;
}
