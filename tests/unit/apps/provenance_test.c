/* apps/provenance.c: the frames that carried a byte, as the peer of tcp_rig.h got them. Records of TLS are told by hand
 * here; that a session tells them as they are is in session_test.c, and that both agree with tshark in
 * tests/e2e/tell.sh. */
#include "apps/provenance.h"
#include "tests/unit/tcp/tcp_rig.h"

static struct provenance way;

static void set_up(void)
{
    rig_set_up();
    ck_assert(provenance_init(&way, 1));
    recorder_listen(&rig.host.recorder, &way.listener);
}

static void tear_down(void)
{
    recorder_unlisten(&rig.host.recorder, &way.listener);
    provenance_done(&way);
    rig_tear_down();
}

/* The frames with any byte of the stretch, in their order; how many there are. */
static unsigned carriers(uint64_t at, uint64_t len, const struct provenance_frame **out)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < way.frame_count; i++) {
        if (provenance_carries(&way.frames[i], at, len)) {
            out[n++] = &way.frames[i];
        }
    }
    return n;
}

START_TEST(a_byte_and_its_retransmission)
{
    struct peer p = peer_new();
    struct app *a = open_with_rtt(&p, MS(20));
    const struct provenance_frame *f[16];
    struct provenance_way w;
    TRACE(&rig.host.recorder, 1, http_response, .status = 200, .at = 0, .length = 2800);
    ck_assert(!provenance_of_byte(&way, 0, &w));
    app_write(a, 2920);
    uint64_t first = rig.host.recorder.sent - 1; /* two segments went */
    expect(&p, TCP_ACK, 1, 1, 1460);
    expect(&p, TCP_ACK | TCP_PSH, 1461, 1, 1460);
    ck_assert(provenance_of_byte(&way, 1500, &w));
    ck_assert_uint_eq(w.seq, p.irs + 1 + 1500);
    ck_assert_uint_eq(w.len, 1);
    ck_assert_ptr_null(w.record);
    ck_assert_uint_eq(w.answer->status, 200);
    ck_assert(!provenance_of_byte(&way, 2920, &w));
    ck_assert_uint_eq(carriers(1500, 1, f), 1);
    ck_assert_uint_eq(f[0]->number, first + 1);
    ck_assert_uint_eq(f[0]->seq, p.irs + 1461);
    ck_assert(!f[0]->again);
    ck_assert_ptr_eq(provenance_frame(&way, first + 1), f[0]);
    ck_assert_uint_eq(carriers(1459, 2, f), 2); /* on both sides of the edge */

    peer_send(&p, TCP_ACK, 1, 1461);
    run_for(SEC(1));
    ck_assert(sent_any());
    discard_sent();
    ck_assert_uint_eq(carriers(1400, 1, f), 1); /* what was acknowledged did not go again */
    unsigned n = carriers(1500, 1, f);
    ck_assert_uint_ge(n, 2);
    ck_assert(f[n - 1]->again);
    ck_assert(f[0]->lost);
    ck_assert_uint_gt(f[n - 1]->number, first + 1);
    ck_assert_uint_eq(f[n - 1]->seq, p.irs + 1461);
    ck_assert_int_eq(f[n - 1]->cause.kind, CAUSE_TIMER);
    ck_assert_uint_eq(way.acked, 1460);
    peer_send(&p, TCP_ACK, 1, 2921);
    ck_assert_uint_eq(way.acked, 2920);
}
END_TEST

/* Data of records, and back from a frame to the data of every record that it touches. */
START_TEST(bytes_in_records)
{
    struct peer p = peer_new();
    struct app *a = open_passive(&p);
    const struct provenance_frame *f[16];
    struct provenance_way w;
    uint64_t from, to;
    struct recorder *r = &rig.host.recorder;
    TRACE(r, 1, tls_record, .number = 4, .stream_at = 900, .len = 522, .text_at = 0,
          .text_len = 500);
    TRACE(r, 1, tls_record, .number = 5, .stream_at = 1422, .len = 1022, .text_at = 500,
          .text_len = 1000);
    app_write(a, 2920); /* 900 of the handshake, both, and some */
    discard_sent();
    ck_assert(provenance_of_byte(&way, 499, &w));
    ck_assert_uint_eq(w.record->number, 4);
    ck_assert_uint_eq(w.seq, p.irs + 1 + 900);
    ck_assert_uint_eq(w.len, 522);
    ck_assert_uint_eq(carriers(w.stream_at, w.len, f), 1);
    ck_assert(provenance_of_byte(&way, 500, &w));
    ck_assert_uint_eq(w.record->number, 5);
    ck_assert_uint_eq(w.stream_at, 1422);
    ck_assert_uint_eq(carriers(w.stream_at, w.len, f), 2);
    ck_assert(!provenance_of_byte(&way, 1500, &w));
    ck_assert(provenance_bytes_in(&way, f[0]->stream_at, f[0]->len, &from, &to));
    ck_assert_uint_eq(from, 0);
    ck_assert_uint_eq(to, 1500);
    ck_assert(provenance_bytes_in(&way, f[1]->stream_at, f[1]->len, &from, &to));
    ck_assert_uint_eq(from, 500);
    ck_assert_uint_eq(to, 1500);
    ck_assert(!provenance_bytes_in(&way, 0, 900, &from, &to));
}
END_TEST

/* Sequence numbers go through zero, and offsets go on. */
START_TEST(more_than_four_gigabytes)
{
    struct recorder r;
    ck_assert(recorder_init(&r, 64));
    recorder_unlisten(&rig.host.recorder, &way.listener);
    recorder_listen(&r, &way.listener);
    recorder_begin(&r, CAUSE_APP, 1);
    TRACE(&r, 1, tcp_out, .seq = 0xfffffff0U, .flags = TCP_SYN);
    TRACE(&r, 0, frame_out, .number = 1);
    enum { STEP = 1U << 30U };
    for (unsigned i = 0; i < 6; i++) {
        TRACE(&r, 1, tcp_out, .seq = 0xfffffff1U + i * (uint32_t)STEP, .len = 1000,
              .flags = TCP_ACK);
        TRACE(&r, 0, frame_out, .number = 2 + i);
        ck_assert_uint_eq(way.frames[i].stream_at, (uint64_t)i * STEP);
        ck_assert_uint_eq(way.frames[i].number, 2 + i);
    }
    TRACE(&r, 1, tcp_out, .seq = 0xfffffff1U + 4U * STEP, .len = 1000, .retransmission = 1);
    TRACE(&r, 0, arp_out, .operation = 1); /* the segment waits for its neighbour */
    TRACE(&r, 0, frame_out, .number = 9);
    ck_assert_uint_eq(way.frames[6].stream_at, 4 * (uint64_t)STEP);
    ck_assert_uint_eq(way.frames[6].number, 0);
    TRACE(&r, 2, tcp_out, .seq = 77, .len = 1000); /* somebody else's */
    TRACE(&r, 0, frame_out, .number = 10);
    ck_assert_uint_eq(way.frame_count, 7);
    recorder_done(&r);
    recorder_listen(&rig.host.recorder, &way.listener);
}
END_TEST

START_TEST(what_is_kept_is_bounded)
{
    struct recorder r;
    ck_assert(recorder_init(&r, 64));
    recorder_unlisten(&rig.host.recorder, &way.listener);
    recorder_listen(&r, &way.listener);
    TRACE(&r, 1, tcp_out, .seq = 0, .flags = TCP_SYN);
    for (uint32_t i = 0; i < PROVENANCE_FRAMES + 10; i++) {
        TRACE(&r, 1, tcp_out, .seq = 1 + i, .len = 1);
        TRACE(&r, 1, tls_record, .text_at = i, .stream_at = i, .text_len = 1, .len = 1);
        TRACE(&r, 1, http_response, .at = i);
    }
    ck_assert_uint_eq(way.frame_count, PROVENANCE_FRAMES);
    ck_assert_uint_eq(way.record_count, PROVENANCE_RECORDS);
    ck_assert_uint_eq(way.answer_count, PROVENANCE_ANSWERS);
    ck_assert(way.cut);
    recorder_done(&r);
    recorder_listen(&rig.host.recorder, &way.listener);
}
END_TEST

Suite *provenance_suite(void);
Suite *provenance_suite(void)
{
    Suite *s = suite_create("provenance");
    TCase *t = tcase_create("provenance");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_byte_and_its_retransmission);
    tcase_add_test(t, bytes_in_records);
    tcase_add_test(t, more_than_four_gigabytes);
    tcase_add_test(t, what_is_kept_is_bounded);
    suite_add_tcase(s, t);
    return s;
}
