/* Each rule of the observer: an exchange that is right, about which it is silent, and one with the fault that
 * it must name. Openings, formats, resets, and what is no TCP; observer_stream_test.c has the rest.
 */
#include "tests/unit/sim/observer_rig.h"

#include <string.h>

Suite *observer_suite(void);

/* ---- headers ---- */

START_TEST(segments_of_good_form)
{
    struct watch r;
    watch_init(&r, NULL);
    client(&r);
    server(&r);
    watch_done(&r);
}
END_TEST

#define BAD_SEGMENT(change, rule)                                                                  \
    do {                                                                                           \
        struct watch r;                                                                            \
        watch_init(&r, NULL);                                                                      \
        client(&r);                                                                                \
        struct seg s = seg(A, ISS + 1, IRS + 1, 4);                                                \
        change;                                                                                    \
        out(&r, s);                                                                                \
        expect(&r, rule);                                                                          \
        watch_done(&r);                                                                            \
    } while (0)

START_TEST(headers)
{
    BAD_SEGMENT(s.bad_checksum = true, "tcp-checksum");
    BAD_SEGMENT(s.ip_checksum = true, "ip-checksum");
    BAD_SEGMENT(s.ip_len = 1, "ip-length");
    BAD_SEGMENT(s.offset = -1, "data-offset");
    BAD_SEGMENT(s.offset = 3, "data-offset");
    BAD_SEGMENT(s.reserved = 2, "reserved");
    BAD_SEGMENT(s.ttl_zero = true, "ttl");
}
END_TEST

START_TEST(a_foreign_source)
{
    struct watch r;
    watch_init(&r, NULL);
    struct seg s = seg(S, ISS, 0, 0);
    s.src = HOST_ADDR + 7;
    out(&r, s);
    expect(&r, "ip-source");
    watch_done(&r);
}
END_TEST

START_TEST(link_mtu)
{
    struct watch r;
    struct observer_host host = {.mtu = 600};
    watch_init(&r, &host);
    out(&r, with_mss(seg(S, ISS, 0, 0), 560));
    in(&r, with_mss(seg(S | A, IRS, ISS + 1, 0), 1000));
    out(&r, seg(A, ISS + 1, IRS + 1, 560));
    expect_silence(&r);
    out(&r, seg(A, ISS + 1, IRS + 1, 561));
    ck_assert_uint_eq(r.count, 2); /* it is also above Eff.snd.MSS */
    ck_assert_int_eq(strncmp(r.rules[0], "mtu", 3), 0);
    r.count = 0;
    watch_done(&r);
}
END_TEST

START_TEST(flags)
{
    BAD_SEGMENT(s.flags = A | F | R, "flags");
    BAD_SEGMENT((s.flags = 0, s.len = 0, s.ack = 0), "ack-flag");
}
END_TEST

/* ---- options ---- */

START_TEST(options_of_good_form)
{
    struct watch r;
    watch_init(&r, NULL);
    client_ts(&r);
    out(&r, with(with_ts(seg(A, ISS + 1, IRS + 1, 4), 110, 700), 4, (const uint8_t[]){1, 0, 0, 0}));
    watch_done(&r);
}
END_TEST

START_TEST(options)
{
    BAD_SEGMENT(s = with(s, 4, ((const uint8_t[]){1, 1, 99, 1})), "option-length");
    BAD_SEGMENT(s = with(s, 4, ((const uint8_t[]){1, 1, 99, 3})), "option-length");
    BAD_SEGMENT(s = with(s, 4, ((const uint8_t[]){1, 1, 1, 99})), "option-length");
    BAD_SEGMENT(s = with(s, 4, ((const uint8_t[]){1, 0, 1, 0})), "padding");
    BAD_SEGMENT(s = with_mss(s, 1000), "mss-in-syn");
    BAD_SEGMENT(s = with_wscale(s, 3), "wscale-in-syn");
    BAD_SEGMENT(s = with_sack_ok(s), "sack-ok-in-syn");
    BAD_SEGMENT(s = with_ts(s, 1, 0), "ts-always");
}
END_TEST

#define BAD_SYN(change, rule)                                                                      \
    do {                                                                                           \
        struct watch r;                                                                            \
        watch_init(&r, NULL);                                                                      \
        struct seg s = seg(S, ISS, 0, 0);                                                          \
        change;                                                                                    \
        out(&r, s);                                                                                \
        expect(&r, rule);                                                                          \
        watch_done(&r);                                                                            \
    } while (0)

START_TEST(options_of_a_syn)
{
    BAD_SYN(s = with_mss(s, 1461), "mss-value");
    BAD_SYN(s = with_wscale(s, 15), "wscale-value");
    BAD_SYN(s = with_ts(s, 1, 1), "syn-echo");
    BAD_SYN(s = with_sack(s, 1, ((const uint32_t[]){1, 2})), "sack-in-syn");
    BAD_SYN(s.len = 5, "syn-text");
}
END_TEST

START_TEST(options_switched_off)
{
    struct observer_host host = {.no_timestamps = true, .no_window_scale = true, .no_sack = true};
    struct watch r;
    watch_init(&r, &host);
    out(&r, with_mss(seg(S, ISS, 0, 0), 1460));
    expect_silence(&r);
    out(&r, with_ts(seg(S, ISS, 0, 0), 1, 0));
    expect(&r, "option-off");
    out(&r, with_wscale(seg(S, ISS, 0, 0), 1));
    expect(&r, "option-off");
    out(&r, with_sack_ok(seg(S, ISS, 0, 0)));
    expect(&r, "option-off");
    watch_done(&r);
}
END_TEST

START_TEST(options_of_an_answer)
{
    struct watch r;
    watch_init(&r, NULL);
    in(&r, with_wscale(with_ts(seg(S, IRS, 0, 0), 700, 0), 2));
    out(&r, with_wscale(with_ts(seg(S | A, ISS, IRS + 1, 0), 100, 700), 3));
    expect_silence(&r);
    in(&r, seg(S, IRS + 100, 0, 0));
    out(&r, with_wscale(seg(S | A, ISS + 1, IRS + 101, 0), 3));
    expect(&r, "wscale-answer");
    in(&r, seg(S, IRS + 200, 0, 0));
    out(&r, with_ts(seg(S | A, ISS + 2, IRS + 201, 0), 100, 0));
    ck_assert_uint_eq(r.count, 2); /* and it echoes what never came */
    ck_assert_int_eq(strncmp(r.rules[0], "ts-answer", 9), 0);
    r.count = 0;
    watch_done(&r);
}
END_TEST

START_TEST(timestamps_once_agreed_on)
{
    struct watch r;
    watch_init(&r, NULL);
    client_ts(&r);
    out(&r, with_ts(seg(A, ISS + 1, IRS + 1, 4), 110, 700));
    expect_silence(&r);
    out(&r, seg(A, ISS + 5, IRS + 1, 4));
    expect(&r, "ts-always");
    out(&r, seg(R | A, ISS + 9, IRS + 1, 0)); /* a reset need not have them */
    watch_done(&r);
}
END_TEST

/* ---- openings ---- */

START_TEST(a_connection_begins_with_a_syn)
{
    struct watch r;
    watch_init(&r, NULL);
    in(&r, seg(A, IRS, ISS, 0));
    out(&r, seg(A, ISS, IRS, 0));
    expect(&r, "first-segment");
    watch_done(&r);
}
END_TEST

START_TEST(a_syn_ack_answers_a_syn)
{
    struct watch r;
    watch_init(&r, NULL);
    out(&r, seg(S | A, ISS, IRS + 1, 0));
    expect(&r, "syn-ack-of");
    in(&r, seg(S, IRS, 0, 0));
    out(&r, seg(S | A, ISS, IRS, 0));
    expect(&r, "syn-ack-of");
    out(&r, seg(S | A, ISS, IRS + 2, 0));
    expect(&r, "syn-ack-of");
    out(&r, seg(S | A, ISS, IRS + 1, 0));
    watch_done(&r);
}
END_TEST

START_TEST(a_corrupted_syn_is_none)
{
    struct watch r;
    watch_init(&r, NULL);
    struct seg s = seg(S, IRS, 0, 0);
    s.bad_checksum = true;
    in(&r, s);
    out(&r, seg(S | A, ISS, IRS + 1, 0));
    expect(&r, "syn-ack-of");
    watch_done(&r);
}
END_TEST

START_TEST(an_answer_keeps_its_number)
{
    struct watch r;
    watch_init(&r, NULL);
    in(&r, seg(S, IRS, 0, 0));
    out(&r, seg(S | A, ISS, IRS + 1, 0));
    pass(&r, MS(1000));
    out(&r, seg(S | A, ISS, IRS + 1, 0));
    expect_silence(&r);
    pass(&r, MS(2000));
    out(&r, seg(S | A, ISS + 750000, IRS + 1, 0));
    expect(&r, "isn-kept");
    watch_done(&r);
}
END_TEST

/* Port reuse: the clock has moved on, and an old segment comes late. */
START_TEST(another_incarnation)
{
    struct watch r;
    watch_init(&r, NULL);
    client(&r);
    out(&r, seg(A, ISS + 1, IRS + 1, 100));
    out(&r, seg(R | A, ISS + 101, IRS + 1, 0));
    pass(&r, MS(8000)); /* 2,000,000 ticks of 4 us */
    uint32_t iss = ISS + 2000000;
    out(&r, with_mss(seg(S, iss, 0, 0), 1000));
    in(&r, seg(A, IRS + 1, ISS + 101, 0));
    out(&r, seg(R, ISS + 101, 0, 0));
    in(&r, with_mss(seg(S | A, IRS + 77, iss + 1, 0), 1000));
    out(&r, seg(A, iss + 1, IRS + 78, 9));
    expect_silence(&r);
    watch_done(&r);
}
END_TEST

START_TEST(isns_follow_a_clock)
{
    struct watch r;
    watch_init(&r, NULL);
    out(&r, seg(S, ISS, 0, 0));
    pass(&r, MS(8000));
    out(&r, seg(S, ISS + 2000100, 0, 0));
    expect_silence(&r);
    pass(&r, MS(8000));
    out(&r, seg(S, ISS + 900000000, 0, 0));
    expect(&r, "isn [");
    watch_done(&r);
}
END_TEST

START_TEST(no_syn_once_established)
{
    struct watch r;
    watch_init(&r, NULL);
    client(&r);
    pass(&r, MS(1000));
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    expect(&r, "syn-again");
    watch_done(&r);
}
END_TEST

START_TEST(simultaneous_open)
{
    struct watch r;
    watch_init(&r, NULL);
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    in(&r, with_mss(seg(S, IRS, 0, 0), 1000));
    out(&r, with_mss(seg(S | A, ISS, IRS + 1, 0), 1000));
    in(&r, with_mss(seg(S | A, IRS, ISS + 1, 0), 1000));
    out(&r, seg(A, ISS + 1, IRS + 1, 10));
    watch_done(&r);
}
END_TEST

START_TEST(the_ack_of_a_syn)
{
    struct watch r;
    watch_init(&r, NULL);
    out(&r, seg(S, ISS, 0, 0));
    in(&r, seg(S | A, IRS, ISS + 1, 0));
    out(&r, seg(A, ISS + 1, IRS + 2, 0));
    expect(&r, "ack-of-syn");
    watch_done(&r);
}
END_TEST

START_TEST(no_text_before_the_syn_is_acknowledged)
{
    struct watch r;
    watch_init(&r, NULL);
    in(&r, with_mss(seg(S, IRS, 0, 0), 1000));
    out(&r, seg(S | A, ISS, IRS + 1, 0));
    out(&r, seg(A, ISS + 1, IRS + 1, 5));
    expect(&r, "text-early");
    watch_done(&r);
}
END_TEST

/* ---- resets ---- */

START_TEST(resets_answer)
{
    struct watch r;
    watch_init(&r, NULL);
    in(&r, seg(S, IRS, 0, 7)); /* no listener: the data counts */
    out(&r, seg(R | A, 0, IRS + 8, 0));
    in(&r, seg(A, IRS, 77, 0));
    out(&r, seg(R, 77, 0, 0));
    expect_silence(&r);
    watch_done(&r);
}
END_TEST

START_TEST(resets_of_wrong_form)
{
    struct watch r;
    watch_init(&r, NULL);
    in(&r, seg(S, IRS, 0, 0));
    out(&r, seg(R | A, 0, IRS, 0));
    expect(&r, "reset [");
    out(&r, seg(R | A, 1, IRS + 1, 0));
    expect(&r, "reset [");
    in(&r, seg(A, IRS, 77, 0));
    out(&r, seg(R, 78, 0, 0));
    expect(&r, "reset [");
    watch_done(&r);
}
END_TEST

START_TEST(no_reset_for_a_reset)
{
    struct watch r;
    watch_init(&r, NULL);
    in(&r, seg(R | A, IRS, 77, 0));
    out(&r, seg(R, 77, 0, 0));
    expect(&r, "reset-for-reset");
    in(&r, seg(R, IRS, 0, 0));
    out(&r, seg(R | A, 0, IRS, 0));
    expect(&r, "reset-for-reset");
    watch_done(&r);
}
END_TEST

START_TEST(no_reset_for_what_was_corrupted)
{
    struct watch r;
    watch_init(&r, NULL);
    struct seg s = seg(A, IRS, 77, 0);
    s.bad_checksum = true;
    in(&r, s);
    out(&r, seg(R, 77, 0, 0));
    expect(&r, "reset [");
    watch_done(&r);
}
END_TEST

START_TEST(a_reset_of_its_own_is_at_snd_nxt)
{
    struct watch r;
    watch_init(&r, NULL);
    client(&r);
    out(&r, seg(A, ISS + 1, IRS + 1, 100));
    out(&r, seg(R | A, ISS + 1, IRS + 1, 0));
    expect(&r, "reset [");
    watch_done(&r);
    watch_init(&r, NULL);
    client(&r);
    out(&r, seg(A, ISS + 1, IRS + 1, 100));
    out(&r, seg(R | A, ISS + 101, IRS + 1, 0));
    expect_silence(&r);
    out(&r, seg(A, ISS + 101, IRS + 1, 0));
    expect(&r, "after-the-end");
    watch_done(&r);
}
END_TEST

/* While frames wait for an address SND.NXT may lie ahead of what was seen, but this reset is an answer. */
START_TEST(a_stray_is_answered_behind_the_handshake)
{
    struct watch r;
    watch_init(&r, NULL);
    const uint8_t who_has[42] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8,  6, 0, 1,
                                 8,   0,   6,   4,   0,   1,   2, 0, 0, 0, 0, 1, 10, 0, 0, 1};
    out(&r, with_mss(seg(S, ISS, 0, 0), 1000));
    observer_emitted(r.o, 0, who_has, sizeof who_has, r.now);
    pass(&r, MS(10));
    in(&r, seg(A, IRS + 5, ISS + 70000, 0));
    in(&r, with_mss(seg(S | A, IRS, ISS + 1, 0), 1000));
    out(&r, seg(A, ISS + 1, IRS + 1, 0));
    out(&r, seg(R, ISS + 70000, 0, 0));
    pass(&r, MS(10));
    out(&r, seg(A, ISS + 1, IRS + 1, 5));
    expect_silence(&r);
    watch_done(&r);
}
END_TEST

/* A guessed reset leaves it open whether the cookie's connection begins once more; the SYN-ACK that goes behind tells
 * nothing of that. */
START_TEST(a_syn_ack_behind_a_cookies_connection_begins_nothing)
{
    struct watch r;
    watch_init(&r, &(struct observer_host){.syn_cookies = true});
    in(&r, with_mss(seg(S, IRS, 0, 0), 100));
    out(&r, with_mss(seg(S | A, ISS, IRS + 1, 0), 1000));
    pass(&r, MS(10));
    in(&r, with_mss(seg(S, IRS, 0, 0), 100));
    in(&r, seg(A, IRS + 1, ISS + 1, 0));
    in(&r, seg(R | A, IRS + 500000, ISS + 500000, 0));
    in(&r, seg(A, IRS + 1, ISS + 1, 50));
    out(&r, seg(A, ISS + 1, IRS + 51, 100));
    out(&r, with_mss(seg(S | A, ISS, IRS + 1, 0), 1000));
    pass(&r, MS(10));
    in(&r, seg(A, IRS + 51, ISS + 101, 0));
    out(&r, seg(A, ISS + 101, IRS + 51, 100));
    expect_silence(&r);
    watch_done(&r);
}
END_TEST

START_TEST(nothing_follows_the_peers_reset)
{
    struct watch r;
    watch_init(&r, NULL);
    client(&r);
    in(&r, seg(R, IRS + 2, 0, 0)); /* in the window: challenged (RFC 5961 3.2) */
    out(&r, seg(A, ISS + 1, IRS + 1, 0));
    expect_silence(&r);
    in(&r, seg(R, IRS + 1, 0, 0));
    out(&r, seg(A, ISS + 1, IRS + 1, 5));
    expect(&r, "after-the-end");
    watch_done(&r);
}
END_TEST

/* ---- no TCP ---- */

static void emit_ip(struct watch *r, uint8_t protocol, uint32_t dst, const uint8_t *body,
                    size_t len)
{
    uint8_t frame[2048];
    observer_emitted(r->o, 0, frame, frame_of_ip(frame, protocol, HOST_ADDR, dst, body, len),
                     r->now);
}

static void finish_icmp(uint8_t *m, size_t len)
{
    m[2] = m[3] = 0;
    uint16_t c = ones(m, len);
    m[2] = (uint8_t)(c >> 8U);
    m[3] = (uint8_t)c;
}

START_TEST(echo)
{
    struct watch r;
    watch_init(&r, NULL);
    uint8_t m[16] = {8, 0, 0, 0, 1, 2, 0, 9, 'p', 'i', 'n', 'g'};
    uint8_t frame[256];
    finish_icmp(m, sizeof m);
    observer_arrived(r.o, 0, frame, frame_of_ip(frame, 1, PEER_ADDR, HOST_ADDR, m, sizeof m),
                     r.now);
    m[0] = 0;
    finish_icmp(m, sizeof m);
    emit_ip(&r, 1, PEER_ADDR, m, sizeof m);
    expect_silence(&r);
    m[3]++;
    emit_ip(&r, 1, PEER_ADDR, m, sizeof m);
    expect(&r, "icmp-checksum");
    m[8] = 'd';
    finish_icmp(m, sizeof m);
    emit_ip(&r, 1, PEER_ADDR, m, sizeof m);
    expect(&r, "echo-reply");
    emit_ip(&r, 1, PEER_ADDR, m, 6);
    expect(&r, "icmp-length");
    watch_done(&r);
}
END_TEST

/* An ICMP error of the host about a packet from the peer; `offset`: of a fragment. */
static void complain(struct watch *r, uint8_t protocol, uint8_t first, uint16_t offset,
                     uint32_t dst, size_t quote)
{
    uint8_t frame[128];
    uint8_t body[8] = {first};
    size_t n = frame_of_ip(frame, protocol, PEER_ADDR, dst, body, sizeof body);
    uint8_t m[64] = {3, 3};
    memcpy(m + 8, frame + 14, n - 14);
    m[8 + 6] = (uint8_t)(offset >> 8U);
    m[8 + 7] = (uint8_t)offset;
    finish_icmp(m, 8 + quote);
    emit_ip(r, 1, PEER_ADDR, m, 8 + quote);
}

START_TEST(icmp_errors)
{
    struct watch r;
    watch_init(&r, NULL);
    complain(&r, 17, 0, 0, HOST_ADDR, 28);
    complain(&r, 1, 8, 0, HOST_ADDR, 28); /* about an echo request: allowed */
    expect_silence(&r);
    complain(&r, 1, 3, 0, HOST_ADDR, 28);
    expect(&r, "icmp-error-about");
    complain(&r, 17, 0, 5, HOST_ADDR, 28);
    expect(&r, "icmp-error-about");
    complain(&r, 17, 0, 0, 0xe0000001U, 28);
    expect(&r, "icmp-error-about");
    complain(&r, 17, 0, 0, 0xffffffffU, 28);
    expect(&r, "icmp-error-about");
    complain(&r, 17, 0, 0, HOST_ADDR, 27);
    expect(&r, "icmp-quote");
    watch_done(&r);
}
END_TEST

START_TEST(udp)
{
    struct watch r;
    watch_init(&r, NULL);
    uint8_t d[10] = {0, 1, 0, 2, 0, 10, 0, 0, 'a', 'b'}; /* without a checksum (RFC 768) */
    emit_ip(&r, 17, PEER_ADDR, d, sizeof d);
    expect_silence(&r);
    d[6] = 1;
    emit_ip(&r, 17, PEER_ADDR, d, sizeof d);
    expect(&r, "udp-checksum");
    d[5] = 9;
    emit_ip(&r, 17, PEER_ADDR, d, sizeof d);
    expect(&r, "udp-length");
    watch_done(&r);
}
END_TEST

START_TEST(arp)
{
    struct watch r;
    watch_init(&r, NULL);
    uint8_t f[42] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8,  6, 0, 1,
                     8,   0,   6,   4,   0,   1,   2, 0, 0, 0, 0, 1, 10, 0, 0, 1};
    observer_emitted(r.o, 0, f, sizeof f, r.now);
    expect_silence(&r);
    f[27] = 9;
    observer_emitted(r.o, 0, f, sizeof f, r.now);
    expect(&r, "arp-sender");
    f[27] = 1;
    f[31] = 9;
    observer_emitted(r.o, 0, f, sizeof f, r.now);
    expect(&r, "arp-sender");
    f[19] = 5;
    observer_emitted(r.o, 0, f, sizeof f, r.now);
    expect(&r, "arp-format");
    watch_done(&r);
}
END_TEST

/* ---- its own bounds ---- */

/* A connection whose beginning was forgotten is not judged. */
START_TEST(views_are_bounded)
{
    struct watch r;
    watch_init(&r, NULL);
    observer_free(r.o);
    r.config.max_views = 2;
    r.o = observer_new(&r.config);
    for (uint16_t port = 1; port <= 5; port++) {
        struct seg s = seg(S, ISS, 0, 0);
        s.peer_port = port;
        out(&r, s);
    }
    struct seg s = seg(A, ISS + 1, IRS + 1, 0);
    s.peer_port = 1;
    out(&r, s);
    expect_silence(&r);
    ck_assert_uint_eq(observer_judged(r.o), 6);
    watch_done(&r);
}
END_TEST

Suite *observer_suite(void)
{
    Suite *s = suite_create("observer");
    TCase *t = tcase_create("observer");
    tcase_add_test(t, segments_of_good_form);
    tcase_add_test(t, headers);
    tcase_add_test(t, a_foreign_source);
    tcase_add_test(t, link_mtu);
    tcase_add_test(t, flags);
    tcase_add_test(t, options_of_good_form);
    tcase_add_test(t, options);
    tcase_add_test(t, options_of_a_syn);
    tcase_add_test(t, options_switched_off);
    tcase_add_test(t, options_of_an_answer);
    tcase_add_test(t, timestamps_once_agreed_on);
    tcase_add_test(t, a_connection_begins_with_a_syn);
    tcase_add_test(t, a_syn_ack_answers_a_syn);
    tcase_add_test(t, a_corrupted_syn_is_none);
    tcase_add_test(t, an_answer_keeps_its_number);
    tcase_add_test(t, another_incarnation);
    tcase_add_test(t, isns_follow_a_clock);
    tcase_add_test(t, no_syn_once_established);
    tcase_add_test(t, simultaneous_open);
    tcase_add_test(t, the_ack_of_a_syn);
    tcase_add_test(t, no_text_before_the_syn_is_acknowledged);
    tcase_add_test(t, resets_answer);
    tcase_add_test(t, resets_of_wrong_form);
    tcase_add_test(t, no_reset_for_a_reset);
    tcase_add_test(t, no_reset_for_what_was_corrupted);
    tcase_add_test(t, a_reset_of_its_own_is_at_snd_nxt);
    tcase_add_test(t, a_stray_is_answered_behind_the_handshake);
    tcase_add_test(t, a_syn_ack_behind_a_cookies_connection_begins_nothing);
    tcase_add_test(t, nothing_follows_the_peers_reset);
    tcase_add_test(t, echo);
    tcase_add_test(t, icmp_errors);
    tcase_add_test(t, udp);
    tcase_add_test(t, arp);
    tcase_add_test(t, views_are_bounded);
    suite_add_tcase(s, t);
    return s;
}
