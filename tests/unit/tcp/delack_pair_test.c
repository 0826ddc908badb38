/* Delayed ACKs on a link whose segments are 64 KiB: stack/tcp/delack.h. */
#include "stack/tcp/delack.h"

#include "stack/tcp/cc.h"
#include "tests/unit/tcp/pair_rig.h"

static void one_segment(struct tcp_cc *cc)
{
    cc->cwnd = cc->mss;
}

static uint64_t read_in_50_ms(uint32_t mtu, uint32_t receive_buffer, bool no_quick_acks)
{
    static struct pair pair;
    struct tcp_cc_ops slow = cc_newreno;
    slow.init = one_segment; /* RFC 5681 3.1: as after a lost SYN */
    struct pair_config k = {.bits_per_second = 1000000000, .one_way = NS_PER_MS / 10, .mtu = mtu};
    k.sender.cc = &slow;
    k.reader.no_quick_acks = no_quick_acks;
    k.reader_options.receive_buffer = receive_buffer;
    pair_begin(&pair, &k);
    pair_run_to(&pair, 50 * NS_PER_MS);
    uint64_t got = pair.read;
    pair_end(&pair);
    return got;
}

/* 6.25 MB pass in 50 ms, if nobody waits 40 ms for an ACK. */
START_TEST(a_link_of_64_kib_segments)
{
    ck_assert_uint_ge(read_in_50_ms(65535, 0, false), 5000000);
}
END_TEST

/* One segment, in a window that it does not half fill, and so moves no edge. */
START_TEST(a_sender_of_one_segment_does_not_wait)
{
    ck_assert_uint_ge(read_in_50_ms(9000, 65535, false), 5000000);
    ck_assert_uint_le(read_in_50_ms(9000, 65535, true), 2000000);
}
END_TEST

Suite *delack_pair_suite(void);

Suite *delack_pair_suite(void)
{
    Suite *s = suite_create("delack_pair");
    TCase *large = tcase_create("large");
    tcase_set_timeout(large, 60);
    tcase_add_test(large, a_link_of_64_kib_segments);
    tcase_add_test(large, a_sender_of_one_segment_does_not_wait);
    suite_add_tcase(s, large);
    return s;
}
