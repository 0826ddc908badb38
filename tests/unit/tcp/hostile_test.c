/* What outsiders can make grow, and what their segments make us do, beyond flood_test.c: docs/limits.md has the whole list.
 *
 * That work stays flat is shown by numbers far beyond every limit: a hundred thousand pieces, each of which is looked
 * for as often. A look at each piece every time takes minutes, and the case a second or less.
 */
#include <stdlib.h>

#include "stack/tcp/conn.h"
#include "tests/unit/base/lcg.h"
#include "tests/unit/tcp/tcp_rig.h"

#define PIECES 100000U
#define PIECE 3U /* octets from one to the next, two of them a hole */
#define BASE UINT32_C(0xfffff000)

static struct tcp_conn *conn_of(const struct app *a)
{
    return tcp_of_stream(a->s);
}

static tcp_seq piece_at(uint32_t i)
{
    return seq_of(BASE + PIECE * i);
}

/* ---- work: what is received ---- */

/* Duplicates of text that waits behind holes, at the low end: which range they lie in (RFC 2883 4). */
START_TEST(duplicates_among_ranges)
{
    struct slab_pools pools;
    struct slab_limits limits = {.slabs = {[SLAB_SMALL] = PIECES + 1}, .bufs = PIECES + 2};
    struct pool ranges;
    struct reassembly r;
    slab_pools_init(&pools, &limits);
    pool_init(&ranges, "ranges", sizeof(struct tcp_range), PIECES);
    reassembly_init(&r, 5);
    for (uint32_t i = 0; i < PIECES; i++) {
        struct buf *b = buf_copy_of(&pools, "x", 1);
        ck_assert(reassembly_insert(&r, &ranges, PIECES, piece_at(i), b));
    }
    for (uint32_t i = 0; i < PIECES; i++) {
        const struct tcp_range *first = reassembly_find(&r, piece_at(i % 7), piece_at(PIECES));
        ck_assert(seq_eq(first->start, piece_at(i % 7)));
        ck_assert_ptr_null(reassembly_find(&r, seq_add(piece_at(i), 1), piece_at(i + 1)));
    }
    ck_assert_ptr_null(reassembly_find(&r, piece_at(PIECES), piece_at(PIECES + 1)));
    reassembly_done(&r, &ranges);
    pool_done(&ranges);
    slab_pools_done(&pools);
}
END_TEST

/* ---- work: what is sent ---- */

static struct pool sent_pool;

static void ignore(void *arg, const struct tcp_sent *run, tcp_seq upto)
{
    (void)arg;
    (void)run;
    (void)upto;
}

/* Sent in one flush, and cut into pieces by blocks that leave two octets between them. */
static void cut_to_pieces(struct scoreboard *b)
{
    struct sent_stamp stamp = {.sent_at = 5};
    pool_init(&sent_pool, "sent", sizeof(struct tcp_sent), 4 * (size_t)PIECES);
    scoreboard_init(b, 5);
    ck_assert(scoreboard_sent(b, &sent_pool, 4 * PIECES, piece_at(0), piece_at(PIECES), &stamp));
    for (uint32_t i = 0; i < PIECES; i++) {
        scoreboard_sacked(b, &sent_pool, 4 * PIECES, piece_at(i), seq_add(piece_at(i), 1), ignore,
                          NULL);
    }
    ck_assert_uint_eq(b->count, 2 * PIECES);
}

static void lose(struct scoreboard *b, uint32_t from, uint32_t upto)
{
    for (uint32_t i = from; i < upto; i++) {
        struct tcp_sent *run = scoreboard_at(b, seq_add(piece_at(i), 1));
        ck_assert_uint_eq(scoreboard_mark_lost(b, &sent_pool, run, run->end), PIECE - 1);
    }
}

static void expect_lost_in_order(const struct scoreboard *b, uint32_t n)
{
    uint32_t count = 0;
    for (const struct list *at = b->lost.next; at != &b->lost; at = at->next) {
        const struct tcp_sent *run = CONTAINER_OF(at, struct tcp_sent, state_link);
        ck_assert(at->next == &b->lost ||
                  seq_lt(run->end, CONTAINER_OF(at->next, struct tcp_sent, state_link)->start));
        count++;
    }
    ck_assert_uint_eq(count, n);
}

static void give_back(struct scoreboard *b)
{
    scoreboard_done(b, &sent_pool);
    ck_assert_uint_eq(sent_pool.in_use, 0);
    pool_done(&sent_pool);
}

/* All are lost, the lower half goes again and is lost again, while the upper half still waits. */
START_TEST(pieces_that_are_lost_twice)
{
    struct scoreboard b;
    struct sent_stamp again = {.sent_at = 6};
    cut_to_pieces(&b);
    lose(&b, 0, PIECES);
    for (uint32_t i = 0; i < PIECES / 2; i++) {
        ck_assert(
            scoreboard_sent_again(&b, &sent_pool, scoreboard_first_lost(&b), PIECE - 1, &again));
    }
    ck_assert(seq_eq(scoreboard_first_lost(&b)->start, seq_add(piece_at(PIECES / 2), 1)));
    lose(&b, 0, PIECES / 2);
    expect_lost_in_order(&b, PIECES);
    give_back(&b);
}
END_TEST

/* A peer that drops what it has SACKed (RFC 2018 8): it all goes again, between what was lost before. */
START_TEST(pieces_that_are_taken_back)
{
    struct scoreboard b;
    cut_to_pieces(&b);
    lose(&b, 0, PIECES);
    scoreboard_mark_all_lost(&b, &sent_pool);
    ck_assert_uint_eq(b.count, 1);
    ck_assert_uint_eq(b.lost_bytes, PIECES * PIECE);
    give_back(&b);
}
END_TEST

/* Of what was sent at one moment only what lies before the delivered octets may be lost: the others are not looked at
 * (RFC 8985 6.2, RACK_sent_after). */
START_TEST(pieces_of_one_moment)
{
    static struct tcp t;
    static struct tcp_conn c;
    c = (struct tcp_conn){.tcp = &t, .sack_ok = true};
    cut_to_pieces(&c.recovery.board);
    c.recovery.rack = (struct tcp_rack){.rtt = 1, .xmit_at = 5, .end = seq_add(piece_at(0), 1)};
    for (uint32_t i = 0; i < PIECES; i++) {
        ck_assert_uint_eq(rack_detect_loss(&c, 100), 0);
    }
    give_back(&c.recovery.board);
}
END_TEST

/* Blocks of one byte cut what is outstanding into no more runs than a few hundred beside its segments: each run that is
 * lost would be a segment of its own. */
START_TEST(crumbs_are_not_sent_one_by_one)
{
    struct peer p = peer_new();
    p.offer.sack_ok = true;
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 14600);
    discard_sent();
    run_for(MS(20));
    for (uint32_t at = 3; at < 14600; at += 2) {
        uint32_t edges[2] = {p.irs + at, p.irs + at + 1};
        uint8_t option[12] = {1, 1, 5, 10};
        for (unsigned i = 0; i < 8; i++) {
            option[4 + i] = (uint8_t)(edges[i / 4] >> (24 - 8 * (i % 4)));
        }
        struct raw r = raw_with_options(&p, TCP_ACK, 1, 1, option, sizeof(option), NULL, 0);
        raw_send(&r);
    }
    ck_assert_uint_le(conn_of(a)->recovery.board.count, 256 + 10 + 2);
    unsigned segments = 0;
    for (; sent_any(); segments++) {
        take_segment(__LINE__);
    }
    ck_assert_uint_le(segments, 256);
    peer_send(&p, TCP_ACK, 1, 14601);
    ck_assert_uint_eq(rig.host.tcp.sent_pool.in_use, 0);
    discard_sent();
}
END_TEST

/* ---- acknowledgments that want more than they are worth (Savage et al., 1999) ---- */

/* A segment that is acknowledged byte by byte opens the window by itself, and not by a segment each time (RFC 3465). */
START_TEST(acks_of_single_bytes)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 14600);
    discard_sent();
    ck_assert_uint_eq(info_of(a).cwnd, 14600);
    run_for(MS(20));
    for (uint32_t i = 2; i <= 1461; i++) {
        peer_send(&p, TCP_ACK, 1, i);
    }
    ck_assert_uint_le(info_of(a).cwnd, 14600 + 1460);
    discard_sent();
}
END_TEST

/* Octets that were never sent cannot be acknowledged (RFC 9293 3.10.7.4), and a block about them says nothing. */
START_TEST(acks_ahead_of_the_data)
{
    struct peer p = peer_new();
    p.offer.sack_ok = true;
    struct app *a = open_with_rtt(&p, MS(20));
    app_write(a, 30000);
    discard_sent();
    for (uint32_t i = 0; i < 1000; i++) {
        static const uint8_t sack_all[12] = {1, 1, 5, 10, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff};
        struct raw r = raw_with_options(&p, TCP_ACK, 1, 1, sack_all, sizeof sack_all, NULL, 0);
        peer_send(&p, TCP_ACK, 1, 14602 + i * 1460);
        raw_send(&r);
    }
    ck_assert_uint_eq(info_of(a).cwnd, 14600);
    ck_assert_uint_eq(info_of(a).in_flight, 14600);
    expect_drops(DROP_TCP_ACK_UNSENT, 1000);
    discard_sent();
}
END_TEST

/* ---- memory ---- */

/* Segments that are too large for a small slab, and fill little of a large one, to an application that does not read. */
START_TEST(middling_segments_share_slabs)
{
    rig.lazy = true;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    for (uint32_t i = 0; i < 200; i++) {
        peer_data(&p, TCP_ACK, 1 + 300 * i, 1, 300);
        discard_sent();
    }
    ck_assert_uint_eq(info_of(a).receive_queued, 60000);
    ck_assert_uint_le(rig.host.pools.slabs[SLAB_FRAME].in_use, 60000 / (SLAB_FRAME_BYTES / 2));
    app_read(a, 60000);
    expect_in(a, 60000);
}
END_TEST

/* A client sends a whole window in full segments, and its application reads nothing. */
static struct app *hoard(uint16_t port)
{
    struct peer p = peer_new();
    p.port = port;
    struct app *a = open_passive(&p);
    for (uint32_t i = 0; i < 45; i++) {
        peer_data(&p, TCP_ACK, 1 + 1400 * i, 1, 1400);
        discard_sent();
    }
    return a;
}

START_TEST(unread_text_does_not_take_the_last_buffers)
{
    enum { SLABS = 128, FIRST = 17 * 1024 };
    struct host_config config = {.seed = {9}, .tcp.no_autotune = true, .tcp.receive_buffer = 65535};
    config.slabs.slabs[SLAB_FRAME] = SLABS;
    rig_restart_with(&config);
    rig.lazy = true;
    ck_assert_uint_eq(info_of(hoard(1001)).receive_queued, 45 * 1400); /* there is enough */
    ck_assert_uint_eq(info_of(hoard(1002)).receive_queued, 45 * 1400);
    for (uint16_t port = 1003; port < 1005; port++) { /* it is scarce: a first share */
        uint32_t queued = info_of(hoard(port)).receive_queued;
        ck_assert_uint_ge(queued, FIRST);
        ck_assert_uint_lt(queued, FIRST + 1400);
    }
    ck_assert_uint_le(rig.host.pools.slabs[SLAB_FRAME].in_use, 2 * 45 + 2 * 13);
    expect_drops(DROP_TCP_NO_BUFFER, 2 * (45 - 13));
    rig.lazy = false; /* who reads is served as ever */
    struct app *reader = hoard(1005);
    expect_in(reader, 45 * 1400);
}
END_TEST

/* A client with a wide window that stops to read holds much, but not what the others need for a first answer. */
START_TEST(slow_readers_leave_a_share_to_others)
{
    enum { SLABS = 64, FIRST = 65536 };
    struct host_config config = {.seed = {9}};
    config.slabs.slabs[SLAB_RECORD] = SLABS;
    rig_restart_with(&config);
    struct peer p = peer_new();
    p.offer.wscale = true;
    p.offer.shift = 8;
    struct app *a = open_passive(&p);
    peer_send(&p, TCP_ACK, 1, 1);
    conn_of(a)->cc.cwnd = 4000000; /* as after a long download */
    size_t queued = app_queue(a, 4000000);
    ck_assert_uint_ge(queued, (SLABS / 2 - 2) * (size_t)SLAB_RECORD_BYTES);
    ck_assert_uint_le(rig.host.pools.slabs[SLAB_RECORD].in_use, SLABS / 2 + 1);
    rig_flush();
    discard_sent();
    struct peer other = peer_new();
    other.port = 1001;
    struct app *b = open_passive(&other);
    ck_assert_uint_eq(app_queue(b, FIRST), FIRST);
    rig_flush();
    discard_sent();
}
END_TEST

/* ---- somebody who knows the ends of a connection, and not its numbers ---- */

static void inject(struct peer *p, struct lcg *g)
{
    static const unsigned flags[] = {TCP_ACK,           TCP_RST,           TCP_SYN,
                                     TCP_ACK | TCP_FIN, TCP_ACK | TCP_PSH, TCP_ACK | TCP_RST,
                                     TCP_SYN | TCP_ACK, TCP_ACK | TCP_URG, 0,
                                     TCP_ACK | TCP_ECE, TCP_ACK | TCP_CWR};
    uint8_t text[40], options[40];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)~pattern(i);
        options[i] = (uint8_t)lcg_below(g, 12); /* mostly kinds and lengths that there are */
    }
    uint32_t seq = (lcg_below(g, 1U << 16) << 16U) + lcg_below(g, 1U << 16);
    uint32_t ack = (lcg_below(g, 1U << 16) << 16U) + lcg_below(g, 1U << 16);
    size_t options_len = 4 * (size_t)lcg_below(g, 11);
    struct raw r = raw_with_options(p, flags[lcg_below(g, COUNT_OF(flags))], seq, ack, options,
                                    options_len, text, lcg_below(g, sizeof text));
    raw_send(&r);
    peer_icmp(p, 3, (uint8_t)lcg_below(g, 16), seq, (uint16_t)lcg_below(g, 1500));
}

/* A hundred guesses between any two segments of a transfer both ways: it arrives as it was sent, at its pace, with
 * no more answers than the limits of challenge ACKs let out. */
START_TEST(guesses_into_a_transfer)
{
    struct lcg g = {4711};
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    struct peer liar = p;
    for (uint32_t i = 0; i < 100; i++) {
        uint64_t out = rig.host.tcp.totals.segments_out;
        for (unsigned k = 0; k < 100; k++) {
            inject(&liar, &g);
        }
        discard_sent();
        /* old text, and what lies beyond the window, is acknowledged each time (RFC 9293 3.10.7.4) */
        ck_assert_uint_le(rig.host.tcp.totals.segments_out - out, 100);
        app_write(a, 1000);
        discard_sent();
        peer_data(&p, TCP_ACK, 1 + 500 * i, 1 + 1000 * (i + 1), 500);
        discard_sent();
        run_for(MS(20));
        ck_assert_uint_eq(info_of(a).bytes_out, 1000 * (i + 1));
        ck_assert_uint_eq(info_of(a).mtu, 1500);
    }
    expect_in(a, 50000);
    ck_assert_int_eq(state_of(a), TCP_ESTABLISHED);
    ck_assert_uint_le(conn_of(a)->reassembly.count, 2);
    ck_assert_uint_eq(info_of(a).retransmitted, 0);
}
END_TEST

Suite *hostile_suite(void);

Suite *hostile_suite(void)
{
    Suite *s = suite_create("hostile");
    TCase *work = tcase_create("work");
    suite_add_tcase(s, work);
    tcase_set_timeout(work, 20);
    tcase_add_test(work, duplicates_among_ranges);
    tcase_add_test(work, pieces_that_are_lost_twice);
    tcase_add_test(work, pieces_that_are_taken_back);
    tcase_add_test(work, pieces_of_one_moment);
    TCase *send = rig_case(s, "send");
    ADD(send, crumbs_are_not_sent_one_by_one);
    ADD(send, acks_of_single_bytes);
    ADD(send, acks_ahead_of_the_data);
    TCase *memory = rig_case(s, "memory");
    ADD(memory, middling_segments_share_slabs);
    ADD(memory, unread_text_does_not_take_the_last_buffers);
    ADD(memory, slow_readers_leave_a_share_to_others);
    TCase *guesses = rig_case(s, "guesses");
    ADD(guesses, guesses_into_a_transfer);
    return s;
}
