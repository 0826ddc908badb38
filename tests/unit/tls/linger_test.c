/* Strangers, whose bytes are no TLS or not all of it, and how a session lingers after its alert. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tls/tls_rig.h"

Suite *linger_suite(void);

static struct rig rig;

static void setup_certificates(void)
{
    rig_dir();
}

struct strange {
    const char *bytes;
    size_t len;
    uint8_t alert;
};

#define STRANGE(text, alert)                                                                       \
    {                                                                                              \
        text, sizeof(text) - 1, alert                                                              \
    }

/* RFC 8446 5: an unknown record type is unexpected_message; 5.1: too long is record_overflow.
 * A handshake message that is no ClientHello is unexpected_message (4). */
static const struct strange strangers[] = {
    STRANGE("GET / HTTP/1.1\r\nHost: vitrine.test\r\n\r\n", 10),
    STRANGE("SSH-2.0-OpenSSH_9.2\r\n", 10),
    STRANGE("\x00\x00\x00\x00\x00\x00\x00\x00", 10),
    STRANGE("\x16\x03\x01\xff\xff\x01\x00\x00", 22),
    STRANGE("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 10),
    STRANGE("\x17\x03\x03\x00\x01x", 10),
};

START_TEST(not_tls)
{
    const struct strange *c = &strangers[_i / 2];
    rig_meet_stranger(&rig, &(struct rig_options){.chunk = _i & 1});
    rig_say(&rig, c->bytes, c->len);
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    rig_check_alert(&rig, 0, true, 2, c->alert);
    /* an alert in plaintext, then the FIN */
    ck_assert_uint_eq(rig_heard_len, 7);
    ck_assert_uint_eq(rig_heard[0], 21);
    ck_assert_uint_eq(rig_heard[4], 2);
    ck_assert_uint_eq(rig_heard[5], 2);
    ck_assert_uint_eq(rig_heard[6], c->alert);
    ck_assert(rig.pipe.b.eof_told);
    ck_assert_uint_eq(rig.app.opened, 0);
    rig_done(&rig);
}
END_TEST

/* A ClientHello that only knows TLS 1.1 (RFC 8996 5, RFC 8446 D.5). */
START_TEST(too_old)
{
    uint8_t hello[5 + 4 + 2 + 32 + 1 + 6] = {
        22, 3, 1, 0,  45, /* record */
        1,  0, 0, 41,     /* ClientHello */
        3,  2,            /* TLS 1.1; then 32 bytes of random and an empty session id */
    };
    static const uint8_t rest[] = {0, 2, 0xc0, 0x2b, 1, 0}; /* one suite, no compression */
    memcpy(hello + sizeof(hello) - sizeof(rest), rest, sizeof(rest));
    rig_meet_stranger(&rig, &(struct rig_options){.chunk = 0});
    rig_say(&rig, hello, sizeof(hello));
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    rig_check_alert(&rig, 0, true, 2, 70);
    ck_assert_uint_eq(rig_heard_len, 7);
    ck_assert_uint_eq(rig_heard[6], 70);
    rig_done(&rig);
}
END_TEST

START_TEST(vanishes_before_hello)
{
    rig_meet_stranger(&rig, &(struct rig_options){.chunk = 0});
    stream_shutdown(&rig.pipe.b.stream);
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    ck_assert_uint_eq(rig_heard_len, 0); /* it was no TLS: nothing to say */
    ck_assert(rig.pipe.a.closed);
    rig_done(&rig);
}
END_TEST

START_TEST(vanishes_in_hello)
{
    rig_meet_stranger(&rig, &(struct rig_options){.chunk = 0});
    rig_say(&rig, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03half a hello", 23);
    rig_run(&rig);
    ck_assert_uint_eq(rig.app.closed, 0);
    stream_shutdown(&rig.pipe.b.stream);
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    rig_check_alert(&rig, 0, true, 2, 50);
    ck_assert_uint_eq(rig_heard_len, 7);
    rig_done(&rig);
}
END_TEST

/* After our alert the stranger talks on: thrown away, up to a limit. */
START_TEST(lingering_is_bounded)
{
    static const uint8_t junk[4096];
    rig_meet_stranger(&rig, &(struct rig_options){.capacity = PIPE_QUEUE_MAX});
    rig_say(&rig, "GET /", 5);
    rig_run(&rig);
    rig_check_closed(&rig, CLOSE_TLS_FAILED);
    for (int i = 0; i < 15; i++) {
        rig_say(&rig, junk, sizeof(junk));
    }
    rig_run(&rig);
    ck_assert(!rig.pipe.a.aborted);
    ck_assert_uint_eq(rig.pipe.a.in_len, 0);
    for (int i = 0; i < 2; i++) {
        rig_say(&rig, junk, sizeof(junk));
    }
    rig_run(&rig);
    ck_assert(rig.pipe.a.aborted);
    rig_done(&rig);
}
END_TEST

START_TEST(lingering_ends)
{
    rig_meet_stranger(&rig, &(struct rig_options){.chunk = 0});
    rig_say(&rig, "GET /", 5);
    rig_run(&rig);
    nsec failed = rig_event(&rig, EV_tls_closed, 0)->at;
    tls_context_sweep(rig.context, failed + TLS_LINGER - 1);
    ck_assert(!rig.pipe.a.aborted);
    if (_i == 0) { /* the stranger closes too */
        stream_shutdown(&rig.pipe.b.stream);
        rig_run(&rig);
        ck_assert(rig.pipe.a.closed && !rig.pipe.a.aborted);
        tls_context_sweep(rig.context, failed + TLS_LINGER);
        ck_assert(!rig.pipe.a.aborted);
    } else if (_i == 1) {
        tls_context_sweep(rig.context, failed + TLS_LINGER);
        ck_assert(rig.pipe.a.aborted);
    } /* or the context goes first: rig_done frees it */
    rig_done(&rig);
}
END_TEST

Suite *linger_suite(void)
{
    Suite *s = suite_create("linger");
    TCase *t = tcase_create("strangers");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, setup_certificates, NULL);
    tcase_add_loop_test(t, not_tls, 0, 2 * COUNT_OF(strangers));
    tcase_add_test(t, too_old);
    tcase_add_test(t, vanishes_before_hello);
    tcase_add_test(t, vanishes_in_hello);
    tcase_add_test(t, lingering_is_bounded);
    tcase_add_loop_test(t, lingering_ends, 0, 3);
    suite_add_tcase(s, t);
    return s;
}
