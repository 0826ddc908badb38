/* What matches no connection (RFC 9293 3.5.2 group 1, 3.10.7.1). */
#include "stack/tcp/reply.h"

#include "tests/unit/tcp/tcp_rig.h"

/* <SEQ=SEG.ACK><CTL=RST>, or <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>; nothing for a reset. */
/* requires: 9293-3.10.7.1-1, 9293-3.10.7.1-2 */
START_TEST(a_segment_for_nobody_is_reset)
{
    static const struct {
        unsigned flags;
        size_t len;
        uint32_t ack; /* of the answer, over SEG.SEQ */
    } cases[] = {
        {TCP_SYN, 0, 1},
        {TCP_SYN | TCP_ECE | TCP_CWR, 0, 1},
        {0, 0, 0},
        {TCP_PSH, 100, 100},
        {TCP_FIN, 100, 101},
        {TCP_SYN | TCP_FIN, 100, 102},
        {TCP_ACK, 0, 0},
        {TCP_ACK | TCP_PSH, 100, 0},
        {TCP_SYN | TCP_ACK, 0, 0},
        {TCP_FIN | TCP_ACK, 0, 0},
    };
    for (unsigned i = 0; i < COUNT_OF(cases); i++) {
        struct peer p = peer_new();
        p.irs = 0; /* so that relative numbers of ours are those on the wire */
        p.knows_irs = true;
        peer_data(&p, cases[i].flags, 500, 0x12345678, cases[i].len);
        if ((cases[i].flags & TCP_ACK) != 0) {
            expect(&p, TCP_RST, 0x12345678, 0, 0);
        } else {
            expect(&p, TCP_RST | TCP_ACK, 0, 500 + cases[i].ack, 0);
        }
        expect_drops(DROP_TCP_NO_LISTENER, i + 1);
    }
    expect_nothing();
}
END_TEST

/* requires: 9293-3.10.7.1-3 */
START_TEST(a_reset_is_never_answered)
{
    struct peer p = peer_new();
    peer_send(&p, TCP_RST, 0, 0);
    peer_send(&p, TCP_RST | TCP_ACK, 5, 5);
    peer_data(&p, TCP_RST | TCP_SYN | TCP_FIN, 5, 5, 10);
    expect_nothing();
    expect_drops(DROP_TCP_RST_NO_CONNECTION, 3);
}
END_TEST

START_TEST(the_replies_of_one_batch_have_a_limit)
{
    struct peer p = peer_new();
    p.knows_irs = true;
    rig.hold = true;
    for (unsigned i = 0; i < TCP_REPLIES + 3; i++) {
        peer_send(&p, TCP_ACK, 0, i);
    }
    rig_release();
    for (unsigned i = 0; i < TCP_REPLIES; i++) {
        expect(&p, TCP_RST, i, 0, 0);
    }
    expect_nothing();
    expect_drops(DROP_TCP_RESET_QUEUE_FULL, 3);
    peer_send(&p, TCP_ACK, 0, 1); /* there is room again */
    expect(&p, TCP_RST, 1, 0, 0);
}
END_TEST

Suite *reply_suite(void);

Suite *reply_suite(void)
{
    Suite *s = suite_create("reply");
    TCase *tc = rig_case(s, "reply");
    ADD(tc, a_segment_for_nobody_is_reset);
    ADD(tc, a_reset_is_never_answered);
    ADD(tc, the_replies_of_one_batch_have_a_limit);
    return s;
}
