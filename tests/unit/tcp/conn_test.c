/* The control block: its states as they are told, its number, and its end by any way. */
#include "stack/tcp/conn.h"

#include "tests/unit/link/link_rig.h"
#include "tests/unit/tcp/tcp_rig.h"

/* The states that connection `id` went through, from the recorder. */
static unsigned states_of(uint32_t id, uint8_t out[16])
{
    const struct recorder *r = &rig.host.recorder;
    unsigned n = 0;
    for (uint64_t i = 0; i < r->written; i++) {
        const struct event *e = &r->ring[i & r->mask];
        if (e->type == EV_tcp_state && e->conn == id) {
            ck_assert(n == 0 || e->u.tcp_state.from == out[n - 1]);
            ck_assert_uint_lt(n, 16);
            out[n++] = e->u.tcp_state.to;
        }
    }
    return n;
}

static void expect_states(uint32_t id, const uint8_t *want, unsigned count)
{
    uint8_t got[16];
    ck_assert_uint_eq(states_of(id, got), count);
    ck_assert_mem_eq(got, want, count);
}

START_TEST(an_active_close_goes_through_its_states) /* RFC 9293 figure 5 */
{
    static const uint8_t want[] = {TCP_SYN_RCVD,   TCP_ESTABLISHED, TCP_FIN_WAIT_1,
                                   TCP_FIN_WAIT_2, TCP_TIME_WAIT,   TCP_CLOSED};
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, TCP_FIN_WAIT_2, &seq, &nxt);
    uint32_t id = info_of(a).id;
    peer_send(&p, TCP_ACK | TCP_FIN, 1, 2);
    expect(&p, TCP_ACK, 2, 2, 0);
    run_for(SEC(241));
    expect_states(id, want, COUNT_OF(want));
}
END_TEST

START_TEST(a_passive_close_goes_through_its_states)
{
    static const uint8_t want[] = {TCP_SYN_SENT, TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_LAST_ACK,
                                   TCP_CLOSED};
    struct peer p = peer_new();
    struct app *a = open_active(&p);
    uint32_t id = info_of(a).id;
    peer_send(&p, TCP_ACK | TCP_FIN, 1, 1);
    app_shutdown(a);
    discard_sent();
    peer_send(&p, TCP_ACK, 2, 2);
    expect_states(id, want, COUNT_OF(want));
}
END_TEST

START_TEST(a_close_at_once_goes_through_its_states)
{
    static const uint8_t want[] = {TCP_SYN_RCVD, TCP_ESTABLISHED, TCP_FIN_WAIT_1,
                                   TCP_CLOSING,  TCP_TIME_WAIT,   TCP_CLOSED};
    struct peer p = peer_new();
    uint32_t seq;
    uint32_t nxt;
    struct app *a = open_in_state(&p, TCP_CLOSING, &seq, &nxt);
    uint32_t id = info_of(a).id;
    peer_send(&p, TCP_ACK, 2, 2);
    run_for(SEC(241));
    expect_states(id, want, COUNT_OF(want));
}
END_TEST

START_TEST(each_segment_is_told) /* with the window in bytes */
{
    struct peer p = peer_new();
    p.offer.wscale = true;
    p.offer.shift = 3;
    p.wnd = 1000;
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK | TCP_PSH, 1, 1, 5);
    expect(&p, TCP_ACK, 1, 6, 0); /* more than the SYN-ACK could tell is free */
    app_write(a, 7);
    struct wire w = expect(&p, TCP_ACK | TCP_PSH, 1, 6, 7);
    const struct ev_tcp_in *in = &last_event(&rig.host.recorder, EV_tcp_in)->u.tcp_in;
    ck_assert_uint_eq(in->seq, p.iss + 1);
    ck_assert_uint_eq(in->ack, p.irs + 1);
    ck_assert_uint_eq(in->wnd, 8000);
    ck_assert_uint_eq(in->len, 5);
    ck_assert_uint_eq(in->flags, TCP_ACK | TCP_PSH);
    const struct ev_tcp_out *out = &last_event(&rig.host.recorder, EV_tcp_out)->u.tcp_out;
    ck_assert_uint_eq(out->seq, p.irs + 1);
    ck_assert_uint_eq(out->ack, p.iss + 6);
    ck_assert_uint_eq(out->wnd, (uint32_t)w.wnd << 4);
    ck_assert_uint_eq(out->len, 7);
    ck_assert(!out->retransmission);
    run_for(SEC(1));
    ck_assert(last_event(&rig.host.recorder, EV_tcp_out)->u.tcp_out.retransmission);
    discard_sent();
}
END_TEST

START_TEST(each_has_a_number_of_its_own)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    struct peer q = peer_new();
    q.port++;
    struct app *b = open_passive(&q);
    ck_assert_uint_eq(info_of(a).id, 1);
    ck_assert_uint_eq(info_of(b).id, 2);
}
END_TEST

/* An allocation that fails at any point refuses the connection and nothing else. */
START_TEST(a_failing_allocation_is_survived)
{
    rig_listen(NULL);
    rig.host.tcp.conn_pool.fail_at = 1;
    struct peer p = peer_new();
    peer_send(&p, TCP_SYN, 0, 0);
    expect_nothing();
    expect_drops(DROP_TCP_NO_MEMORY, 1);
    struct app *a = open_passive(&p); /* the SYN comes again */
    rig.host.tcp.range_pool.fail_at = 1;
    peer_data(&p, TCP_ACK, 101, 1, 10);
    expect(&p, TCP_ACK, 1, 1, 0);
    expect_drops(DROP_TCP_REASSEMBLY_FULL, 1);
    peer_data(&p, TCP_ACK, 1, 1, 200);
    expect_in(a, 200);
    app_shutdown(a);
    discard_sent();
    rig.host.tcp.timewait_pool.fail_at = 1;
    peer_send(&p, TCP_ACK | TCP_FIN, 201, 2);
    expect(&p, TCP_ACK, 2, 202, 0); /* it ends without its quiet time */
    expect_log(a, "aorpc");
    ck_assert_uint_eq(rig.host.tcp.connections.count, 0);
}
END_TEST

START_TEST(a_shared_buffer_shows_no_other_bytes)
{
    rig.lazy = true;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    uint32_t seq = 1;
    for (unsigned i = 0; i < 40; i++) { /* large and small in turn: joined, or not */
        size_t len = i % 3 == 0 ? 1400 : 3 + i;
        peer_data(&p, TCP_ACK, seq, 1, len);
        seq += (uint32_t)len;
    }
    app_read(a, SIZE_MAX);
    expect_in(a, seq - 1);
    discard_sent();
}
END_TEST

Suite *conn_suite(void);

Suite *conn_suite(void)
{
    Suite *s = suite_create("conn");
    TCase *tc = rig_case(s, "conn");
    ADD(tc, an_active_close_goes_through_its_states);
    ADD(tc, a_passive_close_goes_through_its_states);
    ADD(tc, a_close_at_once_goes_through_its_states);
    ADD(tc, each_segment_is_told);
    ADD(tc, each_has_a_number_of_its_own);
    ADD(tc, a_failing_allocation_is_survived);
    ADD(tc, a_shared_buffer_shows_no_other_bytes);
    return s;
}
