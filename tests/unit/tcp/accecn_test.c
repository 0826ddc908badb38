/* The counters of accurate ECN: RFC 9768 tables 2 and 3, and the examples of its appendix A; options as bytes. */
#include "stack/tcp/accecn.h"

#include "stack/tcp/conn.h"
#include "tests/unit/tcp/tcp_rig.h"

Suite *accecn_suite(void);

/* requires: 9768-3.1.1-3, 9768-3.1.3-4, 9768-3.2.2.1-1 */
START_TEST(codes_of_the_handshake) /* tables 2 and 3 */
{
    static const struct {
        enum ip_ecn came;
        uint8_t code;
    } table[] = {{IP_ECN_NOT_ECT, 2}, {IP_ECN_ECT1, 3}, {IP_ECN_ECT0, 4}, {IP_ECN_CE, 6}};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(accecn_handshake_code(table[i].came), table[i].code);
        ck_assert_uint_eq(accecn_handshake_meaning(table[i].code), table[i].came);
    }
    static const uint8_t others[] = {0, 1, 5, 7};
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_uint_eq(accecn_handshake_meaning(others[i]), IP_ECNS);
    }
}
END_TEST

/* requires: 9768-3.2.3.1-1 */
START_TEST(a_counter_of_bytes) /* A.1 */
{
    ck_assert_uint_eq(accecn_byte_delta(33554433, 1461), 1460);
    ck_assert_uint_eq(accecn_byte_delta(0xffffff, 0), 1);
    ck_assert_uint_eq(accecn_byte_delta(UINT32_MAX, 0xffffff), 0);
    ck_assert_uint_eq(accecn_byte_delta(7, 7), 0);
}
END_TEST

/* requires: 9768-3.2.2.2-2 */
START_TEST(three_bits) /* 3.2.2.2, A.2.1 */
{
    ck_assert_uint_eq(accecn_delta(5, 5), 0);
    ck_assert_uint_eq(accecn_delta(5, 7), 2);
    ck_assert_uint_eq(accecn_delta(7, 0), 1);
    ck_assert_uint_eq(accecn_delta(14, 5), 7);
}
END_TEST

/* requires: 9768-3.2.2.5.2-1, 9768-3.2.2.5.2-3 */
START_TEST(the_safest_case) /* A.2.1 */
{
    ck_assert_uint_eq(accecn_safest(2, 9), 2);
    ck_assert_uint_eq(accecn_safest(2, 10), 10);
    ck_assert_uint_eq(accecn_safest(0, 7), 0);
    ck_assert_uint_eq(accecn_safest(0, 8), 8);
    ck_assert_uint_eq(accecn_safest(7, 44), 39);
    ck_assert_uint_eq(accecn_safest(3, 1),
                      3); /* the counter is right, and the packets were small */
}
END_TEST

START_TEST(the_likely_case) /* A.2.2, with an MSS of 1460 */
{
    ck_assert_uint_eq(accecn_likely(0, 8, 1460, 1460), 8);
    ck_assert_uint_eq(accecn_likely(2, 10, 1460, 1460), 2);
    ck_assert_uint_eq(accecn_likely(7, 15, 10200, 1460), 7);
    ck_assert_uint_eq(accecn_likely(0, 8, 0, 1460), 0);
    ck_assert_uint_eq(accecn_likely(2, 10, 14600, 1460), 10);
}
END_TEST

/* ---- options ---- */

static void add_field(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 16U);
    at[1] = (uint8_t)(v >> 8U);
    at[2] = (uint8_t)v;
}

/* A host that accepts is asked for AccECN (RFC 9768 3.1.1). Returns the SYN that asked. */
static struct raw ask_accurate(const struct peer *p)
{
    rig_restart(&(struct tcp_config){.ecn = TCP_ECN_ACCEPT});
    rig_listen(NULL);
    struct raw syn = raw_segment(p, TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, NULL, 0);
    syn.b[12] |= 1U;
    raw_fix(&syn);
    raw_send(&syn);
    return syn;
}

/* The bytes of an option are told by the segment's parser. */
static struct tcp_info after_option(const uint8_t *option, size_t len)
{
    struct peer p = peer_new();
    ask_accurate(&p);
    struct wire answer = take_segment(__LINE__);
    p.irs = answer.seq;
    p.knows_irs = true;
    p.our_port = answer.src_port;
    peer_send(&p, TCP_ACK | TCP_CWR, 1, 1);
    struct app *a = &rig.apps[0];
    app_write(a, 300);
    discard_sent();
    struct raw ack =
        raw_with_options(&p, TCP_ACK | TCP_ECE, 1, 301, option, len, NULL, 0); /* ACE 5 */
    ack.b[12] |= 1U;
    raw_fix(&ack);
    raw_send(&ack);
    return info_of(a);
}

/* requires: 9768-3.2.3-2, 9768-3.2.3-3 */
START_TEST(fields_of_both_orders) /* 3.2.3, table 5 */
{
    uint8_t option[12] = {172, 11};
    add_field(option + 2, 101);
    add_field(option + 5, 60);
    add_field(option + 8, 141);
    struct tcp_info i = after_option(option, 11);
    ck_assert_uint_eq(i.ecn_mode, ECN_MODE_ACCURATE);
    ck_assert_uint_eq(i.out_e0_bytes, 100);
    ck_assert_uint_eq(i.out_ce_bytes, 60);
    ck_assert_uint_eq(i.out_e1_bytes, 140);
    option[0] = 174;
    i = after_option(option, 11);
    ck_assert_uint_eq(i.out_e1_bytes, 100);
    ck_assert_uint_eq(i.out_ce_bytes, 60);
    ck_assert_uint_eq(i.out_e0_bytes, 140);
    option[1] = 5;
    i = after_option(option, 5);
    ck_assert_uint_eq(i.out_e1_bytes, 100);
    ck_assert_uint_eq(i.out_ce_bytes, 0);
    ck_assert_uint_eq(i.out_e0_bytes, 0);
    option[0] = 172;
    option[1] = 2;
    i = after_option(option, 2);
    ck_assert_uint_eq(i.out_e0_bytes, 0);
}
END_TEST

/* requires: 9768-3.2.3-4 */
START_TEST(other_lengths_are_padding) /* 3.2.3: whole fields count, the rest does not */
{
    uint8_t option[14] = {172, 7};
    add_field(option + 2, 101);
    struct tcp_info i = after_option(option, 7);
    ck_assert_uint_eq(i.out_e0_bytes, 100);
    ck_assert_uint_eq(i.out_ce_bytes, 0);
    option[1] = 14;
    add_field(option + 5, 60);
    add_field(option + 8, 141);
    i = after_option(option, 14);
    ck_assert_uint_eq(i.out_e1_bytes, 140);
    option[1] = 4;
    i = after_option(option, 4);
    ck_assert_uint_eq(i.out_e0_bytes, 0);
}
END_TEST

/* requires: 9768-3.2-1 */
START_TEST(a_super_segment_is_many_packets) /* 3.2: every packet with CE counts */
{
    struct tcp_segment s = {.ecn = IP_ECN_CE, .len = 4000};
    struct recorder recorder = {.now = 0};
    struct tcp tcp = {.recorder = &recorder};
    struct tcp_conn c = {.tcp = &tcp, .accecn = {.cep = 5}};
    struct buf b = {.offload = {.gso_size = 1000}};
    s.payload = &b;
    c.dirty_link = (struct list){&c.dirty_link, &c.dirty_link}; /* as if it waited for the flush */
    accecn_receive(&c, &s);
    ck_assert_uint_eq(c.accecn.cep, 9);
    s.len = 4001;
    accecn_receive(&c, &s);
    ck_assert_uint_eq(c.accecn.cep, 14);
    ck_assert_uint_eq(c.accecn.bytes[ACCECN_CE], 8001);
    ck_assert(c.ack_due);
}
END_TEST

/* 3.1.5: SYNs that ask for the one and for the other in the same handshake. */
/* requires: 9768-3.1.5-5 */
START_TEST(two_questions_are_reset)
{
    rig_restart(&(struct tcp_config){.ecn = TCP_ECN_ACCEPT});
    struct peer p = peer_new();
    rig_listen(NULL);
    struct raw syn = raw_segment(&p, TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, NULL, 0);
    raw_send(&syn);
    expect(&p, TCP_SYN | TCP_ACK | TCP_ECE, 0, 1, 0);
    syn.b[12] |= 1U;
    raw_fix(&syn);
    raw_send(&syn);
    struct wire reset = take_segment(__LINE__);
    ck_assert_uint_eq(reset.flags, TCP_RST | TCP_ACK);
    ck_assert_uint_eq(reset.ack, p.iss + 1);
    syn = raw_segment(&p, TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, NULL, 0);
    raw_send(&syn); /* it is listened again */
    struct wire again = take_segment(__LINE__);
    ck_assert_uint_eq(again.flags, TCP_SYN | TCP_ACK | TCP_ECE);
    raw_send(&syn); /* the same question may come again */
    ck_assert_uint_eq(take_segment(__LINE__).flags, TCP_SYN | TCP_ACK | TCP_ECE);
}
END_TEST

/* requires: 9768-3.1.5-5 */
START_TEST(so_they_are_the_other_way_round)
{
    struct peer p = peer_new();
    struct raw syn = ask_accurate(&p);
    expect(&p, TCP_SYN | TCP_ACK | TCP_CWR, 0, 1, 0);
    syn.b[12] &= 0xfeU;
    raw_fix(&syn);
    raw_send(&syn);
    struct wire reset = take_segment(__LINE__);
    ck_assert_uint_eq(reset.flags, TCP_RST | TCP_ACK);
    ck_assert_uint_eq(reset.ack, p.iss + 1);
}
END_TEST

/* 3.2.2.1: data that waited for the handshake goes behind its last ACK, which tells how the SYN-ACK came. */
/* requires: 9768-3.2.2.1-2 */
START_TEST(the_last_ack_goes_by_itself)
{
    rig_restart(&(struct tcp_config){.ecn = TCP_ECN_ASK});
    struct peer p = peer_new();
    struct app *a = app_connect(&p, NULL);
    struct wire syn = expect(&p, TCP_SYN | TCP_ECE | TCP_CWR, 0, 0, 0);
    ck_assert(!syn.has_accecn);
    app_write(a, 10);
    peer_send(&p, TCP_SYN | TCP_ACK | TCP_CWR, 0, 1); /* agreed */
    struct wire ack = expect(&p, TCP_ACK | TCP_CWR, 1, 1, 0);
    ck_assert(ack.has_accecn);
    struct wire data = expect(&p, TCP_ACK | TCP_PSH | TCP_ECE, 1, 1, 10); /* 5, with AE */
    ck_assert(data.has_accecn);
    ck_assert_uint_eq(data.tos, IP_ECN_ECT0);
    ck_assert_uint_eq(ack.tos, IP_ECN_NOT_ECT);
}
END_TEST

Suite *accecn_suite(void)
{
    Suite *s = suite_create("accecn");
    TCase *t = tcase_create("arithmetic");
    tcase_add_test(t, codes_of_the_handshake);
    tcase_add_test(t, a_counter_of_bytes);
    tcase_add_test(t, three_bits);
    tcase_add_test(t, the_safest_case);
    tcase_add_test(t, the_likely_case);
    tcase_add_test(t, a_super_segment_is_many_packets);
    suite_add_tcase(s, t);
    TCase *options = rig_case(s, "options");
    ADD(options, fields_of_both_orders);
    ADD(options, other_lengths_are_padding);
    ADD(options, two_questions_are_reset);
    ADD(options, so_they_are_the_other_way_round);
    ADD(options, the_last_ack_goes_by_itself);
    return s;
}
