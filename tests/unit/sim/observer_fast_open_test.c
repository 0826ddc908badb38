/* What the observer knows of Fast Open (RFC 7413): an exchange that is right, and each fault by name. */
#include "tests/unit/sim/observer_rig.h"

static const uint8_t ask[] = {34, 2, 1, 1};
static const uint8_t cookie[] = {34, 6, 1, 2, 3, 4, 1, 1};

static const struct observer_host both = {
    .syn_data_out = true, .syn_data_in = true, .rto_min = MS(200)};

static struct seg with_cookie(struct seg s)
{
    return with(s, sizeof cookie, cookie);
}

/* A SYN of the host with `len` bytes, at their places. */
static struct seg early_syn(uint32_t len)
{
    struct seg s = with_cookie(with_mss(seg(S, ISS, 0, len), 1000));
    s.twist = 7;
    return s;
}

START_TEST(a_client_that_is_right)
{
    struct watch r;
    watch_init(&r, &both);
    out(&r, early_syn(400));
    in(&r, with_mss(seg(S | A, IRS, ISS + 401, 0), 1000));
    out(&r, seg(A, ISS + 401, IRS + 1, 100));
    expect_silence(&r);
    watch_done(&r);
}
END_TEST

START_TEST(what_was_not_taken_goes_again)
{
    struct watch r;
    watch_init(&r, &both);
    out(&r, early_syn(400));
    in(&r, with_mss(seg(S | A, IRS, ISS + 101, 0), 1000));
    out(&r, seg(A, ISS + 101, IRS + 1, 300));
    expect_silence(&r);
    struct seg other = seg(A, ISS + 101, IRS + 1, 300);
    other.twist = 1;
    out(&r, other);
    expect(&r, "same-octets");
    watch_done(&r);
}
END_TEST

START_TEST(a_syn_goes_again_plain)
{
    struct watch r;
    watch_init(&r, &both);
    out(&r, early_syn(400));
    pass(&r, MS(1000));
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    expect_silence(&r);
    pass(&r, MS(2000));
    out(&r, early_syn(400));
    expect(&r, "syn-again-plain");
    watch_done(&r);
}
END_TEST

START_TEST(no_data_beside_a_request)
{
    struct watch r;
    watch_init(&r, &both);
    out(&r, with(with_mss(seg(S, ISS, 0, 0), 1000), sizeof ask, ask));
    expect_silence(&r);
    watch_done(&r);
    watch_init(&r, &both);
    out(&r, with(with_mss(seg(S, ISS, 0, 10), 1000), sizeof ask, ask));
    expect(&r, "syn-text");
    watch_done(&r);
}
END_TEST

START_TEST(switched_off)
{
    struct watch r;
    watch_init(&r, NULL);
    out(&r, with(with_mss(seg(S, ISS, 0, 0), 1000), sizeof ask, ask));
    expect(&r, "fast-open-off");
    watch_done(&r);
    watch_init(&r, NULL);
    in(&r, with_cookie(with_mss(seg(S, IRS, 0, 50), 1000)));
    out(&r, with_mss(seg(S | A, ISS, IRS + 51, 0), 1000));
    expect(&r, "syn-ack-of");
    watch_done(&r);
}
END_TEST

/* SYN with 50 bytes, SYN-ACK of them, and an answer of 200 in segments of 100. */
static void early_server(struct watch *r)
{
    watch_init(r, &both);
    in(r, with_cookie(with_mss(seg(S, IRS, 0, 50), 100)));
    out(r, with_mss(seg(S | A, ISS, IRS + 51, 0), 1000));
    out(r, seg(A, ISS + 1, IRS + 51, 100));
    out(r, seg(A, ISS + 101, IRS + 51, 100));
    expect_silence(r);
}

START_TEST(a_server_that_is_right)
{
    struct watch r;
    early_server(&r);
    pass(&r, MS(1000));
    out(&r, with_mss(seg(S | A, ISS, IRS + 51, 0), 1000));
    in(&r, seg(A, IRS + 51, ISS + 1, 0));
    out(&r, seg(A, ISS + 1, IRS + 51, 100));
    expect_silence(&r);
    watch_done(&r);
}
END_TEST

START_TEST(nothing_again_before_the_ack)
{
    struct watch r;
    early_server(&r);
    pass(&r, MS(1000));
    out(&r, seg(A, ISS + 1, IRS + 51, 100));
    expect(&r, "early-again");
    watch_done(&r);
}
END_TEST

START_TEST(an_initial_window)
{
    struct watch r;
    early_server(&r);
    for (uint32_t i = 2; i < 10; i++) {
        out(&r, seg(A, ISS + 1 + 100 * i, IRS + 51, 100));
    }
    expect_silence(&r);
    out(&r, seg(A, ISS + 1001, IRS + 51, 1));
    expect(&r, "early-window");
    watch_done(&r);
}
END_TEST

START_TEST(the_window_of_the_syn)
{
    struct watch r;
    watch_init(&r, &both);
    struct seg s = with_cookie(with_mss(seg(S, IRS, 0, 50), 1000));
    s.wnd = 60;
    in(&r, s);
    out(&r, with_mss(seg(S | A, ISS, IRS + 51, 0), 1000));
    out(&r, seg(A, ISS + 1, IRS + 51, 60));
    expect_silence(&r);
    out(&r, seg(A, ISS + 61, IRS + 51, 1));
    expect(&r, "beyond-window");
    watch_done(&r);
}
END_TEST

/* The data had no cookie. */
START_TEST(an_answer_to_nobody)
{
    struct watch r;
    watch_init(&r, &both);
    in(&r, with_mss(seg(S, IRS, 0, 50), 1000));
    out(&r, with_mss(seg(S | A, ISS, IRS + 51, 0), 1000));
    expect(&r, "syn-ack-of");
    out(&r, with_mss(seg(S | A, ISS, IRS + 1, 0), 1000));
    out(&r, seg(A, ISS + 1, IRS + 1, 10));
    expect(&r, "text-early");
    watch_done(&r);
}
END_TEST

Suite *observer_fast_open_suite(void);

Suite *observer_fast_open_suite(void)
{
    Suite *s = suite_create("observer_fast_open");
    TCase *tc = tcase_create("observer_fast_open");
    tcase_add_test(tc, a_client_that_is_right);
    tcase_add_test(tc, what_was_not_taken_goes_again);
    tcase_add_test(tc, a_syn_goes_again_plain);
    tcase_add_test(tc, no_data_beside_a_request);
    tcase_add_test(tc, switched_off);
    tcase_add_test(tc, a_server_that_is_right);
    tcase_add_test(tc, nothing_again_before_the_ack);
    tcase_add_test(tc, an_initial_window);
    tcase_add_test(tc, the_window_of_the_syn);
    tcase_add_test(tc, an_answer_to_nobody);
    suite_add_tcase(s, tc);
    return s;
}
