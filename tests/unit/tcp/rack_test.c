/* The reordering window of RFC 8985 6.2 step 4, through the whole of a connection. The packet scripts in
 * tests/conformance/scripts/rack have the rest of RACK-TLP. */
#include "stack/tcp/rack.h"

#include "tests/unit/tcp/tcp_rig.h"

#define MSS 1460U
#define RTT MS(100)

static struct peer p;
static struct app *a;
static uint32_t acked; /* relative: what the peer has so far */

static void open_it(void)
{
    p = peer_new();
    p.offer.sack_ok = true;
    p.offer.wscale = true;
    p.offer.shift = 4;
    a = open_with_rtt(&p, RTT);
    acked = 1;
}

/* An ACK of all before `ack`, with a SACK block of [from, upto). */
static void send_block(uint32_t ack, uint32_t from, uint32_t upto)
{
    uint32_t edges[2] = {p.irs + from, p.irs + upto};
    uint8_t o[12] = {1, 1, 5, 10};
    for (unsigned i = 0; i < 8; i++) {
        o[4 + i] = (uint8_t)(edges[i / 4] >> (24 - 8 * (i % 4)));
    }
    struct raw r = raw_with_options(&p, TCP_ACK, 1, ack, o, sizeof o, NULL, 0);
    raw_send(&r);
}

static void acknowledge_all(void)
{
    discard_sent();
    acked = info_of(a).snd_nxt - p.irs;
    peer_send(&p, TCP_ACK, 1, acked);
    discard_sent();
}

/* Two segments leave; the second arrives after a round trip, the first does not. Returns how long after that SACK
 * the first goes again. */
static nsec patience(void)
{
    app_write(a, 2 * MSS);
    discard_sent();
    run_for(RTT);
    nsec told = rig.now;
    send_block(acked, acked + MSS, acked + 2 * MSS);
    run_for(MS(250));
    struct wire w = take_segment(__LINE__);
    ck_assert_uint_eq(w.seq, p.irs + acked);
    run_for(RTT);
    acknowledge_all();
    return w.at - told;
}

static void expect_patience(nsec want)
{
    nsec have = patience();
    ck_assert_msg(have >= want && have <= want + WHEEL_LATE, "waited for %ld us",
                  (long)(have / 1000));
}

/* Each of `rounds` round trips ends with a D-SACK of what is acknowledged already. */
static void duplicates_reported(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        app_write(a, MSS);
        discard_sent();
        run_for(RTT);
        uint32_t upto = acked + MSS;
        send_block(upto, acked, upto);
        acked = upto;
    }
}

START_TEST(a_quarter_of_the_least_round_trip)
{
    open_it();
    expect_patience(MS(25));
}
END_TEST

START_TEST(a_quarter_more_for_each_round_with_a_duplicate)
{
    open_it();
    duplicates_reported(2);
    expect_patience(MS(75));
}
END_TEST

/* min(RACK.reo_wnd_mult * RACK.min_RTT / 4, SRTT): nine quarters would be 225 ms, beyond the timer. */
START_TEST(never_more_than_srtt)
{
    open_it();
    duplicates_reported(8);
    expect_patience(RTT);
}
END_TEST

/* RACK.reo_wnd_persist: after 16 recoveries without a further duplicate it is one quarter again. */
START_TEST(for_sixteen_recoveries)
{
    open_it();
    duplicates_reported(1);
    for (unsigned i = 0; i < 16; i++) {
        expect_patience(MS(50));
    }
    expect_patience(MS(25));
}
END_TEST

Suite *rack_suite(void);
Suite *rack_suite(void)
{
    Suite *s = suite_create("rack");
    TCase *t = rig_case(s, "reordering window");
    ADD(t, a_quarter_of_the_least_round_trip);
    ADD(t, a_quarter_more_for_each_round_with_a_duplicate);
    ADD(t, never_more_than_srtt);
    ADD(t, for_sixteen_recoveries);
    return s;
}
