/* SYN cookies (RFC 4987 3.6): what the SYN-ACK tells, what the ACK brings back, and what is not believed. */
#include "stack/tcp/cookie.h"

#include "stack/tcp/conn.h"
#include "tests/unit/tcp/tcp_rig.h"

#define ECE 0x40U
#define CWR 0x80U

static const struct offer everything = {
    .mss = 1460, .wscale = true, .shift = 7, .sack_ok = true, .ts = true};

/* A listener that answers every SYN by a cookie. */
static void always(void)
{
    rig_restart(&(struct tcp_config){.syn_cookies = TCP_COOKIES_ALWAYS});
    rig_listen(NULL);
}

/* SYN and SYN-ACK; nothing is kept. */
static struct wire ask(struct peer *p)
{
    size_t blocks = rig.host.tcp.handle_pool.in_use;
    p->ts = p->offer.ts;
    peer_send(p, TCP_SYN, 0, 0);
    struct wire w = expect(p, TCP_SYN | TCP_ACK, 0, 1, 0);
    expect_nothing();
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, blocks);
    ck_assert_uint_eq(rig.listener->half_open, 0);
    return w;
}

static struct app *answer(struct peer *p)
{
    unsigned before = rig.app_count;
    peer_send(p, TCP_ACK, 1, 1);
    expect_nothing();
    ck_assert_uint_eq(rig.app_count, before + 1);
    expect_log(&rig.apps[before], "ao");
    ck_assert_int_eq(state_of(&rig.apps[before]), TCP_ESTABLISHED);
    return &rig.apps[before];
}

/* requires: 4987-3.6-1, 4987-3.6-3 */
START_TEST(the_ack_makes_the_connection)
{
    always();
    struct peer p = peer_new();
    p.offer = everything;
    struct wire w = ask(&p);
    ck_assert(w.has_wscale && w.has_sack_ok && w.has_ts);
    ck_assert_uint_eq(w.mss, 1460);
    ck_assert_uint_eq(w.tsecr, p.tsval);
    struct app *a = answer(&p);
    struct tcp_info i = info_of(a);
    ck_assert(i.wscale_ok && i.sack_ok && i.ts_ok);
    ck_assert_uint_eq(i.snd_wscale, 7);
    ck_assert_uint_eq(i.snd_wnd, 65535U << 7U);
    ck_assert_uint_eq(i.mss_in, 1460);
    ck_assert_int_eq(i.srtt, 0); /* nothing tells how long it took */
    ck_assert_uint_eq(rig.host.tcp.totals.cookies_out, 1);
    ck_assert_uint_eq(rig.host.tcp.totals.cookies_in, 1);
    ck_assert_uint_eq(rig.listener->open, 1);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    expect_in(a, 100);
    discard_sent();
    app_write(a, 2896);
    struct wire first = expect(&p, TCP_ACK, 1, 101, 1448);
    ck_assert_int_ge((int32_t)(first.tsval - w.tsval), 0); /* RFC 7323 4.3 */
    expect(&p, TCP_ACK | TCP_PSH, 1449, 101, 1448);
}
END_TEST

/* requires: 4987-3.6-3 */
START_TEST(every_combination_of_options_comes_back)
{
    always();
    for (unsigned k = 0; k < 16 * 2 * 2; k++) {
        struct peer p = peer_new();
        unsigned shift = k / 4; /* 15: none */
        p.port = (uint16_t)(PEER_PORT + k);
        p.offer = (struct offer){.mss = 1460,
                                 .ts = true,
                                 .wscale = shift < 15,
                                 .shift = (uint8_t)shift,
                                 .sack_ok = (k & 1) != 0};
        unsigned ecn = (k & 2) != 0 ? ECE | CWR : 0;
        p.ts = true;
        run_for(MS(7));
        peer_send(&p, TCP_SYN | ecn, 0, 0);
        struct wire w = expect(&p, TCP_SYN | TCP_ACK | (ecn != 0 ? ECE : 0), 0, 1, 0);
        ck_assert(w.has_wscale == p.offer.wscale && w.has_sack_ok == p.offer.sack_ok && w.has_ts);
        peer_send(&p, TCP_ACK, 1, 1);
        struct app *a = &rig.apps[rig.app_count - 1];
        struct tcp_info i = info_of(a);
        ck_assert(i.wscale_ok == p.offer.wscale && i.sack_ok == p.offer.sack_ok && i.ts_ok);
        ck_assert_uint_eq(i.snd_wscale, p.offer.wscale ? shift : 0);
        ck_assert_int_eq(i.ecn_mode, ecn != 0 ? ECN_MODE_CLASSIC : ECN_MODE_NONE);
        app_abort(a);
        rig.app_count--;
        *a = (struct app){0};
        discard_sent();
    }
}
END_TEST

/* requires: 4987-3.6-2 */
START_TEST(the_largest_size_that_is_not_above_the_peers)
{
    static const struct {
        uint16_t offer, size;
    } cases[] = {{0, 536},     {40, 48},     {100, 48},    {256, 256},   {535, 256},
                 {536, 536},   {1219, 536},  {1220, 1220}, {1400, 1360}, {1440, 1440},
                 {1459, 1440}, {1460, 1460}, {8959, 1460}, {9000, 8960}};
    always();
    for (unsigned k = 0; k < COUNT_OF(cases); k++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + k);
        p.offer.mss = cases[k].offer;
        ask(&p);
        struct app *a = answer(&p);
        ck_assert_uint_eq(info_of(a).mss_in, cases[k].size);
        app_abort(a);
        rig.app_count--;
        *a = (struct app){0};
        discard_sent();
    }
}
END_TEST

START_TEST(without_timestamps_nothing_but_the_size)
{
    always();
    struct peer p = peer_new();
    p.offer = everything;
    p.offer.ts = false;
    peer_send(&p, TCP_SYN | ECE | CWR, 0, 0);
    struct wire w = expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert(!w.has_wscale && !w.has_sack_ok && !w.has_ts);
    struct tcp_info i = info_of(answer(&p));
    ck_assert(!i.wscale_ok && !i.sack_ok && !i.ts_ok);
    ck_assert_uint_eq(i.snd_wnd, 65535);
    ck_assert_int_eq(i.ecn_mode, ECN_MODE_NONE);
}
END_TEST

/* RFC 9768 5.1: the ACK tells that the client knows of accurate marks; with data it has the counter, from 5 on. */
/* requires: 9768-5.1-1 */
START_TEST(accurate_marks_show_in_the_ack)
{
    static const struct {
        uint8_t ae, flags;
        size_t len;
        enum ecn_mode mode;
    } cases[] = {{0, CWR, 0, ECN_MODE_ACCURATE},
                 {1, ECE, 10, ECN_MODE_ACCURATE},
                 {0, 0, 0, ECN_MODE_NONE},
                 {0, ECE, 0, ECN_MODE_NONE},
                 {0, CWR, 10, ECN_MODE_NONE}};
    always();
    for (unsigned k = 0; k < COUNT_OF(cases); k++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + k);
        struct raw syn = raw_segment(&p, TCP_SYN | ECE | CWR, 0, 0, NULL, 0);
        syn.b[12] |= 1; /* AE */
        raw_fix(&syn);
        raw_send(&syn);
        struct wire w = expect(&p, TCP_SYN | TCP_ACK | CWR, 0, 1, 0); /* it came as Not-ECT */
        ck_assert(w.has_accecn);
        uint8_t data[10];
        for (size_t i = 0; i < sizeof data; i++) {
            data[i] = pattern(i);
        }
        struct raw ack =
            raw_segment(&p, TCP_ACK | (unsigned)cases[k].flags, 1, 1, data, cases[k].len);
        ack.b[12] |= cases[k].ae;
        raw_fix(&ack);
        raw_send(&ack);
        ck_assert_int_eq(info_of(&rig.apps[k]).ecn_mode, cases[k].mode);
        discard_sent();
    }
}
END_TEST

/* The first segment of a flight is lost: what follows it must not be taken for the beginning, never. */
START_TEST(nothing_of_a_first_flight_is_taken_for_its_beginning)
{
    enum { FLIGHT = (1 << 17) - 1 };
    always();
    struct peer p = peer_new();
    p.offer = everything;
    ask(&p);
    for (uint32_t i = 1; i <= FLIGHT; i++) {
        peer_send(&p, TCP_ACK, 1 + i, 1);
    }
    expect_drops(DROP_TCP_COOKIE_AHEAD, FLIGHT);
    ck_assert(!sent_any());
    answer(&p);
}
END_TEST

/* requires: 4987-3.6-4 */
START_TEST(no_other_number_is_believed)
{
    always();
    struct peer p = peer_new();
    p.offer = everything;
    ask(&p);
    for (unsigned bit = 0; bit < 32; bit++) {
        struct peer liar = p;
        liar.irs ^= UINT32_C(1) << bit;
        peer_send(&liar, TCP_ACK, 1, 1);
        if (sent_any()) { /* RFC 9293 3.10.7.2, second */
            expect(&liar, TCP_RST, 1, 0, 0);
        }
    }
    /* in the second part of the MAC alone: as if a segment behind the first */
    expect_drops(DROP_TCP_COOKIE_AHEAD, 17);
    expect_drops(DROP_TCP_BAD_COOKIE, 15);
    struct peer liar = p;
    liar.port++;
    peer_send(&liar, TCP_ACK, 1, 1);
    expect(&liar, TCP_RST, 1, 0, 0);
    for (unsigned bit = 0; bit < 6; bit++) { /* options that were not offered */
        liar = p;
        liar.ts_recent ^= 1U << bit;
        peer_send(&liar, TCP_ACK, 1, 1);
        expect(&liar, TCP_RST, 1, 0, 0);
    }
    expect_drops(DROP_TCP_BAD_COOKIE, 22);
    ck_assert_uint_eq(rig.app_count, 0);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    answer(&p);
}
END_TEST

/* The ACK of the handshake is lost, and the first data too. */
START_TEST(what_comes_behind_the_first_segment_waits_for_it)
{
    always();
    struct peer p = peer_new();
    ask(&p);
    peer_data(&p, TCP_ACK, 501, 1, 500);
    peer_send(&p, TCP_ACK, 1001, 1);
    expect_nothing();
    expect_drops(DROP_TCP_COOKIE_AHEAD, 2);
    peer_data(&p, TCP_ACK | TCP_PSH, 1, 1, 500);
    peer_data(&p, TCP_ACK | TCP_PSH, 501, 1, 500);
    ck_assert_uint_eq(rig.app_count, 1);
    expect_in(&rig.apps[0], 1000);
}
END_TEST

START_TEST(fin_in_the_ack_counts)
{
    always();
    struct peer p = peer_new();
    ask(&p);
    peer_data(&p, TCP_ACK | TCP_FIN | TCP_PSH, 1, 1, 20);
    expect_log(&rig.apps[0], "aorp");
    expect_in(&rig.apps[0], 20);
    expect(&p, TCP_ACK, 1, 22, 0);
}
END_TEST

/* The counter stepped at 4980 s and steps at 5040 s and 5100 s; the rig begins at 5000 s.
 * requires: 4987-3.6-4 */
START_TEST(a_cookie_is_good_for_a_minute_and_bad_after_two)
{
    always();
    struct peer p[2] = {peer_new(), peer_new()};
    p[1].port++;
    ask(&p[0]);
    ask(&p[1]);
    run_to(SEC(5099));
    answer(&p[0]);
    run_to(SEC(5101));
    peer_send(&p[1], TCP_ACK, 1, 1);
    expect(&p[1], TCP_RST, 1, 0, 0);
    expect_drops(DROP_TCP_BAD_COOKIE, 1);
    run_to(SEC(5121)); /* none is out any more: like any listener */
    peer_send(&p[1], TCP_ACK, 1, 1);
    expect(&p[1], TCP_RST, 1, 0, 0);
    expect_drops(DROP_TCP_BAD_COOKIE, 1);
    expect_drops(DROP_TCP_ACK_UNACCEPTABLE, 1);
    ck_assert_uint_eq(rig.app_count, 1);
}
END_TEST

/* requires: 4987-3.6-1, 4987-3.7-1 */
START_TEST(only_when_the_backlog_is_full)
{
    rig_listen_with(1, 0, NULL);
    struct peer p[3] = {peer_new(), peer_new(), peer_new()};
    p[1].port++;
    p[2].port = (uint16_t)(p[2].port + 2);
    half_open(&p[0]);
    ck_assert_uint_eq(rig.listener->half_open, 1);
    peer_send(&p[1], TCP_SYN, 0, 0);
    expect(&p[1], TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert_uint_eq(rig.listener->half_open, 1);
    ck_assert_uint_eq(rig.host.tcp.totals.cookies_out, 1);
    answer(&p[1]);
    peer_send(&p[0], TCP_ACK, 1, 1);
    ck_assert_uint_eq(rig.app_count, 2);
    half_open(&p[2]); /* there is room again */
    ck_assert_uint_eq(rig.listener->half_open, 1);
    ck_assert_uint_eq(rig.host.tcp.totals.cookies_out, 1);
}
END_TEST

/* requires: 4987-3.6-5 */
START_TEST(data_of_the_syn_comes_again)
{
    rig_restart(&(struct tcp_config){.syn_cookies = TCP_COOKIES_ALWAYS});
    rig_listen(NULL);
    struct peer p = peer_new();
    peer_data(&p, TCP_SYN, 0, 0, 100);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0); /* the SYN alone */
    peer_data(&p, TCP_ACK | TCP_PSH, 1, 1, 100);
    ck_assert_uint_eq(rig.app_count, 1);
    expect_in(&rig.apps[0], 100);
}
END_TEST

START_TEST(the_number_open_is_a_limit_for_them_too)
{
    rig_restart(&(struct tcp_config){.syn_cookies = TCP_COOKIES_ALWAYS});
    rig_listen_with(0, 1, NULL);
    struct peer p[3] = {peer_new(), peer_new(), peer_new()};
    p[1].port++;
    p[2].port = (uint16_t)(p[2].port + 2);
    ask(&p[0]);
    ask(&p[1]);
    struct app *a = answer(&p[0]);
    peer_send(&p[2], TCP_SYN, 0, 0);
    peer_send(&p[1], TCP_ACK, 1, 1);
    expect_nothing();
    expect_drops(DROP_TCP_BACKLOG_FULL, 2);
    app_abort(a);
    discard_sent();
    answer(&p[1]);
}
END_TEST

/* Two copies of a SYN: the one finds the backlog full, the other does not. */
START_TEST(the_client_takes_the_cookie_and_not_the_half_open_connection)
{
    rig_listen_with(1, 0, NULL);
    struct peer other = peer_new();
    other.port++;
    half_open(&other);
    struct peer p = peer_new();
    peer_send(&p, TCP_SYN, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_send(&other, TCP_RST, 1, 0);
    struct peer again = p;
    again.knows_irs = false;
    half_open(&again);
    ck_assert_uint_ne(again.irs, p.irs);
    peer_data(&p, TCP_ACK, 101, 1, 100); /* not the first: it waits */
    expect_nothing();
    expect_drops(DROP_TCP_COOKIE_AHEAD, 1);
    ck_assert_uint_eq(rig.listener->half_open, 1);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    expect_in(&rig.apps[0], 100);
    ck_assert_uint_eq(rig.listener->half_open, 0);
    ck_assert_uint_eq(rig.listener->open, 1);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 1);
}
END_TEST

/* An ISN above that of the connection before is what a cookie cannot be (RFC 9293 MAY-2). */
START_TEST(out_of_time_wait_there_is_no_cookie)
{
    rig_restart(&(struct tcp_config){.syn_cookies = TCP_COOKIES_ALWAYS});
    rig_listen(NULL);
    struct peer p = peer_new();
    ask(&p);
    struct app *a = answer(&p);
    app_shutdown(a);
    expect(&p, TCP_FIN | TCP_ACK, 1, 1, 0);
    peer_send(&p, TCP_FIN | TCP_ACK, 1, 2);
    expect(&p, TCP_ACK, 2, 2, 0);
    struct peer next = p;
    next.iss += 100000;
    next.knows_irs = false;
    peer_send(&next, TCP_SYN, 0, 0);
    expect(&next, TCP_SYN | TCP_ACK, 0, 1, 0);
    ck_assert_int_gt((int32_t)(next.irs - p.irs), 0);
    ck_assert_uint_eq(rig.listener->half_open, 1);
}
END_TEST

/* requires: 4987-3.6-4 */
START_TEST(each_part_counts)
{
    struct tcp_segment syn = {.src = {ip4_addr(PEER_IP), 1000},
                              .dst = {ip4_addr(OUR_IP), 80},
                              .seq = seq_of(77),
                              .flags = TCP_SYN,
                              .opts = TCP_OPT_HAS_MSS,
                              .mss = 1460};
    struct tcp_segment others[7] = {syn, syn, syn, syn, syn, syn, syn};
    others[0].src.port++;
    others[1].dst.port++;
    others[2].src.addr = ip4_addr(PEER_IP + 1);
    others[3].dst.addr = ip4_addr(OUR_IP + 1);
    others[4].seq = seq_of(78);
    others[5].mss = 1440;
    others[6].opts |= TCP_OPT_HAS_TS;
    struct tcp *t = &rig.host.tcp;
    uint32_t cookie = cookie_isn(t, &syn, SEC(60)).v;
    ck_assert_uint_eq(cookie_isn(t, &syn, SEC(119)).v, cookie);
    ck_assert_uint_ne(cookie_isn(t, &syn, SEC(120)).v, cookie);
    for (unsigned i = 0; i < COUNT_OF(others); i++) {
        uint32_t other = cookie_isn(t, &others[i], SEC(60)).v;
        ck_assert_msg(other >> 3 != cookie >> 3, "case %u", i);
    }
    t->cookie_key.k0 ^= 1;
    ck_assert_uint_ne(cookie_isn(t, &syn, SEC(60)).v >> 3, cookie >> 3);
}
END_TEST

/* One in 4096 has the same first part in both periods. */
START_TEST(all_of_the_period_before_are_good)
{
    struct tcp *t = &rig.host.tcp;
    for (uint32_t i = 0; i < 40000; i++) {
        struct tcp_segment syn = {.src = {ip4_addr(PEER_IP), (uint16_t)i},
                                  .dst = {ip4_addr(OUR_IP), 80},
                                  .seq = seq_of(77),
                                  .flags = TCP_SYN,
                                  .opts = TCP_OPT_HAS_MSS,
                                  .mss = 1460};
        struct tcp_segment told, ack = syn;
        ack.flags = TCP_ACK;
        ack.opts = 0;
        ack.seq = seq_of(78);
        ack.ack = seq_add(cookie_isn(t, &syn, SEC(100)), 1);
        ack.at = SEC(130);
        ck_assert_int_eq(cookie_read(t, &ack, &told), COOKIE_GOOD);
    }
}
END_TEST

Suite *cookie_suite(void);

Suite *cookie_suite(void)
{
    Suite *s = suite_create("cookie");
    TCase *tc = rig_case(s, "cookie");
    ADD(tc, the_ack_makes_the_connection);
    ADD(tc, every_combination_of_options_comes_back);
    ADD(tc, the_largest_size_that_is_not_above_the_peers);
    ADD(tc, without_timestamps_nothing_but_the_size);
    ADD(tc, accurate_marks_show_in_the_ack);
    ADD(tc, nothing_of_a_first_flight_is_taken_for_its_beginning);
    ADD(tc, no_other_number_is_believed);
    ADD(tc, what_comes_behind_the_first_segment_waits_for_it);
    ADD(tc, fin_in_the_ack_counts);
    ADD(tc, a_cookie_is_good_for_a_minute_and_bad_after_two);
    ADD(tc, only_when_the_backlog_is_full);
    ADD(tc, data_of_the_syn_comes_again);
    ADD(tc, the_number_open_is_a_limit_for_them_too);
    ADD(tc, the_client_takes_the_cookie_and_not_the_half_open_connection);
    ADD(tc, out_of_time_wait_there_is_no_cookie);
    ADD(tc, each_part_counts);
    ADD(tc, all_of_the_period_before_are_good);
    return s;
}
