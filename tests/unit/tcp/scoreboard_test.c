/* The scoreboard against a model that holds the state of each octet by itself. */
#include "stack/tcp/scoreboard.h"

#include <check.h>
#include <string.h>

#include "tests/unit/base/lcg.h"

#define OCTETS 4000U
#define ROUNDS 3000U

Suite *scoreboard_suite(void);

static struct rig {
    struct scoreboard board;
    struct pool pool;
    struct lcg lcg;
    tcp_seq base;          /* octet 0 */
    uint32_t una, nxt;     /* octets, from base */
    uint8_t state[OCTETS]; /* enum sent_state */
    uint32_t told;         /* octets that were told as delivered in the latest call */
    nsec now;
} rig;

static void start(uint32_t base)
{
    memset(&rig, 0, sizeof rig);
    rig.base = seq_of(base);
    rig.lcg = (struct lcg){base + 17U};
    pool_init(&rig.pool, "tcp_sent", sizeof(struct tcp_sent), 4096);
    scoreboard_init(&rig.board, 5);
}

static void end(void)
{
    scoreboard_done(&rig.board, &rig.pool);
    ck_assert_uint_eq(rig.pool.in_use, 0);
    pool_done(&rig.pool);
}

static tcp_seq at(uint32_t octet)
{
    return seq_add(rig.base, octet);
}

static void told(void *arg, const struct tcp_sent *run, tcp_seq upto)
{
    (void)arg;
    ck_assert(seq_lt(run->start, upto) && seq_le(upto, run->end));
    bool known = false;
    for (tcp_seq s = run->start; seq_lt(s, upto); s = seq_add(s, 1)) {
        known = known || rig.state[seq_span(rig.base, s)] == SENT_SACKED;
    }
    ck_assert(!known);
    rig.told += seq_span(run->start, upto);
}

/* Runs lie side by side, each octet is as the model has it, and the sums are right. */
static void compare(void)
{
    uint32_t sum[3] = {0};
    uint32_t octet = rig.una;
    uint32_t runs = 0;
    bool alike = true;
    for (const struct tcp_sent *r = scoreboard_first(&rig.board); r != NULL;
         r = scoreboard_next(&rig.board, r)) {
        alike = alike && seq_eq(r->start, at(octet)) && seq_lt(r->start, r->end) &&
                scoreboard_at(&rig.board, r->start) == r &&
                scoreboard_at(&rig.board, seq_sub(r->end, 1)) == r;
        for (uint32_t n = sent_len(r); n > 0; n--) {
            alike = alike && rig.state[octet++] == r->state;
        }
        sum[r->state] += sent_len(r);
        runs++;
    }
    ck_assert(alike);
    ck_assert_uint_eq(octet, rig.nxt);
    ck_assert_uint_eq(runs, rig.board.count);
    ck_assert_uint_eq(sum[SENT_LOST], rig.board.lost_bytes);
    ck_assert_uint_eq(sum[SENT_SACKED], rig.board.sacked_bytes);
    const struct tcp_sent *lost = scoreboard_first_lost(&rig.board);
    ck_assert((lost != NULL) == (sum[SENT_LOST] > 0));
}

static uint32_t below(uint32_t bound)
{
    return lcg_below(&rig.lcg, bound);
}

static void send_some(void)
{
    uint32_t n = u32_min(1 + below(90), OCTETS - rig.nxt);
    struct sent_stamp stamp = {.sent_at = rig.now};
    if (n > 0) {
        ck_assert(
            scoreboard_sent(&rig.board, &rig.pool, 4096, at(rig.nxt), at(rig.nxt + n), &stamp));
        memset(rig.state + rig.nxt, SENT_OUT, n);
        rig.nxt += n;
    }
}

static void acknowledge(void)
{
    uint32_t to = rig.una + below(u32_min(rig.nxt - rig.una, 60) + 1);
    uint32_t fresh = 0;
    for (uint32_t i = rig.una; i < to; i++) {
        fresh += rig.state[i] != SENT_SACKED;
    }
    rig.told = 0;
    scoreboard_acked(&rig.board, &rig.pool, at(to), told, NULL);
    ck_assert_uint_eq(rig.told, fresh);
    rig.una = to;
}

static void sack(void)
{
    uint32_t from = rig.una + below(rig.nxt - rig.una);
    uint32_t to = from + 1 + below(rig.nxt - from);
    uint32_t fresh = 0;
    for (uint32_t i = from; i < to; i++) {
        fresh += rig.state[i] != SENT_SACKED;
    }
    rig.told = 0;
    uint32_t n = scoreboard_sacked(&rig.board, &rig.pool, 4096, at(from), at(to), told, NULL);
    ck_assert_uint_eq(n, fresh);
    ck_assert_uint_eq(rig.told, fresh);
    memset(rig.state + from, SENT_SACKED, to - from);
}

static void lose_or_resend(void)
{
    struct tcp_sent *run = scoreboard_at(&rig.board, at(rig.una + below(rig.nxt - rig.una)));
    uint32_t first = seq_span(rig.base, run->start);
    uint32_t len = 1 + below(sent_len(run));
    struct sent_stamp stamp = {.sent_at = rig.now};
    if (run->state == SENT_OUT) {
        ck_assert_uint_eq(
            scoreboard_mark_lost(&rig.board, &rig.pool, run, seq_add(run->start, len)), len);
        memset(rig.state + first, SENT_LOST, len);
    } else if (run->state == SENT_LOST) {
        ck_assert(scoreboard_sent_again(&rig.board, &rig.pool, run, len, &stamp));
        memset(rig.state + first, SENT_OUT, len);
    } else {
        ck_assert_uint_eq(scoreboard_mark_lost(&rig.board, &rig.pool, run, run->end), 0);
    }
}

static void lose_all_or_none(void)
{
    bool all = below(2) == 0;
    if (all) {
        scoreboard_mark_all_lost(&rig.board, &rig.pool);
    } else {
        scoreboard_unmark_lost(&rig.board, &rig.pool, rig.now);
    }
    for (uint32_t i = rig.una; i < rig.nxt; i++) {
        rig.state[i] = all ? SENT_LOST : rig.state[i] == SENT_LOST ? SENT_OUT : rig.state[i];
    }
}

static const uint32_t bases[] = {1, 0xffffff00U, 0x7ffffff0U, 0xfffff448U};

/* requires: 6675-3-1, 6675-4-1 */
START_TEST(it_is_what_its_octets_are)
{
    start(bases[_i]);
    for (unsigned i = 0; i < ROUNDS; i++) {
        rig.now += below(3);
        uint32_t what = below(20);
        if (what < 7 || rig.una == rig.nxt) {
            send_some();
        } else if (what < 11) {
            acknowledge();
        } else if (what < 15) {
            sack();
        } else if (what < 19) {
            lose_or_resend();
        } else {
            lose_all_or_none();
        }
        compare();
        if (rig.una == OCTETS) {
            break;
        }
    }
    end();
}
END_TEST

START_TEST(what_is_sent_in_one_flush_is_one_run)
{
    start(1);
    struct sent_stamp stamp = {.sent_at = 7};
    ck_assert(scoreboard_sent(&rig.board, &rig.pool, 10, at(0), at(1000), &stamp));
    ck_assert(scoreboard_sent(&rig.board, &rig.pool, 10, at(1000), at(64000), &stamp));
    ck_assert_uint_eq(rig.board.count, 1);
    stamp.sent_at = 8;
    ck_assert(scoreboard_sent(&rig.board, &rig.pool, 10, at(64000), at(65000), &stamp));
    ck_assert_uint_eq(rig.board.count, 2);
    end();
}
END_TEST

START_TEST(the_number_of_runs_is_bounded)
{
    start(1);
    for (uint32_t i = 0; i < 100; i++) {
        struct sent_stamp stamp = {.sent_at = i};
        ck_assert(scoreboard_sent(&rig.board, &rig.pool, 8, at(10 * i), at(10 * i + 10), &stamp));
        ck_assert_uint_le(rig.board.count, 8);
    }
    ck_assert(seq_eq(scoreboard_last(&rig.board)->end, at(1000)));
    for (uint32_t i = 0; i < 100; i++) { /* single octets apart: there are no runs for them */
        scoreboard_sacked(&rig.board, &rig.pool, 8, at(10 * i + 3), at(10 * i + 4), told, NULL);
        ck_assert_uint_le(rig.board.count, 9);
    }
    rig.pool.fail_at = 1;
    struct sent_stamp stamp = {.sent_at = 1000};
    ck_assert(scoreboard_sent(&rig.board, &rig.pool, 4096, at(1000), at(1010), &stamp));
    ck_assert(seq_eq(scoreboard_last(&rig.board)->end, at(1010)));
    end();
}
END_TEST

/* Karn: an ACK of what was thought lost tells no round trip, for when it was sent is no longer known. */
START_TEST(what_was_taken_back_gives_no_round_trip)
{
    start(1);
    struct sent_stamp stamp = {.sent_at = 5};
    ck_assert(scoreboard_sent(&rig.board, &rig.pool, 10, at(0), at(3000), &stamp));
    struct tcp_sent *run = scoreboard_first(&rig.board);
    ck_assert_uint_eq(scoreboard_mark_lost(&rig.board, &rig.pool, run, at(1000)), 1000);
    scoreboard_unmark_lost(&rig.board, &rig.pool, 9);
    run = scoreboard_at(&rig.board, at(999));
    ck_assert(run->again && run->sent_at == 9);
    ck_assert_uint_eq(sent_len(run), 1000);
    run = scoreboard_at(&rig.board, at(1000));
    ck_assert(!run->again && run->sent_at == 5);
    end();
}
END_TEST

Suite *scoreboard_suite(void)
{
    Suite *s = suite_create("scoreboard");
    TCase *t = tcase_create("scoreboard");
    tcase_add_loop_test(t, it_is_what_its_octets_are, 0, (int)COUNT_OF(bases));
    tcase_add_test(t, what_is_sent_in_one_flush_is_one_run);
    tcase_add_test(t, the_number_of_runs_is_bounded);
    tcase_add_test(t, what_was_taken_back_gives_no_round_trip);
    suite_add_tcase(s, t);
    return s;
}
