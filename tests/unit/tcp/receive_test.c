/* Text, FIN, the window and the ACKs: RFC 9293 3.10.7.4 seventh and eighth, 3.8.6, 3.8.6.2.2,
 * 3.8.6.3; RFC 5681 4.2; RFC 2018 4. */
#include "stack/tcp/receive.h"

#include "tests/unit/tcp/tcp_rig.h"

#define DELAY MS(40) /* the default of tcp_config.delayed_ack */

/* ---- a window that is held ---- */

/* Who looks around for long tells its peers so, and what was on its way is taken. */
START_TEST(hold_tells_a_window_of_zero_until_it_is_released)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, 1, 1460);
    run_for(SEC(1));
    struct wire before = expect(&p, TCP_ACK, 1, 1461, 0);
    ck_assert_uint_gt(before.wnd, 0);
    tcp_hold(&rig.host.tcp, true);
    run_for(0);
    struct wire held = expect(&p, TCP_ACK, 1, 1461, 0);
    ck_assert_uint_eq(held.wnd, 0);
    run_for(SEC(5));
    expect_nothing();                      /* once */
    peer_data(&p, TCP_ACK, 1461, 1, 1460); /* within the window that was told before */
    run_for(SEC(1));
    held = expect(&p, TCP_ACK, 1, 2921, 0);
    ck_assert_uint_eq(held.wnd, 0);
    expect_in(a, 2920);
    app_write(a, 5); /* our own data goes out as ever */
    run_for(0);
    held = expect(&p, TCP_ACK | TCP_PSH, 1, 2921, 5);
    ck_assert_uint_eq(held.wnd, 0);
    peer_send(&p, TCP_ACK, 2921, 6);
    tcp_hold(&rig.host.tcp, false);
    run_for(0);
    struct wire after = expect(&p, TCP_ACK, 6, 2921, 0);
    ck_assert_uint_ge(after.wnd, before.wnd - 1460);
    expect_nothing();
}
END_TEST

/* ---- delayed ACK ---- */

/* requires: MUST-40, SHLD-18 */
START_TEST(one_segment_is_acknowledged_after_a_moment)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    nsec t = rig.now;
    peer_data(&p, TCP_ACK, 1, 1, 1460);
    expect_nothing();
    expect_in(a, 1460);
    run_for(MS(499)); /* MUST-40 */
    struct wire w = expect(&p, TCP_ACK, 1, 1461, 0);
    expect_time(&w, t + DELAY);
    expect_nothing();
}
END_TEST

/* requires: SHLD-19 */
START_TEST(two_full_segments_are_acknowledged_at_once)
{
    struct peer p = peer_new();
    open_passive(&p);
    for (uint32_t seq = 1; seq < 1 + 8 * 1460; seq += 2 * 1460) {
        peer_data(&p, TCP_ACK, seq, 1, 1460);
        expect_nothing();
        peer_data(&p, TCP_ACK, seq + 1460, 1, 1460);
        expect(&p, TCP_ACK, 1, seq + 2 * 1460, 0);
    }
    run_for(SEC(1));
    expect_nothing(); /* no timer is left over */
}
END_TEST

/* requires: SHLD-18, 9293-3.10.7.4-22 */
START_TEST(a_delayed_ack_rides_on_data)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, 1, 10);
    app_write(a, 5);
    expect(&p, TCP_ACK | TCP_PSH, 1, 11, 5);
    peer_send(&p, TCP_ACK, 11, 6);
    run_for(SEC(1));
    expect_nothing();
}
END_TEST

/* MUST-58, MUST-59: all segments of a batch are handled before one ACK goes out. */
/* requires: MUST-58, MUST-59 */
START_TEST(a_batch_is_acknowledged_once)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    rig.hold = true;
    for (uint32_t i = 0; i < 20; i++) {
        peer_data(&p, TCP_ACK, 1 + i * 1000, 1, 1000);
    }
    rig_release();
    expect(&p, TCP_ACK, 1, 20001, 0);
    expect_nothing();
    expect_in(a, 20000);
}
END_TEST

/* ---- out of order ---- */

/* requires: SHLD-31, MAY-13 */
START_TEST(what_lies_beyond_a_hole_is_kept_and_acknowledged_at_once)
{
    struct peer p = peer_new();
    p.offer.sack_ok = true;
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 101, 1, 100);
    struct wire w = expect(&p, TCP_ACK, 1, 1, 0);
    ck_assert_uint_eq(w.sack_count, 1);
    ck_assert_uint_eq(w.sack[0][0], 101);
    ck_assert_uint_eq(w.sack[0][1], 201);
    peer_data(&p, TCP_ACK, 301, 1, 100); /* a second hole: the latest block first */
    w = expect(&p, TCP_ACK, 1, 1, 0);
    ck_assert_uint_eq(w.sack_count, 2);
    ck_assert_uint_eq(w.sack[0][0], 301);
    ck_assert_uint_eq(w.sack[0][1], 401);
    ck_assert_uint_eq(w.sack[1][0], 101);
    peer_data(&p, TCP_ACK, 201, 1, 50); /* the first block grows, and comes first again */
    w = expect(&p, TCP_ACK, 1, 1, 0);
    ck_assert_uint_eq(w.sack[0][0], 101);
    ck_assert_uint_eq(w.sack[0][1], 251);
    ck_assert_uint_eq(w.sack[1][0], 301);
    expect_in(a, 0);
    peer_data(&p, TCP_ACK, 1, 1, 100); /* fills the first hole: at once as well (RFC 5681 4.2) */
    w = expect(&p, TCP_ACK, 1, 251, 0);
    ck_assert_uint_eq(w.sack_count, 1);
    expect_in(a, 250);
    peer_data(&p, TCP_ACK, 251, 1, 50);
    w = expect(&p, TCP_ACK, 1, 401, 0);
    ck_assert_uint_eq(w.sack_count, 0);
    expect_in(a, 400);
}
END_TEST

/* requires: 2018-4-3 */
START_TEST(sack_blocks_are_sent_only_when_permitted)
{
    struct peer p = peer_new();
    open_passive(&p);
    peer_data(&p, TCP_ACK, 101, 1, 100);
    struct wire w = expect(&p, TCP_ACK, 1, 1, 0);
    ck_assert_uint_eq(w.options_len, 0);
}
END_TEST

/* requires: 2018-3-3, 2018-4-9 */
START_TEST(as_many_sack_blocks_as_fit) /* RFC 2018 3: four alone, three beside timestamps */
{
    for (unsigned ts = 0; ts < 2; ts++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(PEER_PORT + ts);
        p.offer.sack_ok = true;
        p.offer.ts = ts != 0;
        open_passive(&p);
        for (uint32_t i = 1; i <= 6; i++) {
            peer_data(&p, TCP_ACK, 1 + 20 * i, 1, 10);
            discard_sent();
        }
        peer_data(&p, TCP_ACK, 1 + 20 * 7, 1, 10);
        struct wire w = expect(&p, TCP_ACK, 1, 1, 0);
        ck_assert_uint_eq(w.sack_count, ts != 0 ? 3 : 4);
        for (uint32_t i = 0; i < w.sack_count; i++) {
            ck_assert_uint_eq(w.sack[i][0], 1 + 20 * (7 - i));
        }
    }
}
END_TEST

START_TEST(segments_in_reverse_order_come_out_right)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    for (uint32_t i = 40; i > 0; i--) {
        peer_data(&p, TCP_ACK, 1 + (i - 1) * 1000, 1, 1000);
    }
    expect_in(a, 40000);
    ck_assert_uint_eq(info_of(a).out_of_order, 0);
}
END_TEST

START_TEST(overlapping_segments_come_out_right)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    static const uint16_t pieces[][2] = {{50, 30}, {20, 40},  {90, 10},
                                         {60, 50}, {10, 200}, {1, 15}};
    for (unsigned i = 0; i < COUNT_OF(pieces); i++) {
        peer_data(&p, TCP_ACK, pieces[i][0], 1, pieces[i][1]);
    }
    expect_in(a, 209);
}
END_TEST

START_TEST(the_number_of_ranges_is_limited)
{
    rig_restart(&(struct tcp_config){.reassembly_max = 2});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    for (uint32_t i = 1; i <= 4; i++) {
        peer_data(&p, TCP_ACK, 1 + 20 * i, 1, 10);
        expect(&p, TCP_ACK, 1, 1, 0); /* still acknowledged */
    }
    expect_drops(DROP_TCP_REASSEMBLY_FULL, 2);
    ck_assert_uint_eq(info_of(a).out_of_order, 20);
    for (uint32_t i = 0; i < 10; i++) { /* in order all goes on */
        peer_data(&p, TCP_ACK, 1 + 10 * i, 1, 10);
    }
    expect_in(a, 100);
}
END_TEST

/* What waits beyond a hole must not take the buffers that the hole's bytes will need. */
START_TEST(the_last_buffers_are_for_what_fills_holes)
{
    struct host_config config = {.seed = {9}, .slabs.slabs[SLAB_FRAME] = 8};
    rig_restart_with(&config);
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    for (uint32_t i = 1; i <= 10; i++) {
        peer_data(&p, TCP_ACK, 1 + i * 1400, 1, 1400);
        expect(&p, TCP_ACK, 1, 1, 0);
    }
    ck_assert_uint_ge(drops_of(DROP_TCP_NO_BUFFER), 1);
    ck_assert_uint_ge(info_of(a).out_of_order, 1400);
    for (uint32_t i = 0; i <= 10; i++) {
        peer_data(&p, TCP_ACK, 1 + i * 1400, 1, 1400);
    }
    expect_in(a, 11 * 1400);
    discard_sent();
}
END_TEST

/* ---- the window ---- */

static struct app *open_lazy(struct peer *p, uint32_t buffer)
{
    rig.lazy = true;
    rig_listen(&(struct tcp_options){.receive_buffer = buffer});
    return open_passive(p);
}

static uint32_t right_edge(const struct wire *w, unsigned shift)
{
    return w->ack + ((uint32_t)w->wnd << shift);
}

/* requires: SHLD-14, 7323-2.4-3 */
START_TEST(the_right_edge_never_moves_left)
{
    struct peer p = peer_new();
    p.offer.wscale = true;
    struct app *a = open_lazy(&p, 512 * 1024);
    uint32_t edge = 0;
    uint32_t seq = 1;
    for (unsigned i = 0; i < 300; i++) { /* odd lengths against a scale of 16 */
        size_t len = 1 + i * 37 % 1400;
        peer_data(&p, TCP_ACK, seq, 1, len);
        seq += (uint32_t)len;
        if (i % 3 == 0) {
            app_read(a, i % 501);
        }
        run_for(MS(50));
        while (sent_any()) {
            struct wire w = take_segment(__LINE__);
            w.ack -= p.iss;
            ck_assert_uint_ge(right_edge(&w, 4), edge);
            edge = right_edge(&w, 4);
        }
        discard_sent();
        if (a->in_len > 100000) {
            a->in_len = 0;
        }
    }
    ck_assert_uint_gt(edge, 100000);
}
END_TEST

/* Small segments into a full buffer: the rounding of a scaled window must not open it again and
 * again (RFC 7323 2.4 lets a receiver round down). A sixteenth of the buffer is the slack. */
START_TEST(a_full_buffer_stays_full)
{
    struct peer p = peer_new();
    p.offer.wscale = true;
    struct app *a = open_lazy(&p, 70000); /* scaled by 2 */
    uint32_t seq = 1;
    for (; seq + 1000 <= 69000; seq += 1000) {
        peer_data(&p, TCP_ACK, seq, 1, 1000);
    }
    for (unsigned i = 0; i < 6000; i++, seq++) {
        peer_data(&p, TCP_ACK, seq, 1, 1);
        run_for(MS(41)); /* each is acknowledged */
        discard_sent();
    }
    ck_assert_uint_le(info_of(a).receive_queued, 70000 + 70000 / 16);
    ck_assert_uint_ge(info_of(a).receive_queued, 70000 - 1);
}
END_TEST

START_TEST(a_peer_without_scaling_gets_16_bits)
{
    struct peer p = peer_new();
    struct app *a = open_lazy(&p, 512 * 1024);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    run_for(MS(50));
    struct wire w = expect(&p, TCP_ACK, 1, 101, 0);
    ck_assert_uint_ge(w.wnd, 65535 - 100);
    app_read(a, SIZE_MAX);
    expect_nothing(); /* the field can say no more than it did */
}
END_TEST

/* 3.8.6.2.2: the edge stays until min(half of the buffer, a full segment) can be offered. */
/* requires: MUST-39 */
START_TEST(the_window_opens_in_large_steps)
{
    struct peer p = peer_new();
    struct app *a = open_lazy(&p, 4000);
    for (uint32_t i = 0; i < 4; i++) {
        peer_data(&p, TCP_ACK, 1 + i * 1000, 1, 1000);
    }
    run_for(MS(100));
    discard_sent();
    peer_data(&p, TCP_ACK, 4000, 1, 1); /* asks */
    ck_assert_uint_eq(expect(&p, TCP_ACK, 1, 4001, 0).wnd, 0);
    app_read(a, 1459);
    expect_nothing();
    peer_data(&p, TCP_ACK, 4000, 1, 1);
    ck_assert_uint_eq(expect(&p, TCP_ACK, 1, 4001, 0).wnd, 0);
    app_read(a, 1); /* 1460, a full segment: told at once */
    ck_assert_uint_eq(expect(&p, TCP_ACK, 1, 4001, 0).wnd, 1460);
    expect_nothing();
}
END_TEST

START_TEST(a_small_buffer_opens_by_half)
{
    struct peer p = peer_new();
    struct app *a = open_lazy(&p, 1000);
    peer_data(&p, TCP_ACK, 1, 1, 1000);
    run_for(MS(100));
    ck_assert_uint_eq(expect(&p, TCP_ACK, 1, 1001, 0).wnd, 0);
    app_read(a, 499);
    expect_nothing();
    app_read(a, 1);
    ck_assert_uint_eq(expect(&p, TCP_ACK, 1, 1001, 0).wnd, 500);
}
END_TEST

/* The window is told in units of 256 bytes or more, larger than two of these segments. */
START_TEST(no_update_tells_the_window_that_was_told)
{
    rig_restart_with(&(struct host_config){.seed = {9}});
    rig.lazy = true;
    rig_listen(&(struct tcp_options){.mss = 100});
    struct peer p = peer_new();
    p.offer.wscale = true;
    struct app *a = open_passive(&p);
    uint8_t shift = info_of(a).rcv_wscale;
    ck_assert_uint_ge(1U << shift, 200);
    for (uint32_t seq = 1; seq < 50000; seq += 1000) {
        peer_data(&p, TCP_ACK, seq, 1, 1000);
    }
    run_for(MS(100));
    uint32_t edge = 0;
    while (sent_any()) {
        struct wire w = take_segment(__LINE__);
        edge = right_edge(&w, shift);
    }
    unsigned updates = 0;
    for (unsigned i = 0; i < 300; i++) {
        app_read(a, 130);
        while (sent_any()) {
            struct wire w = take_segment(__LINE__);
            ck_assert_int_gt((int32_t)(right_edge(&w, shift) - edge), 0);
            edge = right_edge(&w, shift);
            updates++;
        }
    }
    ck_assert_uint_gt(updates, 10);
}
END_TEST

START_TEST(the_window_counts_what_is_unread)
{
    struct peer p = peer_new();
    open_lazy(&p, 10000);
    peer_data(&p, TCP_ACK, 1, 1, 1000);
    run_for(MS(100));
    ck_assert_uint_eq(expect(&p, TCP_ACK, 1, 1001, 0).wnd, 9000);
}
END_TEST

/* A reader that keeps up costs no ACKs of its own beside the delayed ones. */
START_TEST(reading_at_once_sends_no_window_updates)
{
    struct peer p = peer_new();
    open_passive(&p);
    for (uint32_t i = 0; i < 10; i++) {
        peer_data(&p, TCP_ACK, 1 + i * 1460, 1, 1460);
    }
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_uint_eq(expect(&p, TCP_ACK, 1, 1 + (i + 1) * 2920, 0).wnd, 65535);
    }
    expect_nothing();
}
END_TEST

/* ---- FIN and what comes behind it ---- */

START_TEST(a_fin_behind_a_hole_waits)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK | TCP_FIN, 101, 1, 50);
    expect(&p, TCP_ACK, 1, 1, 0);
    expect_log(a, "ao");
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    expect(&p, TCP_ACK, 1, 152, 0);
    expect_log(a, "aorp");
    expect_in(a, 150);
    ck_assert_int_eq(state_of(a), TCP_CLOSE_WAIT);
}
END_TEST

START_TEST(a_bare_fin_behind_a_hole_waits)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_send(&p, TCP_ACK | TCP_FIN, 101, 1);
    expect(&p, TCP_ACK, 1, 1, 0);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    expect(&p, TCP_ACK, 1, 102, 0);
    expect_log(a, "aorp");
}
END_TEST

/* requires: 9293-3.10.7.4-23 */
START_TEST(text_beyond_the_fin_is_refused)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_send(&p, TCP_ACK | TCP_FIN, 101, 1);
    expect(&p, TCP_ACK, 1, 1, 0);
    peer_data(&p, TCP_ACK, 90, 1, 20); /* the FIN is at 101 */
    expect(&p, TCP_ACK, 1, 1, 0);
    expect_drops(DROP_TCP_DATA_AFTER_FIN, 1);
    peer_data(&p, TCP_ACK, 1, 1, 100);
    expect(&p, TCP_ACK, 1, 102, 0);
    peer_data(&p, TCP_ACK, 102, 1, 10); /* in CLOSE-WAIT text is ignored */
    expect(&p, TCP_ACK, 1, 102, 0);
    expect_drops(DROP_TCP_DATA_AFTER_FIN, 2);
    expect_log(a, "aorp");
    expect_in(a, 100);
}
END_TEST

/* requires: 9293-3.10.7.4-8 */
START_TEST(a_fin_again_is_acknowledged_again)
{
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, TCP_CLOSE_WAIT, &seq, &nxt);
    peer_send(&p, TCP_ACK | TCP_FIN, 1, 1);
    expect(&p, TCP_ACK, 1, 2, 0);
    expect_log(a, "aop");
}
END_TEST

START_TEST(small_segments_do_not_hold_a_slab_each)
{
    struct peer p = peer_new();
    struct app *a = open_lazy(&p, 100000);
    for (uint32_t i = 0; i < 5000; i++) {
        peer_data(&p, TCP_ACK, 1 + i, 1, 1);
        discard_sent();
    }
    ck_assert_uint_eq(info_of(a).receive_queued, 5000);
    ck_assert_uint_lt(rig.host.pools.bufs.in_use, 50); /* 5000 bytes in slabs of 256 or more */
    app_read(a, SIZE_MAX);
    expect_in(a, 5000);
}
END_TEST

START_TEST(delayed_acks_can_be_switched_off)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, 1, 10);
    expect_nothing();
    host_enter(&rig.host, rig.now);
    tcp_set_options(a->s, &(struct tcp_options){.quick_ack = true});
    rig_flush();
    expect(&p, TCP_ACK, 1, 11, 0);
    peer_data(&p, TCP_ACK, 11, 1, 10);
    expect(&p, TCP_ACK, 1, 21, 0);
    run_for(SEC(1));
    expect_nothing();
}
END_TEST

Suite *receive_suite(void);

Suite *receive_suite(void)
{
    Suite *s = suite_create("receive");
    TCase *acks = rig_case(s, "acks");
    ADD(acks, one_segment_is_acknowledged_after_a_moment);
    ADD(acks, delayed_acks_can_be_switched_off);
    ADD(acks, two_full_segments_are_acknowledged_at_once);
    ADD(acks, a_delayed_ack_rides_on_data);
    ADD(acks, a_batch_is_acknowledged_once);
    TCase *order = rig_case(s, "order");
    ADD(order, what_lies_beyond_a_hole_is_kept_and_acknowledged_at_once);
    ADD(order, sack_blocks_are_sent_only_when_permitted);
    ADD(order, as_many_sack_blocks_as_fit);
    ADD(order, segments_in_reverse_order_come_out_right);
    ADD(order, overlapping_segments_come_out_right);
    ADD(order, the_number_of_ranges_is_limited);
    ADD(order, the_last_buffers_are_for_what_fills_holes);
    TCase *window = rig_case(s, "window");
    ADD(window, hold_tells_a_window_of_zero_until_it_is_released);
    ADD(window, the_right_edge_never_moves_left);
    ADD(window, a_full_buffer_stays_full);
    ADD(window, a_peer_without_scaling_gets_16_bits);
    ADD(window, the_window_opens_in_large_steps);
    ADD(window, a_small_buffer_opens_by_half);
    ADD(window, no_update_tells_the_window_that_was_told);
    ADD(window, the_window_counts_what_is_unread);
    ADD(window, reading_at_once_sends_no_window_updates);
    TCase *fin = rig_case(s, "fin");
    ADD(fin, a_fin_behind_a_hole_waits);
    ADD(fin, a_bare_fin_behind_a_hole_waits);
    ADD(fin, text_beyond_the_fin_is_refused);
    ADD(fin, a_fin_again_is_acknowledged_again);
    ADD(fin, small_segments_do_not_hold_a_slab_each);
    return s;
}
