/* A peer that means harm: what it makes us keep is bounded, and so is what each of its segments makes us do. Work is
 * counted in what has to be looked at, not in time.
 */
#include <stdlib.h>

#include "stack/tcp/conn.h"
#include "tests/unit/tcp/tcp_rig.h"

#define FLOOD 5000U

static struct tcp_conn *conn_of(const struct app *a)
{
    return tcp_of_stream(a->s);
}

/* Every other byte, from the back, from the front and in between: as many ranges as there can be, and no more. */
START_TEST(single_bytes_out_of_order)
{
    struct peer p = peer_new();
    p.offer.sack_ok = true;
    struct app *a = open_passive(&p);
    uint32_t max = 256 + seq_span(conn_of(a)->rcv_nxt, conn_of(a)->rcv_adv) / 1024;
    for (uint32_t i = 0; i < FLOOD; i++) {
        uint32_t place = i % 3 == 0 ? i : i % 3 == 1 ? 2 * FLOOD - i : (i * 7919U) % (2 * FLOOD);
        peer_data(&p, TCP_ACK, 3 + 2 * place, 1, 1);
        discard_sent();
        ck_assert_uint_le(conn_of(a)->reassembly.count, max);
    }
    ck_assert_uint_eq(conn_of(a)->reassembly.count, max);
    ck_assert_uint_eq(rig.host.tcp.range_pool.in_use, max);
    ck_assert_uint_le(rig.host.pools.bufs.in_use, max + 2);
    ck_assert_uint_le(rig.host.pools.slabs[SLAB_SMALL].in_use, max + 2);
    ck_assert_uint_gt(drops_of(DROP_TCP_REASSEMBLY_FULL), FLOOD / 2);
    /* the stream goes on: what fills the first hole is taken */
    for (uint32_t seq = 1; seq <= 40001; seq += 1000) {
        peer_data(&p, TCP_ACK, seq, 1, 1000);
        discard_sent();
    }
    ck_assert_uint_eq(conn_of(a)->reassembly.count, 0);
    expect_in(a, 41000);
}
END_TEST

static unsigned depth_of(const struct seq_node *n)
{
    if (n == NULL) {
        return 0;
    }
    unsigned left = depth_of(n->child[0]);
    unsigned right = depth_of(n->child[1]);
    return 1 + (left > right ? left : right);
}

static void ignore(void *arg, const struct tcp_sent *run, tcp_seq upto)
{
    (void)arg;
    (void)run;
    (void)upto;
}

/* SACK blocks of one byte each cut what is outstanding to pieces: no more of them than the limit, found in a number
 * of steps that grows with its logarithm, in whatever order they come. */
START_TEST(sack_blocks_that_cut)
{
    enum { MAX = 4096, LOG = 12 };
    static const unsigned strides[] = {1, FLOOD - 1, 7919};
    for (unsigned k = 0; k < COUNT_OF(strides); k++) {
        struct pool pool;
        pool_init(&pool, "sent", sizeof(struct tcp_sent), 2 * MAX);
        struct scoreboard b;
        scoreboard_init(&b, 12345);
        struct sent_stamp stamp = {.sent_at = 1};
        ck_assert(scoreboard_sent(&b, &pool, MAX, seq_of(0xfffff000U),
                                  seq_of(0xfffff000U + 3 * FLOOD), &stamp));
        for (unsigned i = 0; i < FLOOD; i++) {
            uint32_t at = 0xfffff000U + 3 * (uint32_t)((uint64_t)i * strides[k] % FLOOD);
            scoreboard_sacked(&b, &pool, MAX, seq_of(at), seq_of(at + 1), ignore, NULL);
            ck_assert_uint_le(b.count, MAX);
        }
        ck_assert_uint_ge(b.count, MAX - 2);
        ck_assert_uint_eq(pool.in_use, b.count);
        ck_assert_uint_le(depth_of(b.tree.root), 4 * LOG);
        scoreboard_done(&b, &pool);
        ck_assert_uint_eq(pool.in_use, 0);
        pool_done(&pool);
    }
}
END_TEST

/* An MSS of 1 asks for 40 bytes of header to each: we do not go so low (MSS_MIN in conn.c). */
START_TEST(a_tiny_segment_size)
{
    struct peer p = peer_new();
    p.offer.mss = 1;
    p.offer.ts = true;
    struct app *a = open_passive(&p);
    app_write(a, 1000);
    unsigned segments = 0;
    while (sent_any()) {
        struct wire w = take_segment(__LINE__);
        ck_assert_uint_eq(w.len, 36); /* 48 less the timestamps */
        segments++;
    }
    ck_assert_uint_eq(segments, 10); /* an initial window */
}
END_TEST

/* A window of a few bytes at a time makes no segments of a few bytes (RFC 9293 3.8.6.2.1). */
START_TEST(tiny_windows)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    p.wnd = 0;
    peer_send(&p, TCP_ACK, 1, 1);
    app_write(a, 100000);
    for (uint16_t wnd = 1; wnd < 500; wnd++) {
        p.wnd = wnd;
        peer_send(&p, TCP_ACK, 1, 1);
        expect_nothing();
    }
    ck_assert_uint_le(info_of(a).send_queued, 100000);
}
END_TEST

/* An outsider sends SYNs under addresses that are not its own and answers nothing. Nothing is kept of them but the
 * backlog, nothing is sent for them but one SYN-ACK each, and a client is served as ever.
 * requires: 4987-4-1, 4987-3.6-1 */
START_TEST(a_flood_of_syns)
{
    rig_listen_with(8, 0, NULL);
    for (unsigned i = 0; i < FLOOD; i++) {
        struct peer p = peer_new();
        p.port = (uint16_t)(1024 + i);
        p.iss = i * 7919;
        peer_send(&p, TCP_SYN, 0, 0);
        take_segment(__LINE__);
        expect_nothing();
        discard_sent();
        ck_assert_uint_le(rig.host.tcp.handle_pool.in_use, 8);
    }
    ck_assert_uint_eq(rig.listener->half_open, 8);
    ck_assert_uint_eq(rig.host.tcp.connections.count, 8);
    ck_assert_uint_eq(rig.host.pools.bufs.in_use, 0);
    ck_assert_uint_eq(rig.host.tcp.totals.cookies_out, FLOOD - 8);
    struct peer p = peer_new();
    p.offer = (struct offer){.mss = 1460, .wscale = true, .shift = 4, .sack_ok = true, .ts = true};
    p.ts = true;
    peer_send(&p, TCP_SYN, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    peer_data(&p, TCP_ACK | TCP_PSH, 1, 1, 100);
    ck_assert_uint_eq(rig.app_count, 1);
    struct app *a = &rig.apps[0];
    expect_in(a, 100);
    ck_assert_uint_eq(info_of(a).snd_wscale, 4);
    ck_assert(info_of(a).sack_ok);
}
END_TEST

/* ACKs of SYN-ACKs that were never sent: one reset each, and nothing else. */
START_TEST(a_flood_of_guesses)
{
    rig_restart(&(struct tcp_config){.syn_cookies = TCP_COOKIES_ALWAYS});
    rig_listen(NULL);
    struct peer p = peer_new();
    peer_send(&p, TCP_SYN, 0, 0);
    expect(&p, TCP_SYN | TCP_ACK, 0, 1, 0);
    for (unsigned i = 0; i < FLOOD; i++) {
        struct peer liar = peer_new();
        liar.port = (uint16_t)(1024 + i);
        liar.irs = i * 2654435761U;
        peer_send(&liar, TCP_ACK, 1, 1);
        discard_sent();
    }
    ck_assert_uint_eq(rig.app_count, 0);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    ck_assert_uint_ge(drops_of(DROP_TCP_BAD_COOKIE), FLOOD - 10);
}
END_TEST

Suite *flood_suite(void);

Suite *flood_suite(void)
{
    Suite *s = suite_create("flood");
    TCase *receive = rig_case(s, "receive");
    ADD(receive, single_bytes_out_of_order);
    TCase *open = rig_case(s, "open");
    ADD(open, a_flood_of_syns);
    ADD(open, a_flood_of_guesses);
    TCase *send = rig_case(s, "send");
    ADD(send, sack_blocks_that_cut);
    ADD(send, a_tiny_segment_size);
    ADD(send, tiny_windows);
    return s;
}
