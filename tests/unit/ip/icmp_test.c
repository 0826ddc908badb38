/* ICMP: what is answered, what is passed up, what is refused, and how often at the most. */
#include "stack/ip/icmp.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/ip/ip_rig.h"

/* An echo request and its reply, from an independent program. */
#define ECHO_REQUEST "0800e97abeef000770696e67207061796c6f616421"
#define ECHO_REPLY "0000f17abeef000770696e67207061796c6f616421"

static struct ip_rig r;

static void set_up(void)
{
    ip_rig_init(&r);
}

static void tear_down(void)
{
    ip_rig_done(&r);
}

/* A frame to us with an ICMP message, whose checksum is computed here. */
static struct frame icmp_frame(const char *hex)
{
    struct frame message = frame_of_hex(hex);
    put16(message.b + 2, 0);
    put16(message.b + 2, plain_checksum(message.b, message.len, 0));
    struct ip4_spec spec = ip4_spec_to_us(1);
    return frame_ip4(&spec, message.b, message.len);
}

/* requires: 1122-3.1-1, 1122-3.2.2.6-1, 1122-3.2.2.6-4, 1122-3.2.2.6-5, 1122-3.3.4.2-1 */
START_TEST(an_echo_request_is_answered_with_its_data)
{
    struct frame f = frame_to_us(0x0800);
    frame_add_hex(&f, "45000029123400004001548c0a0900010a090002" ECHO_REQUEST);
    ip_rig_receive(&r, &f);
    ck_assert_uint_eq(r.link.dev.count, 0); /* input never sends */
    r.ip.next_id = 0x1234;
    ip_rig_flush(&r);
    struct frame want = frame_of_hex("020000000001 020000000002 0800"
                                     "45000029123440004001148c0a0900020a090001" ECHO_REPLY);
    ck_assert_uint_eq(r.link.dev.count, 1);
    expect_frame(&r.link.dev, 0, &want);
    const struct event *in = last_event(&r.link.recorder, EV_icmp_in);
    ck_assert_uint_eq(in->u.icmp_in.type, 8);
    ck_assert(ip_equal(in->u.icmp_in.from, ip4_addr(PEER_IP)));
    const struct event *out = last_event(&r.link.recorder, EV_icmp_out);
    ck_assert_uint_eq(out->u.icmp_out.type, 0);
    ck_assert(ip_equal(out->u.icmp_out.to, ip4_addr(PEER_IP)));
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
}
END_TEST

START_TEST(an_echo_without_data_is_answered)
{
    struct frame f = icmp_frame("08000000beef0007");
    ip_rig_receive(&r, &f);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 1);
    ck_assert_mem_eq(r.link.dev.frames[0].bytes + 38, "\xbe\xef\x00\x07", 4);
}
END_TEST

START_TEST(an_echo_of_a_full_mtu_comes_back_whole)
{
    uint8_t message[1480];
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (uint8_t)(i * 7);
    }
    memcpy(message, "\x08\x00\x00\x00", 4);
    put16(message + 2, plain_checksum(message, sizeof(message), 0));
    struct ip4_spec spec = ip4_spec_to_us(1);
    struct frame f = frame_ip4(&spec, message, sizeof(message));
    ip_rig_receive(&r, &f);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.frames[0].len, 1514);
    const uint8_t *reply = r.link.dev.frames[0].bytes + FRAME_ETH + FRAME_IP;
    ck_assert_mem_eq(reply + 4, message + 4, sizeof(message) - 4);
    ck_assert_uint_eq(plain_checksum(reply, sizeof(message), 0), 0);
}
END_TEST

/* requires: 1122-3.2.2.6-5, 1122-3.3.3-2 */
START_TEST(an_echo_above_the_mtu_comes_back_in_fragments)
{
    static uint8_t message[4000];
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (uint8_t)(i * 7);
    }
    memcpy(message, "\x08\x00\x00\x00", 4);
    put16(message + 2, plain_checksum(message, sizeof(message), 0));
    for (size_t at = 0; at < sizeof(message); at += 1000) {
        struct ip4_spec spec = ip4_spec_to_us(1);
        spec.fragment = (uint16_t)((at + 1000 < sizeof(message) ? 0x2000 : 0) | at / 8);
        struct frame f = frame_ip4(&spec, message + at, 1000);
        ip_rig_receive(&r, &f);
    }
    ip_rig_flush(&r);
    static const size_t lens[] = {1480, 1480, 1040};
    uint8_t whole[4000];
    size_t at = 0;
    ck_assert_uint_eq(r.link.dev.count, 3);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *ip = r.link.dev.frames[i].bytes + FRAME_ETH;
        ck_assert_uint_eq(r.link.dev.frames[i].len, FRAME_ETH + FRAME_IP + lens[i]);
        ck_assert_uint_eq(plain_checksum(ip, FRAME_IP, 0), 0);
        ck_assert_mem_eq(ip + 4, r.link.dev.frames[0].bytes + FRAME_ETH + 4, 2); /* one id */
        ck_assert_uint_eq((unsigned)(ip[6] << 8 | ip[7]), (i < 2 ? 0x2000U : 0) | at / 8);
        memcpy(whole + at, ip + FRAME_IP, lens[i]);
        at += lens[i];
    }
    ck_assert_uint_eq(at, sizeof(whole));
    ck_assert_uint_eq(whole[0], 0);
    ck_assert_mem_eq(whole + 4, message + 4, sizeof(message) - 4);
    ck_assert_uint_eq(plain_checksum(whole, sizeof(whole), 0), 0);
}
END_TEST

START_TEST(an_echo_reply_has_the_class_of_the_request_without_ecn)
{
    struct frame message = frame_of_hex(ECHO_REQUEST);
    struct ip4_spec spec = ip4_spec_to_us(1);
    spec.tos = 0xb9;
    struct frame f = frame_ip4(&spec, message.b, message.len);
    ip_rig_receive(&r, &f);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.frames[0].bytes[FRAME_ETH + 1], 0xb8);
}
END_TEST

START_TEST(the_answer_names_the_frame_that_led_to_it)
{
    struct frame f = icmp_frame(ECHO_REQUEST);
    struct frame other = icmp_frame("0d000000beef0007");
    ip_rig_receive(&r, &f);
    ip_rig_receive(&r, &f);
    ip_rig_receive(&r, &other);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.recorder.cause.number, 3);
    uint64_t cause[2];
    unsigned n = 0;
    for (uint64_t i = 0; i < r.link.recorder.written; i++) {
        if (r.link.recorder.ring[i].type == EV_frame_out) {
            cause[n++] = r.link.recorder.ring[i].cause.number;
        }
    }
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(cause[0], 1);
    ck_assert_uint_eq(cause[1], 2);
}
END_TEST

/* ---- refused ---- */

START_TEST(icmp_truncated)
{
    struct frame f = icmp_frame("08000000beef00");
    ip_rig_expect_refused(&r, &f, DROP_ICMP_TRUNCATED);
}
END_TEST

START_TEST(icmp_bad_checksum)
{
    struct frame f = icmp_frame(ECHO_REQUEST);
    f.b[f.len - 1] ^= 1;
    ip_rig_expect_refused(&r, &f, DROP_ICMP_BAD_CHECKSUM);
}
END_TEST

/* requires: 1122-3.2.2.6-3 */
START_TEST(icmp_broadcast)
{
    struct frame message = frame_of_hex(ECHO_REQUEST);
    struct ip4_spec spec = ip4_spec_to_us(1);
    spec.dst = 0x0a0900ffU;
    struct frame f = frame_ip4(&spec, message.b, message.len);
    ip_rig_expect_refused(&r, &f, DROP_ICMP_BROADCAST);
}
END_TEST

/* requires: 1122-3.2.2-1 */
START_TEST(icmp_unknown_type)
{
    struct frame f = icmp_frame("0d000000 beef0007 00000000 00000000 00000000"); /* timestamp */
    ip_rig_expect_refused(&r, &f, DROP_ICMP_UNKNOWN_TYPE);
}
END_TEST

/* Information request, address mask request and an unasked mask reply (RFC 950). */
/* requires: 1122-3.2.2.7-1, 1122-3.2.2.9-6 */
START_TEST(messages_of_the_past_get_no_answer)
{
    static const char *const messages[] = {"0f000000 beef0007", "11000000 beef0007 00000000",
                                           "12000000 beef0007 ffffff00"};
    for (unsigned i = 0; i < COUNT_OF(messages); i++) {
        struct frame f = icmp_frame(messages[i]);
        ip_rig_receive(&r, &f);
    }
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 0);
    ck_assert_uint_eq(r.link.recorder.drops[DROP_ICMP_UNKNOWN_TYPE], COUNT_OF(messages));
}
END_TEST

START_TEST(icmp_source_quench_is_ignored)
{
    struct frame f = icmp_frame("04000000 00000000"
                                "4500002800004000400600000a0900020a090001 0050c00011223344");
    ip_rig_expect_refused(&r, &f, DROP_ICMP_UNKNOWN_TYPE);
}
END_TEST

/* ---- errors that come in ---- */

/* The quoted header of a packet that we sent to the peer, and 8 bytes of its transport header. */
#define QUOTED_IP "4500002800004000400600000a0900020a090001"
#define QUOTED_TCP "0050c00011223344"

/* requires: 1122-3.2.2-4, 1122-3.2.2.1-2, 1122-3.4-5 */
START_TEST(an_error_is_told_to_its_transport)
{
    struct frame f = icmp_frame("03010000 00000578" QUOTED_IP QUOTED_TCP);
    ip_rig_receive(&r, &f);
    ck_assert_uint_eq(r.errors, 1);
    ck_assert_uint_eq(r.last_error.type, 3);
    ck_assert_uint_eq(r.last_error.code, 1);
    ck_assert_uint_eq(r.last_error.mtu, 0); /* only for code 4 */
    ck_assert(ip_equal(r.last_error.from, ip4_addr(PEER_IP)));
    ck_assert(ip_equal(r.last_error.src, ip4_addr(OUR_IP)));
    ck_assert(ip_equal(r.last_error.dst, ip4_addr(PEER_IP)));
    ck_assert_uint_eq(r.last_error.quoted.len, 8);
    ck_assert_mem_eq(r.last_quoted, "\x00\x50\xc0\x00\x11\x22\x33\x44", 8);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 0);
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
}
END_TEST

START_TEST(fragmentation_needed_carries_the_mtu)
{
    struct frame f = icmp_frame("03040000 00000578" QUOTED_IP QUOTED_TCP);
    ip_rig_receive(&r, &f);
    ck_assert_uint_eq(r.last_error.code, 4);
    ck_assert_uint_eq(r.last_error.mtu, 1400);
}
END_TEST

/* requires: 1122-3.2.2.4-1, 1122-3.2.2.5-2 */
START_TEST(other_errors_are_told_too)
{
    struct frame exceeded = icmp_frame("0b000000 00000000" QUOTED_IP QUOTED_TCP);
    struct frame parameter = icmp_frame("0c000000 09000000" QUOTED_IP QUOTED_TCP);
    ip_rig_receive(&r, &exceeded);
    ck_assert_uint_eq(r.last_error.type, 11);
    ip_rig_receive(&r, &parameter);
    ck_assert_uint_eq(r.last_error.type, 12);
    ck_assert_uint_eq(r.errors, 2);
}
END_TEST

START_TEST(options_in_the_quoted_header_are_passed_over)
{
    struct frame f = icmp_frame("03010000 00000000"
                                "4600002c00004000400600000a0900020a090001 01010100" QUOTED_TCP);
    ip_rig_receive(&r, &f);
    ck_assert_uint_eq(r.errors, 1);
    ck_assert_mem_eq(r.last_quoted, "\x00\x50\xc0\x00\x11\x22\x33\x44", 8);
}
END_TEST

START_TEST(icmp_quote_too_short)
{
    struct frame f = icmp_frame("03010000 00000000" QUOTED_IP "0050c000112233");
    ip_rig_expect_refused(&r, &f, DROP_ICMP_TRUNCATED);
}
END_TEST

START_TEST(icmp_quote_with_options_that_are_not_there)
{
    struct frame f = icmp_frame("03010000 00000000"
                                "4f00002800004000400600000a0900020a090001" QUOTED_TCP);
    ip_rig_expect_refused(&r, &f, DROP_ICMP_TRUNCATED);
}
END_TEST

static void expect_unmatched(const char *quoted_ip)
{
    char hex[256];
    snprintf(hex, sizeof(hex), "03010000 00000000 %s %s", quoted_ip, QUOTED_TCP);
    struct frame f = icmp_frame(hex);
    ip_rig_expect_refused(&r, &f, DROP_ICMP_UNMATCHED);
}

START_TEST(icmp_quotes_another_host)
{
    expect_unmatched("4500002800004000400600000a0900030a090001");
}
END_TEST

START_TEST(icmp_quotes_another_version)
{
    expect_unmatched("6500002800004000400600000a0900020a090001");
}
END_TEST

START_TEST(icmp_quotes_a_header_too_short)
{
    expect_unmatched("4400002800004000400600000a0900020a090001");
}
END_TEST

START_TEST(icmp_quotes_a_later_fragment)
{
    expect_unmatched("4500002800000001400600000a0900020a090001");
}
END_TEST

START_TEST(icmp_quotes_an_unknown_protocol)
{
    expect_unmatched("4500002800004000406300000a0900020a090001");
}
END_TEST

START_TEST(icmp_quotes_icmp)
{
    expect_unmatched("4500002800004000400100000a0900020a090001");
}
END_TEST

/* ---- errors that go out ---- */

static struct frame protocol_99(size_t len)
{
    uint8_t payload[1480] = {0};
    for (size_t i = 0; i < len; i++) {
        payload[i] = (uint8_t)i;
    }
    struct ip4_spec spec = ip4_spec_to_us(99);
    return frame_ip4(&spec, payload, len);
}

/* requires: 1122-3.2.2-2, 1122-3.2.2-3 */
START_TEST(an_error_quotes_what_fits_in_576_bytes)
{
    struct frame f = protocol_99(1480);
    ip_rig_receive(&r, &f);
    ip_rig_flush(&r);
    const struct fake_frame *sent = &r.link.dev.frames[0];
    ck_assert_uint_eq(sent->len, FRAME_ETH + 576);
    const uint8_t *icmp = sent->bytes + FRAME_ETH + FRAME_IP;
    ck_assert_uint_eq(icmp[0], 3);
    ck_assert_uint_eq(icmp[1], 2);
    ck_assert_uint_eq(plain_checksum(icmp, 556, 0), 0);
    ck_assert_mem_eq(icmp + 8, f.b + FRAME_ETH, 548);
}
END_TEST

/* requires: 1122-3.2.2-7 */
START_TEST(a_broadcast_gets_no_error)
{
    struct frame f = protocol_99(8);
    memset(f.b, 0xff, 6);
    memset(f.b + FRAME_ETH + 16, 0xff, 4);
    frame_fix_ip4(&f);
    ip_rig_expect_refused(&r, &f, DROP_IP_UNKNOWN_PROTOCOL);
}
END_TEST

/* requires: 1122-3.2.2-6 */
START_TEST(an_icmp_error_gets_no_error)
{
    struct frame f = icmp_frame("03010000 00000000" QUOTED_IP QUOTED_TCP);
    struct buf *b = buf_copy_of(&r.link.pools, f.b + 34, f.len - 34);
    struct ip_packet about = {.buf = b,
                              .header = {f.b + FRAME_ETH, 20},
                              .src = ip4_addr(PEER_IP),
                              .dst = ip4_addr(OUR_IP),
                              .protocol = IP_ICMP,
                              .now = r.link.now};
    ip_unreachable(&r.ip, &about, ICMP_CODE_PORT_UNREACHABLE);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 0);
    buf_free(b);
}
END_TEST

START_TEST(an_error_without_a_buffer_is_named)
{
    struct frame f = protocol_99(300);
    r.link.pools.slabs[SLAB_FRAME].fail_at = 2; /* the second: the first holds the frame */
    ip_rig_receive(&r, &f);
    ck_assert_uint_eq(r.link.recorder.drops[DROP_ETH_NO_BUFFER], 1);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, 0);
}
END_TEST

/* ---- limits ---- */

static unsigned answers_to(const struct frame *f, unsigned times)
{
    unsigned answers = 0;
    for (unsigned i = 0; i < times; i++) {
        ip_rig_receive(&r, f);
        ip_rig_flush(&r);
        answers += r.link.dev.count;
        fake_netdev_clear(&r.link.dev);
    }
    return answers;
}

START_TEST(icmp_errors_are_rate_limited)
{
    struct frame f = protocol_99(8);
    ck_assert_uint_eq(answers_to(&f, 150), 100);
    ck_assert_uint_eq(r.link.recorder.drops[DROP_ICMP_RATE_LIMITED], 50);
    r.link.now += 100 * NS_PER_MS; /* a tenth of a second earns ten */
    ck_assert_uint_eq(answers_to(&f, 50), 10);
    r.link.now += 5 * NS_PER_MS; /* half a token, and the other half later */
    ck_assert_uint_eq(answers_to(&f, 5), 0);
    r.link.now += 5 * NS_PER_MS;
    ck_assert_uint_eq(answers_to(&f, 5), 1);
    r.link.now += 30 * NS_PER_SEC; /* half a minute fills the bucket, and not more */
    ck_assert_uint_eq(answers_to(&f, 150), 100);
}
END_TEST

START_TEST(echo_replies_are_rate_limited_apart)
{
    struct frame echo = icmp_frame(ECHO_REQUEST);
    struct frame other = protocol_99(8);
    ck_assert_uint_eq(answers_to(&echo, 1010), 1000);
    ck_assert_uint_eq(r.link.recorder.drops[DROP_ICMP_RATE_LIMITED], 10);
    ck_assert_uint_eq(answers_to(&other, 1), 1);
    r.link.now += NS_PER_MS;
    ck_assert_uint_eq(answers_to(&echo, 10), 1);
}
END_TEST

START_TEST(icmp_outbox_full)
{
    struct frame f = icmp_frame(ECHO_REQUEST);
    for (unsigned i = 0; i < ICMP_OUTBOX; i++) {
        ip_rig_receive(&r, &f);
    }
    ck_assert_uint_eq(drop_total(&r.link.recorder), 0);
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_ICMP_OUTBOX_FULL);
    ip_rig_flush(&r);
    ck_assert_uint_eq(r.link.dev.count, ICMP_OUTBOX);
}
END_TEST

START_TEST(waiting_answers_are_freed_at_the_end)
{
    struct frame f = icmp_frame(ECHO_REQUEST);
    ip_rig_receive(&r, &f); /* tear_down sees that nothing is left */
    ck_assert_uint_eq(r.ip.icmp_waiting, 1);
}
END_TEST

static TCase *case_in(void)
{
    TCase *t = tcase_create("in");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, an_echo_request_is_answered_with_its_data);
    tcase_add_test(t, an_echo_without_data_is_answered);
    tcase_add_test(t, an_echo_of_a_full_mtu_comes_back_whole);
    tcase_add_test(t, an_echo_above_the_mtu_comes_back_in_fragments);
    tcase_add_test(t, an_echo_reply_has_the_class_of_the_request_without_ecn);
    tcase_add_test(t, the_answer_names_the_frame_that_led_to_it);
    tcase_add_test(t, icmp_truncated);
    tcase_add_test(t, icmp_bad_checksum);
    tcase_add_test(t, icmp_broadcast);
    tcase_add_test(t, icmp_unknown_type);
    tcase_add_test(t, messages_of_the_past_get_no_answer);
    tcase_add_test(t, icmp_source_quench_is_ignored);
    return t;
}

static TCase *case_errors(void)
{
    TCase *t = tcase_create("errors");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, an_error_is_told_to_its_transport);
    tcase_add_test(t, fragmentation_needed_carries_the_mtu);
    tcase_add_test(t, other_errors_are_told_too);
    tcase_add_test(t, options_in_the_quoted_header_are_passed_over);
    tcase_add_test(t, icmp_quote_too_short);
    tcase_add_test(t, icmp_quote_with_options_that_are_not_there);
    tcase_add_test(t, icmp_quotes_another_host);
    tcase_add_test(t, icmp_quotes_another_version);
    tcase_add_test(t, icmp_quotes_a_header_too_short);
    tcase_add_test(t, icmp_quotes_a_later_fragment);
    tcase_add_test(t, icmp_quotes_an_unknown_protocol);
    tcase_add_test(t, icmp_quotes_icmp);
    tcase_add_test(t, an_error_quotes_what_fits_in_576_bytes);
    tcase_add_test(t, a_broadcast_gets_no_error);
    tcase_add_test(t, an_icmp_error_gets_no_error);
    tcase_add_test(t, an_error_without_a_buffer_is_named);
    return t;
}

static TCase *case_limits(void)
{
    TCase *t = tcase_create("limits");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, icmp_errors_are_rate_limited);
    tcase_add_test(t, echo_replies_are_rate_limited_apart);
    tcase_add_test(t, icmp_outbox_full);
    tcase_add_test(t, waiting_answers_are_freed_at_the_end);
    return t;
}

Suite *icmp_suite(void);

Suite *icmp_suite(void)
{
    Suite *s = suite_create("icmp");
    suite_add_tcase(s, case_in());
    suite_add_tcase(s, case_errors());
    suite_add_tcase(s, case_limits());
    return s;
}
