/* Each rule of the observer about explicit congestion notification (RFC 3168 6.1). */
#include "tests/unit/sim/observer_rig.h"

Suite *observer_ecn_suite(void);

#define US (ISS + 1)   /* the host's first octet */
#define THEM (IRS + 1) /* the peer's */

enum { ECE = 1, CWR = 2, AE = 4 };
enum { ECT1 = 1, ECT0 = 2, CE = 3 };

static struct watch r;

static void set_up(void)
{
    watch_init(&r, &(struct observer_host){.ecn_asks = ECE | CWR});
}

static void tear_down(void)
{
    watch_done(&r);
}

static struct seg ace(struct seg s, uint8_t ace)
{
    s.ace = ace;
    return s;
}

static struct seg ecn(struct seg s, uint8_t ecn)
{
    s.ecn = ecn;
    return s;
}

/* The host asks, and the peer agrees. */
static void agreed(void)
{
    out(&r, ace(with_mss(seg(S, ISS, 0, 0), 1000), ECE | CWR));
    pass(&r, MS(10));
    in(&r, ace(with_mss(seg(S | A, IRS, US, 0), 1000), ECE));
    out(&r, seg(A, US, THEM, 0));
    expect_silence(&r);
}

START_TEST(an_exchange_in_order)
{
    agreed();
    out(&r, ecn(seg(A, US, THEM, 1000), ECT0));
    out(&r, ecn(seg(A, US + 1000, THEM, 1000), ECT0));
    pass(&r, MS(10));
    in(&r, ace(seg(A, THEM, US + 1000, 0), ECE));
    out(&r, ace(ecn(seg(A, US + 2000, THEM, 1000), ECT0), CWR));
    in(&r, ace(seg(A, THEM, US + 2000, 0), ECE)); /* for what went before CWR */
    out(&r, ecn(seg(A, US + 3000, THEM, 1000), ECT0));
    pass(&r, MS(10));
    in(&r, ecn(seg(A, THEM, US + 4000, 500), CE));
    out(&r, ace(seg(A, US + 4000, THEM + 500, 0), ECE));
    in(&r, ecn(seg(A, THEM + 500, US + 4000, 500), ECT0));
    out(&r, ace(seg(A, US + 4000, THEM + 1000, 0), ECE));
    in(&r, ace(ecn(seg(A, THEM + 1000, US + 4000, 500), ECT0), CWR));
    out(&r, seg(A, US + 4000, THEM + 1500, 0));
}
END_TEST

START_TEST(a_syn_asks_as_it_is_told)
{
    out(&r, ace(seg(S, ISS, 0, 0), AE | ECE | CWR));
    expect(&r, "ecn-ask");
    out(&r, seg(S, ISS, 0, 0)); /* or not at all */
}
END_TEST

START_TEST(an_answer_to_a_question)
{
    in(&r, seg(S, IRS, 0, 0));
    out(&r, ace(seg(S | A, ISS, THEM, 0), ECE));
    expect(&r, "ecn-answer");
}
END_TEST

START_TEST(an_answer_is_ece_alone)
{
    in(&r, ace(seg(S, IRS, 0, 0), ECE | CWR));
    out(&r, ace(seg(S | A, ISS, THEM, 0), ECE | CWR));
    expect(&r, "ecn-answer");
}
END_TEST

START_TEST(not_agreed_on)
{
    client(&r);
    out(&r, ecn(seg(A, US, THEM, 100), ECT0));
    expect(&r, "ect-agreed");
    out(&r, ace(seg(A, US + 100, THEM, 100), CWR));
    expect(&r, "ecn-flags");
}
END_TEST

START_TEST(nothing_but_new_data)
{
    agreed();
    in(&r, seg(A, THEM, US, 0));
    out(&r, ecn(seg(A, US, THEM, 0), ECT0));
    expect(&r, "ect-data");
    out(&r, ecn(seg(A, US, THEM, 100), ECT1));
    expect(&r, "ect-codepoint");
    pass(&r, MS(1000));
    out(&r, ecn(seg(A, US, THEM, 100), ECT0));
    expect(&r, "ect-again");
    out(&r, seg(A, US, THEM, 100));
}
END_TEST

START_TEST(nothing_after_a_bare_syn)
{
    out(&r, ace(with_mss(seg(S, ISS, 0, 0), 1000), ECE | CWR));
    pass(&r, MS(1000));
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    in(&r, ace(with_mss(seg(S | A, IRS, US, 0), 1000), ECE));
    out(&r, seg(A, US, THEM, 0));
    out(&r, ecn(seg(A, US, THEM, 100), ECT0));
    expect(&r, "ect-bare-syn");
}
END_TEST

START_TEST(no_echo_without_a_mark)
{
    agreed();
    in(&r, ecn(seg(A, THEM, US, 100), ECT0));
    out(&r, ace(seg(A, US, THEM + 100, 0), ECE));
    expect(&r, "ece [");
}
END_TEST

START_TEST(an_echo_until_cwr)
{
    agreed();
    in(&r, ecn(seg(A, THEM, US, 100), CE));
    out(&r, seg(A, US, THEM + 100, 0));
    expect(&r, "ece-until-cwr");
    in(&r, ace(ecn(seg(A, THEM + 100, US, 100), ECT0), CWR));
    out(&r, ace(seg(A, US, THEM + 200, 0), ECE));
    expect(&r, "ece [");
    in(&r, ace(ecn(seg(A, THEM + 200, US, 100), CE), CWR)); /* a new mark */
    out(&r, seg(A, US, THEM + 300, 0));
    expect(&r, "ece-until-cwr");
}
END_TEST

START_TEST(a_mark_that_does_not_count)
{
    agreed();
    in(&r, ecn(seg(A, THEM, US, 0), CE)); /* no data */
    struct seg bad = ecn(seg(A, THEM, US, 100), CE);
    bad.bad_checksum = true;
    in(&r, bad);
    in(&r, ecn(seg(A, THEM, US, 100), ECT0));
    out(&r, seg(A, US, THEM + 100, 0));
    in(&r, ecn(seg(A, THEM, US, 100), CE)); /* has been there */
    out(&r, seg(A, US, THEM + 100, 0));
}
END_TEST

START_TEST(a_reduction_is_told)
{
    agreed();
    out(&r, ecn(seg(A, US, THEM, 1000), ECT0));
    pass(&r, MS(10));
    in(&r, ace(seg(A, THEM, US + 1000, 0), ECE));
    out(&r, ecn(seg(A, US + 1000, THEM, 1000), ECT0));
    expect(&r, "cwr [");
    in(&r, seg(A, THEM, US + 2000, 0));
    out(&r, ace(seg(A, US + 2000, THEM, 0), CWR));
    expect(&r, "cwr-new-data");
}
END_TEST

/* ---- RFC 9768 ---- */

static void set_up_accurate(void)
{
    watch_init(&r, &(struct observer_host){.ecn_asks = ECE | CWR | AE});
}

static struct seg counters(struct seg s, uint8_t kind, uint32_t a, uint32_t b)
{
    const uint8_t o[] = {kind,
                         8,
                         (uint8_t)(a >> 16U),
                         (uint8_t)(a >> 8U),
                         (uint8_t)a,
                         (uint8_t)(b >> 16U),
                         (uint8_t)(b >> 8U),
                         (uint8_t)b};
    return with(s, sizeof o, o);
}

/* The host asks, the peer agrees: the SYN came as it went, and so does the SYN-ACK. */
static void accurate(void)
{
    out(&r, ace(with_mss(seg(S, ISS, 0, 0), 1000), AE | CWR | ECE));
    pass(&r, MS(10));
    in(&r, ace(with_mss(seg(S | A, IRS, US, 0), 1000), CWR));
    out(&r, ace(seg(A, US, THEM, 0), CWR));
    expect_silence(&r);
}

START_TEST(marks_are_counted)
{
    accurate();
    in(&r, ecn(seg(A, THEM, US, 100), CE));
    out(&r, counters(ace(seg(A, US, THEM + 100, 0), 6), 172, 1, 100));
    in(&r, ecn(seg(A, THEM + 100, US, 100), ECT0));
    out(&r, counters(ace(seg(A, US, THEM + 200, 0), 6), 172, 101, 100));
    in(&r, ecn(seg(A, THEM + 200, US, 100), ECT1));
    out(&r, counters(ace(seg(A, US, THEM + 300, 0), 6), 174, 101, 100));
    expect_silence(&r);
    in(&r, ecn(seg(A, THEM + 300, US, 100), CE));
    out(&r, ace(seg(A, US, THEM + 400, 0), 6));
    expect(&r, "ace [");
    in(&r, ecn(seg(A, THEM + 400, US, 100), ECT0));
    out(&r, counters(ace(seg(A, US, THEM + 500, 0), 7), 172, 101, 200));
    expect(&r, "counters [");
}
END_TEST

START_TEST(the_syn_ack_is_told_once)
{
    accurate();
    in(&r, ecn(seg(A, THEM, US, 100), ECT0));
    out(&r, ace(seg(A, US, THEM + 100, 0), 2));
    expect(&r, "ace [");
    in(&r, ace(with_mss(seg(S | A, IRS, US, 0), 1000), CWR)); /* it comes again */
    out(&r, ace(seg(A, US, THEM + 100, 0), 2));
}
END_TEST

START_TEST(an_answer_says_how_the_syn_came)
{
    in(&r, ecn(ace(seg(S, IRS, 0, 0), AE | CWR | ECE), ECT0));
    out(&r, ace(seg(S | A, ISS, THEM, 0), AE));
    out(&r, ace(seg(S | A, ISS, THEM, 0), CWR));
    expect(&r, "ecn-answer [");
}
END_TEST

START_TEST(one_answer_in_one_connection)
{
    in(&r, ace(seg(S, IRS, 0, 0), AE | CWR | ECE));
    out(&r, ace(seg(S | A, ISS, THEM, 0), CWR));
    out(&r, ace(seg(S | A, ISS, THEM, 0), ECE));
    expect(&r, "ecn-answers");
}
END_TEST

START_TEST(no_counters_without_an_agreement)
{
    client(&r);
    out(&r, counters(seg(A, US, THEM, 100), 172, 1, 0));
    expect(&r, "counters-agreed");
}
END_TEST

START_TEST(the_first_mark_is_acknowledged_at_once)
{
    accurate();
    in(&r, ecn(seg(A, THEM, US, 100), ECT0));
    out(&r, ace(seg(A, US, THEM + 100, 0), 5));
    in(&r, ecn(seg(A, THEM + 100, US, 100), CE));
    pass(&r, MS(1));
    expect(&r, "ack-at-once");
    out(&r, ace(seg(A, US, THEM + 200, 0), 6));
}
END_TEST

Suite *observer_ecn_suite(void)
{
    Suite *s = suite_create("observer_ecn");
    TCase *t = tcase_create("classic");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, an_exchange_in_order);
    tcase_add_test(t, a_syn_asks_as_it_is_told);
    tcase_add_test(t, an_answer_to_a_question);
    tcase_add_test(t, an_answer_is_ece_alone);
    tcase_add_test(t, not_agreed_on);
    tcase_add_test(t, nothing_but_new_data);
    tcase_add_test(t, nothing_after_a_bare_syn);
    tcase_add_test(t, no_echo_without_a_mark);
    tcase_add_test(t, an_echo_until_cwr);
    tcase_add_test(t, a_mark_that_does_not_count);
    tcase_add_test(t, a_reduction_is_told);
    suite_add_tcase(s, t);
    TCase *a = tcase_create("accurate");
    tcase_add_checked_fixture(a, set_up_accurate, tear_down);
    tcase_add_test(a, marks_are_counted);
    tcase_add_test(a, the_syn_ack_is_told_once);
    tcase_add_test(a, an_answer_says_how_the_syn_came);
    tcase_add_test(a, one_answer_in_one_connection);
    tcase_add_test(a, no_counters_without_an_agreement);
    tcase_add_test(a, the_first_mark_is_acknowledged_at_once);
    suite_add_tcase(s, a);
    return s;
}
