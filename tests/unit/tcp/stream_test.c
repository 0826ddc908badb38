/* A connection as a stream: the contract of stack/base/stream.h. */
#include "stack/base/stream.h"

#include <string.h>

#include "stack/base/buf.h"
#include "tests/unit/tcp/tcp_rig.h"

#define FIN (TCP_ACK | TCP_FIN)
#define LAST (TCP_ACK | TCP_PSH)

/* ---- what is told, and in which order ---- */

START_TEST(events_of_one_batch_come_in_order)
{
    struct peer p = peer_new();
    half_open(&p);
    rig.hold = true;
    peer_send(&p, TCP_ACK, 1, 1);
    peer_data(&p, TCP_ACK, 1, 1, 10);
    peer_send(&p, FIN, 11, 1);
    rig_release();
    expect_log(&rig.apps[0], "aorp");
    expect_in(&rig.apps[0], 10);
}
END_TEST

START_TEST(a_whole_life_in_one_batch)
{
    rig.lazy = true;
    struct peer p = peer_new();
    half_open(&p);
    rig.hold = true;
    peer_send(&p, TCP_ACK, 1, 1);
    peer_data(&p, TCP_ACK, 1, 1, 10);
    peer_send(&p, TCP_RST, 11, 0);
    rig_release();
    expect_log(&rig.apps[0], "aorc");
    ck_assert_int_eq(rig.apps[0].reason, CLOSE_RESET);
}
END_TEST

START_TEST(a_stream_of_tcp_is_known)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    ck_assert_ptr_nonnull(tcp_of_stream(a->s));
    struct stream_ops other = *a->s->ops;
    struct stream alien = {.ops = &other};
    ck_assert_ptr_null(tcp_of_stream(&alien));
}
END_TEST

START_TEST(callbacks_may_be_missing)
{
    static const struct stream_events none;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    a->s->events = &none;
    peer_data(&p, FIN, 1, 1, 10);
    struct slice in = stream_peek(a->s);
    ck_assert_uint_eq(in.len, 10);
    stream_consume(a->s, 10);
    rig_flush();
    app_shutdown(a);
    peer_send(&p, TCP_ACK, 12, 2);
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    a->s = NULL;
    discard_sent();
}
END_TEST

/* What happens in `letter` when the peer sends ten bytes, answers our hundred, and closes. */
static struct app *live_until(struct peer *p)
{
    rig_listen(&(struct tcp_options){.send_buffer = 100});
    half_open(p);
    peer_send(p, TCP_ACK, 1, 1);
    struct app *a = &rig.apps[0];
    if (a->s != NULL) {
        app_queue(a, 100); /* an empty queue takes more than this, and then no more */
        ck_assert_uint_eq(app_queue(a, 1), 0); /* writable will be told */
        rig_flush();
    }
    size_t sent = a->written;
    peer_data(p, TCP_ACK, 1, 1, 10);
    peer_send(p, TCP_ACK, 11, 1 + (uint32_t)sent);
    peer_send(p, FIN, 11, 1 + (uint32_t)sent);
    return a;
}

START_TEST(an_abort_inside_a_callback_is_the_end)
{
    static const char letters[] = "aorwp";
    static const char *const logs[] = {"a", "ao", "aor", "aorw", "aorwp"};
    struct peer p = peer_new();
    rig.abort_in = letters[_i];
    struct app *a = live_until(&p);
    expect_log(a, logs[_i]); /* nothing follows */
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    unsigned resets = 0;
    while (sent_any()) {
        struct wire w = take_segment(__LINE__);
        resets += (w.flags & TCP_RST) != 0 && (w.flags & TCP_ACK) != 0 ? 1 : 0;
    }
    ck_assert_uint_eq(resets, 1);
}
END_TEST

START_TEST(a_close_inside_a_callback_is_the_last_word)
{
    static const char letters[] = "aowp";
    static const char *const logs[] = {"a", "ao", "aorw", "aorwp"};
    struct peer p = peer_new();
    rig.close_in = letters[_i];
    struct app *a = live_until(&p);
    expect_log(a, logs[_i]);
    discard_sent();
}
END_TEST

START_TEST(a_close_inside_readable_with_bytes_unread_resets)
{
    struct peer p = peer_new();
    rig.close_in = 'r';
    struct app *a = live_until(&p);
    expect_log(a, "aor");
    ck_assert_uint_eq(rig.host.tcp.handle_pool.in_use, 0);
    discard_sent();
}
END_TEST

START_TEST(a_shutdown_inside_a_callback)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    a->stop_in = 'r';
    peer_data(&p, TCP_ACK, 1, 1, 10);
    expect(&p, FIN, 1, 11, 0);
    peer_send(&p, FIN, 11, 2);
    expect(&p, TCP_ACK, 2, 12, 0);
    expect_log(a, "aorpc");
    expect_in(a, 10);
}
END_TEST

/* ---- reading ---- */

START_TEST(reading_goes_by_pieces)
{
    rig.lazy = true;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    for (uint32_t i = 0; i < 3; i++) {
        peer_data(&p, TCP_ACK, 1 + i * 1000, 1, 1000);
    }
    struct slice first = stream_peek(a->s);
    ck_assert_uint_ge(first.len, 1000);
    app_read(a, 0);
    ck_assert_ptr_eq(stream_peek(a->s).data, first.data); /* peek takes nothing */
    app_read(a, 1);
    app_read(a, 998);
    app_read(a, 1500); /* across slabs */
    ck_assert_uint_eq(info_of(a).receive_queued, 501);
    app_read(a, SIZE_MAX);
    expect_in(a, 3000);
    ck_assert_uint_eq(stream_peek(a->s).len, 0);
}
END_TEST

START_TEST(readable_is_told_again_only_for_more)
{
    rig.lazy = true;
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    peer_data(&p, TCP_ACK, 1, 1, 10);
    a->log_len = 0;
    memset(a->log, 0, sizeof(a->log));
    run_for(SEC(10));
    app_read(a, 3);
    expect_log(a, "");
    peer_data(&p, TCP_ACK, 11, 1, 10);
    expect_log(a, "r");
}
END_TEST

/* ---- writing ---- */

START_TEST(the_send_buffer_is_a_limit)
{
    rig_listen(&(struct tcp_options){.send_buffer = 50000});
    struct peer p = peer_new();
    p.wnd = 1000;
    struct app *a = open_passive(&p);
    size_t taken = app_queue(a, 1000000);
    ck_assert_uint_le(taken, 50000);
    ck_assert_uint_ge(taken, 50000 - 17 * 1024);
    rig_flush();
    expect_log(a, "ao");
    peer_send(&p, TCP_ACK, 1, 1001);
    expect_log(a, "aow"); /* a reserve had failed */
    ck_assert_uint_le(app_queue(a, 1000000), 1000 + 17 * 1024);
    ck_assert_uint_le(info_of(a).send_queued, 50000);
    discard_sent();
}
END_TEST

START_TEST(writable_is_told_when_what_was_asked_for_fits)
{
    rig_listen(&(struct tcp_options){.send_buffer = 20000});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 10 * 1460);
    size_t room;
    ck_assert_ptr_null(stream_reserve(a->s, 10000, &room)); /* 5400 are free */
    discard_sent();
    peer_send(&p, TCP_ACK, 1, 1 + 3 * 1460); /* 9780 */
    expect_log(a, "ao");
    peer_send(&p, TCP_ACK, 1, 1 + 4 * 1460);
    expect_log(a, "aow");
    ck_assert_ptr_nonnull(stream_reserve(a->s, 10000, &room));
}
END_TEST

START_TEST(writable_is_told_only_to_who_was_refused)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    app_write(a, 1000);
    peer_send(&p, TCP_ACK, 1, 1001);
    expect_log(a, "ao");
    discard_sent();
}
END_TEST

START_TEST(a_record_fits_into_any_empty_buffer)
{
    rig_listen(&(struct tcp_options){.send_buffer = 10});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    size_t room = 0;
    uint8_t *at = stream_reserve(a->s, STREAM_RESERVE_MAX, &room);
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_ge(room, STREAM_RESERVE_MAX);
    memset(at, 0, room); /* all of it is ours: ASan looks */
    stream_commit(a->s, 0);
    rig_flush();
    expect_nothing();
    ck_assert_uint_eq(app_queue(a, 20), 20);
    ck_assert_ptr_null(stream_reserve(a->s, 1, &room));
    rig_flush();
    expect(&p, LAST, 1, 1, 20);
}
END_TEST

static void nothing_to_release(struct slab *s)
{
    ck_assert_uint_eq(s->refs, 0);
}

/* What is referred to counts in the queue's limit, is sent from where it lies, again too, and is let go once all of it
 * is acknowledged. */
START_TEST(bytes_are_sent_from_where_they_lie)
{
    static union {
        struct slab slab;
        uint8_t room[sizeof(struct slab) + 60000];
    } lent;
    memset(&lent, 0, sizeof lent);
    lent.slab.refs = 1;
    lent.slab.release = nothing_to_release;
    for (size_t i = 0; i < 60000; i++) {
        lent.slab.bytes[i] = pattern(i);
    }
    rig_listen(&(struct tcp_options){.send_buffer = 20000});
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    struct slice all = {lent.slab.bytes, 60000}, rest = {lent.slab.bytes + 20000, 40000};
    host_enter(&rig.host, rig.now);
    ck_assert_uint_eq(stream_refer(a->s, all, &lent.slab), 20000);
    ck_assert_uint_eq(stream_refer(a->s, rest, &lent.slab), 0);
    rig_flush();
    for (uint32_t seq = 1; seq < 1 + 10 * 1460; seq += 1460) {
        struct wire w = take_segment(__LINE__);
        ck_assert_uint_eq(w.len, 1460);
        ck_assert_mem_eq(w.data, lent.slab.bytes + (seq - 1), 1460);
    }
    run_for(SEC(1));
    struct wire again = take_segment(__LINE__);
    ck_assert_uint_eq(again.seq, p.irs + 1);
    ck_assert_mem_eq(again.data, lent.slab.bytes, again.len);
    discard_sent();
    for (uint32_t ack = 1460; ack < 20000; ack += 1460) {
        peer_send(&p, TCP_ACK, 1, 1 + ack);
        discard_sent();
    }
    expect_log(a, "aow"); /* told when there is room for a large piece */
    ck_assert_uint_eq(lent.slab.refs, 2);
    peer_send(&p, TCP_ACK, 1, 20001);
    ck_assert_uint_eq(lent.slab.refs, 1);
    host_enter(&rig.host, rig.now);
    ck_assert_uint_eq(stream_refer(a->s, rest, &lent.slab), 20000);
    app_abort(a);
    ck_assert_uint_eq(lent.slab.refs, 1);
    discard_sent();
}
END_TEST

START_TEST(less_than_was_reserved_may_be_committed)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    for (unsigned i = 0; i < 5; i++) {
        size_t room;
        uint8_t *at = stream_reserve(a->s, 5000, &room);
        ck_assert_ptr_nonnull(at);
        ck_assert_uint_ge(room, 5000);
        for (unsigned n = 0; n < 300; n++) {
            at[n] = pattern(a->written++);
        }
        stream_commit(a->s, 300);
    }
    rig_flush();
    expect(&p, TCP_ACK, 1, 1, 1460); /* the pieces are one stream */
    expect_nothing();
    peer_send(&p, TCP_ACK, 1, 1461);
    expect(&p, LAST, 1461, 1, 40);
}
END_TEST

START_TEST(who_finds_no_slab_hears_when_there_is_one)
{
    struct host_config config = {
        .seed = {9}, .slabs.slabs[SLAB_RECORD] = 2}; /* a quarter, rounded up, is kept back */
    rig_restart_with(&config);
    struct peer p = peer_new();
    struct peer q = peer_new();
    q.port++;
    struct app *a = open_passive(&p);
    struct app *b = open_passive(&q);
    app_write(a, 100);
    ck_assert_uint_eq(app_queue(b, 100), 0);
    expect_drops(DROP_TCP_NO_BUFFER, 1);
    rig_flush();
    expect(&p, LAST, 1, 1, 100);
    expect_log(b, "ao");
    peer_send(&p, TCP_ACK, 1, 101);
    expect_log(b, "aow");
    expect_log(a, "ao");
    app_write(b, 100);
    expect(&q, LAST, 1, 1, 100);
}
END_TEST

/* A reserve takes the slab with which they are scarce, and with it goes the larger limit: it is as good as it was
 * when it was asked. The windows are 10 segments, so the queue may hold 29200. */
START_TEST(the_last_slab_keeps_what_was_promised)
{
    struct host_config config = {.seed = {9}, .slabs.slabs[SLAB_RECORD] = 3};
    config.tcp.send_buffer = (uint32_t)_i;
    config.tcp.send_buffer_max = 1000000;
    rig_restart_with(&config);
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    size_t room;
    ck_assert_uint_eq(app_queue(a, SLAB_RECORD_BYTES), SLAB_RECORD_BYTES); /* one slab is full */
    ck_assert_ptr_nonnull(stream_reserve(a->s, 10000, &room)); /* then only one is left */
    ck_assert_uint_ge(room, 10000);
    ck_assert_uint_le(room, 29200 - SLAB_RECORD_BYTES);
    discard_sent();
}
END_TEST

START_TEST(nothing_is_sent_before_the_flush)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    ck_assert_uint_eq(app_queue(a, 100), 100);
    stream_shutdown(a->s);
    ck_assert_uint_eq(rig.dev.count, 0);
    rig_flush();
    expect(&p, LAST | TCP_FIN, 1, 1, 100);
}
END_TEST

/* ---- notsent_lowat ---- */

#define DRIBBLE 300U

static unsigned dribbled;

/* A byte at a time, whenever there is room. */
static void dribble(struct stream *s)
{
    size_t room;
    uint8_t *at = dribbled < DRIBBLE ? stream_reserve(s, 1, &room) : NULL;
    while (at != NULL) {
        *at = pattern(dribbled++);
        stream_commit(s, 1);
        at = dribbled < DRIBBLE ? stream_reserve(s, 1, &room) : NULL;
    }
}

/* Cwnd and window have room for all of it, so none waits for anything, not even for the clock. */
START_TEST(who_writes_little_at_a_time_need_not_wait)
{
    static const struct stream_events events = {.writable = dribble};
    struct peer p = peer_new();
    rig_listen(&(struct tcp_options){.no_delay = true, .notsent_lowat = 1});
    struct app *a = open_passive(&p);
    nsec now = rig.now;
    a->s->events = &events;
    dribbled = 0;
    dribble(a->s);
    rig_flush();
    ck_assert_uint_lt(dribbled, DRIBBLE); /* others have their turn */
    ck_assert_int_eq(host_deadline(&rig.host), now);
    run_to(now);
    for (uint32_t i = 0; i < DRIBBLE; i++) {
        struct wire w = take_segment(__LINE__);
        ck_assert_uint_eq(w.len, 1);
        ck_assert_uint_eq(w.data[0], pattern(i));
    }
    expect_nothing();
    ck_assert_int_gt(host_deadline(&rig.host), now);
    a->s->events = &app_events;
}
END_TEST

Suite *stream_suite(void);

Suite *stream_suite(void)
{
    Suite *s = suite_create("stream");
    TCase *events = rig_case(s, "events");
    ADD(events, events_of_one_batch_come_in_order);
    ADD(events, a_whole_life_in_one_batch);
    ADD(events, a_stream_of_tcp_is_known);
    ADD(events, callbacks_may_be_missing);
    tcase_add_loop_test(events, an_abort_inside_a_callback_is_the_end, 0, 5);
    tcase_add_loop_test(events, a_close_inside_a_callback_is_the_last_word, 0, 4);
    ADD(events, a_close_inside_readable_with_bytes_unread_resets);
    ADD(events, a_shutdown_inside_a_callback);
    TCase *reading = rig_case(s, "reading");
    ADD(reading, reading_goes_by_pieces);
    ADD(reading, readable_is_told_again_only_for_more);
    TCase *writing = rig_case(s, "writing");
    ADD(writing, the_send_buffer_is_a_limit);
    ADD(writing, writable_is_told_when_what_was_asked_for_fits);
    ADD(writing, writable_is_told_only_to_who_was_refused);
    ADD(writing, a_record_fits_into_any_empty_buffer);
    ADD(writing, bytes_are_sent_from_where_they_lie);
    ADD(writing, less_than_was_reserved_may_be_committed);
    ADD(writing, who_finds_no_slab_hears_when_there_is_one);
    tcase_add_loop_test(writing, the_last_slab_keeps_what_was_promised, 18000, 18001);
    tcase_add_loop_test(writing, the_last_slab_keeps_what_was_promised, 1000, 1001);
    ADD(writing, nothing_is_sent_before_the_flush);
    ADD(writing, who_writes_little_at_a_time_need_not_wait);
    return s;
}
