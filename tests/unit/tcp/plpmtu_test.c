/* RFC 4821 7 and the constants of RFC 8899 5.1: black holes, probes, and what becomes of them. */
#include "stack/tcp/plpmtu.h"

#include "stack/tcp/conn.h"
#include "tests/unit/tcp/tcp_rig.h"

static struct tcp_conn *conn_of(const struct app *a)
{
    return tcp_of_stream(a->s);
}

static void sack(struct peer *p, uint32_t ack, uint32_t from, uint32_t to)
{
    uint8_t option[12] = {1, 1, 5, 10};
    uint32_t edges[2] = {p->irs + from, p->irs + to};
    for (unsigned i = 0; i < 8; i++) {
        option[4 + i] = (uint8_t)(edges[i / 4] >> (24 - 8 * (i % 4)));
    }
    struct raw r = raw_with_options(p, TCP_ACK, 1, ack, option, sizeof(option), NULL, 0);
    raw_send(&r);
}

/* A connection that always searches, whose peer takes 1460 bytes; 20 ms of round trip. Of 20000 bytes the first window
 * of ten segments goes: a probe with 1460 of them, and eight segments of the base size, 1024. */
static struct app *open_probing_by(uint32_t caps, struct peer *p, bool sack_ok)
{
    rig_restart(&(struct tcp_config){.mtu_probing = TCP_MTU_PROBING_ALWAYS});
    rig.dev.dev.caps = caps;
    *p = peer_new();
    p->offer.sack_ok = sack_ok;
    struct app *a = open_with_rtt(p, MS(20));
    ck_assert_uint_eq(info_of(a).mtu, 1064);
    app_write(a, 20000);
    expect(p, TCP_ACK, 1, 1, 1460);
    for (unsigned i = 0; i < 8; i++) {
        bool pushed = (caps & NETDEV_TSO4) != 0 ? i == 7 : i % 2 == 0; /* 2048 bytes and more */
        expect(p, pushed ? TCP_ACK | TCP_PSH : TCP_ACK, 1461 + i * 1024, 1, 1024);
    }
    expect_nothing();
    run_for(MS(20));
    return a;
}

static struct app *open_probing(struct peer *p, bool sack_ok)
{
    return open_probing_by(rig.dev.dev.caps, p, sack_ok);
}

/* ---- probes ---- */

/* requires: 4821-4-3, 4821-5.1-1, 4821-7.1-1, 4821-7.1-2, 4821-7.2-2, 4821-7.6.1-1, 4821-7.4-1, 8899-3-1, 8899-3-2,
 *           8899-3-5, 8899-3-7b */
START_TEST(a_probe_that_arrives_raises_the_size)
{
    struct peer p;
    struct app *a = open_probing(&p, true);
    const uint8_t *probe = rig.sent[rig.taken - 9].bytes; /* and eight behind it */
    ck_assert_uint_eq(probe[FRAME_ETH + 2] << 8 | probe[FRAME_ETH + 3], 1500);
    ck_assert_uint_eq(probe[FRAME_ETH + 6] >> 5, 2); /* DF */
    uint32_t cwnd = info_of(a).cwnd;
    peer_send(&p, TCP_ACK, 1, 1460); /* but for its last byte */
    ck_assert_uint_eq(info_of(a).mtu, 1064);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1461);
    ck_assert_uint_eq(info_of(a).mtu, 1500);
    ck_assert_uint_le(info_of(a).cwnd, cwnd + 1460); /* slow start's, for what was acknowledged */
    ck_assert_uint_eq(info_of(a).snd_mss, 1460);
    ck_assert_int_eq(conn_of(a)->plpmtu.state, PLPMTU_SEARCH_COMPLETE);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 9653);
    ck_assert_uint_eq(take_segment(__LINE__).len, 1460);
    discard_sent();
}
END_TEST

/* requires: 4821-7.6.1-1 */
START_TEST(a_selective_acknowledgment_tells_of_it_too)
{
    struct peer p;
    struct app *a = open_probing(&p, true);
    sack(&p, 1, 1, 1461); /* an odd peer: there is no hole in front of it */
    ck_assert_uint_eq(info_of(a).mtu, 1500);
    discard_sent();
}
END_TEST

/* A device that cuts super-segments gets the probe whole, and the segments behind it in one piece: what
 * open_probing_by expects is what lies behind the device. */
START_TEST(no_device_cuts_a_probe)
{
    struct peer p;
    struct app *a = open_probing_by(NETDEV_CSUM | NETDEV_TSO4, &p, true);
    ck_assert_uint_eq(rig.supers, 1);
    ck_assert_uint_eq(info_of(a).mtu_probe, 1500);
    peer_send(&p, TCP_ACK, 1, 9653);
    ck_assert_uint_eq(take_segment(__LINE__).len, 1460);
    ck_assert_uint_eq(rig.supers, 2);
    discard_sent();
}
END_TEST

START_TEST(the_snapshot_tells_of_the_search)
{
    struct peer p;
    struct app *a = open_probing(&p, true);
    ck_assert_int_eq(info_of(a).mtu_search, PLPMTU_SEARCHING);
    ck_assert_uint_eq(info_of(a).mtu, 1064);
    ck_assert_uint_eq(info_of(a).mtu_probe, 1500);
    ck_assert_uint_eq(info_of(a).mtu_high, 1500);
    sack(&p, 1, 1461, 9653); /* the probe is lost */
    ck_assert_uint_eq(info_of(a).mtu_probe, 0);
    peer_icmp(&p, 3, 4, 1, 1300);
    ck_assert_uint_eq(info_of(a).mtu_high, 1300);
    ck_assert_int_eq(info_of(a).mtu_search, PLPMTU_SEARCHING);
    discard_sent();
}
END_TEST

/* requires: 4821-4-1, 4821-7.4-1, 4821-7.6.2-1, 4821-7.6.2-2, 4821-10.1-1, 8899-8-1, 8899-3-4, 8899-3-7a */
START_TEST(a_probe_lost_alone_is_no_sign_of_congestion)
{
    struct peer p;
    struct app *a = open_probing(&p, true);
    uint32_t cwnd = info_of(a).cwnd;
    sack(&p, 1, 1461, 9653);         /* all the others have arrived */
    expect(&p, TCP_ACK, 1, 1, 1024); /* again, in segments that fit */
    expect(&p, TCP_ACK, 1025, 1, 436);
    ck_assert_uint_eq(info_of(a).cwnd, cwnd);
    ck_assert(!info_of(a).recovering);
    ck_assert_uint_eq(conn_of(a)->rate.lost, 0); /* what BBR goes by */
    discard_sent();
    /* RFC 4821 7.6.2: not again before as many round trips as the window has segments, ten or more */
    nsec until = conn_of(a)->plpmtu.next_at;
    ck_assert_int_ge(until, rig.now + 10 * MS(20));
    peer_send(&p, TCP_ACK, 1, 9653);
    app_write(a, 20000);
    ck_assert_uint_le(take_segment(__LINE__).len, 1024);
    for (struct wire w; sent_any();) {
        w = take_segment(__LINE__);
        ck_assert_uint_le(w.len, 1024);
    }
    ck_assert_uint_eq(info_of(a).mtu, 1064);
}
END_TEST

/* requires: 4821-7.1-2, 4821-7.6.2-4, 8899-5.1.2-1, 8899-5.3.2-1 */
START_TEST(after_three_losses_a_size_is_given_up)
{
    struct peer p;
    struct app *a = open_probing(&p, true);
    const struct tcp_conn *c = conn_of(a);
    uint32_t probe = 1; /* where the probe begins */
    for (unsigned i = 1; i <= 3; i++) {
        ck_assert_uint_eq(c->plpmtu.high, 1500);
        uint32_t nxt = c->snd_nxt.v - p.irs;
        sack(&p, probe, probe + 1460, nxt);
        ck_assert_uint_eq(c->plpmtu.probe_count, i % 3);
        run_for(MS(20));
        for (unsigned acks = 0; acks < 100; acks++) { /* all that is queued goes, and arrives */
            peer_send(&p, TCP_ACK, 1, c->snd_nxt.v - p.irs);
        }
        while (sent_any()) {
            ck_assert_uint_le(take_segment(__LINE__).len, 1024);
        }
        discard_sent();
        run_to(c->plpmtu.next_at);
        c = conn_of(a); /* it was at rest: its block is another */
        probe = c->snd_nxt.v - p.irs;
        app_write(a, 20000);
        expect(&p, TCP_ACK, probe, 1, i < 3 ? 1460 : (1064 + 1499 + 1) / 2 - 40);
        discard_sent();
        run_for(MS(20));
    }
    ck_assert_uint_eq(c->plpmtu.high, 1499);
}
END_TEST

/* requires: 4821-7.6.2-1 */
START_TEST(nor_is_it_without_sack)
{
    struct peer p;
    struct app *a = open_probing(&p, false);
    uint32_t cwnd = info_of(a).cwnd;
    for (unsigned i = 0; i < 3; i++) {
        peer_send(&p, TCP_ACK, 1, 1);
    }
    /* RFC 3042: the first two duplicates let a segment out each; then what was lost goes, in segments that fit */
    struct wire w = take_segment(__LINE__);
    while (w.seq != p.irs + 1) {
        ck_assert_uint_le(w.len, 1024);
        w = take_segment(__LINE__);
    }
    ck_assert_uint_eq(w.len, 1024);
    ck_assert_uint_eq(info_of(a).cwnd, cwnd);
    ck_assert(!info_of(a).recovering);
    ck_assert_uint_eq(conn_of(a)->plpmtu.probe_count, 1);
    discard_sent();
}
END_TEST

/* requires: 4821-4-2, 4821-7.6.4-1, 4821-7.6.4-2 */
START_TEST(lost_with_others_it_tells_nothing)
{
    struct peer p;
    struct app *a = open_probing(&p, true);
    uint32_t cwnd = info_of(a).cwnd;
    sack(&p, 1, 2485, 9653); /* the one behind it is lost as well: congestion */
    ck_assert(info_of(a).recovering);
    ck_assert_uint_lt(info_of(a).ssthresh, cwnd);
    ck_assert_uint_eq(conn_of(a)->plpmtu.high, 1500);
    ck_assert_uint_eq(conn_of(a)->plpmtu.probe_count, 0);
    discard_sent();
    run_for(MS(20));
    peer_send(&p, TCP_ACK, 1, 9653); /* all is repaired: the same size again, as soon as may be */
    ck_assert_uint_eq(take_segment(__LINE__).len, 1460);
    while (sent_any()) {
        ck_assert_uint_le(take_segment(__LINE__).len, 1024);
    }
    discard_sent();
}
END_TEST

/* requires: 4821-7.6.3-1 */
START_TEST(found_lost_by_a_timeout_it_waits_five_times_as_long)
{
    struct peer p;
    struct app *a = open_probing(&p, false);
    const struct tcp_conn *c = conn_of(a);
    run_for(SEC(1));
    nsec srtt = c->rtt.srtt;
    ck_assert_uint_eq(c->plpmtu.probe_count, 1);
    ck_assert(!c->plpmtu.probing);
    /* one segment of window after the timeout, that is two round trips, five times; from the timeout on */
    ck_assert_int_ge(c->plpmtu.next_at, rig.now - SEC(1) + 5 * srtt);
    ck_assert_uint_eq(c->cc.cwnd, 1024); /* and it was a timeout like any */
    discard_sent();
}
END_TEST

/* requires: 4821-7.6.2-3, 8899-3-6b, 8899-4.6.2-1, 8899-4.6.2-2 */
START_TEST(icmp_about_the_probe_says_what_fits)
{
    struct peer p;
    struct app *a = open_probing(&p, true);
    uint32_t cwnd = info_of(a).cwnd;
    peer_icmp(&p, 3, 4, 1, 1500); /* so large a packet would have fitted */
    peer_icmp(&p, 3, 4, 1, 9000);
    expect_drops(DROP_TCP_ICMP_NOT_NARROWER, 2);
    ck_assert_uint_eq(conn_of(a)->plpmtu.high, 1500);
    expect_nothing();
    peer_icmp(&p, 3, 4, 1, 1300);
    expect(&p, TCP_ACK, 1, 1, 1024); /* at once */
    expect(&p, TCP_ACK, 1025, 1, 436);
    ck_assert_uint_eq(info_of(a).mtu, 1064); /* those that are in use are not in question */
    ck_assert_uint_eq(info_of(a).cwnd, cwnd);
    ck_assert_uint_eq(conn_of(a)->plpmtu.high, 1300);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 9653);
    ck_assert_uint_eq(take_segment(__LINE__).len, 1260);
    discard_sent();
}
END_TEST

/* The probe is found lost before the router's word of it comes. */
START_TEST(icmp_that_comes_late_says_it_too)
{
    struct peer p;
    struct app *a = open_probing(&p, true);
    sack(&p, 1, 1461, 9653);
    discard_sent();
    ck_assert_uint_eq(conn_of(a)->plpmtu.probe_count, 1);
    peer_icmp(&p, 3, 4, 1, 1300);
    expect_nothing(); /* its octets have gone again already */
    ck_assert_uint_eq(info_of(a).mtu, 1064);
    peer_send(&p, TCP_ACK, 1, 9653);
    run_to(conn_of(a)->plpmtu.next_at);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, conn_of(a)->snd_nxt.v - p.irs);
    app_write(a, 20000);
    ck_assert_uint_eq(take_segment(__LINE__).len, 1260);
    discard_sent();
}
END_TEST

/* requires: 4821-7.4-1, 4821-7.4-2 */
START_TEST(no_probe_without_what_tells_of_its_loss)
{
    struct peer p = peer_new();
    rig_restart(&(struct tcp_config){.mtu_probing = TCP_MTU_PROBING_ALWAYS});
    struct app *a = open_passive(&p);
    app_write(a, 4 * 1024 + 7); /* a full segment, seven bytes more, and three full segments */
    expect(&p, TCP_ACK, 1, 1, 1024);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 4097);
    expect(&p, TCP_ACK | TCP_PSH, 4097, 1, 7);
    p.wnd = 4 * 1024 + 7; /* nor when it is the window that takes no more */
    peer_send(&p, TCP_ACK, 1, 4104);
    app_write(a, 20000);
    expect(&p, TCP_ACK, 4104, 1, 1024);
    discard_sent();
    p.wnd = 1460 + 3 * 1024;
    peer_send(&p, TCP_ACK, 1, 4104 + 4096);
    expect(&p, TCP_ACK, 4104 + 4096, 1, 1460);
    discard_sent();
}
END_TEST

/* ---- the black hole ---- */

/* requires: 4821-7.7-1, 4821-7.2-1, 8899-4.3-1 */
START_TEST(the_third_timeout_shows_a_black_hole)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 1460);
    expect(&p, TCP_ACK | TCP_PSH, 1, 1, 1460);
    for (unsigned i = 0; i < 2; i++) {
        run_for(MS(250) << i);
        expect(&p, TCP_ACK | TCP_PSH, 1, 1, 1460);
    }
    run_for(MS(1000));
    expect(&p, TCP_ACK, 1, 1, 1024); /* RFC 4821 7.2: 1024 bytes are probably safe enough */
    ck_assert_int_eq(conn_of(a)->plpmtu.state, PLPMTU_BASE);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1025);
    ck_assert_int_eq(conn_of(a)->plpmtu.state, PLPMTU_SEARCHING);
    discard_sent();
}
END_TEST

/* Nothing arrives, until the base size is given up too: the payload of what goes then, which routers may divide. */
static size_t lost_in_error(struct app *a)
{
    struct wire w = {0};
    nsec limit = rig.now + SEC(60);
    app_write(a, 1460);
    while (info_of(a).mtu_search != PLPMTU_ERROR) {
        run_for(MS(100));
        ck_assert_int_lt(rig.now, limit);
        while (sent_any()) {
            w = take_segment(__LINE__);
        }
    }
    ck_assert_uint_eq(rig.sent[rig.taken - 1].bytes[FRAME_ETH + 6] >> 5, 0); /* no DF */
    return w.len;
}

/* requires: 4821-7.7-2 */
START_TEST(when_the_base_size_is_lost_as_well_routers_may_divide)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    ck_assert_uint_eq(lost_in_error(a), 536);
    ck_assert_uint_eq(info_of(a).backoff, 6);
}
END_TEST

START_TEST(the_least_size_is_a_setting)
{
    rig_restart(&(struct tcp_config){.floor_mss = 200});
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    ck_assert_uint_eq(lost_in_error(a), 200);
    rig_restart(&(struct tcp_config){.base_mss = 512, .floor_mss = 600}); /* not above the base */
    p = peer_new();
    a = open_with_rtt(&p, MS(20));
    app_write(a, 1460);
    run_for(SEC(60));
    ck_assert_int_eq(info_of(a).mtu_search, PLPMTU_BASE);
    ck_assert_uint_eq(info_of(a).mtu, 552);
    discard_sent();
}
END_TEST

/* A full segment that was sent behind it has arrived: the path takes such, and this one is unlucky. Not for ever: the path
 * may have changed since. requires: 4821-7.1-3 */
START_TEST(what_arrived_behind_it_shows_none)
{
    struct peer p = peer_new();
    p.offer.sack_ok = true;
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 2920);
    run_for(MS(20));
    sack(&p, 1, 1461, 2921);
    while (info_of(a).backoff < 5) {
        run_for(MS(50));
        ck_assert_int_eq(conn_of(a)->plpmtu.state, PLPMTU_DISABLED);
        discard_sent();
    }
    while (info_of(a).backoff < 6) {
        run_for(MS(50));
    }
    ck_assert_int_eq(conn_of(a)->plpmtu.state, PLPMTU_BASE);
    discard_sent();
}
END_TEST

START_TEST(small_segments_show_none)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 1000);
    run_for(SEC(4));
    ck_assert_uint_ge(info_of(a).backoff, 4);
    ck_assert_int_eq(conn_of(a)->plpmtu.state, PLPMTU_DISABLED);
    ck_assert_uint_eq(info_of(a).snd_mss, 1460);
    discard_sent();
}
END_TEST

START_TEST(switched_off_nothing_is_found)
{
    rig_restart(&(struct tcp_config){.mtu_probing = TCP_MTU_PROBING_OFF});
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 1460);
    run_for(SEC(30));
    while (sent_any()) {
        ck_assert_uint_eq(take_segment(__LINE__).len, 1460);
    }
    ck_assert_uint_ge(info_of(a).backoff, 6);
}
END_TEST

/* requires: 8899-5.1.1-1, 8899-5.2-1, 4821-7.3-2, 4821-7.3-3 */
START_TEST(ten_minutes_later_the_path_may_have_grown)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 1460);
    nsec told = rig.now;
    peer_icmp(&p, 3, 4, 1, 1000);
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1461);
    run_to(told + SEC(599));
    app_write(a, 9600);
    while (sent_any()) {
        ck_assert_uint_eq(take_segment(__LINE__).len, 960);
    }
    peer_send(&p, TCP_ACK, 1, 11061);
    run_to(told + SEC(600));
    app_write(a, 9600);
    ck_assert_uint_eq(take_segment(__LINE__).len, 1460);
    ck_assert_uint_eq(take_segment(__LINE__).len, 960);
    discard_sent();
}
END_TEST

Suite *plpmtu_suite(void);

Suite *plpmtu_suite(void)
{
    Suite *s = suite_create("plpmtu");
    TCase *probes = rig_case(s, "probes");
    ADD(probes, a_probe_that_arrives_raises_the_size);
    ADD(probes, a_selective_acknowledgment_tells_of_it_too);
    ADD(probes, no_device_cuts_a_probe);
    ADD(probes, the_snapshot_tells_of_the_search);
    ADD(probes, a_probe_lost_alone_is_no_sign_of_congestion);
    ADD(probes, after_three_losses_a_size_is_given_up);
    ADD(probes, nor_is_it_without_sack);
    ADD(probes, lost_with_others_it_tells_nothing);
    ADD(probes, found_lost_by_a_timeout_it_waits_five_times_as_long);
    ADD(probes, icmp_about_the_probe_says_what_fits);
    ADD(probes, icmp_that_comes_late_says_it_too);
    ADD(probes, no_probe_without_what_tells_of_its_loss);
    TCase *hole = rig_case(s, "black_hole");
    ADD(hole, the_third_timeout_shows_a_black_hole);
    ADD(hole, when_the_base_size_is_lost_as_well_routers_may_divide);
    ADD(hole, the_least_size_is_a_setting);
    ADD(hole, what_arrived_behind_it_shows_none);
    ADD(hole, small_segments_show_none);
    ADD(hole, switched_off_nothing_is_found);
    ADD(hole, ten_minutes_later_the_path_may_have_grown);
    return s;
}
