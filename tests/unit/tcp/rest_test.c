/* Connections at rest: which are, what they hold, and that nobody can tell. */
#include "stack/tcp/rest.h"

#include <string.h>

#include "stack/tcp/conn.h"
#include "tests/unit/tcp/tcp_rig.h"

#define HANDLE_BYTES                                                                               \
    424U /* all that a connection at rest holds; who makes it smaller lowers this */

static size_t awake(void)
{
    return rig.host.tcp.conn_pool.in_use;
}

static size_t with_more(void)
{
    return rig.host.tcp.rest_pool.in_use;
}

/* A request and its answer, both acknowledged; `*from`: how far both streams are. */
static void exchange(struct peer *p, struct app *a, uint32_t from)
{
    peer_data(p, TCP_ACK | TCP_PSH, from, from, 100);
    app_write(a, 100);
    discard_sent();
    peer_send(p, TCP_ACK, from + 100, from + 100);
}

/* The peer acknowledges all that came, `rtt` after it, until it has everything. Returns where the stream stands. */
static uint32_t acknowledge_all(struct peer *p, struct app *a, uint32_t theirs, nsec rtt)
{
    struct tcp_info info;
    do {
        run_for(rtt);
        info = info_of(a);
        peer_send(p, TCP_ACK, theirs, info.snd_nxt - info.iss);
    } while (info.unsent > 0);
    return info.snd_nxt - info.iss;
}

static struct app *open_at_rest(struct peer *p)
{
    struct app *a = open_passive(p);
    exchange(p, a, 1);
    run_for(SEC(2));
    discard_sent();
    ck_assert_uint_eq(awake(), 0);
    return a;
}

START_TEST(a_silent_connection_holds_its_handle_alone)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    exchange(&p, a, 1);
    run_for(MS(100));
    ck_assert_uint_eq(awake(), 1); /* not for a whole RTO yet */
    run_for(SEC(2));
    ck_assert_uint_eq(awake(), 0);
    ck_assert_uint_eq(with_more(), 0);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 1);
    ck_assert_uint_le(rig.host.tcp.handle_pool.object_size, HANDLE_BYTES);
}
END_TEST

/* What people are told is the same, but for what the next flush would have done to the window. */
START_TEST(it_is_told_like_one_with_a_block)
{
    struct peer p = peer_new();
    p.offer = (struct offer){.mss = 1400, .wscale = true, .shift = 5, .sack_ok = true, .ts = true};
    p.ts = true;
    p.wnd = 2000;
    struct app *a = open_with_rtt(&p, MS(30));
    exchange(&p, a, 1);
    run_for(MS(60)); /* the delayed ACK has gone */
    struct tcp_info was = info_of(a);
    ck_assert_uint_eq(awake(), 1);
    run_for(SEC(2));
    ck_assert_uint_eq(awake(), 0);
    struct tcp_info is = info_of(a);
    ck_assert_uint_eq(awake(), 0); /* asking does not wake it */
#define SAME(field) ck_assert_msg(was.field == is.field, #field " is another")
    SAME(id), SAME(state), SAME(passive), SAME(iss), SAME(irs), SAME(snd_mss);
    SAME(wscale_ok), SAME(ts_ok), SAME(sack_ok), SAME(snd_wscale), SAME(rcv_wscale);
    SAME(snd_una), SAME(snd_nxt), SAME(snd_wnd), SAME(rcv_nxt), SAME(rcv_wnd);
    SAME(in_flight), SAME(send_queued), SAME(receive_queued), SAME(send_limit);
    SAME(receive_limit), SAME(out_of_order), SAME(rcv_mss);
    SAME(srtt), SAME(rttvar), SAME(rto), SAME(rtt_min);
    SAME(cwnd), SAME(ssthresh), SAME(cc), SAME(delivery_rate), SAME(delivery_app_limited);
    SAME(mtu), SAME(mtu_search), SAME(mtu_high);
    SAME(syn_at), SAME(syn_ack_at), SAME(ack_at), SAME(syn_wnd), SAME(syn_ack_wnd), SAME(ack_wnd);
    SAME(mss_in), SAME(mss_out), SAME(bytes_in), SAME(bytes_out);
    SAME(segments_in), SAME(segments_out), SAME(retransmitted);
#undef SAME
    ck_assert_int_gt(is.srtt, 0);
    ck_assert_uint_eq(is.bytes_in, 100);
    ck_assert_uint_eq(is.bytes_out, 100);
}
END_TEST

START_TEST(what_comes_wakes_it)
{
    struct peer p = peer_new();
    struct app *a = open_at_rest(&p);
    peer_data(&p, TCP_ACK | TCP_PSH, 101, 101, 50);
    ck_assert_uint_eq(awake(), 1);
    run_for(MS(50));
    expect(&p, TCP_ACK, 101, 151, 0);
    expect_in(a, 150);
    run_for(SEC(2));
    ck_assert_uint_eq(awake(), 0);
    app_write(a, 30);
    expect(&p, TCP_ACK | TCP_PSH, 101, 151, 30);
    ck_assert_uint_eq(awake(), 1);
    peer_send(&p, TCP_ACK, 151, 131);
    run_for(SEC(2));
    ck_assert_uint_eq(awake(), 0);
    peer_send(&p, TCP_ACK | TCP_FIN, 151, 131);
    expect(&p, TCP_ACK, 131, 152, 0);
    expect_log(a, "aorp");
    app_shutdown(a);
    expect(&p, TCP_ACK | TCP_FIN, 131, 152, 0);
    peer_send(&p, TCP_ACK, 152, 132);
    expect_log(a, "aorpc");
}
END_TEST

START_TEST(a_reset_ends_it)
{
    struct peer p = peer_new();
    struct app *a = open_at_rest(&p);
    peer_send(&p, TCP_RST, 101, 0);
    expect_log(a, "aorc");
    ck_assert_int_eq(a->reason, CLOSE_RESET);
}
END_TEST

/* Each of these holds on to its block: something has still to come of it. */
START_TEST(who_waits_for_something_does_not_rest)
{
    struct peer p = peer_new();
    rig.lazy = true;
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK | TCP_PSH, 1, 1, 10); /* not read */
    run_for(SEC(3));
    ck_assert_uint_eq(awake(), 1);
    app_read(a, 10);
    run_for(SEC(3));
    ck_assert_uint_eq(awake(), 0);
    peer_data(&p, TCP_ACK, 21, 1, 10); /* beyond a hole */
    run_for(SEC(3));
    ck_assert_uint_eq(awake(), 1);
    peer_data(&p, TCP_ACK, 11, 1, 10);
    app_read(a, 20);
    run_for(SEC(3));
    ck_assert_uint_eq(awake(), 0);
    app_write(a, 10); /* not acknowledged */
    run_for(SEC(10));
    ck_assert_uint_eq(awake(), 1);
    peer_send(&p, TCP_ACK, 31, 11);
    run_for(SEC(70)); /* its RTO was backed off, and is no more */
    ck_assert_uint_eq(awake(), 0);
    app_shutdown(a);
    peer_send(&p, TCP_ACK, 31, 12); /* FIN-WAIT-2 */
    run_for(SEC(3));
    ck_assert_uint_eq(awake(), 1);
    discard_sent();
}
END_TEST

/* RFC 5961 10: who has used up its challenge ACKs has no new ones for having been silent. */
START_TEST(limits_are_not_forgotten)
{
    struct peer p = peer_new();
    rig_restart(&(struct tcp_config){.challenge_acks_conn = 1, .challenge_interval = SEC(30)});
    open_at_rest(&p);
    peer_send(&p, TCP_SYN, 101, 0);
    expect(&p, TCP_ACK, 101, 101, 0);
    run_for(SEC(20));
    ck_assert_uint_eq(awake(), 1);
    peer_send(&p, TCP_SYN, 101, 0);
    expect_nothing();
    expect_drops(DROP_TCP_CHALLENGE_LIMITED_CONN, 1);
    run_for(SEC(30));
    ck_assert_uint_eq(awake(), 0);
}
END_TEST

START_TEST(keep_alive_goes_on) /* MUST-25 to MUST-28 */
{
    struct peer p = peer_new();
    rig_listen(&(struct tcp_options){.keepalive = true,
                                     .keepalive_idle = SEC(60),
                                     .keepalive_interval = SEC(10),
                                     .keepalive_probes = 2});
    struct app *a = open_passive(&p);
    exchange(&p, a, 1);
    nsec heard = rig.now;
    run_for(SEC(59));
    discard_sent();
    ck_assert_uint_eq(awake(), 0);
    run_for(SEC(2));
    struct wire w = expect(&p, TCP_ACK, 100, 101, 0);
    expect_time(&w, heard + SEC(60));
    peer_send(&p, TCP_ACK, 101, 101); /* it is there */
    heard = rig.now;
    run_for(SEC(55));
    ck_assert_uint_eq(awake(), 0);
    run_for(SEC(6));
    w = expect(&p, TCP_ACK, 100, 101, 0);
    expect_time(&w, heard + SEC(60));
    run_for(SEC(10));
    expect(&p, TCP_ACK, 100, 101, 0);
    run_for(SEC(10));
    ck_assert_int_eq(a->reason, CLOSE_TIMEOUT); /* two were not answered */
    discard_sent();
}
END_TEST

/* The interval counts from the call, however long nothing was heard. What has nothing to do with it does not touch it. */
/* requires: MUST-26 */
START_TEST(keep_alive_is_switched_on_late)
{
    struct peer p = peer_new();
    struct app *a = open_at_rest(&p);
    run_for(SEC(1000));
    struct tcp_options alive = {
        .keepalive = true, .keepalive_idle = SEC(60), .keepalive_interval = SEC(10)};
    nsec since = rig.now;
    ck_assert(tcp_set_options(a->s, &alive));
    rig_flush();
    run_for(SEC(30));
    ck_assert_uint_eq(awake(), 0);
    alive.ttl = 9;
    ck_assert(tcp_set_options(a->s, &alive));
    rig_flush();
    run_for(SEC(29));
    ck_assert_uint_eq(awake(), 0);
    expect_nothing();
    run_for(SEC(2));
    struct wire w = expect(&p, TCP_ACK, 100, 101, 0);
    expect_time(&w, since + SEC(60));
    ck_assert_uint_eq(w.ttl, 9);
    peer_send(&p, TCP_ACK, 101, 101);
    since = rig.now;
    run_for(SEC(59));
    ck_assert_uint_eq(awake(), 0);
    expect_nothing();
    run_for(SEC(2));
    w = expect(&p, TCP_ACK, 100, 101, 0);
    expect_time(&w, since + SEC(60));
    peer_send(&p, TCP_ACK, 101, 101);
}
END_TEST

/* It waited for memory, is told that there is some, and has nothing to write any more. */
START_TEST(who_is_told_to_write_and_does_not_rests)
{
    rig_restart_with(&(struct host_config){.seed = {9}, .slabs.slabs[SLAB_RECORD] = 2});
    struct peer p = peer_new();
    struct peer q = peer_new();
    q.port++;
    struct app *a = open_passive(&p);
    struct app *b = open_passive(&q);
    app_write(a, 100);
    ck_assert_uint_eq(app_queue(b, 100), 0);
    run_for(SEC(10));
    ck_assert_uint_eq(awake(), 2);
    peer_send(&p, TCP_ACK, 1, 101);
    expect_log(b, "aow");
    run_for(SEC(70));
    ck_assert_uint_eq(awake(), 0);
    discard_sent();
}
END_TEST

/* ---- no memory for a block ---- */

START_TEST(a_segment_that_finds_no_memory_comes_again)
{
    struct peer p = peer_new();
    struct app *a = open_at_rest(&p);
    rig.host.tcp.conn_pool.fail_at = 1;
    peer_data(&p, TCP_ACK | TCP_PSH, 101, 101, 50);
    expect_nothing();
    expect_drops(DROP_TCP_NO_MEMORY, 1);
    ck_assert_uint_eq(awake(), 0);
    peer_data(&p, TCP_ACK | TCP_PSH, 101, 101, 50);
    expect_in(a, 150);
    discard_sent();
    run_for(SEC(2));
    rig.host.tcp.conn_pool.fail_at = 1;
    peer_icmp(&p, 3, 1, 100, 0);
    expect_drops(DROP_TCP_NO_MEMORY, 2);
    discard_sent();
}
END_TEST

START_TEST(what_the_application_asks_for_is_done_later)
{
    for (unsigned i = 0; i < 3; i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(p.port + i);
        struct app *a = open_at_rest(&p);
        rig.host.tcp.conn_pool.fail_at = 1;
        if (i == 0) {
            app_shutdown(a);
        } else if (i == 1) {
            app_close(a);
        } else {
            app_abort(a);
        }
        expect_nothing();
        ck_assert_uint_eq(awake(), 0);
        run_for(MS(150));
        expect(&p, i < 2 ? TCP_ACK | TCP_FIN : TCP_ACK | TCP_RST, 101, 101, 0);
        run_for(SEC(1000));
        discard_sent();
    }
    expect_drops(DROP_TCP_NO_MEMORY, 3);
}
END_TEST

START_TEST(who_wants_to_write_is_told_when_it_can)
{
    struct peer p = peer_new();
    struct app *a = open_at_rest(&p);
    rig.host.tcp.conn_pool.fail_at = 1;
    ck_assert_uint_eq(app_queue(a, 10), 0);
    struct tcp_options options = {.ttl = 9};
    rig.host.tcp.conn_pool.fail_at = 1;
    ck_assert(!tcp_set_options(a->s, &options));
    run_for(MS(150));
    expect_log(a, "aorw");
    app_write(a, 10);
    struct wire w = expect(&p, TCP_ACK | TCP_PSH, 101, 101, 10);
    ck_assert_uint_eq(w.ttl, 64);
    peer_send(&p, TCP_ACK, 101, 111);
}
END_TEST

/* ---- what only some have ---- */

START_TEST(options_of_its_own_last)
{
    struct peer p = peer_new();
    struct app *a = open_at_rest(&p);
    ck_assert(tcp_set_options(a->s, &(struct tcp_options){.ttl = 9, .tos = 0x28}));
    rig_flush();
    run_for(SEC(2));
    ck_assert_uint_eq(awake(), 0);
    ck_assert_uint_eq(with_more(), 1);
    app_write(a, 10);
    struct wire w = expect(&p, TCP_ACK | TCP_PSH, 101, 101, 10);
    ck_assert_uint_eq(w.ttl, 9);
    ck_assert_uint_eq(w.tos, 0x28);
    ck_assert_uint_eq(with_more(), 0);
    peer_send(&p, TCP_ACK, 101, 111);
    run_for(SEC(2));
    rig.host.tcp.rest_pool.fail_at = 1; /* then it has a block as before */
    peer_data(&p, TCP_ACK, 101, 111, 10);
    run_for(SEC(2));
    ck_assert_uint_eq(awake(), 1);
    discard_sent();
}
END_TEST

START_TEST(one_that_we_have_opened_rests_too)
{
    struct peer p = peer_new();
    struct app *a = app_connect(&p, &(struct tcp_options){.ttl = 33});
    expect(&p, TCP_SYN, 0, 0, 0);
    peer_send(&p, TCP_SYN | TCP_ACK, 0, 1);
    expect(&p, TCP_ACK, 1, 1, 0);
    run_for(SEC(4));
    ck_assert_uint_eq(awake(), 0);
    app_write(a, 10);
    ck_assert_uint_eq(expect(&p, TCP_ACK | TCP_PSH, 1, 1, 10).ttl, 33);
    peer_send(&p, TCP_ACK, 1, 11);
}
END_TEST

START_TEST(marks_of_congestion_are_kept) /* RFC 3168 */
{
    struct peer p = peer_new();
    rig_listen(NULL);
    peer_send(&p, TCP_SYN | TCP_ECE | TCP_CWR, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK | TCP_ECE, 0, 1, 0);
    peer_send(&p, TCP_ACK, 1, 1);
    struct app *a = &rig.apps[0];
    exchange(&p, a, 1);
    run_for(SEC(4));
    ck_assert_uint_eq(awake(), 0);
    ck_assert_uint_eq(with_more(), 1);
    discard_sent();
    app_write(a, 10);
    ck_assert_uint_eq(take_segment(__LINE__).tos & 3U, 2); /* ECT(0) */
    peer_send(&p, TCP_ACK, 101, 111);
}
END_TEST

START_TEST(a_model_of_the_path_is_kept) /* BBR's state is more than a record holds */
{
    struct peer p = peer_new();
    rig_restart(&(struct tcp_config){.cc = &cc_bbr});
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 20000);
    acknowledge_all(&p, a, 1, MS(20));
    struct tcp_info was = info_of(a);
    run_for(SEC(4));
    ck_assert_uint_eq(awake(), 0);
    ck_assert_uint_eq(with_more(), 1);
    struct tcp_info is = info_of(a);
    ck_assert_str_eq(is.cc, "bbr");
    ck_assert_uint_gt(was.bbr_bw, 0);
    ck_assert_uint_eq(is.bbr_bw, was.bbr_bw);
    ck_assert_int_eq(is.bbr_min_rtt, was.bbr_min_rtt);
    discard_sent();
}
END_TEST

START_TEST(it_outlives_its_listener)
{
    struct peer p = peer_new();
    rig_listen(&(struct tcp_options){.ttl = 7});
    struct app *a = open_at_rest(&p);
    struct peer q = peer_new();
    q.port++;
    open_at_rest(&q);
    host_enter(&rig.host, rig.now);
    tcp_unlisten(&rig.host.tcp, rig.listener);
    rig.listener = NULL;
    rig_flush();
    ck_assert_uint_eq(awake(), 0);
    app_write(a, 10);
    ck_assert_uint_eq(expect(&p, TCP_ACK | TCP_PSH, 101, 101, 10).ttl, 7);
    peer_send(&p, TCP_ACK, 101, 111);
    run_for(SEC(2)); /* with options that are nobody else's by now */
    ck_assert_uint_eq(with_more(), 1);
    app_write(a, 10);
    ck_assert_uint_eq(expect(&p, TCP_ACK | TCP_PSH, 111, 101, 10).ttl, 7);
    peer_send(&p, TCP_ACK, 101, 121);
}
END_TEST

/* ---- the other end cannot tell ---- */

static uint32_t frames_digest(void)
{
    uint32_t digest = 2166136261U; /* FNV-1a */
    for (unsigned i = 0; i < rig.sent_count; i++) {
        for (size_t k = 0; k < rig.sent[i].len; k++) {
            digest = (digest ^ rig.sent[i].bytes[k]) * 16777619U;
        }
        digest = (digest ^ (uint32_t)rig.sent_at[i]) * 16777619U;
    }
    return digest;
}

/* Requests and answers of all sizes, with silence in between: the frames, with their times. */
static uint32_t digest_of_talk(bool no_rest)
{
    rig_restart(&(struct tcp_config){.no_rest = no_rest});
    struct peer p = peer_new();
    p.offer = (struct offer){.mss = 1460, .wscale = true, .shift = 7, .sack_ok = true, .ts = true};
    p.ts = true;
    p.wnd = 512;
    struct app *a = open_with_rtt(&p, MS(20));
    uint32_t theirs = 1;
    uint32_t ours = 1;
    for (unsigned i = 1; i <= 12; i++) {
        peer_data(&p, TCP_ACK | TCP_PSH, theirs, ours, 100U * i);
        theirs += 100U * i;
        for (uint32_t sent = 0; sent < 6000U * i;) { /* as its windows let it */
            app_write(a, 1500);
            sent += 1500;
            run_for(MS(3));
            struct tcp_info info = info_of(a);
            peer_send(&p, TCP_ACK, theirs, info.snd_nxt - info.iss);
        }
        ours = acknowledge_all(&p, a, theirs, MS(20));
        run_for(i % 3 == 0 ? SEC(5) : MS(700));
        p.tsval += 5000;
    }
    ck_assert_uint_eq(awake(), no_rest ? 1 : 0);
    uint32_t digest = frames_digest();
    discard_sent();
    app_abort(a);
    run_for(SEC(1));
    discard_sent();
    return digest;
}

START_TEST(its_frames_are_the_same)
{
    uint32_t without = digest_of_talk(true);
    ck_assert_uint_eq(digest_of_talk(false), without);
}
END_TEST

Suite *rest_suite(void);
Suite *rest_suite(void)
{
    Suite *s = suite_create("rest");
    TCase *t = rig_case(s, "silence");
    ADD(t, a_silent_connection_holds_its_handle_alone);
    ADD(t, it_is_told_like_one_with_a_block);
    ADD(t, what_comes_wakes_it);
    ADD(t, a_reset_ends_it);
    ADD(t, who_waits_for_something_does_not_rest);
    ADD(t, limits_are_not_forgotten);
    ADD(t, keep_alive_goes_on);
    ADD(t, keep_alive_is_switched_on_late);
    ADD(t, its_frames_are_the_same);
    t = rig_case(s, "memory");
    ADD(t, a_segment_that_finds_no_memory_comes_again);
    ADD(t, what_the_application_asks_for_is_done_later);
    ADD(t, who_wants_to_write_is_told_when_it_can);
    t = rig_case(s, "more");
    ADD(t, who_is_told_to_write_and_does_not_rests);
    ADD(t, options_of_its_own_last);
    ADD(t, one_that_we_have_opened_rests_too);
    ADD(t, marks_of_congestion_are_kept);
    ADD(t, a_model_of_the_path_is_kept);
    ADD(t, it_outlives_its_listener);
    return s;
}
