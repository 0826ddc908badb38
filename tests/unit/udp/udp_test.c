/* UDP without open ports: a good datagram gets "port unreachable", a bad one a name. */
#include "stack/udp/udp.h"

#include <check.h>
#include <string.h>

#include "tests/unit/ip/ip_rig.h"

/* A datagram from port 40000 to 53 with "hello", from an independent program. */
#define DATAGRAM "4500002112340000401154840a0900010a090002 9c400035000d0b78 68656c6c6f"
#define DATAGRAM_UDP (FRAME_ETH + FRAME_IP)

static struct ip_rig r;

static void set_up(void)
{
    ip_rig_init(&r);
}

static void tear_down(void)
{
    ip_rig_done(&r);
}

static struct frame datagram(void)
{
    struct frame f = frame_to_us(0x0800);
    frame_add_hex(&f, DATAGRAM);
    return f;
}

START_TEST(udp_no_port)
{
    struct frame f = datagram();
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_UDP_NO_PORT);
    r.ip.next_id = 0x1234;
    ip_rig_flush(&r);
    struct frame want = frame_of_hex("020000000001 020000000002 0800"
                                     "4500003d12344000400114780a0900020a090001"
                                     "0303113000000000" DATAGRAM);
    ck_assert_uint_eq(r.link.dev.count, 1);
    expect_frame(&r.link.dev, 0, &want);
}
END_TEST

START_TEST(no_checksum_is_good)
{
    struct frame f = datagram();
    put16(f.b + DATAGRAM_UDP + 6, 0);
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_UDP_NO_PORT);
}
END_TEST

START_TEST(a_datagram_may_be_shorter_than_its_packet)
{
    struct ip4_spec spec = ip4_spec_to_us(17);
    uint8_t payload[20] = {0};
    struct frame d = datagram();
    memcpy(payload, d.b + DATAGRAM_UDP, 13);
    memset(payload + 13, 0xee, 7);
    struct frame f = frame_ip4(&spec, payload, sizeof(payload));
    ip_rig_receive(&r, &f);
    expect_drop(&r.link.recorder, DROP_UDP_NO_PORT);
}
END_TEST

START_TEST(a_device_may_vouch_for_the_checksum)
{
    struct frame f = datagram();
    f.b[f.len - 1] ^= 1;
    struct buf *b = buf_copy_of(&r.link.pools, f.b, f.len);
    b->offload.csum = CSUM_VERIFIED;
    iface_input(&r.link.iface, b, r.link.now);
    expect_drop(&r.link.recorder, DROP_UDP_NO_PORT);
}
END_TEST

START_TEST(udp_broadcast_is_not_answered)
{
    struct ip4_spec spec = ip4_spec_to_us(17);
    spec.dst = 0xffffffffU;
    struct frame f = frame_ip4(&spec, "\x9c\x40\x00\x35\x00\x08\x00\x00", 8);
    memset(f.b, 0xff, 6);
    ip_rig_expect_refused(&r, &f, DROP_UDP_NO_PORT);
}
END_TEST

START_TEST(udp_truncated)
{
    struct ip4_spec spec = ip4_spec_to_us(17);
    struct frame f = frame_ip4(&spec, "\x9c\x40\x00\x35\x00\x08\x00", 7);
    ip_rig_expect_refused(&r, &f, DROP_UDP_TRUNCATED);
}
END_TEST

START_TEST(udp_length_below_the_header)
{
    struct frame f = datagram();
    put16(f.b + DATAGRAM_UDP + 4, 7);
    ip_rig_expect_refused(&r, &f, DROP_UDP_BAD_LENGTH);
}
END_TEST

START_TEST(udp_length_beyond_the_packet)
{
    struct frame f = datagram();
    put16(f.b + DATAGRAM_UDP + 4, 14);
    ip_rig_expect_refused(&r, &f, DROP_UDP_BAD_LENGTH);
}
END_TEST

START_TEST(udp_bad_checksum)
{
    struct frame f = datagram();
    f.b[f.len - 1] ^= 1;
    ip_rig_expect_refused(&r, &f, DROP_UDP_BAD_CHECKSUM);
}
END_TEST

Suite *udp_suite(void);

Suite *udp_suite(void)
{
    Suite *s = suite_create("udp");
    TCase *t = tcase_create("udp");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, udp_no_port);
    tcase_add_test(t, no_checksum_is_good);
    tcase_add_test(t, a_datagram_may_be_shorter_than_its_packet);
    tcase_add_test(t, a_device_may_vouch_for_the_checksum);
    tcase_add_test(t, udp_broadcast_is_not_answered);
    tcase_add_test(t, udp_truncated);
    tcase_add_test(t, udp_length_below_the_header);
    tcase_add_test(t, udp_length_beyond_the_packet);
    tcase_add_test(t, udp_bad_checksum);
    suite_add_tcase(s, t);
    return s;
}
