/* The neighbour cache by itself: what it asks, keeps, forgets and pushes out. */
#include "stack/link/neighbour.h"

#include <check.h>
#include <string.h>

#include "tests/unit/link/link_rig.h"

struct cache {
    struct recorder recorder;
    struct slab_pools pools;
    struct random random;
    struct wheel wheel;
    struct neighbours t;
    unsigned asked;          /* calls of `ask` */
    struct ip_addr asked_of; /* the last one */
    struct mac asked_to;
};

static struct cache c;

static void note_ask(void *arg, const struct neighbour *n, struct mac to)
{
    ck_assert_ptr_eq(arg, &c);
    c.asked++;
    c.asked_of = n->addr;
    c.asked_to = to;
}

static void set_up(void)
{
    static const struct slab_limits limits = {.slabs = {8192, 16, 16, 16}, .bufs = 8192};
    static const uint8_t seed[32] = {1};
    memset(&c, 0, sizeof(c));
    ck_assert(recorder_init(&c.recorder, 256));
    slab_pools_init(&c.pools, &limits);
    random_init(&c.random, seed);
    wheel_init(&c.wheel, 0);
    ck_assert(neighbours_init(&c.t, &c.recorder, &c.wheel, &c.random));
    c.t.ask = note_ask;
    c.t.arg = &c;
}

static void tear_down(void)
{
    neighbours_done(&c.t);
    ck_assert_uint_eq(c.wheel.armed, 0);
    expect_pools_empty(&c.pools);
    slab_pools_done(&c.pools);
    recorder_done(&c.recorder);
}

static void run(nsec to)
{
    for (nsec due = wheel_deadline(&c.wheel); due <= to; due = wheel_deadline(&c.wheel)) {
        wheel_advance(&c.wheel, due);
    }
    wheel_advance(&c.wheel, to);
}

static struct buf *packet_number(uint8_t number)
{
    return buf_copy_of(&c.pools, &number, 1);
}

static struct ip_addr host_number(uint32_t number)
{
    return ip4_addr(0x0a090000U + number);
}

static const struct mac other_mac = {{0x02, 9, 9, 9, 9, 9}};

/* requires: 1122-2.3.2.1-2 */
START_TEST(an_unknown_neighbour_is_asked_three_times_a_second_apart)
{
    struct neighbour *n = neighbour_use(&c.t, host_number(1), 0);
    neighbour_wait(n, packet_number(1));
    neighbour_wait(n, packet_number(2));
    ck_assert_uint_eq(n->state, NEIGHBOUR_INCOMPLETE);
    ck_assert(!neighbour_known(n));
    ck_assert_uint_eq(c.asked, 1);
    ck_assert(mac_equal(c.asked_to, mac_broadcast));
    run(NS_PER_SEC - 1);
    ck_assert_uint_eq(c.asked, 1);
    run(NS_PER_SEC + NS_PER_MS);
    ck_assert_uint_eq(c.asked, 2);
    run(2 * NS_PER_SEC + NS_PER_MS);
    ck_assert_uint_eq(c.asked, 3);
    ck_assert_uint_eq(drop_total(&c.recorder), 0);
    run(3 * NS_PER_SEC + NS_PER_MS);
    ck_assert_uint_eq(c.asked, 3);
    ck_assert_uint_eq(n->state, NEIGHBOUR_FAILED);
    ck_assert_uint_eq(n->waiting, 0);
    ck_assert_uint_eq(c.recorder.drops[DROP_ARP_UNREACHABLE], 2);
    const struct event *e = last_event(&c.recorder, EV_neighbour);
    ck_assert_uint_eq(e->u.neighbour.state, NEIGHBOUR_FAILED);
    ck_assert_uint_eq(e->cause.kind, CAUSE_TIMER);
}
END_TEST

/* requires: 1122-2.3.2.1-2 */
START_TEST(more_packets_do_not_ask_more)
{
    for (unsigned i = 0; i < 10; i++) {
        neighbour_wait(neighbour_use(&c.t, host_number(1), 0), packet_number(0));
    }
    ck_assert_uint_eq(c.asked, 1); /* RFC 1122 2.3.2.1: no flooding */
}
END_TEST

START_TEST(a_failed_neighbour_is_tried_again_when_wanted)
{
    neighbour_wait(neighbour_use(&c.t, host_number(1), 0), packet_number(1));
    run(4 * NS_PER_SEC);
    struct neighbour *n = neighbour_use(&c.t, host_number(1), 5 * NS_PER_SEC);
    ck_assert_uint_eq(n->state, NEIGHBOUR_INCOMPLETE);
    ck_assert_uint_eq(n->tries, 1);
    ck_assert_uint_eq(c.asked, 4);
}
END_TEST

/* RFC 1122 2.3.2.1 (4): advice from above; asked at its own address first, so that all others are spared. */
START_TEST(a_doubtful_neighbour_is_asked_and_lost)
{
    struct neighbour *n = neighbour_use(&c.t, host_number(1), 0);
    neighbour_heard(&c.t, host_number(1), other_mac, false, 0);
    ck_assert_uint_eq(c.asked, 1);
    neighbour_doubt(&c.t, host_number(1), NEIGHBOUR_RETRY - 1); /* it has just been heard */
    neighbour_doubt(&c.t, host_number(2), NEIGHBOUR_RETRY);     /* nobody knows it */
    ck_assert_uint_eq(c.asked, 1);
    run(5 * NS_PER_SEC);
    neighbour_doubt(&c.t, host_number(1), 5 * NS_PER_SEC);
    neighbour_doubt(&c.t, host_number(1), 5 * NS_PER_SEC); /* no flooding */
    ck_assert_uint_eq(c.asked, 2);
    ck_assert(mac_equal(c.asked_to, other_mac));
    ck_assert(neighbour_known(n)); /* the address serves meanwhile */
    run(9 * NS_PER_SEC);
    ck_assert_uint_eq(c.asked, 4);
    ck_assert_uint_eq(n->state, NEIGHBOUR_FAILED);
}
END_TEST

START_TEST(a_failed_neighbour_is_forgotten)
{
    neighbour_use(&c.t, host_number(1), 0);
    run(4 * NS_PER_SEC);
    ck_assert_ptr_nonnull(neighbour_find(&c.t, host_number(1)));
    run(4 * NS_PER_SEC + NEIGHBOUR_FORGET);
    ck_assert_ptr_null(neighbour_find(&c.t, host_number(1)));
    ck_assert_uint_eq(c.wheel.armed, 0);
}
END_TEST

START_TEST(frames_wait_in_order_and_the_oldest_goes_first)
{
    struct neighbour *n = neighbour_use(&c.t, host_number(1), 0);
    for (uint8_t i = 0; i < NEIGHBOUR_QUEUE; i++) {
        neighbour_wait(n, packet_number(i));
    }
    ck_assert_uint_eq(drop_total(&c.recorder), 0);
    neighbour_wait(n, packet_number(NEIGHBOUR_QUEUE));
    expect_drop(&c.recorder, DROP_ARP_QUEUE_FULL);
    for (uint8_t i = 1; i <= NEIGHBOUR_QUEUE; i++) {
        struct buf *b = neighbour_take(n);
        ck_assert_uint_eq(*buf_data(b), i);
        buf_free(b);
    }
    ck_assert_ptr_null(neighbour_take(n));
}
END_TEST

START_TEST(an_answer_makes_it_reachable)
{
    struct neighbour *n = neighbour_use(&c.t, host_number(1), 0);
    ck_assert_ptr_eq(neighbour_heard(&c.t, host_number(1), peer_mac, false, NS_PER_MS), n);
    ck_assert(neighbour_known(n));
    ck_assert(mac_equal(n->mac, peer_mac));
    const struct event *e = last_event(&c.recorder, EV_neighbour);
    ck_assert_uint_eq(e->u.neighbour.state, NEIGHBOUR_REACHABLE);
    ck_assert(ip_equal(e->u.neighbour.addr, host_number(1)));
    run(30 * NS_PER_SEC);
    ck_assert_uint_eq(c.asked, 1);
}
END_TEST

START_TEST(only_who_asks_us_makes_an_entry)
{
    ck_assert_ptr_null(neighbour_heard(&c.t, host_number(1), peer_mac, false, 0));
    ck_assert_ptr_null(neighbour_find(&c.t, host_number(1)));
    ck_assert_ptr_nonnull(neighbour_heard(&c.t, host_number(1), peer_mac, true, 0));
    ck_assert(neighbour_known(neighbour_find(&c.t, host_number(1))));
}
END_TEST

/* requires: 1122-2.3.2.1-1 */
START_TEST(an_entry_takes_a_new_address)
{
    neighbour_heard(&c.t, host_number(1), peer_mac, true, 0);
    uint64_t events = c.recorder.written;
    neighbour_heard(&c.t, host_number(1), peer_mac, false, 1);
    ck_assert_uint_eq(c.recorder.written, events); /* nothing new to tell */
    neighbour_heard(&c.t, host_number(1), other_mac, false, 2);
    ck_assert_uint_eq(c.recorder.written, events + 1);
    ck_assert(mac_equal(neighbour_find(&c.t, host_number(1))->mac, other_mac));
}
END_TEST

/* requires: 1122-2.3.2.1-4 */
START_TEST(an_old_entry_in_use_is_asked_again_by_unicast)
{
    neighbour_heard(&c.t, host_number(1), peer_mac, true, 0);
    neighbour_use(&c.t, host_number(1), NEIGHBOUR_FRESH - 1);
    ck_assert_uint_eq(c.asked, 0);
    struct neighbour *n = neighbour_use(&c.t, host_number(1), NEIGHBOUR_FRESH);
    ck_assert_uint_eq(c.asked, 1);
    ck_assert(mac_equal(c.asked_to, peer_mac));
    ck_assert_uint_eq(n->state, NEIGHBOUR_STALE);
    ck_assert(neighbour_known(n)); /* still sent to */
    ck_assert(mac_equal(n->mac, peer_mac));
    neighbour_use(&c.t, host_number(1), NEIGHBOUR_FRESH + 1);
    ck_assert_uint_eq(c.asked, 1);
    neighbour_heard(&c.t, host_number(1), peer_mac, false, NEIGHBOUR_FRESH + 2);
    ck_assert_uint_eq(n->state, NEIGHBOUR_REACHABLE);
    run(NEIGHBOUR_FRESH + 10 * NS_PER_SEC);
    ck_assert_uint_eq(c.asked, 1);
}
END_TEST

START_TEST(a_stale_entry_without_an_answer_fails_and_is_asked_by_broadcast)
{
    neighbour_heard(&c.t, host_number(1), peer_mac, true, 0);
    run(NEIGHBOUR_FRESH);
    struct neighbour *n = neighbour_use(&c.t, host_number(1), NEIGHBOUR_FRESH);
    run(NEIGHBOUR_FRESH + 4 * NS_PER_SEC);
    ck_assert_uint_eq(c.asked, 3);
    ck_assert(mac_equal(c.asked_to, peer_mac));
    ck_assert_uint_eq(n->state, NEIGHBOUR_FAILED);
    neighbour_use(&c.t, host_number(1), NEIGHBOUR_FRESH + 5 * NS_PER_SEC);
    ck_assert_uint_eq(c.asked, 4);
    ck_assert(mac_equal(c.asked_to, mac_broadcast));
}
END_TEST

/* requires: 1122-3.3.1.4-5 */
START_TEST(each_sign_of_life_keeps_it_fresh)
{
    neighbour_heard(&c.t, host_number(1), peer_mac, true, 0);
    neighbour_heard(&c.t, host_number(1), peer_mac, false, 50 * NS_PER_SEC);
    struct neighbour *n = neighbour_use(&c.t, host_number(1), 70 * NS_PER_SEC);
    ck_assert_uint_eq(n->state, NEIGHBOUR_REACHABLE);
    ck_assert_uint_eq(c.asked, 0);
    ck_assert_int_eq(n->heard, 50 * NS_PER_SEC);
    ck_assert_int_eq(n->used, 70 * NS_PER_SEC);
    run(NEIGHBOUR_EXPIRE + 40 * NS_PER_SEC);
    ck_assert_ptr_nonnull(neighbour_find(&c.t, host_number(1)));
}
END_TEST

/* requires: 1122-2.3.2.1-1 */
START_TEST(a_silent_entry_expires)
{
    neighbour_heard(&c.t, host_number(1), peer_mac, true, 0);
    run(NEIGHBOUR_EXPIRE - NS_PER_MS);
    ck_assert_ptr_nonnull(neighbour_find(&c.t, host_number(1)));
    run(NEIGHBOUR_EXPIRE + NS_PER_MS);
    ck_assert_ptr_null(neighbour_find(&c.t, host_number(1)));
    ck_assert_uint_eq(c.asked, 0);
}
END_TEST

START_TEST(the_least_recently_used_makes_room)
{
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        neighbour_heard(&c.t, host_number(i), peer_mac, true, 0);
        neighbour_use(&c.t, host_number(i), (nsec)i);
    }
    neighbour_use(&c.t, host_number(0), 1000); /* so 1 is the oldest */
    ck_assert_ptr_nonnull(neighbour_use(&c.t, host_number(NEIGHBOURS), 1001));
    ck_assert_ptr_eq(c.t.last, neighbour_find(&c.t, host_number(NEIGHBOURS)));
    ck_assert_ptr_nonnull(neighbour_find(&c.t, host_number(0)));
    ck_assert_ptr_null(neighbour_find(&c.t, host_number(1)));
    ck_assert_ptr_nonnull(neighbour_find(&c.t, host_number(2)));
    ck_assert_uint_eq(c.t.table.count, NEIGHBOURS);
}
END_TEST

START_TEST(strangers_do_not_push_out_whom_we_talk_with)
{
    for (uint32_t i = 0; i < NEIGHBOURS - 1; i++) {
        neighbour_heard(&c.t, host_number(i), peer_mac, true, 0);
        neighbour_use(&c.t, host_number(i), 0);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        neighbour_heard(&c.t, host_number(NEIGHBOURS + i), other_mac, true, 1);
    }
    for (uint32_t i = 0; i < NEIGHBOURS - 1; i++) {
        ck_assert_ptr_nonnull(neighbour_find(&c.t, host_number(i)));
    }
    ck_assert_ptr_nonnull(neighbour_find(&c.t, host_number(NEIGHBOURS + 999)));
}
END_TEST

START_TEST(an_entry_with_waiting_frames_never_goes)
{
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        neighbour_wait(neighbour_use(&c.t, host_number(i), 0), packet_number(0));
    }
    ck_assert_ptr_null(neighbour_use(&c.t, host_number(NEIGHBOURS), 0));
    ck_assert_ptr_null(neighbour_heard(&c.t, host_number(NEIGHBOURS), peer_mac, true, 0));
    struct neighbour *n = neighbour_heard(&c.t, host_number(7), peer_mac, false, 0);
    buf_free(neighbour_take(n));
    ck_assert_ptr_eq(neighbour_use(&c.t, host_number(NEIGHBOURS), 5), n);
    ck_assert_ptr_null(neighbour_find(&c.t, host_number(7)));
    /* Nothing of the old entry is left in the new one. */
    ck_assert_uint_eq(n->state, NEIGHBOUR_INCOMPLETE);
    ck_assert(mac_equal(n->mac, (struct mac){{0}}));
    ck_assert_uint_eq(n->tries, 1);
    ck_assert_int_eq(n->heard, 0);
    ck_assert_int_eq(n->used, 5);
    ck_assert(n->in_use);
}
END_TEST

Suite *neighbour_suite(void);

Suite *neighbour_suite(void)
{
    Suite *s = suite_create("neighbour");
    TCase *t = tcase_create("neighbour");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, an_unknown_neighbour_is_asked_three_times_a_second_apart);
    tcase_add_test(t, more_packets_do_not_ask_more);
    tcase_add_test(t, a_failed_neighbour_is_tried_again_when_wanted);
    tcase_add_test(t, a_doubtful_neighbour_is_asked_and_lost);
    tcase_add_test(t, a_failed_neighbour_is_forgotten);
    tcase_add_test(t, frames_wait_in_order_and_the_oldest_goes_first);
    tcase_add_test(t, an_answer_makes_it_reachable);
    tcase_add_test(t, only_who_asks_us_makes_an_entry);
    tcase_add_test(t, an_entry_takes_a_new_address);
    tcase_add_test(t, an_old_entry_in_use_is_asked_again_by_unicast);
    tcase_add_test(t, a_stale_entry_without_an_answer_fails_and_is_asked_by_broadcast);
    tcase_add_test(t, each_sign_of_life_keeps_it_fresh);
    tcase_add_test(t, a_silent_entry_expires);
    tcase_add_test(t, the_least_recently_used_makes_room);
    tcase_add_test(t, strangers_do_not_push_out_whom_we_talk_with);
    tcase_add_test(t, an_entry_with_waiting_frames_never_goes);
    suite_add_tcase(s, t);
    return s;
}
