/* Each rule of the observer about what a host sends: where in its sequence space, how much of it, when
 * again, and how it ends. observer_ack_test.c has what it acknowledges.
 */
#include "tests/unit/sim/observer_rig.h"

#include <string.h>

Suite *observer_stream_suite(void);

#define US (ISS + 1)   /* the host's first octet */
#define THEM (IRS + 1) /* the peer's */

static struct watch r;

static void set_up(void)
{
    watch_init(&r, NULL);
}

static void again(const struct observer_host *host)
{
    watch_done(&r);
    watch_init(&r, host);
}

static void tear_down(void)
{
    watch_done(&r);
}

/* ---- the sequence space ---- */

START_TEST(numbers_have_no_gaps)
{
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    out(&r, seg(A, US + 100, THEM, 100));
    out(&r, seg(A, US + 50, THEM, 100)); /* again, cut otherwise */
    expect_silence(&r);
    out(&r, seg(A, US + 201, THEM, 100));
    expect(&r, "sequence-gap");
    out(&r, seg(A, ISS - 1, THEM, 0));
    expect(&r, "sequence-low");
}
END_TEST

START_TEST(an_empty_segment_is_at_snd_nxt)
{
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    in(&r, seg(A, THEM, US + 100, 5));
    out(&r, seg(A, US + 100, THEM + 5, 0));
    expect_silence(&r);
    out(&r, seg(A, US + 100, THEM + 5, 100));
    in(&r, seg(A, THEM + 5, US + 100, 5));
    out(&r, seg(A, US + 100, THEM + 10, 0));
    expect(&r, "empty-place");
    out(&r, seg(A, US + 99, THEM + 10, 0)); /* a probe (RFC 9293 3.8.4) */
}
END_TEST

START_TEST(octets_stay_the_same)
{
    client(&r);
    for (uint32_t at = 0; at < 8000; at += 1000) {
        out(&r, seg(A, US + at, THEM, 1000));
    }
    out(&r, seg(A, US + 500, THEM, 1000));
    expect_silence(&r);
    struct seg s = seg(A, US + 500, THEM, 1000);
    s.twist = 1;
    out(&r, s);
    expect(&r, "same-octets");
    s = seg(A, US + 7999, THEM, 2);
    s.twist = 1;
    out(&r, s);
    expect(&r, "same-octets");
}
END_TEST

START_TEST(a_keepalive_may_carry_any_octet)
{
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    in(&r, seg(A, THEM, US + 100, 0));
    struct seg s = seg(A, US + 99, THEM, 1);
    s.twist = 77;
    out(&r, s);
}
END_TEST

START_TEST(one_fin)
{
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    out(&r, seg(F | A, US + 100, THEM, 0));
    out(&r, seg(F | A, US, THEM, 100)); /* both together, again */
    expect_silence(&r);
    out(&r, seg(A, US + 100, THEM, 10));
    expect(&r, "one-fin");
    out(&r, seg(F | A, US + 50, THEM, 0));
    expect(&r, "one-fin");
}
END_TEST

START_TEST(a_fin_follows_all_text)
{
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    out(&r, seg(F | A, US + 50, THEM, 10));
    expect(&r, "one-fin");
}
END_TEST

/* ---- how much ---- */

START_TEST(the_peers_window)
{
    client(&r);
    in(&r, seg(A, THEM, US, 0));
    for (uint32_t at = 0; at < WND; at += 1000) {
        out(&r, seg(A, US + at, THEM, 1000));
    }
    expect_silence(&r);
    out(&r, seg(A, US + WND, THEM, 1));
    expect(&r, "beyond-window");
    struct seg s = seg(A, THEM, US + 1000, 0);
    s.wnd = WND - 2000; /* it has shrunk: what is out may go again (SHLD-16) */
    in(&r, s);
    out(&r, seg(A, US + WND - 1000, THEM, 1000));
}
END_TEST

START_TEST(a_fin_needs_the_window_too)
{
    client(&r);
    for (uint32_t at = 0; at < WND; at += 1000) {
        out(&r, seg(A, US + at, THEM, 1000));
    }
    expect_silence(&r);
    out(&r, seg(F | A, US + WND, THEM, 0));
    expect(&r, "beyond-window");
}
END_TEST

START_TEST(a_shut_window_may_be_probed)
{
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    struct seg s = with_mss(seg(S | A, IRS, US, 0), 1000);
    s.wnd = 0;
    in(&r, s);
    out(&r, seg(A, US, THEM, 0));
    out(&r, seg(A, US, THEM, 1));
    expect_silence(&r);
    out(&r, seg(A, US, THEM, 2));
    expect(&r, "beyond-window");
}
END_TEST

START_TEST(a_corrupted_window_does_not_count)
{
    client(&r);
    struct seg s = seg(A, THEM, US, 0);
    s.wnd = 2 * WND;
    s.bad_checksum = true;
    in(&r, s);
    for (uint32_t at = 0; at < WND; at += 1000) {
        out(&r, seg(A, US + at, THEM, 1000));
    }
    out(&r, seg(A, US + WND, THEM, 1));
    expect(&r, "beyond-window");
}
END_TEST

static void client_scaled(uint8_t ours, uint8_t its)
{
    out(&r, with_wscale(with_mss(seg(S, ISS, 0, 0), 1000), ours));
    in(&r, with_wscale(with_mss(seg(S | A, IRS, US, 0), 1000), its));
    out(&r, seg(A, US, THEM, 0));
}

START_TEST(the_peers_window_scaled)
{
    client_scaled(0, 1);
    for (uint32_t at = 0; at < WND; at += 1000) { /* that of the SYN-ACK is not scaled */
        out(&r, seg(A, US + at, THEM, 1000));
    }
    expect_silence(&r);
    out(&r, seg(A, US + WND, THEM, 1));
    expect(&r, "beyond-window");
    in(&r, seg(A, THEM, US + WND, 0));
    for (uint32_t at = WND + 1; at <= 3 * WND - 1000; at += 1000) {
        out(&r, seg(A, US + at, THEM, 1000));
    }
    expect_silence(&r);
    out(&r, seg(A, US + 3 * WND - 999, THEM, 1000));
    expect(&r, "beyond-window");
}
END_TEST

START_TEST(eff_snd_mss)
{
    client(&r);
    out(&r, seg(A, US, THEM, 1000));
    expect_silence(&r);
    out(&r, seg(A, US + 1000, THEM, 1001));
    expect(&r, "send-mss");
    out(&r, with(seg(A, US + 2001, THEM, 1000), 4, (const uint8_t[]){1, 1, 1, 1}));
    expect(&r, "send-mss");
}
END_TEST

START_TEST(without_an_mss_option_it_is_536)
{
    out(&r, seg(S, ISS, 0, 0));
    in(&r, seg(S | A, IRS, US, 0));
    out(&r, seg(A, US, THEM, 536));
    expect_silence(&r);
    out(&r, seg(A, US + 536, THEM, 537));
    expect(&r, "send-mss");
}
END_TEST

/* A router says that a segment of the host was too big. */
static void too_big(uint32_t seq, uint16_t mtu)
{
    struct seg s = seg(A, seq, THEM, 1000);
    uint8_t frame[2048];
    frame_of_seg(frame, &s, true);
    uint8_t m[36] = {3, 4, 0, 0, 0, 0, (uint8_t)(mtu >> 8U), (uint8_t)mtu};
    memcpy(m + 8, frame + 14, 28);
    uint16_t c = ones(m, sizeof m);
    m[2] = (uint8_t)(c >> 8U);
    m[3] = (uint8_t)c;
    size_t n = frame_of_ip(frame, 1, 0x0a0000feU, HOST_ADDR, m, sizeof m);
    observer_arrived(r.o, 0, frame, n, r.now);
}

START_TEST(the_paths_mtu)
{
    client(&r);
    out(&r, seg(A, US, THEM, 1000));
    too_big(US + 5000, 700); /* of nothing that is in flight */
    out(&r, seg(A, US, THEM, 1000));
    expect_silence(&r);
    too_big(US, 700);
    out(&r, seg(A, US, THEM, 660));
    expect_silence(&r);
    out(&r, seg(A, US + 660, THEM, 661));
    expect(&r, "path-mtu");
}
END_TEST

/* ---- timers ---- */

START_TEST(retransmissions_back_off)
{
    again(&(struct observer_host){.rto_min = MS(200)});
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    for (nsec wait = MS(200); wait < MS(30000); wait *= 2) {
        pass(&r, wait);
        out(&r, seg(A, US, THEM, 100));
    }
    expect_silence(&r);
    pass(&r, MS(20000));
    out(&r, seg(A, US, THEM, 100));
    expect(&r, "backoff");
    pass(&r, MS(100));
    out(&r, seg(A, US, THEM, 100));
    ck_assert_uint_eq(r.count, 2);
    ck_assert_int_eq(strncmp(r.rules[0], "rto", 3), 0);
    r.count = 0;
}
END_TEST

START_TEST(a_limit_of_doubling)
{
    again(&(struct observer_host){.rto_min = MS(200), .rto_max = MS(1000)});
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    for (unsigned i = 0; i < 4; i++) {
        pass(&r, MS(1000));
        out(&r, seg(A, US, THEM, 100));
    }
}
END_TEST

START_TEST(a_syn_is_not_sent_again_too_soon)
{
    again(&(struct observer_host){.rto_min = MS(200)});
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    pass(&r, MS(1000));
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    pass(&r, MS(2000));
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    expect_silence(&r);
    pass(&r, MS(2000));
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    expect(&r, "backoff");
}
END_TEST

/* RFC 8985 7.3: the tail once more, before the timer, which begins anew with it. */
START_TEST(one_probe_comes_before_the_timer)
{
    again(&(struct observer_host){.rto_min = MS(300), .probes = true});
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    pass(&r, MS(200));
    out(&r, seg(A, US, THEM, 100));
    pass(&r, MS(300));
    out(&r, seg(A, US, THEM, 100));
    pass(&r, MS(600));
    out(&r, seg(A, US, THEM, 100));
    expect_silence(&r);
    pass(&r, MS(600));
    out(&r, seg(A, US, THEM, 100));
    expect(&r, "backoff");
}
END_TEST

START_TEST(a_second_probe_is_a_timeout)
{
    again(&(struct observer_host){.rto_min = MS(300), .probes = true});
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    pass(&r, MS(200));
    out(&r, seg(A, US, THEM, 100));
    pass(&r, MS(200));
    out(&r, seg(A, US, THEM, 100));
    expect(&r, "rto");
}
END_TEST

START_TEST(a_probe_waits_for_a_delayed_ack)
{
    again(&(struct observer_host){.rto_min = MS(300), .probes = true});
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    pass(&r, MS(100));
    out(&r, seg(A, US, THEM, 100));
    expect(&r, "probe");
}
END_TEST

/* With two segments outstanding a probe need not wait for a delayed ACK (RFC 8985 7.2). */
START_TEST(an_ack_outside_the_window_is_none)
{
    again(&(struct observer_host){.rto_min = MS(300), .probes = true});
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    in(&r, seg(A, THEM + WND, US + 100, 0)); /* at the right edge */
    out(&r, seg(A, US + 100, THEM, 100));
    pass(&r, MS(5));
    out(&r, seg(A, US + 100, THEM, 100));
    in(&r, seg(A, THEM, US + 100, 50));
    in(&r, seg(A, THEM, US + 200, 0)); /* before RCV.NXT */
    out(&r, seg(A, US + 200, THEM + 50, 100));
    pass(&r, MS(5));
    out(&r, seg(A, US + 200, THEM + 50, 100));
    expect_silence(&r);
    in(&r, seg(A, THEM + WND + 49, US + 300, 0)); /* the last octet inside */
    out(&r, seg(A, US + 300, THEM + 50, 100));
    pass(&r, MS(5));
    out(&r, seg(A, US + 300, THEM + 50, 100));
    expect(&r, "probe");
}
END_TEST

/* What ACKs lead to has no least interval, and the timer of before goes on (RFC 6298 5). */
START_TEST(fast_retransmit_is_no_timeout)
{
    again(&(struct observer_host){.rto_min = MS(200)});
    client(&r);
    out(&r, seg(A, US, THEM, 100));
    out(&r, seg(A, US + 100, THEM, 100));
    pass(&r, MS(190));
    for (unsigned i = 0; i < 3; i++) {
        in(&r, seg(A, THEM, US, 0));
    }
    out(&r, seg(A, US, THEM, 100));
    pass(&r, MS(10));
    out(&r, seg(A, US, THEM, 100));
    expect_silence(&r);
    pass(&r, MS(100));
    out(&r, seg(A, US, THEM, 100));
    expect(&r, "rto");
}
END_TEST

/* ---- the end ---- */

static const struct observer_host with_msl = {.msl = NS_PER_SEC};

/* To TIME-WAIT, by an active close. */
static void close_actively(void)
{
    again(&with_msl);
    client(&r);
    out(&r, seg(F | A, US, THEM, 0));
    in(&r, seg(A, THEM, US + 1, 0));
    in(&r, seg(F | A, THEM, US + 1, 0));
    out(&r, seg(A, US + 1, THEM + 1, 0));
    pass(&r, MS(1000));
    expect_silence(&r);
}

START_TEST(timewait_answers)
{
    close_actively();
    in(&r, seg(F | A, THEM, US + 1, 0));
    out(&r, seg(A, US + 1, THEM + 1, 0));
    expect_silence(&r);
    in(&r, seg(A, THEM + 1, US + 1, 0));
    out(&r, seg(R, US + 1, 0, 0));
    expect(&r, "timewait-reset");
    pass(&r, MS(1000));
    in(&r, seg(A, THEM + 1, US + 1, 0));
    out(&r, seg(R, US + 1, 0, 0));
}
END_TEST

START_TEST(timewait_of_a_simultaneous_close)
{
    again(&with_msl);
    client(&r);
    out(&r, seg(F | A, US, THEM, 0));
    in(&r, seg(F | A, THEM, US, 0));
    out(&r, seg(A, US + 1, THEM + 1, 0));
    in(&r, seg(A, THEM + 1, US + 1, 0));
    in(&r, seg(F | A, THEM, US, 0));
    out(&r, seg(R | A, 0, THEM + 1, 0));
    ck_assert_uint_eq(r.count, 2); /* nor is this a reset's form */
    ck_assert_int_eq(strncmp(r.rules[1], "timewait-reset", 14), 0);
    r.count = 0;
}
END_TEST

START_TEST(no_timewait_after_a_passive_close)
{
    again(&with_msl);
    client(&r);
    in(&r, seg(F | A, THEM, US, 0));
    out(&r, seg(F | A, US, THEM + 1, 0));
    in(&r, seg(A, THEM + 1, US + 1, 0));
    in(&r, seg(A, THEM + 1, US + 1, 0));
    out(&r, seg(R, US + 1, 0, 0));
}
END_TEST

/* FINs of somebody who guesses, all of them out of every window. */
static void guess(void)
{
    for (uint32_t i = 1; i <= 6; i++) {
        in(&r, seg(F | A, THEM + (i << 29U), US + (i << 29U), 7));
    }
}

START_TEST(guessed_fins_change_no_end)
{
    again(&with_msl);
    client(&r);
    out(&r, seg(F | A, US, THEM, 0));
    in(&r, seg(A, THEM, US + 1, 0));
    in(&r, seg(F | A, THEM, US + 1, 0));
    guess();
    out(&r, seg(A, US + 1, THEM + 1, 0));
    in(&r, seg(R, THEM + 1, 0, 0)); /* RFC 1337: ignored */
    in(&r, seg(F | A, THEM, US + 1, 0));
    out(&r, seg(A, US + 1, THEM + 1, 0));
    expect_silence(&r);
    in(&r, seg(A, THEM + 1, US + 1, 0));
    out(&r, seg(R, US + 1, 0, 0));
    expect(&r, "timewait-reset");
}
END_TEST

START_TEST(guessed_fins_save_from_no_reset)
{
    again(&with_msl);
    client(&r);
    guess();
    out(&r, seg(F | A, US, THEM, 0));
    in(&r, seg(A, THEM, US + 1, 0));
    guess();
    in(&r, seg(R, THEM, 0, 0)); /* FIN-WAIT-2 */
    in(&r, seg(A, THEM, US + 1, 0));
    out(&r, seg(A, US + 1, THEM, 0));
    expect(&r, "after-the-end");
}
END_TEST

START_TEST(guessed_fins_excuse_no_silence)
{
    client(&r);
    guess();
    out(&r, seg(A, US, THEM, 0)); /* a challenge ACK */
    in(&r, seg(A, THEM, US, 100));
    pass(&r, MS(510));
    expect(&r, "ack-delayed");
}
END_TEST

START_TEST(timewait_is_waited_for)
{
    close_actively();
    pass(&r, MS(1000)); /* 2,010 ms since the first SYN: 502,500 ticks */
    out(&r, with_mss(seg(S, ISS + 502500, 0, 0), 1000));
    close_actively();
    out(&r, with_mss(seg(S, ISS + 252500, 0, 0), 1000));
    expect(&r, "timewait [");
}
END_TEST

START_TEST(a_later_syn_reopens)
{
    close_actively();
    in(&r, with_mss(seg(S, THEM + 100, 0, 0), 1000));
    out(&r, with_mss(seg(S | A, ISS + 252500, THEM + 101, 0), 1000));
    expect_silence(&r);
    close_actively();
    in(&r, with_mss(seg(S, THEM - 100, 0, 0), 1000));
    out(&r, with_mss(seg(S | A, ISS + 252500, THEM - 99, 0), 1000));
    expect(&r, "timewait-reopen");
    close_actively();
    in(&r, with_mss(seg(S, THEM + 100, 0, 0), 1000));
    out(&r, with_mss(seg(S | A, ISS - 100, THEM + 101, 0), 1000));
    expect(&r, "timewait-isn");
}
END_TEST

Suite *observer_stream_suite(void)
{
    Suite *s = suite_create("observer_stream");
    const struct {
        const char *name;
        const TTest *tests[20];
    } cases[] = {
        {"sending",
         {numbers_have_no_gaps, an_empty_segment_is_at_snd_nxt, octets_stay_the_same,
          a_keepalive_may_carry_any_octet, one_fin, a_fin_follows_all_text, the_peers_window,
          a_fin_needs_the_window_too, a_shut_window_may_be_probed,
          a_corrupted_window_does_not_count, the_peers_window_scaled, eff_snd_mss,
          without_an_mss_option_it_is_536, the_paths_mtu}},
        {"timers",
         {retransmissions_back_off, a_limit_of_doubling, a_syn_is_not_sent_again_too_soon,
          one_probe_comes_before_the_timer, a_second_probe_is_a_timeout,
          a_probe_waits_for_a_delayed_ack, an_ack_outside_the_window_is_none,
          fast_retransmit_is_no_timeout}},
        {"ending",
         {timewait_answers, timewait_of_a_simultaneous_close, no_timewait_after_a_passive_close,
          guessed_fins_change_no_end, guessed_fins_save_from_no_reset,
          guessed_fins_excuse_no_silence, timewait_is_waited_for, a_later_syn_reopens}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        TCase *t = tcase_create(cases[i].name);
        tcase_add_checked_fixture(t, set_up, tear_down);
        for (size_t j = 0; j < COUNT_OF(cases[i].tests) && cases[i].tests[j] != NULL; j++) {
            tcase_add_test(t, cases[i].tests[j]);
        }
        suite_add_tcase(s, t);
    }
    return s;
}
