/* Reassembly: every order, every contradiction, every limit. */
#include "stack/ip/fragments.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/base/lcg.h"
#include "tests/unit/ip/ip_rig.h"

#define MORE 0x2000U
#define TEST_PROTOCOL 6U

static struct ip_rig r;

static void set_up(void)
{
    ip_rig_init(&r);
}

static void tear_down(void)
{
    ip_rig_done(&r);
}

static uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

/* What a test says about a fragment; zeros: id 0x1234, from the peer. */
struct piece {
    size_t start, len; /* payload bytes; start is a multiple of 8 */
    bool more;
    uint16_t id;
    uint32_t src;
    uint8_t tos;
    uint8_t spoil; /* added to each byte */
    const char *options;
    uint8_t protocol;
};

static struct frame frame_of(const struct piece *p)
{
    uint8_t data[1500];
    for (size_t i = 0; i < p->len; i++) {
        data[i] = (uint8_t)(byte_at(p->start + i) + p->spoil);
    }
    struct frame options = frame_of_hex(p->options != NULL ? p->options : "");
    struct ip4_spec spec = ip4_spec_to_us(p->protocol != 0 ? p->protocol : TEST_PROTOCOL);
    spec.id = p->id;
    spec.src = p->src != 0 ? p->src : PEER_IP;
    spec.tos = p->tos;
    spec.fragment = (uint16_t)((p->more ? MORE : 0) | p->start / 8);
    spec.options = options.b;
    spec.options_len = options.len;
    return frame_ip4(&spec, data, p->len);
}

static void give_piece(struct piece p)
{
    struct frame f = frame_of(&p);
    ip_rig_receive(&r, &f);
}

static void give(size_t start, size_t len, bool more)
{
    give_piece((struct piece){.start = start, .len = len, .more = more});
}

/* The transport got the pattern, `len` bytes, and nothing is left here. */
static void expect_whole(size_t len)
{
    ck_assert_uint_eq(r.received, 1);
    ck_assert_uint_eq(r.last_len, len);
    for (size_t i = 0; i < len; i++) {
        ck_assert_msg(r.last_bytes[i] == byte_at(i), "wrong byte %zu", i);
    }
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
    ck_assert_uint_eq(r.ip.fragments.bytes, 0);
    ck_assert(!timer_armed(&r.ip.fragments.timer));
}

static void expect_drops(enum drop_reason why, uint64_t n)
{
    ck_assert_msg(r.link.recorder.drops[why] == n, "%s happened %llu times", drop_name(why),
                  (unsigned long long)r.link.recorder.drops[why]);
}

/* ---- the whole ---- */

/* requires: 1122-3.3.2-1, 1122-3.2.1.4-1 */
START_TEST(fragments_in_order_make_a_packet)
{
    give(0, 1480, true);
    ck_assert_uint_eq(r.received, 0);
    give(1480, 1480, true);
    give(2960, 100, false);
    expect_whole(3060);
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
}
END_TEST

/* requires: 1122-3.2.1.8-11, 1122-3.4-3 */
START_TEST(the_header_is_that_of_fragment_zero_made_whole)
{
    give_piece((struct piece){.start = 16, .len = 9, .tos = 0x20});
    give_piece((struct piece){.len = 16, .more = true, .tos = 0x40, .options = "01010100"});
    expect_whole(25);
    ck_assert_uint_eq(r.last.header.len, 24);
    /* By RFC 791 3.1: 24 + 25 bytes, id 0x1234, no flags, TTL 64, protocol 6, and the options. */
    struct frame want = frame_of_hex("46400031 12340000 40060000 0a090001 0a090002 01010100");
    put16(want.b + 10, plain_checksum(want.b, 24, 0));
    ck_assert_mem_eq(r.last_header, want.b, 24);
    ck_assert_uint_eq(r.last.tos, 0x40);
    ck_assert_uint_eq(r.last.ttl, 64);
}
END_TEST

/* requires: 1122-3.3.2-2, 1122-3.3.2-3 */
START_TEST(the_largest_packet_there_is)
{
    size_t len = 65535 - 20;
    for (size_t at = 0; at < len; at += 1480) {
        size_t n = size_min(1480, len - at);
        give(at, n, at + n < len);
    }
    expect_whole(len);
}
END_TEST

START_TEST(every_order_of_five)
{
    static const size_t starts[] = {0, 16, 40, 48, 800};
    static const size_t ends[] = {16, 40, 48, 800, 803};
    unsigned order[5] = {0, 1, 2, 3, 4};
    for (unsigned n = 0; n < 120; n++) {
        unsigned rest = n;
        for (unsigned i = 0; i < 5; i++) {
            order[i] = i;
        }
        for (unsigned i = 0; i < 4; i++) { /* the nth permutation (Lehmer code) */
            unsigned j = i + rest % (5 - i);
            rest /= 5 - i;
            unsigned t = order[i];
            order[i] = order[j];
            order[j] = t;
        }
        r.received = 0;
        for (unsigned i = 0; i < 5; i++) {
            unsigned k = order[i];
            ck_assert_uint_eq(r.received, 0);
            give(starts[k], ends[k] - starts[k], k != 4);
        }
        expect_whole(803);
    }
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
}
END_TEST

START_TEST(thousands_of_the_smallest_fragments_in_a_random_order)
{
    static uint16_t order[8000];
    struct lcg numbers = {5};
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        order[i] = (uint16_t)i;
    }
    for (size_t i = COUNT_OF(order) - 1; i > 0; i--) {
        size_t j = lcg_below(&numbers, (uint32_t)i + 1);
        uint16_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        give_piece((struct piece){.start = order[i] * 8U,
                                  .len = 8,
                                  .more = order[i] != COUNT_OF(order) - 1,
                                  .protocol = 17});
    }
    /* UDP gets all of it, which the pattern's checksum does not fit. */
    ck_assert_uint_eq(drop_total(&r.link.recorder), 1);
    expect_drops(DROP_UDP_BAD_CHECKSUM, 1);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
}
END_TEST

/* requires: 1122-3.2.1.4-1 */
START_TEST(datagrams_do_not_mix)
{
    give_piece((struct piece){.len = 16, .more = true});
    give_piece((struct piece){.len = 16, .more = true, .id = 9, .spoil = 1});
    give_piece((struct piece){.len = 16, .more = true, .src = 0x0a090007, .spoil = 2});
    give_piece((struct piece){.len = 16, .more = true, .protocol = 17, .spoil = 3});
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 4);
    give(16, 8, false);
    ck_assert_uint_eq(r.received, 1);
    ck_assert_uint_eq(r.last_len, 24);
    ck_assert_uint_eq(r.last_bytes[0], byte_at(0));
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 3);
}
END_TEST

START_TEST(a_mark_on_one_fragment_marks_the_whole)
{
    give_piece((struct piece){.len = 16, .more = true, .tos = 0x02});
    give_piece((struct piece){.start = 16, .len = 8, .tos = 0x03});
    expect_whole(24);
    ck_assert_uint_eq(r.last.tos, 0x03);
}
END_TEST

/* ---- refused ---- */

START_TEST(ip_fragment_empty)
{
    give(8, 0, true);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_EMPTY);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
}
END_TEST

START_TEST(ip_fragment_ragged)
{
    give(0, 20, true);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_RAGGED);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
}
END_TEST

START_TEST(ip_fragment_too_long)
{
    give(65528, 8, false); /* the "ping of death": 20 + 65528 + 8 */
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_TOO_LONG);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
}
END_TEST

START_TEST(too_long_only_with_the_options_of_fragment_zero)
{
    size_t len = 65535 - 20;
    for (size_t at = 1480; at < len; at += 1480) {
        size_t n = size_min(1480, len - at);
        give(at, n, at + n < len);
    }
    give_piece((struct piece){.len = 1480, .more = true, .options = "01010101"});
    ck_assert_uint_eq(r.received, 0);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_TOO_LONG);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
    ck_assert_uint_eq(r.ip.fragments.bytes, 0);
}
END_TEST

START_TEST(ip_fragment_tiny)
{
    give(0, 8, true); /* ports and sequence number, but no flags */
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_TINY);
    give(8, 8, true); /* over the flags of a first fragment */
    expect_drops(DROP_IP_FRAGMENT_TINY, 2);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
}
END_TEST

START_TEST(ip_fragment_duplicate)
{
    give(0, 1480, true);
    give(0, 1480, true);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_DUPLICATE);
    give(1480, 11, false); /* as if nothing had been */
    expect_whole(1491);
}
END_TEST

START_TEST(a_duplicate_of_the_last)
{
    give(32, 11, false);
    give(32, 11, false);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_DUPLICATE);
    give(0, 32, true);
    expect_whole(43);
}
END_TEST

/* After the first fragments and `bad`, the datagram is void, and stays so. */
static void expect_void(struct piece bad)
{
    give_piece(bad);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_OVERLAP);
    ck_assert_uint_eq(r.ip.fragments.bytes, 0);
    for (size_t at = 0; at < 96; at += 16) {
        give(at, 16, at + 16 < 96);
    }
    ck_assert_uint_eq(r.received, 0);
    expect_drops(DROP_IP_FRAGMENT_OVERLAP, 7);
    link_rig_run(&r.link, r.link.now + FRAGMENT_TIMEOUT + NS_PER_MS);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 0); /* and nobody is told */
    ck_assert_uint_eq(drop_total(&r.link.recorder), 7);
    for (size_t at = 0; at < 96; at += 16) {
        give(at, 16, at + 16 < 96);
    }
    expect_whole(96); /* the identification serves again */
}

START_TEST(ip_fragment_overlap)
{
    give(0, 32, true);
    expect_void((struct piece){.start = 24, .len = 16, .more = true});
}
END_TEST

START_TEST(an_overlap_from_below)
{
    give(32, 32, true);
    expect_void((struct piece){.start = 16, .len = 24, .more = true});
}
END_TEST

START_TEST(an_overlap_around)
{
    give(32, 16, true);
    expect_void((struct piece){.len = 80, .more = true});
}
END_TEST

START_TEST(an_overlap_inside_with_other_bytes)
{
    give(0, 80, true);
    expect_void((struct piece){.start = 16, .len = 16, .more = true, .spoil = 1});
}
END_TEST

START_TEST(a_second_end_before_the_first)
{
    give(64, 20, false);
    expect_void((struct piece){.start = 32, .len = 16});
}
END_TEST

START_TEST(a_second_end_behind_the_first)
{
    give(64, 20, false);
    expect_void((struct piece){.start = 88, .len = 16});
}
END_TEST

START_TEST(an_end_before_what_is_there)
{
    give(64, 16, true);
    expect_void((struct piece){.start = 32, .len = 16});
}
END_TEST

START_TEST(more_behind_the_end)
{
    give(32, 16, false);
    expect_void((struct piece){.start = 48, .len = 16, .more = true});
}
END_TEST

START_TEST(ip_fragment_ecn)
{
    give_piece((struct piece){.len = 16, .more = true, .tos = 0x03});
    give_piece((struct piece){.start = 16, .len = 8});
    ck_assert_uint_eq(r.received, 0);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_ECN);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
}
END_TEST

START_TEST(a_fragment_without_a_buffer)
{
    r.link.pools.slabs[SLAB_FRAME].fail_at = 2; /* the first holds the frame */
    give(0, 1480, true);
    expect_drop(&r.link.recorder, DROP_ETH_NO_BUFFER);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
    give(0, 1480, true); /* there is one again */
    r.link.pools.slabs[SLAB_RECORD].fail_at = 1;
    give(1480, 1480, true);
    expect_drops(DROP_ETH_NO_BUFFER, 2);
    give(1480, 1480, true);
    give(2960, 5, false);
    expect_whole(2965);
}
END_TEST

/* ---- time ---- */

/* IP packets that we sent: after a minute the peer is asked for its link address as well. */
static unsigned ip_frames(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r.link.dev.count; i++) {
        n += memcmp(r.link.dev.frames[i].bytes + 12, "\x08\x00", 2) == 0 ? 1 : 0;
    }
    return n;
}

/* requires: 1122-3.3.2-5, 1122-3.3.2-6, 1122-3.3.2-7 */
START_TEST(ip_fragment_timeout)
{
    struct piece first = {.len = 64, .more = true, .options = "01010100"};
    struct frame f = frame_of(&first);
    nsec began = r.link.now;
    ip_rig_receive(&r, &f);
    give(128, 16, true);
    link_rig_run(&r.link, began + 60 * NS_PER_SEC - NS_PER_MS);
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
    link_rig_run(&r.link, began + 60 * NS_PER_SEC + NS_PER_MS);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_TIMEOUT);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 0);
    ip_rig_flush(&r);
    /* RFC 792: type 11, code 1, and fragment zero as it came: header and data. */
    ck_assert_uint_eq(ip_frames(), 1);
    const struct fake_frame *sent = &r.link.dev.frames[0];
    ck_assert_uint_eq(sent->len, FRAME_ETH + 20 + 8 + 24 + 64);
    const uint8_t *icmp = sent->bytes + FRAME_ETH + FRAME_IP;
    ck_assert_mem_eq(icmp, "\x0b\x01", 2);
    ck_assert_mem_eq(icmp + 4, "\0\0\0\0", 4);
    ck_assert_mem_eq(icmp + 8, f.b + FRAME_ETH, 24 + 64);
    ck_assert_uint_eq(plain_checksum(icmp, 8 + 24 + 64, 0), 0);
}
END_TEST

/* requires: 1122-3.3.2-7 */
START_TEST(without_fragment_zero_nobody_is_told)
{
    give(16, 16, false);
    link_rig_run(&r.link, r.link.now + 61 * NS_PER_SEC);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_TIMEOUT);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 0);
}
END_TEST

/* requires: 1122-3.3.2-5 */
START_TEST(later_fragments_do_not_prolong_the_time)
{
    nsec began = r.link.now;
    give(16, 16, true);
    link_rig_run(&r.link, began + 50 * NS_PER_SEC);
    give(32, 16, true);
    give_piece((struct piece){.start = 16, .len = 16, .id = 7});
    link_rig_run(&r.link, began + 61 * NS_PER_SEC);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENT_TIMEOUT);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 1);
    link_rig_run(&r.link, began + 111 * NS_PER_SEC);
    expect_drops(DROP_IP_FRAGMENT_TIMEOUT, 2);
}
END_TEST

START_TEST(an_echo_in_fragments_that_never_ends_is_told_too)
{
    give_piece((struct piece){.len = 16, .more = true, .protocol = 1});
    struct frame f = frame_of(&(struct piece){.len = 16, .more = true, .protocol = 1, .id = 5});
    f.b[FRAME_ETH + FRAME_IP] = 8; /* an echo request; the pattern begins with 0, an echo reply */
    ip_rig_receive(&r, &f);
    f = frame_of(&(struct piece){.len = 16, .more = true, .protocol = 1, .id = 6});
    f.b[FRAME_ETH + FRAME_IP] = 3; /* an error: about it no other may be sent */
    ip_rig_receive(&r, &f);
    link_rig_run(&r.link, r.link.now + 61 * NS_PER_SEC);
    expect_drops(DROP_IP_FRAGMENT_TIMEOUT, 3);
    ip_rig_flush(&r);
    ck_assert_uint_eq(ip_frames(), 2);
}
END_TEST

/* ---- limits ---- */

START_TEST(ip_fragments_full)
{
    for (unsigned i = 0; i < FRAGMENT_DATAGRAMS; i++) {
        give_piece((struct piece){
            .len = 16, .more = true, .id = (uint16_t)(i + 1), .src = 0x0a090010 + i / 8});
    }
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
    give(0, 16, true);
    expect_drop(&r.link.recorder, DROP_IP_FRAGMENTS_FULL);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, FRAGMENT_DATAGRAMS);
    give_piece((struct piece){.start = 16, .len = 8, .id = 1, .src = 0x0a090010}); /* it went */
    ck_assert_uint_eq(r.received, 0);
    give(16, 8, false); /* the newest did not */
    ck_assert_uint_eq(r.received, 1);
}
END_TEST

START_TEST(one_source_cannot_take_the_places_of_others)
{
    give_piece((struct piece){.len = 16, .more = true, .src = 0x0a090007});
    for (unsigned i = 0; i < 100; i++) {
        give_piece((struct piece){.len = 16, .more = true, .id = (uint16_t)(i + 1)});
    }
    expect_drops(DROP_IP_FRAGMENTS_FULL, 100 - FRAGMENT_SOURCE_DATAGRAMS);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, FRAGMENT_SOURCE_DATAGRAMS + 1);
    give_piece((struct piece){.start = 16, .len = 8, .src = 0x0a090007});
    ck_assert_uint_eq(r.received, 1);
}
END_TEST

START_TEST(the_bytes_of_one_source_are_bounded)
{
    give_piece((struct piece){.len = 16, .more = true, .src = 0x0a090007});
    for (unsigned i = 0; i < 12; i++) { /* each claims a slab of 66 KiB */
        give_piece((struct piece){.start = 60000, .len = 16, .id = (uint16_t)(i + 1)});
    }
    size_t each = SLAB_SUPER_BYTES;
    ck_assert_uint_eq(r.ip.fragments.bytes, FRAGMENT_SOURCE_BYTES / each * each + SLAB_SMALL_BYTES);
    expect_drops(DROP_IP_FRAGMENTS_FULL, 12 - FRAGMENT_SOURCE_BYTES / each);
}
END_TEST

START_TEST(the_bytes_of_all_are_bounded)
{
    size_t most = FRAGMENT_BYTES / SLAB_SUPER_BYTES;
    r.link.pools.slabs[SLAB_SUPER].limit = 64;
    for (unsigned i = 0; i < 40; i++) {
        give_piece((struct piece){.start = 60000, .len = 16, .id = 3, .src = 0x0a090010 + i});
    }
    ck_assert_uint_eq(r.ip.fragments.bytes, most * SLAB_SUPER_BYTES);
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, most);
    expect_drops(DROP_IP_FRAGMENTS_FULL, 40 - most);
}
END_TEST

START_TEST(what_is_left_is_freed_at_the_end)
{
    give(0, 1480, true); /* tear_down sees that nothing is left */
    ck_assert_uint_eq(r.ip.fragments.pool.in_use, 1);
}
END_TEST

static TCase *case_of(const char *name)
{
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    return t;
}

static TCase *case_whole(void)
{
    TCase *t = case_of("whole");
    tcase_add_test(t, fragments_in_order_make_a_packet);
    tcase_add_test(t, the_header_is_that_of_fragment_zero_made_whole);
    tcase_add_test(t, the_largest_packet_there_is);
    tcase_add_test(t, every_order_of_five);
    tcase_add_test(t, thousands_of_the_smallest_fragments_in_a_random_order);
    tcase_add_test(t, datagrams_do_not_mix);
    tcase_add_test(t, a_mark_on_one_fragment_marks_the_whole);
    return t;
}

static TCase *case_refused(void)
{
    TCase *t = case_of("refused");
    tcase_add_test(t, ip_fragment_empty);
    tcase_add_test(t, ip_fragment_ragged);
    tcase_add_test(t, ip_fragment_too_long);
    tcase_add_test(t, too_long_only_with_the_options_of_fragment_zero);
    tcase_add_test(t, ip_fragment_tiny);
    tcase_add_test(t, ip_fragment_duplicate);
    tcase_add_test(t, a_duplicate_of_the_last);
    tcase_add_test(t, ip_fragment_overlap);
    tcase_add_test(t, an_overlap_from_below);
    tcase_add_test(t, an_overlap_around);
    tcase_add_test(t, an_overlap_inside_with_other_bytes);
    tcase_add_test(t, a_second_end_before_the_first);
    tcase_add_test(t, a_second_end_behind_the_first);
    tcase_add_test(t, an_end_before_what_is_there);
    tcase_add_test(t, more_behind_the_end);
    tcase_add_test(t, ip_fragment_ecn);
    tcase_add_test(t, a_fragment_without_a_buffer);
    return t;
}

static TCase *case_limits(void)
{
    TCase *t = case_of("limits");
    tcase_add_test(t, ip_fragment_timeout);
    tcase_add_test(t, without_fragment_zero_nobody_is_told);
    tcase_add_test(t, later_fragments_do_not_prolong_the_time);
    tcase_add_test(t, an_echo_in_fragments_that_never_ends_is_told_too);
    tcase_add_test(t, ip_fragments_full);
    tcase_add_test(t, one_source_cannot_take_the_places_of_others);
    tcase_add_test(t, the_bytes_of_one_source_are_bounded);
    tcase_add_test(t, the_bytes_of_all_are_bounded);
    tcase_add_test(t, what_is_left_is_freed_at_the_end);
    return t;
}

Suite *fragments_suite(void);

Suite *fragments_suite(void)
{
    Suite *s = suite_create("fragments");
    suite_add_tcase(s, case_whole());
    suite_add_tcase(s, case_refused());
    suite_add_tcase(s, case_limits());
    return s;
}
