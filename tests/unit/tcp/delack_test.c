/* When text is acknowledged: RFC 9293 3.8.6.3, RFC 5681 4.2; stack/tcp/delack.h. */
#include "stack/tcp/delack.h"

#include "tests/unit/tcp/tcp_rig.h"

static void with_quick_acks(void)
{
    rig_quick_acks = true;
    rig_restart(&(struct tcp_config){0});
}

static void expect_each_at_once(struct peer *p, uint32_t *seq, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        peer_data(p, TCP_ACK, *seq, 1, 1460);
        *seq += 1460;
        expect(p, TCP_ACK, 1, *seq, 0);
    }
}

static void expect_every_second(struct peer *p, uint32_t *seq)
{
    for (unsigned i = 0; i < 3; i++) {
        peer_data(p, TCP_ACK, *seq, 1, 1460);
        expect_nothing();
        peer_data(p, TCP_ACK, *seq + 1460, 1, 1460);
        *seq += 2 * 1460;
        expect(p, TCP_ACK, 1, *seq, 0);
    }
}

/* As many as an initial window has (RFC 6928 2); then SHLD-19. */
START_TEST(the_first_segments_are_acknowledged_at_once)
{
    with_quick_acks();
    struct peer p = peer_new();
    open_passive(&p);
    uint32_t seq = 1;
    expect_each_at_once(&p, &seq, 10);
    expect_every_second(&p, &seq);
}
END_TEST

/* What is not full makes no window grow, and its sender waits for an answer, not for an ACK. */
START_TEST(small_ones_may_wait)
{
    with_quick_acks();
    struct peer p = peer_new();
    open_passive(&p);
    nsec t = rig.now;
    peer_data(&p, TCP_ACK | TCP_PSH, 1, 1, 100);
    expect_nothing();
    run_for(MS(100));
    struct wire w = expect(&p, TCP_ACK, 1, 101, 0);
    expect_time(&w, t + MS(40));
    uint32_t seq = 101;
    expect_each_at_once(&p, &seq, 10);
}
END_TEST

/* RFC 5681 4.1: after idle the sender begins again with its restart window. */
START_TEST(after_idle_they_are_again)
{
    with_quick_acks();
    struct peer p = peer_new();
    open_passive(&p);
    uint32_t seq = 1;
    expect_each_at_once(&p, &seq, 10);
    expect_every_second(&p, &seq);
    run_for(SEC(2));
    expect_each_at_once(&p, &seq, 10);
    expect_every_second(&p, &seq);
}
END_TEST

/* requires: SHLD-19 */
START_TEST(segments_that_options_shorten_are_full)
{
    struct peer p = peer_new();
    open_passive(&p);
    uint32_t seq = 1;
    static const unsigned lengths[][2] = {{1460, 1460}, {1448, 1424}, {1424, 1424},
                                          {1460, 1432}, {1432, 1448}, {1440, 1460}};
    for (unsigned i = 0; i < COUNT_OF(lengths); i++) {
        peer_data(&p, TCP_ACK, seq, 1, lengths[i][0]);
        expect_nothing();
        seq += lengths[i][0] + lengths[i][1];
        peer_data(&p, TCP_ACK, seq - lengths[i][1], 1, lengths[i][1]);
        expect(&p, TCP_ACK, 1, seq, 0);
    }
}
END_TEST

/* requires: SHLD-19 */
START_TEST(a_path_that_became_narrower_is_noticed)
{
    struct peer p = peer_new();
    open_passive(&p);
    uint32_t seq = 1;
    expect_every_second(&p, &seq);
    for (unsigned i = 0; i < 5; i++) {
        peer_data(&p, TCP_ACK, seq, 1, 500);
        expect_nothing();
        peer_data(&p, TCP_ACK, seq + 500, 1, 500);
        seq += 1000;
        expect(&p, TCP_ACK, 1, seq, 0);
    }
    expect_every_second(&p, &seq); /* and that it became wide again */
}
END_TEST

/* Writes of one length are no full segments: each ends with PSH. Nor are single bytes, whatever they have. */
START_TEST(small_writes_are_not_full)
{
    struct peer p = peer_new();
    open_passive(&p);
    uint32_t seq = 1;
    expect_every_second(&p, &seq);
    for (unsigned i = 0; i < 6; i++, seq += 100) {
        peer_data(&p, TCP_ACK | TCP_PSH, seq, 1, 100);
        expect_nothing();
    }
    run_for(MS(41));
    expect(&p, TCP_ACK, 1, seq, 0);
    for (unsigned i = 0; i < 40; i++, seq++) {
        peer_data(&p, TCP_ACK, seq, 1, 1);
    }
    expect_nothing();
    run_for(MS(41));
    expect(&p, TCP_ACK, 1, seq, 0);
}
END_TEST

Suite *delack_suite(void);

Suite *delack_suite(void)
{
    Suite *s = suite_create("delack");
    TCase *quick = rig_case(s, "quick");
    ADD(quick, the_first_segments_are_acknowledged_at_once);
    ADD(quick, small_ones_may_wait);
    ADD(quick, after_idle_they_are_again);
    TCase *full = rig_case(s, "full");
    ADD(full, segments_that_options_shorten_are_full);
    ADD(full, a_path_that_became_narrower_is_noticed);
    ADD(full, small_writes_are_not_full);
    return s;
}
