/* Super-segments split into frames, and made of them: against frames made by hand, whose checksums are
 * summed word by word (tests/unit/link/frames.h). */
#include "stack/link/offload.h"

#include <check.h>
#include <string.h>

#include "stack/link/frame_facts.h"
#include "stack/trace/names.h"
#include "tests/unit/link/link_rig.h"
#include "tests/unit/link/wire_rig.h"

static const struct slab_limits limits = {.slabs = {64, 64, 64, 64}, .bufs = 128};
static struct slab_pools pools;
static struct list in, out;

static void set_up(void)
{
    slab_pools_init(&pools, &limits);
    list_init(&in);
    list_init(&out);
}

static void tear_down(void)
{
    buf_free_queue(&in);
    buf_free_queue(&out);
    expect_pools_empty(&pools);
    slab_pools_done(&pools);
}

/* As frame_tcp, with this identification. */
static struct frame segment(uint8_t flags, uint32_t seq, uint32_t len, uint16_t id)
{
    struct frame f = frame_tcp(flags, seq, len);
    put16(f.b + FRAME_ETH + 4, id);
    frame_fix_ip4(&f);
    return f;
}

static struct buf *buf_of(const struct frame *f)
{
    struct buf *b = buf_copy_of(&pools, f->b, f->len);
    ck_assert_ptr_nonnull(b);
    return b;
}

/* As a kernel hands it over. */
static struct buf *super_of(const struct frame *f, uint16_t size)
{
    struct buf *b = buf_of(f);
    b->offload = (struct offload){.csum = CSUM_PARTIAL,
                                  .csum_start = FRAME_ETH + FRAME_IP,
                                  .csum_offset = 16,
                                  .gso_type = GSO_TCP4,
                                  .gso_size = size};
    return b;
}

static void expect_next(const struct frame *want)
{
    struct list *node = list_pop_front(&out);
    ck_assert_ptr_nonnull(node);
    struct buf *b = buf_of_link(node);
    ck_assert_uint_eq(b->offload.gso_type, GSO_NONE);
    ck_assert_uint_eq(b->offload.csum, CSUM_PARTIAL);
    ck_assert(frame_finish_checksum(b));
    ck_assert_uint_eq(b->len, want->len);
    ck_assert_mem_eq(buf_data(b), want->b, want->len);
    buf_free(b);
}

/* ---- one into many ---- */

/* CWR only on the first (RFC 3168 6.1.2), PSH and FIN only on the last; numbers wrap. */
START_TEST(a_super_segment_becomes_its_segments)
{
    const uint32_t seq = 0xffffff00;
    struct frame f = segment(TCP_ACK | TCP_PSH | TCP_FIN | TCP_CWR, seq, 1700, 0xfffe);
    ck_assert(offload_split(super_of(&f, 500), &pools, &out));
    struct frame want = segment(TCP_ACK | TCP_CWR, seq, 500, 0xfffe);
    expect_next(&want);
    want = segment(TCP_ACK, seq + 500, 500, 0xffff);
    expect_next(&want);
    want = segment(TCP_ACK, seq + 1000, 500, 0);
    expect_next(&want);
    want = segment(TCP_ACK | TCP_PSH | TCP_FIN, seq + 1500, 200, 1);
    expect_next(&want);
    ck_assert(list_empty(&out));
}
END_TEST

START_TEST(the_last_segment_may_be_full)
{
    struct frame f = segment(TCP_ACK | TCP_PSH, 7, 1000, 9);
    ck_assert(offload_split(super_of(&f, 500), &pools, &out));
    struct frame want = segment(TCP_ACK, 7, 500, 9);
    expect_next(&want);
    want = segment(TCP_ACK | TCP_PSH, 507, 500, 10);
    expect_next(&want);
    ck_assert(list_empty(&out));
}
END_TEST

START_TEST(what_fits_in_one_segment_stays_one)
{
    for (uint32_t len = 0; len <= 500; len += 250) {
        struct frame f = segment(TCP_ACK | TCP_PSH, 7, len, 9);
        ck_assert(offload_split(super_of(&f, 500), &pools, &out));
        expect_next(&f);
        ck_assert(list_empty(&out));
    }
}
END_TEST

START_TEST(any_other_frame_goes_on_as_it_is)
{
    struct frame f = frame_to_us(0x0806);
    frame_add_hex(&f, "0102 0304");
    struct buf *b = buf_of(&f);
    ck_assert(offload_split(b, &pools, &out));
    ck_assert_ptr_eq(list_pop_front(&out), &b->link);
    ck_assert_mem_eq(buf_data(b), f.b, f.len);
    buf_free(b);
}
END_TEST

START_TEST(what_cannot_be_split_is_lost)
{
    struct frame f = segment(TCP_ACK, 7, 1000, 9);
    ck_assert(!offload_split(super_of(&f, 0), &pools, &out)); /* segments of no size */
    struct buf *b = super_of(&f, 500);
    b->offload.gso_type = GSO_TCP6; /* which it is not */
    ck_assert(!offload_split(b, &pools, &out));
    b = super_of(&f, 500);
    buf_trim_back(b, 1); /* not whole */
    ck_assert(!offload_split(b, &pools, &out));
    for (uint64_t i = 1; i <= 2; i++) {
        b = super_of(&f, 500);
        pools.bufs.fail_at = i;
        ck_assert(!offload_split(b, &pools, &out));
    }
    ck_assert(list_empty(&out));
}
END_TEST

/* ---- many into one ---- */

static struct buf *give(const struct frame *f)
{
    struct buf *b = buf_of(f);
    list_push_back(&in, &b->link);
    return b;
}

/* Joins what is at the front of `in`; the frame that stands for it, and how many it holds. */
static struct buf *joined(unsigned *held)
{
    struct packet p;
    struct list parts;
    list_init(&parts);
    offload_join(&in, &p, &parts);
    struct buf *b = packet_to_buf(&p, &pools);
    ck_assert_ptr_nonnull(b);
    *held = 0;
    for (struct list *n = list_pop_front(&parts); n != NULL; n = list_pop_front(&parts)) {
        buf_free(buf_of_link(n));
        ++*held;
    }
    return b;
}

START_TEST(segments_in_a_row_become_one)
{
    struct frame f = segment(TCP_ACK, 0xfffffe00, 500, 3);
    give(&f);
    f = segment(TCP_ACK, 0xfffffe00 + 500, 500, 4);
    give(&f);
    f = segment(TCP_ACK | TCP_PSH, 0xfffffe00 + 1000, 200, 5);
    give(&f);
    unsigned held;
    struct buf *b = joined(&held);
    ck_assert_uint_eq(held, 3);
    ck_assert(list_empty(&in));
    ck_assert_uint_eq(b->offload.gso_type, GSO_TCP4);
    ck_assert_uint_eq(b->offload.gso_size, 500);
    ck_assert_uint_eq(b->offload.csum, CSUM_PARTIAL);
    ck_assert_uint_eq(b->offload.csum_start, 34);
    ck_assert_uint_eq(b->offload.csum_offset, 16);
    /* With its checksum finished it is the segment that somebody would have sent whole. */
    struct frame want = segment(TCP_ACK | TCP_PSH, 0xfffffe00, 1200, 3);
    b->offload.gso_type = GSO_NONE;
    ck_assert(frame_finish_checksum(b));
    ck_assert_uint_eq(b->len, want.len);
    ck_assert_mem_eq(buf_data(b), want.b, want.len);
    buf_free(b);
}
END_TEST

START_TEST(split_and_joined_it_is_what_it_was)
{
    struct frame f = segment(TCP_ACK | TCP_PSH, 99, 1900, 1);
    ck_assert(offload_split(super_of(&f, 100), &pools, &in));
    unsigned held;
    struct buf *b = joined(&held);
    ck_assert_uint_eq(held, 19);
    ck_assert_uint_eq(b->offload.gso_size, 100);
    b->offload.gso_type = GSO_NONE;
    ck_assert(frame_finish_checksum(b));
    ck_assert_mem_eq(buf_data(b), f.b, f.len);
    buf_free(b);
}
END_TEST

/* What one segment has after another, and whether they may become one. */
static void expect_join(const struct frame *first, const struct frame *second, bool want)
{
    unsigned held;
    give(first);
    give(second);
    struct buf *b = joined(&held);
    ck_assert_msg(held == (want ? 2 : 1), "%u joined", held);
    if (!want) { /* as it came */
        ck_assert_uint_eq(b->len, first->len);
        ck_assert_mem_eq(buf_data(b), first->b, first->len);
        ck_assert_uint_eq(b->offload.gso_type, GSO_NONE);
    }
    buf_free(b);
    buf_free_queue(&in);
}

/* Sets a byte of the frame, and makes both checksums right for it. */
static struct frame with(struct frame f, size_t at, uint8_t value)
{
    f.b[at] = value;
    frame_fix_ip4(&f);
    put16(f.b + 50, plain_tcp_checksum(&f));
    return f;
}

START_TEST(only_what_differs_in_nothing_else_is_joined)
{
    struct frame first = segment(TCP_ACK, 1000, 300, 1);
    struct frame second = segment(TCP_ACK, 1300, 300, 2);
    static const size_t differs[] = {
        5,      /* link address */
        15,     /* congestion marks */
        22,     /* time to live */
        29, 33, /* addresses */
        34, 37, /* ports */
        45,     /* acknowledgment */
        49,     /* window */
        53,     /* urgent pointer */
    };
    expect_join(&first, &second, true);
    for (size_t i = 0; i < COUNT_OF(differs); i++) {
        struct frame f = with(second, differs[i], (uint8_t)(second.b[differs[i]] ^ 1U));
        expect_join(&first, &f, false);
    }
    struct frame gap = segment(TCP_ACK, 1301, 300, 2);
    expect_join(&first, &gap, false);
    expect_join(&second, &first, false);
    struct frame longer = segment(TCP_ACK, 1300, 301, 2);
    expect_join(&first, &longer, false);
    struct frame empty = segment(TCP_ACK, 1300, 0, 2);
    expect_join(&first, &empty, false);
    struct frame pushed = segment(TCP_ACK | TCP_PSH, 1000, 300, 1);
    expect_join(&pushed, &second, false);
    static const uint8_t flags[] = {TCP_FIN, TCP_SYN, TCP_RST, TCP_URG, TCP_ECE, TCP_CWR};
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        struct frame f = segment(TCP_ACK | flags[i], 1300, 300, 2);
        expect_join(&first, &f, false);
        f = segment(TCP_ACK | flags[i], 1000, 300, 1);
        expect_join(&f, &second, false);
    }
}
END_TEST

START_TEST(a_wrong_checksum_is_not_made_right)
{
    struct frame first = segment(TCP_ACK, 1000, 300, 1);
    struct frame second = segment(TCP_ACK, 1300, 300, 2);
    for (size_t at = FRAME_ETH; at < second.len; at++) {
        struct frame f = second;
        f.b[at] ^= 0x10;
        expect_join(&first, &f, false);
        f = first;
        f.b[at] ^= 0x10;
        expect_join(&f, &second, false);
    }
}
END_TEST

START_TEST(one_takes_as_many_as_a_packet_has_slices)
{
    unsigned held;
    for (uint32_t i = 0; i < PACKET_SLICES + 3; i++) {
        struct frame f = segment(TCP_ACK, i * 10, 10, (uint16_t)i);
        give(&f);
    }
    struct buf *b = joined(&held);
    ck_assert_uint_eq(held, PACKET_SLICES);
    buf_free(b);
    b = joined(&held);
    ck_assert_uint_eq(held, 3);
    buf_free(b);
}
END_TEST

/* An IP packet has 65,535 bytes at the most. */
START_TEST(one_is_no_larger_than_a_packet)
{
    static uint8_t bytes[54 + 20000];
    unsigned held;
    for (uint32_t i = 0; i < 4; i++) {
        struct frame f = segment(TCP_ACK, i * 20000, 0, (uint16_t)i);
        put16(f.b + 16, 20040);
        frame_fix_ip4(&f);
        memcpy(bytes, f.b, 54);
        struct buf *b = buf_copy_of(&pools, bytes, sizeof bytes);
        ck_assert_ptr_nonnull(b);
        b->offload.csum = CSUM_VERIFIED;
        list_push_back(&in, &b->link);
    }
    struct buf *b = joined(&held);
    ck_assert_uint_eq(held, 3);
    ck_assert_uint_eq(b->len, 54 + 60000);
    buf_free(b);
}
END_TEST

Suite *offload_suite(void);

Suite *offload_suite(void)
{
    Suite *s = suite_create("offload");
    TCase *t = tcase_create("offload");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_super_segment_becomes_its_segments);
    tcase_add_test(t, the_last_segment_may_be_full);
    tcase_add_test(t, what_fits_in_one_segment_stays_one);
    tcase_add_test(t, any_other_frame_goes_on_as_it_is);
    tcase_add_test(t, what_cannot_be_split_is_lost);
    tcase_add_test(t, segments_in_a_row_become_one);
    tcase_add_test(t, split_and_joined_it_is_what_it_was);
    tcase_add_test(t, only_what_differs_in_nothing_else_is_joined);
    tcase_add_test(t, a_wrong_checksum_is_not_made_right);
    tcase_add_test(t, one_takes_as_many_as_a_packet_has_slices);
    tcase_add_test(t, one_is_no_larger_than_a_packet);
    suite_add_tcase(s, t);
    return s;
}
