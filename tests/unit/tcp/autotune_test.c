/* Buffers that follow the path: stack/tcp/autotune.h. Figures come from the path alone: rate times round trip. */
#include "stack/tcp/autotune.h"

#include <string.h>

#include "tests/unit/tcp/pair_rig.h"

#define MS(n) ((nsec)(NS_PER_MS * (n)))
#define KIB 1024U
#define MIB (1024U * 1024U)

static struct pair pair;

/* 1 Gbit/s, 100 ms there and back: 12.5 MB on the way. Frames of 9000 bytes, to be quick. */
static const struct pair_config far = {
    .bits_per_second = 1000000000, .one_way = MS(50), .mtu = 9000};
/* 1 Gbit/s and 200 us: 25 kB on the way. */
static const struct pair_config near = {
    .bits_per_second = 1000000000, .one_way = NS_PER_MS / 10, .mtu = 1500};

/* Bytes of payload that pass in `span` at the wire's rate: 8948 of the 9014 of a frame. */
static uint64_t far_capacity(nsec span)
{
    return (uint64_t)span / 8 * 8948 / 9014;
}

START_TEST(a_long_fat_path_is_filled)
{
    pair_begin(&pair, &far);
    pair_run_to(&pair, MS(2000));
    uint64_t before = pair.read;
    pair_run_to(&pair, MS(3000));
    uint64_t got = pair.read - before;
    ck_assert_msg(got >= far_capacity(MS(1000)) / 10 * 9, "%llu bytes in a second",
                  (unsigned long long)got);
    ck_assert_uint_ge(pair.widest, 12500000); /* the window did not stand in the way */
    ck_assert_uint_eq(pair.windows_shrunk, 0);
    pair_end(&pair);
}
END_TEST

START_TEST(so_it_is_without_timestamps)
{
    struct pair_config k = far;
    k.reader.no_timestamps = true;
    pair_begin(&pair, &k);
    pair_run_to(&pair, MS(3000));
    uint64_t before = pair.read;
    pair_run_to(&pair, MS(4000));
    ck_assert_uint_ge(pair.read - before, far_capacity(MS(1000)) / 10 * 9);
    pair_end(&pair);
}
END_TEST

/* The window is no wider than what is modest, though the sender would send more; the send queue holds twice
 * that at the most. */
START_TEST(a_short_path_holds_little)
{
    pair_begin(&pair, &near);
    pair_run_to(&pair, MS(500));
    ck_assert_uint_ge(pair.read, 50000000); /* of the 62.5 MB that the wire could carry */
    ck_assert_uint_le(pair.widest, AUTOTUNE_MODEST + AUTOTUNE_MODEST / 16);
    ck_assert_uint_le(pair.most_queued, 2 * pair.widest + 64 * KIB);
    pair_end(&pair);
}
END_TEST

/* 10 kB/s to a reader that takes it all: the first window is enough for it. */
START_TEST(a_trickle_keeps_the_first_window)
{
    struct pair_config k = near;
    k.bits_per_second = 100000;
    k.one_way = MS(1);
    pair_begin(&pair, &k);
    pair_run_to(&pair, MS(1000));
    ck_assert_uint_le(pair_info(pair.reader).receive_limit, 128 * KIB);
    pair_end(&pair);
}
END_TEST

START_TEST(nobody_reads)
{
    struct pair_config k = far;
    pair_begin(&pair, &k);
    pair.read_limit = 0;
    pair_run_to(&pair, MS(2000));
    struct tcp_info info = pair_info(pair.reader);
    ck_assert_uint_eq(info.receive_limit, 10 * 8960); /* as it began: ten segments */
    ck_assert_uint_le(info.receive_queued, info.receive_limit + info.receive_limit / 16);
    ck_assert_uint_eq(pair.windows_shrunk, 0);
    pair.read_limit = UINT64_MAX; /* it wakes up: the window opens, and grows */
    host_enter(&pair.host[1], pair.now);
    pair_read(&pair);
    pair_run_to(&pair, MS(5000));
    ck_assert_uint_ge(pair.widest, 12500000);
    pair_end(&pair);
}
END_TEST

/* Between the two: 1 MB/s are read of a path of 125 MB/s. The window follows the reader. */
START_TEST(a_slow_reader_is_offered_what_it_reads)
{
    pair_begin(&pair, &far);
    pair.read_limit = 0;
    for (unsigned i = 1; i <= 400; i++) {
        pair_run_to(&pair, MS(10 * i));
        pair.read_limit = pair.read + 10000;
        host_enter(&pair.host[1], pair.now);
        pair_read(&pair);
    }
    ck_assert_uint_ge(pair.read, 3000000);
    /* 110 kB in a round trip; six times that at the most, while it seems to grow from nothing */
    ck_assert_uint_le(pair.widest, 660000 + 660000 / 16);
    ck_assert_uint_eq(pair.windows_shrunk, 0);
    pair_end(&pair);
}
END_TEST

START_TEST(a_size_that_was_set_holds)
{
    struct pair_config k = far;
    k.reader_options.receive_buffer = 300000;
    k.sender_options.send_buffer = 200000;
    pair_begin(&pair, &k);
    pair_run_to(&pair, MS(2000));
    ck_assert_uint_le(pair.widest, 300000 + 300000 / 16);
    ck_assert_uint_le(pair.most_queued, 200000);
    pair_end(&pair);
    k = far;
    k.reader.no_autotune = true;
    k.sender.send_buffer = 400000; /* without a maximum */
    pair_begin(&pair, &k);
    pair_run_to(&pair, MS(2000));
    ck_assert_uint_le(pair.widest, 512 * KIB + 32 * KIB);
    ck_assert_uint_le(pair.most_queued, 400000);
    pair_end(&pair);
}
END_TEST

/* Losses do not stop the window from being as wide as the sender needs, nor make it wider than the maximum. */
START_TEST(over_losses)
{
    struct pair_config k = far;
    k.loss = 100;
    pair_begin(&pair, &k);
    pair_run_to(&pair, MS(4000));
    ck_assert_uint_le(pair.widest, 16 * MIB + MIB);
    ck_assert_uint_eq(pair.windows_shrunk, 0);
    struct tcp_info sender = pair_info(pair.sender);
    ck_assert_uint_ge(sender.snd_wnd, sender.cwnd < 16 * MIB ? sender.cwnd : 0);
    pair_end(&pair);
}
END_TEST

/* Buffers are scarce: the window that was offered is taken all the same, but no more is offered than at first. */
START_TEST(memory_is_scarce)
{
    struct pair_config k = far;
    pair_begin(&pair, &k);
    pair_run_to(&pair, MS(1500));
    ck_assert_uint_ge(pair_info(pair.reader).receive_limit, 4 * MIB);
    pair.host[1].pools.slabs[SLAB_SUPER].limit = pair.host[1].pools.slabs[SLAB_SUPER].in_use;
    pair_run_to(&pair, MS(4000));
    ck_assert_uint_eq(pair_info(pair.reader).receive_limit, 10 * 8960);
    ck_assert_uint_eq(pair.windows_shrunk, 0);
    pair_end(&pair);
}
END_TEST

/* TCP_NOTSENT_LOWAT: no more than that, and one reserve beyond it, is ever unsent; and the wire is as full. */
START_TEST(little_is_unsent)
{
    struct pair_config k = far;
    k.sender_options.notsent_lowat = 16 * KIB;
    pair_begin(&pair, &k);
    pair_run_to(&pair, MS(2000));
    uint64_t before = pair.read;
    pair_run_to(&pair, MS(3000));
    ck_assert_uint_ge(pair.read - before, far_capacity(MS(1000)) / 10 * 9);
    ck_assert_uint_le(pair.most_unsent, 16 * KIB + SLAB_RECORD_BYTES);
    pair_end(&pair);
}
END_TEST

START_TEST(the_send_queue_follows_the_flight)
{
    pair_begin(&pair, &far);
    pair_run_to(&pair, MS(2000));
    struct tcp_info info = pair_info(pair.sender);
    ck_assert_uint_ge(info.send_queued, 12500000); /* what is on the way is in it */
    ck_assert_uint_le(pair.most_queued, 16 * MIB);
    pair_end(&pair);
}
END_TEST

Suite *autotune_suite(void);

Suite *autotune_suite(void)
{
    Suite *s = suite_create("autotune");
    TCase *receive = tcase_create("receive");
    tcase_set_timeout(receive, 60);
    tcase_add_test(receive, a_long_fat_path_is_filled);
    tcase_add_test(receive, so_it_is_without_timestamps);
    tcase_add_test(receive, a_short_path_holds_little);
    tcase_add_test(receive, a_trickle_keeps_the_first_window);
    tcase_add_test(receive, nobody_reads);
    tcase_add_test(receive, a_slow_reader_is_offered_what_it_reads);
    tcase_add_test(receive, a_size_that_was_set_holds);
    tcase_add_test(receive, over_losses);
    tcase_add_test(receive, memory_is_scarce);
    suite_add_tcase(s, receive);
    TCase *send = tcase_create("send");
    tcase_set_timeout(send, 60);
    tcase_add_test(send, little_is_unsent);
    tcase_add_test(send, the_send_queue_follows_the_flight);
    suite_add_tcase(s, send);
    return s;
}
