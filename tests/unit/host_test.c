/* A whole host, driven by hand: what its four calls do, and when it wants to be called again. */
#include "stack/host.h"

#include <check.h>
#include <string.h>

#include "tests/unit/link/link_rig.h"

#define ARP_REQUEST_TO_US                                                                          \
    "ffffffffffff 020000000001 0806 0001 0800 06 04 0001"                                          \
    "020000000001 0a090001 000000000000 0a090002"
#define ECHO_REQUEST_TO_US                                                                         \
    "020000000002 020000000001 0800 45000029123400004001548c0a0900010a090002"                      \
    "0800e97abeef000770696e67207061796c6f616421"

static struct host h;
static struct fake_netdev dev;
static struct iface *vt0;

static void set_up(void)
{
    struct host_config config = {.seed = {42}, .recorder_events = 1024};
    fake_netdev_init(&dev, our_mac, 1500);
    ck_assert(host_init(&h, &config, NS_PER_SEC));
    vt0 = host_attach(&h, &dev.dev, ip4_addr(OUR_IP), 24);
    ck_assert_ptr_nonnull(vt0);
}

static void tear_down(void)
{
    host_done(&h);
    ck_assert_uint_eq(h.wheel.armed, 0);
    fake_netdev_clear(&dev);
}

static void add_frame(struct list *frames, const char *hex)
{
    struct frame f = frame_of_hex(hex);
    struct buf *b = buf_copy_of(&h.pools, f.b, f.len);
    ck_assert_ptr_nonnull(b);
    list_push_back(frames, &b->link);
}

static void input(const char *hex, nsec now)
{
    struct list frames;
    list_init(&frames);
    add_frame(&frames, hex);
    host_input(&h, vt0, &frames, now);
    ck_assert(list_empty(&frames));
}

/* A packet of ours to an unknown neighbour, as a transport would send it in the flush. */
static void send_to(uint32_t dst, nsec now)
{
    struct packet p;
    packet_init(&p);
    struct ip_how how = {
        .src = ip4_addr(OUR_IP), .dst = ip4_addr(dst), .protocol = IP_TCP, .ttl = 64};
    ck_assert_int_eq(ip_output(&h.ip, &p, &how, now), IP_SENT);
}

START_TEST(an_idle_host_waits_for_nothing)
{
    ck_assert_int_eq(host_deadline(&h), NEVER);
    host_flush(&h, NS_PER_SEC);
    ck_assert_uint_eq(dev.count, 0);
}
END_TEST

START_TEST(settings_have_defaults)
{
    ck_assert_uint_eq(h.recorder.mask, 1023);
    ck_assert_uint_eq(h.pools.slabs[SLAB_FRAME].limit, 65536);
    ck_assert_uint_eq(h.pools.bufs.limit, 262144);
    ck_assert_int_eq(h.now, NS_PER_SEC);
    static struct host other;
    struct host_config config = {.slabs = {.slabs = {[SLAB_FRAME] = 10}}};
    ck_assert(host_init(&other, &config, 0));
    ck_assert_uint_eq(other.recorder.mask, HOST_RECORDER_EVENTS - 1);
    ck_assert_uint_eq(other.pools.slabs[SLAB_FRAME].limit, 10);
    ck_assert_uint_eq(other.pools.slabs[SLAB_SMALL].limit, 65536);
    ck_assert_uint_ne(other.ip.next_id, h.ip.next_id); /* another seed */
    host_done(&other);
}
END_TEST

START_TEST(a_batch_is_answered_by_one_flush)
{
    struct list frames;
    list_init(&frames);
    add_frame(&frames, ARP_REQUEST_TO_US);
    add_frame(&frames, ECHO_REQUEST_TO_US);
    add_frame(&frames, ECHO_REQUEST_TO_US);
    host_input(&h, vt0, &frames, 2 * NS_PER_SEC);
    ck_assert(list_empty(&frames));
    ck_assert_uint_eq(dev.count, 0); /* input never sends */
    host_flush(&h, 2 * NS_PER_SEC);
    ck_assert_uint_eq(dev.count, 3);
    ck_assert_uint_eq(h.recorder.causes[CAUSE_FRAME], 3);
    ck_assert_uint_eq(drop_total(&h.recorder), 0);
}
END_TEST

START_TEST(a_ping_before_arp_asks_first)
{
    input(ECHO_REQUEST_TO_US, 2 * NS_PER_SEC);
    host_flush(&h, 2 * NS_PER_SEC);
    ck_assert_uint_eq(dev.count, 1); /* the request that the answer needs, in the same flush */
    ck_assert_mem_eq(dev.frames[0].bytes + 12, "\x08\x06", 2);
    input("020000000002 020000000001 0806 0001 0800 06 04 0002"
          "020000000001 0a090001 020000000002 0a090002",
          2 * NS_PER_SEC + 1);
    host_flush(&h, 2 * NS_PER_SEC + 1);
    ck_assert_uint_eq(dev.count, 2);
    ck_assert_mem_eq(dev.frames[1].bytes, peer_mac.b, 6);
    ck_assert_uint_eq(dev.frames[1].bytes[34], 0); /* echo reply */
}
END_TEST

START_TEST(the_deadline_is_that_of_the_next_request)
{
    nsec start = 2 * NS_PER_SEC;
    host_enter(&h, start);
    send_to(PEER_IP, start);
    host_flush(&h, start);
    ck_assert_uint_eq(dev.count, 1);
    unsigned calls = 0;
    nsec now = start;
    while (dev.count < 2 && calls++ < 100) {
        nsec deadline = host_deadline(&h);
        ck_assert_int_ne(deadline, NEVER);
        now = nsec_max(now, deadline);
        host_advance(&h, now);
        host_flush(&h, now);
    }
    ck_assert_uint_eq(dev.count, 2);
    ck_assert_int_ge(now, start + NEIGHBOUR_RETRY);
    ck_assert_int_le(now, start + NEIGHBOUR_RETRY + NS_PER_MS);
    ck_assert_int_eq(last_event(&h.recorder, EV_frame_out)->cause.kind, CAUSE_TIMER);
    host_advance(&h, now + 10 * NS_PER_SEC);
    host_flush(&h, now + 10 * NS_PER_SEC);
    host_advance(&h, now + 200 * NS_PER_SEC);
    host_advance(&h, now + 400 * NS_PER_SEC);
    ck_assert_int_eq(host_deadline(&h), NEVER); /* failed, and then forgotten */
}
END_TEST

START_TEST(time_never_goes_back)
{
    input(ARP_REQUEST_TO_US, 5 * NS_PER_SEC);
    input(ARP_REQUEST_TO_US, 3 * NS_PER_SEC);
    ck_assert_int_eq(last_event(&h.recorder, EV_frame_in)->at, 5 * NS_PER_SEC);
    ck_assert_int_eq(h.now, 5 * NS_PER_SEC);
    host_enter(&h, 4 * NS_PER_SEC);
    ck_assert_int_eq(h.recorder.now, 5 * NS_PER_SEC);
}
END_TEST

START_TEST(an_application_call_is_a_cause)
{
    uint64_t before = h.recorder.causes[CAUSE_APP];
    host_enter(&h, 2 * NS_PER_SEC);
    ck_assert_uint_eq(h.recorder.causes[CAUSE_APP], before + 1);
    ck_assert_uint_eq(h.recorder.cause.kind, CAUSE_APP);
    ck_assert_int_eq(h.recorder.now, 2 * NS_PER_SEC);
}
END_TEST

/* requires: 1122-3.1-3 */
START_TEST(interfaces_are_bounded)
{
    for (unsigned i = 1; i < IP_INTERFACES; i++) {
        ck_assert_ptr_nonnull(host_attach(&h, &dev.dev, ip4_addr(OUR_IP + (i << 16)), 24));
    }
    ck_assert_ptr_null(host_attach(&h, &dev.dev, ip4_addr(0x0b000001U), 24));
}
END_TEST

/* requires: 1122-3.2.2.9-2, 1122-3.3.1.6-1 */
START_TEST(the_default_route_leads_to_the_gateway)
{
    ck_assert_uint_eq(ip_mtu(&h.ip, ip4_addr(0xc0000207U)), 0);
    ck_assert(host_default_route(&h, vt0, ip4_addr(PEER_IP)));
    ck_assert_uint_eq(ip_mtu(&h.ip, ip4_addr(0xc0000207U)), 1500);
    input(ARP_REQUEST_TO_US, 2 * NS_PER_SEC);
    send_to(0xc0000207U, 2 * NS_PER_SEC);
    ck_assert_mem_eq(dev.frames[0].bytes, peer_mac.b, 6);
}
END_TEST

START_TEST(what_waits_is_freed_at_the_end)
{
    input(ECHO_REQUEST_TO_US, 2 * NS_PER_SEC); /* an answer in the outbox */
    send_to(PEER_IP, 2 * NS_PER_SEC);          /* a frame at a neighbour, and its timer */
    ck_assert_uint_gt(h.pools.bufs.in_use, 0);
}
END_TEST

/* The bytes that a host sends depend on its seed, its inputs and its clock only. */
START_TEST(same_inputs_same_bytes)
{
    static uint8_t first[256];
    size_t first_len = 0;
    for (unsigned run = 0; run < 2; run++) {
        tear_down();
        set_up();
        input(ARP_REQUEST_TO_US, 2 * NS_PER_SEC);
        input(ECHO_REQUEST_TO_US, 2 * NS_PER_SEC);
        host_flush(&h, 2 * NS_PER_SEC);
        ck_assert_uint_eq(dev.count, 2);
        if (run == 0) {
            first_len = dev.frames[1].len;
            ck_assert_uint_le(first_len, sizeof(first));
            memcpy(first, dev.frames[1].bytes, first_len);
        }
    }
    ck_assert_uint_eq(dev.frames[1].len, first_len);
    ck_assert_mem_eq(dev.frames[1].bytes, first, first_len);
}
END_TEST

Suite *host_suite(void);

Suite *host_suite(void)
{
    Suite *s = suite_create("host");
    TCase *t = tcase_create("host");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, an_idle_host_waits_for_nothing);
    tcase_add_test(t, settings_have_defaults);
    tcase_add_test(t, a_batch_is_answered_by_one_flush);
    tcase_add_test(t, a_ping_before_arp_asks_first);
    tcase_add_test(t, the_deadline_is_that_of_the_next_request);
    tcase_add_test(t, time_never_goes_back);
    tcase_add_test(t, an_application_call_is_a_cause);
    tcase_add_test(t, interfaces_are_bounded);
    tcase_add_test(t, the_default_route_leads_to_the_gateway);
    tcase_add_test(t, what_waits_is_freed_at_the_end);
    tcase_add_test(t, same_inputs_same_bytes);
    suite_add_tcase(s, t);
    return s;
}
