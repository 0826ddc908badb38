/* ACKs that come together, before anything can be sent, leave the sender where the same ACKs leave it one by one. */
#include "stack/tcp/cc.h"
#include "tests/unit/tcp/tcp_rig.h"

#define MSS 1460U

static struct peer p;
static struct app *a;
static bool together;

static uint32_t segment(uint32_t n) /* where the nth begins, from 0 on */
{
    return 1 + n * MSS;
}

static void open_it(const struct tcp_cc_ops *cc, bool sack, nsec rtt)
{
    rig_restart(&(struct tcp_config){.cc = cc, .send_buffer = 1024 * 1024});
    p = peer_new();
    p.offer = (struct offer){.mss = MSS, .wscale = true, .shift = 7, .sack_ok = sack};
    a = open_with_rtt(&p, rtt);
    app_write(a, segment(400));
    run_for(rtt);
}

/* What follows, up to `end`, arrives at one moment. */
static void begin(void)
{
    discard_sent();
    rig.hold = together;
}

static void end(void)
{
    if (together) {
        rig_release();
    }
}

/* ACKs of all segments from `from` to before `upto`, one for each two. */
static void acknowledge(uint32_t from, uint32_t upto)
{
    for (uint32_t n = from; n < upto; n += 2) {
        peer_send(&p, TCP_ACK, 1, segment(n + 2 < upto ? n + 2 : upto));
    }
}

/* All before `lost` is there, and then one after the other those up to `upto`. */
static void miss(uint32_t lost, uint32_t upto)
{
    for (uint32_t n = lost + 1; n < upto; n++) {
        uint8_t o[12] = {1, 1, 5, 10};
        uint32_t edges[2] = {p.irs + segment(lost + 1), p.irs + segment(n + 1)};
        for (unsigned i = 0; i < 8; i++) {
            o[4 + i] = (uint8_t)(edges[i / 4] >> (24 - 8 * (i % 4)));
        }
        struct raw r =
            raw_with_options(&p, TCP_ACK, 1, segment(lost), o, p.offer.sack_ok ? 12 : 0, NULL, 0);
        raw_send(&r);
    }
}

/* Slow start with 20 segments out, of which the 25th is lost: the window is 34 segments when the ACKs before it are
 * taken. Returns how many bytes were sent in all. */
static uint32_t lose_in_slow_start(const struct tcp_cc_ops *cc, bool sack, nsec rtt)
{
    open_it(cc, sack, rtt);
    begin();
    acknowledge(0, 10);
    end();
    ck_assert_uint_eq(info_of(a).snd_nxt - p.irs, segment(30));
    run_for(rtt);
    begin();
    acknowledge(10, 24);
    miss(24, 30);
    end();
    return info_of(a).snd_nxt - p.irs - 1;
}

/* RFC 9438 4.6, RFC 5681 equation 4: a share of what is outstanding for a sender that answers each ACK. */
static void expect_share(const struct tcp_cc_ops *cc, bool sack, uint32_t percent)
{
    uint32_t sent[2];
    for (unsigned i = 0; i < 2; i++) {
        together = i > 0;
        sent[i] = lose_in_slow_start(cc, sack, MS(100));
        ck_assert_uint_eq(info_of(a).ssthresh, 34 * MSS * percent / 100);
        ck_assert(info_of(a).recovering);
    }
    /* without SACK it is the window that has fallen which lets out more */
    ck_assert(sack ? sent[0] == sent[1] : sent[0] >= sent[1]);
}

/* requires: 9438-4.6-2 */
START_TEST(cubic_reduces_what_was_let_out)
{
    expect_share(&cc_cubic, true, 70);
}
END_TEST

/* requires: 5681-3.2-6 */
START_TEST(newreno_reduces_what_was_let_out)
{
    expect_share(&cc_newreno, true, 50);
    expect_share(&cc_newreno, false, 50);
}
END_TEST

/* RFC 3168 6.1.2; RFC 8511 3: in slow start as a loss. */
START_TEST(a_mark_reduces_what_was_let_out)
{
    for (unsigned i = 0; i < 2; i++) {
        together = i > 0;
        rig_restart(&(struct tcp_config){
            .cc = &cc_cubic, .ecn = TCP_ECN_ACCEPT, .send_buffer = 1024 * 1024});
        p = peer_new();
        rig_listen(NULL);
        peer_send(&p, TCP_SYN | TCP_ECE | TCP_CWR, 0, 0);
        expect(&p, TCP_SYN | TCP_ACK | TCP_ECE, 0, 1, 0);
        run_for(MS(100));
        peer_send(&p, TCP_ACK, 1, 1);
        a = &rig.apps[0];
        app_write(a, segment(400));
        run_for(MS(100));
        begin();
        acknowledge(0, 8); /* the window is 18, and goes out */
        peer_send(&p, TCP_ACK | TCP_ECE, 1, segment(10));
        end();
        ck_assert_uint_eq(info_of(a).ssthresh, 18 * MSS * 70 / 100);
        ck_assert_uint_eq(info_of(a).cwnd, 18 * MSS * 70 / 100);
    }
}
END_TEST

static bool goes_again(uint32_t n)
{
    bool again = false;
    while (sent_any()) {
        again = take_segment(__LINE__).seq - p.irs == segment(n) || again;
    }
    return again;
}

/* What was let out before the loss was found is of the same window: that more of it is lost is no news (RFC 6675 5). */
START_TEST(one_window_is_reduced_once)
{
    for (unsigned i = 0; i < 2; i++) {
        together = i > 0;
        lose_in_slow_start(&cc_cubic, true, MS(100));
        uint32_t before = info_of(a).ssthresh;
        run_for(MS(100));
        begin();
        acknowledge(24, 35);
        miss(35, 40);
        end();
        ck_assert_uint_eq(info_of(a).ssthresh, before);
        ck_assert(goes_again(35));
    }
}
END_TEST

/* RFC 6582 3.2 step 3 (1): what duplicates have let out is outstanding when all that was lost has come. */
START_TEST(newreno_leaves_with_what_was_let_out)
{
    uint32_t cwnd[2];
    for (unsigned i = 0; i < 2; i++) {
        together = false;
        lose_in_slow_start(&cc_newreno, false, MS(100));
        run_for(MS(100));
        uint32_t sent = (info_of(a).snd_nxt - p.irs - 1) / MSS;
        together = i > 0;
        begin();
        miss(24, sent - 6);
        peer_send(&p, TCP_ACK, 1, segment(sent));
        end();
        ck_assert(!info_of(a).recovering);
        cwnd[i] = info_of(a).cwnd;
    }
    ck_assert_uint_gt(cwnd[0], 3 * MSS);
    ck_assert_uint_eq(cwnd[0], cwnd[1]);
}
END_TEST

/* RFC 9438 4.2: time counts while the window is in use, though all of it be acknowledged before more is sent. */
START_TEST(a_whole_window_acknowledged_is_no_pause)
{
    uint32_t cwnd[2];
    for (unsigned i = 0; i < 2; i++) {
        together = i > 0;
        uint32_t sent = lose_in_slow_start(&cc_cubic, true, SEC(1)) / MSS;
        uint32_t from = 24;
        for (unsigned round = 0; round < 5; round++) {
            run_for(SEC(1));
            begin();
            acknowledge(from, sent);
            end();
            from = sent;
            sent = (info_of(a).snd_nxt - p.irs - 1) / MSS;
        }
        cwnd[i] = info_of(a).cwnd;
    }
    ck_assert_uint_gt(cwnd[0], 32 * MSS); /* K is 2.9 s: it is back at 34 */
    ck_assert_uint_gt(cwnd[1] + MSS, cwnd[0]);
    ck_assert_uint_lt(cwnd[1], cwnd[0] + MSS);
}
END_TEST

Suite *batch_suite(void);
Suite *batch_suite(void)
{
    Suite *s = suite_create("batch");
    TCase *tc = rig_case(s, "batch");
    ADD(tc, cubic_reduces_what_was_let_out);
    ADD(tc, newreno_reduces_what_was_let_out);
    ADD(tc, a_mark_reduces_what_was_let_out);
    ADD(tc, one_window_is_reduced_once);
    ADD(tc, newreno_leaves_with_what_was_let_out);
    ADD(tc, a_whole_window_acknowledged_is_no_pause);
    return s;
}
