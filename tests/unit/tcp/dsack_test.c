/* D-SACK (RFC 2883): what its examples (tests/conformance/scripts/dsack) leave open. */
#include "stack/tcp/dsack.h"

#include "tests/unit/tcp/tcp_rig.h"

static struct app *open_sack(struct peer *p, bool ts)
{
    *p = peer_new();
    p->offer.sack_ok = true;
    p->offer.ts = ts;
    p->port = (uint16_t)(PEER_PORT + (ts ? 1 : 0));
    return open_passive(p);
}

static void expect_blocks(const struct wire *w, unsigned n, const uint32_t want[])
{
    ck_assert_uint_eq(w->sack_count, n);
    for (unsigned i = 0; i < n; i++) {
        ck_assert_uint_eq(w->sack[i][0], want[2 * i]);
        ck_assert_uint_eq(w->sack[i][1], want[2 * i + 1]);
    }
}

#define BLOCKS(...)                                                                                \
    (sizeof((uint32_t[]){__VA_ARGS__}) / (2 * sizeof(uint32_t))), (const uint32_t[])               \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* 500 octets, acknowledged. */
static void first_segment(struct peer *p)
{
    peer_data(p, TCP_ACK | TCP_PSH, 1, 1, 500);
    run_for(MS(50));
    expect(p, TCP_ACK, 1, 501, 0);
}

/* MUST-16: the block takes its part of the segment on which it rides; the next is whole again. */
START_TEST(it_rides_on_data_and_takes_room)
{
    struct peer p;
    struct app *a = open_sack(&p, false);
    first_segment(&p);
    rig.hold = true;
    peer_data(&p, TCP_ACK, 1, 1, 500);
    app_queue(a, 3000);
    rig_release();
    struct wire w = expect(&p, TCP_ACK, 1, 501, 1460 - 12);
    expect_blocks(&w, BLOCKS(1, 501));
    w = expect(&p, TCP_ACK, 1449, 501, 1460);
    ck_assert_uint_eq(w.sack_count, 0);
}
END_TEST

/* RFC 2883 4 (1): the latest of a batch; what touches is one. */
/* requires: 2883-4-2 */
START_TEST(duplicates_of_one_batch)
{
    struct peer p;
    open_sack(&p, false);
    first_segment(&p);
    rig.hold = true;
    peer_data(&p, TCP_ACK, 1, 1, 100);
    peer_data(&p, TCP_ACK, 101, 1, 100);
    rig_release();
    struct wire w = expect(&p, TCP_ACK, 1, 501, 0);
    expect_blocks(&w, BLOCKS(1, 201));
    rig.hold = true;
    peer_data(&p, TCP_ACK, 301, 1, 100);
    peer_data(&p, TCP_ACK, 51, 1, 100);
    rig_release();
    w = expect(&p, TCP_ACK, 1, 501, 0);
    expect_blocks(&w, BLOCKS(51, 151));
}
END_TEST

/* A duplicate beyond a hole that is filled before the ACK goes lies below that ACK: no second block. */
/* requires: 2883-4-5 */
START_TEST(the_hole_is_filled_meanwhile)
{
    struct peer p;
    open_sack(&p, false);
    peer_data(&p, TCP_ACK, 101, 1, 100);
    peer_data(&p, TCP_ACK, 301, 1, 100);
    discard_sent();
    rig.hold = true;
    peer_data(&p, TCP_ACK, 101, 1, 100);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    rig_release();
    struct wire w = expect(&p, TCP_ACK, 1, 201, 0);
    expect_blocks(&w, BLOCKS(101, 201, 301, 401));
}
END_TEST

/* In order, but over octets beyond the hole that it fills. */
START_TEST(the_end_of_a_segment_was_there)
{
    struct peer p;
    struct app *a = open_sack(&p, false);
    peer_data(&p, TCP_ACK, 101, 1, 100);
    discard_sent();
    peer_data(&p, TCP_ACK, 1, 1, 150);
    struct wire w = expect(&p, TCP_ACK, 1, 201, 0);
    expect_blocks(&w, BLOCKS(101, 151));
    expect_in(a, 200);
}
END_TEST

/* RFC 2018 3: four blocks, three beside timestamps, the duplicate among them; with the block around it second though
 * another came later. */
/* requires: 2883-4-6 */
START_TEST(as_many_blocks_as_fit)
{
    for (unsigned ts = 0; ts < 2; ts++) {
        struct peer p;
        open_sack(&p, ts != 0);
        for (uint32_t i = 0; i < 5; i++) {
            peer_data(&p, TCP_ACK, 101 + 200 * i, 1, 100);
        }
        discard_sent();
        rig.hold = true;
        peer_data(&p, TCP_ACK, 301, 1, 50);
        peer_data(&p, TCP_ACK, 1101, 1, 100);
        rig_release();
        struct wire w = expect(&p, TCP_ACK, 1, 1, 0);
        if (ts != 0) {
            expect_blocks(&w, BLOCKS(301, 351, 301, 401, 1101, 1201));
        } else {
            expect_blocks(&w, BLOCKS(301, 351, 301, 401, 1101, 1201, 901, 1001));
        }
    }
}
END_TEST

/* A FIN has a number, and its copy is a duplicate like any other; a SYN is no data. */
START_TEST(a_fin_again_and_a_syn_again)
{
    struct peer p;
    open_sack(&p, false);
    peer_send(&p, TCP_ACK | TCP_FIN, 1, 1);
    expect(&p, TCP_ACK, 1, 2, 0);
    peer_send(&p, TCP_ACK | TCP_FIN, 1, 1);
    struct wire w = expect(&p, TCP_ACK, 1, 2, 0);
    expect_blocks(&w, BLOCKS(1, 2));
    peer_send(&p, TCP_SYN, 0, 0);
    w = expect(&p, TCP_ACK, 1, 2, 0);
    ck_assert_uint_eq(w.sack_count, 0);
}
END_TEST

/* Numbers from before the connection: somebody guesses, and nothing came twice. */
/* requires: 2883-4-3 */
START_TEST(what_never_came_is_no_duplicate)
{
    struct peer p;
    open_sack(&p, false);
    first_segment(&p);
    peer_data(&p, TCP_ACK, UINT32_C(0) - 100000, 1, 10);
    struct wire w = expect(&p, TCP_ACK, 1, 501, 0);
    ck_assert_uint_eq(w.sack_count, 0);
    peer_data(&p, TCP_ACK, UINT32_C(0) - 1, 1, 10);
    w = expect(&p, TCP_ACK, 1, 501, 0);
    ck_assert_uint_eq(w.sack_count, 0);
    peer_data(&p, TCP_ACK, 491, 1, 10);
    w = expect(&p, TCP_ACK, 1, 501, 0);
    expect_blocks(&w, BLOCKS(491, 501));
}
END_TEST

Suite *dsack_suite(void);

Suite *dsack_suite(void)
{
    Suite *s = suite_create("dsack");
    TCase *tc = rig_case(s, "dsack");
    ADD(tc, it_rides_on_data_and_takes_room);
    ADD(tc, duplicates_of_one_batch);
    ADD(tc, what_never_came_is_no_duplicate);
    ADD(tc, the_hole_is_filled_meanwhile);
    ADD(tc, the_end_of_a_segment_was_there);
    ADD(tc, as_many_blocks_as_fit);
    ADD(tc, a_fin_again_and_a_syn_again);
    return s;
}
