/* Packets on their way out. */
#include "stack/link/packet.h"

#include <check.h>
#include <string.h>

static const struct slab_limits limits = {.slabs = {4, 4, 4, 4}, .bufs = 8};

START_TEST(headers_stack_in_front)
{
    struct packet p;
    packet_init(&p);
    ck_assert_uint_eq(packet_len(&p), 0);
    memcpy(packet_push(&p, 3), "tcp", 3);
    memcpy(packet_push(&p, 2), "ip", 2);
    memcpy(packet_push(&p, 3), "eth", 3);
    struct slice h = packet_header(&p);
    ck_assert_uint_eq(h.len, 8);
    ck_assert_mem_eq(h.data, "ethiptcp", 8);
    ck_assert_uint_eq(packet_len(&p), 8);
}
END_TEST

START_TEST(a_buf_has_header_and_slices_in_order)
{
    struct slab_pools pools;
    slab_pools_init(&pools, &limits);
    struct packet p;
    packet_init(&p);
    ck_assert(packet_add(&p, (struct slice){(const uint8_t *)"abc", 3}));
    ck_assert(packet_add(&p, (struct slice){(const uint8_t *)"defgh", 5}));
    memcpy(packet_push(&p, 2), "H:", 2);
    p.offload.gso_size = 1400;
    ck_assert_uint_eq(packet_len(&p), 10);
    struct buf *b = packet_to_buf(&p, &pools);
    ck_assert_ptr_nonnull(b);
    ck_assert_uint_eq(b->len, 10);
    ck_assert_mem_eq(buf_data(b), "H:abcdefgh", 10);
    ck_assert_uint_eq(b->offload.gso_size, 1400);
    ck_assert_uint_eq(b->slab->class, SLAB_SMALL);
    buf_free(b);
    slab_pools_done(&pools);
}
END_TEST

START_TEST(no_buffer_gives_null)
{
    struct slab_pools pools;
    struct slab_limits none = {.slabs = {1, 1, 1, 1}, .bufs = 1};
    slab_pools_init(&pools, &none);
    struct buf *held = buf_new(&pools, 0, 1);
    struct packet p;
    packet_init(&p);
    packet_push(&p, 20);
    ck_assert_ptr_null(packet_to_buf(&p, &pools));
    buf_free(held);
    slab_pools_done(&pools);
}
END_TEST

START_TEST(slices_are_limited)
{
    struct packet p;
    packet_init(&p);
    for (unsigned i = 0; i < PACKET_SLICES; i++) {
        ck_assert(packet_add(&p, (struct slice){(const uint8_t *)"x", 1}));
    }
    ck_assert(!packet_add(&p, (struct slice){(const uint8_t *)"x", 1}));
    ck_assert_uint_eq(packet_len(&p), PACKET_SLICES);
}
END_TEST

START_TEST(csum_start_moves_with_the_headers)
{
    struct packet p;
    packet_init(&p);
    packet_push(&p, 20);
    p.offload.csum = CSUM_PARTIAL;
    p.offload.csum_start = 0;
    p.offload.csum_offset = 16;
    packet_push(&p, 20);
    packet_push(&p, 14);
    ck_assert_uint_eq(p.offload.csum_start, 34);
    ck_assert_uint_eq(p.offload.csum_offset, 16);
}
END_TEST

Suite *packet_suite(void);

Suite *packet_suite(void)
{
    Suite *s = suite_create("packet");
    TCase *t = tcase_create("packet");
    tcase_add_test(t, headers_stack_in_front);
    tcase_add_test(t, a_buf_has_header_and_slices_in_order);
    tcase_add_test(t, no_buffer_gives_null);
    tcase_add_test(t, slices_are_limited);
    tcase_add_test(t, csum_start_moves_with_the_headers);
    suite_add_tcase(s, t);
    return s;
}
