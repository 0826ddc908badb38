/* A TAP's reading and writing, over a pair of datagram sockets in place of the device: like a TAP,
 * these carry one frame per read and write, and cut a frame to the size that is read. */
#include "stack/link/tap.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/link/link_rig.h"

static const struct slab_limits limits = {.slabs = {8, 8, 8, 8}, .bufs = 16};
static struct slab_pools pools;
static struct tap tap;
static int far_end;
static struct list frames;
static bool batches; /* by io_uring, which takes these sockets as well */

static void set_up_with(uint32_t mtu, uint32_t caps)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    slab_pools_init(&pools, &limits);
    tap_of_fd(&tap, ends[0], mtu, caps, UINT64_C(0x1122334455));
    far_end = ends[1];
    list_init(&frames);
    if (batches) {
        ck_assert_int_eq(tap_batch(&tap), 0);
    }
}

static void set_up(void)
{
    set_up_with(1500, 0);
}

static void set_up_batches(void)
{
    batches = true;
    set_up();
}

static void tear_down(void)
{
    buf_free_queue(&frames);
    tap_close(&tap);
    close(far_end);
    expect_pools_empty(&pools);
    slab_pools_done(&pools);
}

static void send_frame(uint8_t fill, size_t len)
{
    uint8_t bytes[16384];
    memset(bytes, fill, len);
    ck_assert_int_eq(send(far_end, bytes, len, 0), (ssize_t)len);
}

static struct buf *next_frame(void)
{
    struct list *node = list_pop_front(&frames);
    ck_assert_ptr_nonnull(node);
    return buf_of_link(node);
}

START_TEST(our_address_is_locally_administered)
{
    ck_assert_mem_eq(tap.dev.mac.b, "\x02\x55\x44\x33\x22\x11", 6);
    ck_assert_uint_eq(tap.dev.mtu, 1500);
    ck_assert_uint_eq(tap.dev.caps, 0);
}
END_TEST

START_TEST(frames_come_in_order_in_slabs_of_their_size)
{
    send_frame(1, 60);
    send_frame(2, 1514);
    send_frame(3, 256);
    send_frame(4, 257);
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), 4);
    static const struct {
        uint32_t len;
        enum slab_class class;
    } want[] = {{60, SLAB_SMALL}, {1514, SLAB_FRAME}, {256, SLAB_SMALL}, {257, SLAB_FRAME}};
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        struct buf *b = next_frame();
        ck_assert_uint_eq(b->len, want[i].len);
        ck_assert_uint_eq(b->slab->class, want[i].class);
        ck_assert_uint_eq(*buf_data(b), i + 1);
        ck_assert_uint_eq(buf_data(b)[b->len - 1], i + 1);
        buf_free(b);
    }
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), 0);
}
END_TEST

START_TEST(a_big_mtu_does_not_make_every_frame_big)
{
    tear_down();
    set_up_with(9000, 0);
    send_frame(1, 9014);
    send_frame(2, 1514);
    send_frame(3, 54);
    send_frame(4, 2048);
    send_frame(5, 2049);
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), 5);
    static const enum slab_class want[] = {SLAB_RECORD, SLAB_FRAME, SLAB_SMALL, SLAB_FRAME,
                                           SLAB_RECORD};
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        struct buf *b = next_frame();
        ck_assert_uint_eq(b->slab->class, want[i]);
        buf_free(b);
    }
}
END_TEST

START_TEST(a_batch_ends_at_its_limit)
{
    for (unsigned i = 0; i < 5; i++) {
        send_frame(0, 60);
    }
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 3), 3);
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 3), 2);
}
END_TEST

START_TEST(a_frame_without_a_buffer_is_counted)
{
    pools.bufs.fail_at = 1;
    send_frame(1, 60);
    send_frame(2, 60);
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), 2);
    ck_assert_uint_eq(tap.no_buffer, 1);
    struct buf *b = next_frame();
    ck_assert_uint_eq(*buf_data(b), 2);
    buf_free(b);
    ck_assert(list_empty(&frames));
}
END_TEST

START_TEST(a_device_that_is_gone_says_so)
{
    close(far_end);
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), -EIO);
}
END_TEST

START_TEST(header_and_slices_are_one_frame)
{
    struct packet p;
    packet_init(&p);
    packet_add(&p, (struct slice){(const uint8_t *)"first,", 6});
    packet_add(&p, (struct slice){(const uint8_t *)"second", 6});
    memcpy(packet_push(&p, 4), "head", 4);
    ck_assert(tap.dev.transmit(&tap.dev, &p));
    tap_flush(&tap);
    char got[64];
    ck_assert_int_eq(recv(far_end, got, sizeof(got), 0), 16);
    ck_assert_mem_eq(got, "headfirst,second", 16);
}
END_TEST

START_TEST(a_full_device_refuses)
{
    struct packet p;
    packet_init(&p);
    packet_add(&p, (struct slice){(const uint8_t *)"frame", 5});
    unsigned sent = 0;
    while (sent < 100000 && tap.dev.transmit(&tap.dev, &p)) {
        sent++;
    }
    ck_assert_uint_gt(sent, 0);
    ck_assert_uint_lt(sent, 100000);
}
END_TEST

/* linux/virtio_net.h: flags, kind, bytes of headers, bytes of a segment, where summing begins, and where
 * the sum goes, in the machine's own order. */
static void header(uint8_t out[10], uint8_t flags, uint8_t kind, const uint16_t numbers[4])
{
    out[0] = flags;
    out[1] = kind;
    memcpy(out + 2, numbers, 8);
}

START_TEST(facts_of_a_frame_come_in_front_of_it)
{
    static uint8_t bytes[10 + 60000];
    tear_down();
    set_up_with(1500, NETDEV_CSUM | NETDEV_TSO4);
    ck_assert_uint_eq(tap.dev.caps, NETDEV_CSUM | NETDEV_TSO4);
    header(bytes, 1, 0x81,
           (const uint16_t[]){66, 1448, 34, 16}); /* unfinished, TCP over IPv4, ECN */
    memset(bytes + 10, 7, sizeof bytes - 10);
    ck_assert_int_eq(send(far_end, bytes, sizeof bytes, 0), sizeof bytes);
    header(bytes, 2, 0, (const uint16_t[]){0, 0, 0, 0}); /* the checksum is known to be good */
    ck_assert_int_eq(send(far_end, bytes, 70, 0), 70);
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), 2);
    struct buf *b = next_frame();
    ck_assert_uint_eq(b->len, 60000);
    ck_assert_uint_eq(buf_data(b)[0], 7);
    ck_assert_uint_eq(buf_data(b)[59999], 7);
    ck_assert_uint_eq(b->offload.csum, CSUM_PARTIAL);
    ck_assert_uint_eq(b->offload.csum_start, 34);
    ck_assert_uint_eq(b->offload.csum_offset, 16);
    ck_assert_uint_eq(b->offload.gso_type, GSO_TCP4);
    ck_assert_uint_eq(b->offload.gso_size, 1448);
    buf_free(b);
    b = next_frame();
    ck_assert_uint_eq(b->len, 60);
    ck_assert_uint_eq(b->slab->class, SLAB_SMALL);
    ck_assert_uint_eq(b->offload.csum, CSUM_VERIFIED);
    ck_assert_uint_eq(b->offload.gso_type, GSO_NONE);
    buf_free(b);
}
END_TEST

START_TEST(facts_of_a_packet_go_in_front_of_it)
{
    static _Alignas(64) const uint8_t line[64] = "payload";
    tear_down();
    set_up_with(1500, NETDEV_CSUM | NETDEV_TSO4);
    struct packet p;
    packet_init(&p);
    packet_add(&p, (struct slice){line, 7});
    memcpy(packet_push(&p, 4), "head", 4);
    p.offload = (struct offload){.csum = CSUM_PARTIAL,
                                 .csum_start = 34,
                                 .csum_offset = 16,
                                 .gso_type = GSO_TCP4,
                                 .gso_size = 1448};
    ck_assert(tap.dev.transmit(&tap.dev, &p));
    tap_flush(&tap);
    uint8_t got[64], want[10];
    header(want, 1, 1, (const uint16_t[]){4, 1448, 34, 16});
    ck_assert_int_eq(recv(far_end, got, sizeof got, 0), 21);
    ck_assert_mem_eq(got, want, 10);
    ck_assert_mem_eq(got + 10, "headpayload", 11);
    p.offload = (struct offload){.csum = CSUM_UNKNOWN};
    ck_assert(tap.dev.transmit(&tap.dev, &p));
    tap_flush(&tap);
    ck_assert_int_eq(recv(far_end, got, sizeof got, 0), 21);
    ck_assert_mem_eq(got, "\0\0\0\0\0\0\0\0\0\0head", 14);
}
END_TEST

/* What the kernel is asked to have in a row goes up to where a line of the cache begins, and not beyond the frame. */
START_TEST(payload_begins_with_a_cache_line)
{
    static _Alignas(64) const uint8_t lines[192];
    static const struct {
        size_t at, len;
        uint8_t wanted;
    } cases[] = {{0, 100, 4}, {60, 100, 8}, {65, 100, 67}, {1, 7, 11}};
    tear_down();
    set_up_with(1500, NETDEV_CSUM | NETDEV_TSO4);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct packet p;
        packet_init(&p);
        packet_add(&p, (struct slice){lines + cases[i].at, cases[i].len});
        memcpy(packet_push(&p, 4), "head", 4);
        p.offload = (struct offload){.gso_type = GSO_TCP4, .gso_size = 50};
        ck_assert(tap.dev.transmit(&tap.dev, &p));
        tap_flush(&tap);
        uint8_t got[256];
        ck_assert_int_eq(recv(far_end, got, sizeof got, 0), (ssize_t)(14 + cases[i].len));
        ck_assert_uint_eq(got[2], cases[i].wanted);
    }
}
END_TEST

START_TEST(an_offload_that_was_not_agreed_on_is_an_error)
{
    uint8_t bytes[70] = {0, 3}; /* UDP fragments */
    tear_down();
    set_up_with(1500, NETDEV_CSUM);
    ck_assert_int_eq(send(far_end, bytes, sizeof bytes, 0), sizeof bytes);
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), -EPROTO);
    ck_assert_int_eq(send(far_end, bytes, 9, 0), 9); /* less than the header */
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), -EIO);
}
END_TEST

START_TEST(names_must_fit)
{
    struct tap t;
    ck_assert_int_eq(tap_open(&t, "a-name-of-16-chr", 0, 0, 0), -ENAMETOOLONG);
    ck_assert_int_eq(tap_open(&t, "", 0, 0, 0), -ENAMETOOLONG);
    tap_close(&t); /* harmless */
}
END_TEST

/* What a batch gathers is written when it is flushed, or full, or when a frame that is too large for it follows, and always
 * in order. */
START_TEST(a_batch_is_written_in_order)
{
    static uint8_t large[9000];
    uint8_t got[16384];
    tear_down();
    set_up_with(9000, 0);
    for (unsigned i = 0; i < 70; i++) {
        struct packet p;
        uint8_t small[60] = {(uint8_t)i};
        packet_init(&p);
        large[0] = (uint8_t)i;
        packet_add(&p, i == 66 ? (struct slice){large, sizeof large}
                               : (struct slice){small, sizeof small});
        ck_assert(tap.dev.transmit(&tap.dev, &p)); /* `small` is gone when it is written */
        memset(small, 0xee, sizeof small);
        if (i == 63) {
            ck_assert_int_eq(recv(far_end, got, sizeof got, 0), -1); /* nothing yet */
        }
    }
    for (unsigned i = 0; i < 67; i++) {
        ck_assert_int_eq(recv(far_end, got, sizeof got, 0), i == 66 ? 9000 : 60);
        ck_assert_uint_eq(got[0], i);
    }
    ck_assert_int_eq(recv(far_end, got, sizeof got, 0), -1);
    tap_flush(&tap);
    for (unsigned i = 67; i < 70; i++) {
        ck_assert_int_eq(recv(far_end, got, sizeof got, 0), 60);
        ck_assert_uint_eq(got[0], i);
    }
    ck_assert_uint_eq(tap.refused, 0);
}
END_TEST

START_TEST(many_frames_are_read_in_order)
{
    static const struct slab_limits many = {.slabs = {128, 128, 64, 64}, .bufs = 256};
    tear_down();
    set_up();
    slab_pools_done(&pools);
    slab_pools_init(&pools, &many);
    for (unsigned i = 0; i < 50; i++) {
        send_frame((uint8_t)i, 60 + i);
    }
    int got = tap_receive(&tap, &pools, &frames, 40);
    ck_assert_int_eq(got, 40);
    while (got < 50) {
        int more = tap_receive(&tap, &pools, &frames, 64);
        ck_assert_int_gt(more, 0);
        got += more;
    }
    for (unsigned i = 0; i < 50; i++) {
        struct buf *b = next_frame();
        ck_assert_uint_eq(b->len, 60 + i);
        ck_assert_uint_eq(*buf_data(b), i);
        buf_free(b);
    }
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), 0);
}
END_TEST

START_TEST(a_full_device_refuses_a_batch)
{
    struct packet p;
    packet_init(&p);
    packet_add(&p, (struct slice){(const uint8_t *)"frame", 5});
    unsigned sent = 0;
    for (; sent < 100000 && tap.refused == 0; sent++) {
        ck_assert(tap.dev.transmit(&tap.dev, &p)); /* what becomes of it is known later */
    }
    ck_assert_uint_gt(tap.refused, 0);
    char got[64];
    uint64_t came = 0;
    while (recv(far_end, got, sizeof got, 0) == 5) {
        came++;
    }
    tap_flush(&tap);
    while (recv(far_end, got, sizeof got, 0) == 5) {
        came++;
    }
    ck_assert_uint_eq(came + tap.refused, sent);
}
END_TEST

static ptrdiff_t endless_read(struct tap *t, void *data, size_t len)
{
    (void)t;
    memset(data, 0, size_min(len, 60000));
    return 60000;
}

/* Nine of these are more than 512 KiB, eight are not. */
START_TEST(what_is_read_at_once_fits_a_cache)
{
    static const struct tap_calls endless = {.read = endless_read};
    static const struct slab_limits many = {.slabs = {8, 8, 8, 64}, .bufs = 64};
    tear_down();
    set_up_with(1500, NETDEV_CSUM | NETDEV_TSO4);
    slab_pools_done(&pools);
    slab_pools_init(&pools, &many);
    tap.calls = &endless;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 64), 9);
        buf_free_queue(&frames);
    }
    ck_assert_int_eq(tap_receive(&tap, &pools, &frames, 3), 3);
}
END_TEST

START_TEST(only_a_tap_of_our_own_is_batched)
{
    static const struct tap_calls others = {0}; /* as those of a recording */
    tap.calls = &others;
    ck_assert_int_eq(tap_batch(&tap), -EBUSY);
    tap.calls = &tap_system_calls;
}
END_TEST

static bool has_io_uring(void)
{
    int ends[2];
    struct tap t;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) != 0) {
        return false;
    }
    tap_of_fd(&t, ends[0], 1500, 0, 0);
    bool has = tap_batch(&t) == 0;
    tap_close(&t);
    close(ends[1]);
    return has;
}

static TCase *batches_case(void)
{
    TCase *t = tcase_create("batches");
    if (!has_io_uring()) {
        fprintf(stderr, "tap: no io_uring here: batches are not tested\n");
        return t;
    }
    tcase_add_checked_fixture(t, set_up_batches, tear_down);
    tcase_add_test(t, frames_come_in_order_in_slabs_of_their_size);
    tcase_add_test(t, a_big_mtu_does_not_make_every_frame_big);
    tcase_add_test(t, a_batch_ends_at_its_limit);
    tcase_add_test(t, a_device_that_is_gone_says_so);
    tcase_add_test(t, header_and_slices_are_one_frame);
    tcase_add_test(t, facts_of_a_frame_come_in_front_of_it);
    tcase_add_test(t, facts_of_a_packet_go_in_front_of_it);
    tcase_add_test(t, an_offload_that_was_not_agreed_on_is_an_error);
    tcase_add_test(t, a_batch_is_written_in_order);
    tcase_add_test(t, many_frames_are_read_in_order);
    tcase_add_test(t, a_full_device_refuses_a_batch);
    return t;
}

Suite *tap_suite(void);

Suite *tap_suite(void)
{
    Suite *s = suite_create("tap");
    TCase *t = tcase_create("tap");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, our_address_is_locally_administered);
    tcase_add_test(t, frames_come_in_order_in_slabs_of_their_size);
    tcase_add_test(t, a_big_mtu_does_not_make_every_frame_big);
    tcase_add_test(t, a_batch_ends_at_its_limit);
    tcase_add_test(t, a_frame_without_a_buffer_is_counted);
    tcase_add_test(t, a_device_that_is_gone_says_so);
    tcase_add_test(t, header_and_slices_are_one_frame);
    tcase_add_test(t, a_full_device_refuses);
    tcase_add_test(t, facts_of_a_frame_come_in_front_of_it);
    tcase_add_test(t, facts_of_a_packet_go_in_front_of_it);
    tcase_add_test(t, an_offload_that_was_not_agreed_on_is_an_error);
    tcase_add_test(t, what_is_read_at_once_fits_a_cache);
    tcase_add_test(t, payload_begins_with_a_cache_line);
    tcase_add_test(t, names_must_fit);
    tcase_add_test(t, only_a_tap_of_our_own_is_batched);
    suite_add_tcase(s, t);
    suite_add_tcase(s, batches_case());
    return s;
}
