/* An interface: Ethernet in and out, ARP by its rules, every refusal by its name. */
#include "stack/link/iface.h"

#include <check.h>

#include "tests/unit/link/link_rig.h"

static struct link_rig r;

static void set_up(void)
{
    link_rig_init(&r);
}

static void tear_down(void)
{
    link_rig_done(&r);
}

static void receive(const struct frame *f)
{
    link_rig_receive(&r, f);
}

static void receive_arp(unsigned operation, struct mac mac, uint32_t ip, uint32_t target)
{
    struct frame f = arp_frame(operation, mac, ip, target);
    receive(&f);
}

/* ---- Ethernet in ---- */

/* requires: 1122-2.3.3-1 */
START_TEST(a_packet_for_us_goes_up_without_its_header)
{
    struct frame f = frame_to_us(0x0800);
    frame_add_hex(&f, "45001122");
    receive(&f);
    ck_assert_uint_eq(r.up_count, 1);
    ck_assert(!r.up_group);
    struct buf *b = buf_of_link(r.up.next);
    ck_assert_uint_eq(b->len, 4);
    ck_assert_mem_eq(buf_data(b), "\x45\x00\x11\x22", 4);
    const struct event *e = last_event(&r.recorder, EV_frame_in);
    ck_assert_uint_eq(e->u.frame_in.len, 18);
    ck_assert_uint_eq(e->u.frame_in.ethertype, 0x0800);
    ck_assert_uint_eq(e->cause.kind, CAUSE_FRAME);
    ck_assert_uint_eq(e->cause.number, 1);
}
END_TEST

/* requires: 1122-2.4-1 */
START_TEST(a_broadcast_goes_up_as_such)
{
    struct frame f = frame_of_hex("ffffffffffff 020000000001 0800 45");
    receive(&f);
    ck_assert_uint_eq(r.up_count, 1);
    ck_assert(r.up_group);
}
END_TEST

static void expect_refused(const char *hex, enum drop_reason reason)
{
    struct frame f = frame_of_hex(hex);
    receive(&f);
    expect_drop(&r.recorder, reason);
    ck_assert_uint_eq(r.up_count, 0);
    iface_flush(&r.iface);
    ck_assert_uint_eq(r.dev.count, 0);
}

START_TEST(eth_truncated)
{
    expect_refused("020000000002 020000000001 08", DROP_ETH_TRUNCATED);
}
END_TEST

START_TEST(eth_not_for_us)
{
    expect_refused("020000000003 020000000001 0800 45", DROP_ETH_NOT_FOR_US);
}
END_TEST

START_TEST(eth_group_not_ours)
{
    expect_refused("333300000016 020000000001 86dd 60", DROP_ETH_NOT_FOR_US);
}
END_TEST

START_TEST(eth_bad_source)
{
    expect_refused("020000000002 010000000001 0800 45", DROP_ETH_BAD_SOURCE);
}
END_TEST

START_TEST(eth_unknown_type)
{
    expect_refused("020000000002 020000000001 86dd 60", DROP_ETH_UNKNOWN_TYPE);
}
END_TEST

/* RFC 1042: length, LLC (AA AA 03), SNAP (organization 0 and an EtherType); then padding. */
/* requires: 1122-2.3.3-2 */
START_TEST(a_packet_in_an_802_frame)
{
    struct frame f =
        frame_of_hex("020000000002 020000000001 000c aaaa03 000000 0800 45001122 ffffff");
    receive(&f);
    ck_assert_uint_eq(r.up_count, 1);
    struct buf *b = buf_of_link(r.up.next);
    ck_assert_uint_eq(b->len, 4);
    ck_assert_mem_eq(buf_data(b), "\x45\x00\x11\x22", 4);
}
END_TEST

/* requires: 1122-2.3.3-2 */
START_TEST(arp_in_an_802_frame)
{
    struct frame f =
        frame_of_hex("ffffffffffff 020000000001 0024 aaaa03 000000 0806"
                     "0001 0800 06 04 0001 020000000001 0a090001 000000000000 0a090002");
    receive(&f);
    iface_flush(&r.iface);
    ck_assert_uint_eq(r.dev.count, 1);
    ck_assert_mem_eq(r.dev.frames[0].bytes + 12, "\x08\x06", 2); /* we answer by RFC 894 */
}
END_TEST

START_TEST(an_802_frame_that_is_something_else)
{
    static const char *const frames[] = {
        "020000000002 020000000001 0004 42420300",                    /* spanning tree */
        "020000000002 020000000001 000c aaaa03 00000c 2000 01020304", /* an organization's own */
        "020000000002 020000000001 0006 aaaa03 000000 0800 45001122", /* shorter than its header */
        "020000000002 020000000001 0020 aaaa03 000000 0800 45001122", /* longer than the frame */
        "020000000002 020000000001 05dd aaaa03 000000 0800 45001122", /* no length, no EtherType */
    };
    for (unsigned i = 0; i < COUNT_OF(frames); i++) {
        struct frame f = frame_of_hex(frames[i]);
        receive(&f);
    }
    ck_assert_uint_eq(r.up_count, 0);
    ck_assert_uint_eq(r.recorder.drops[DROP_ETH_UNKNOWN_TYPE], COUNT_OF(frames));
}
END_TEST

/* ---- ARP in ---- */

/* requires: 1122-2.3.2-1 */
START_TEST(a_request_for_us_is_answered_at_the_flush)
{
    receive_arp(1, peer_mac, PEER_IP, OUR_IP);
    ck_assert_uint_eq(r.dev.count, 0); /* input never sends */
    iface_flush(&r.iface);
    ck_assert_uint_eq(r.dev.count, 1);
    struct frame want = frame_of_hex("020000000001 020000000002 0806 0001 0800 06 04 0002"
                                     "020000000002 0a090002 020000000001 0a090001");
    expect_frame(&r.dev, 0, &want);
    iface_flush(&r.iface);
    ck_assert_uint_eq(r.dev.count, 1);
    ck_assert_uint_eq(drop_total(&r.recorder), 0);
}
END_TEST

START_TEST(the_answer_names_the_frame_that_led_to_it)
{
    receive_arp(1, peer_mac, PEER_IP, OUR_IP);
    struct frame other = frame_to_us(0x0800);
    receive(&other);
    iface_flush(&r.iface);
    const struct event *e = last_event(&r.recorder, EV_frame_out);
    ck_assert_uint_eq(e->u.frame_out.len, 42);
    ck_assert_uint_eq(e->u.frame_out.ethertype, 0x0806);
    ck_assert_uint_eq(e->cause.number, 1);
    ck_assert_uint_eq(r.recorder.cause.number, 2);
}
END_TEST

struct seen {
    unsigned in, out;
    struct frame_sight sight; /* the latest; its frame is gone */
    size_t len;
    uint8_t bytes[64];
};

static void see(void *arg, const struct frame_sight *s)
{
    struct seen *seen = arg;
    struct slice header = packet_header(s->frame);
    seen->in += s->out ? 0 : 1;
    seen->out += s->out ? 1 : 0;
    seen->sight = *s;
    seen->len = packet_len(s->frame);
    memcpy(seen->bytes, header.data, header.len);
    size_t at = header.len;
    for (uint32_t i = 0; i < s->frame->slices; i++) {
        memcpy(seen->bytes + at, s->frame->payload[i].data, s->frame->payload[i].len);
        at += s->frame->payload[i].len;
    }
}

/* What is refused is a frame as well. */
START_TEST(a_watch_sees_every_frame_whole)
{
    struct seen seen = {.in = 0};
    struct frame_watch watch = {.on_frame = see, .arg = &seen};
    r.iface.watch = &watch;
    struct frame other = frame_to_us(0x9999);
    receive(&other);
    ck_assert_uint_eq(seen.in, 1);
    ck_assert_uint_eq(seen.sight.number, 1);
    ck_assert_uint_eq(seen.len, other.len);
    ck_assert_mem_eq(seen.bytes, other.b, other.len);
    receive_arp(1, peer_mac, PEER_IP, OUR_IP);
    ck_assert_uint_eq(seen.sight.number, 2);
    ck_assert_uint_eq(seen.out, 0);
    iface_flush(&r.iface);
    ck_assert_uint_eq(seen.in, 2);
    ck_assert_uint_eq(seen.out, 1);
    ck_assert_uint_eq(seen.sight.number, 1);
    ck_assert_uint_eq(seen.len, r.dev.frames[0].len);
    ck_assert_mem_eq(seen.bytes, r.dev.frames[0].bytes, seen.len);
    ck_assert_uint_eq(last_event(&r.recorder, EV_frame_out)->u.frame_out.number, 1);
}
END_TEST

START_TEST(who_asks_us_is_learned)
{
    receive_arp(1, peer_mac, PEER_IP, OUR_IP);
    ck_assert_int_eq(link_rig_send(&r, PEER_IP, 20), IFACE_SENT);
}
END_TEST

/* RFC 5227 2.1.1: a probe has no sender; it is answered, and teaches nothing. */
START_TEST(a_probe_is_answered_and_not_learned)
{
    receive_arp(1, peer_mac, 0, OUR_IP);
    iface_flush(&r.iface);
    struct frame want = frame_of_hex("020000000001 020000000002 0806 0001 0800 06 04 0002"
                                     "020000000002 0a090002 020000000001 00000000");
    expect_frame(&r.dev, 0, &want);
    ck_assert_ptr_null(neighbour_find(&r.iface.neighbours, ip4_addr(0)));
}
END_TEST

static void expect_arp_refused(const struct frame *f, enum drop_reason reason)
{
    receive(f);
    expect_drop(&r.recorder, reason);
    iface_flush(&r.iface);
    ck_assert_uint_eq(r.dev.count, 0);
    ck_assert_uint_eq(r.iface.neighbours.table.count, 0);
}

START_TEST(arp_malformed)
{
    struct frame f = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    f.b[19] = 16; /* protocol address length */
    expect_arp_refused(&f, DROP_ARP_MALFORMED);
}
END_TEST

START_TEST(arp_truncated)
{
    struct frame f = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    f.len--;
    expect_arp_refused(&f, DROP_ARP_MALFORMED);
}
END_TEST

START_TEST(arp_not_for_us)
{
    struct frame f = arp_frame(1, peer_mac, PEER_IP, 0x0a090063U);
    expect_arp_refused(&f, DROP_ARP_NOT_FOR_US);
}
END_TEST

START_TEST(arp_unasked_reply_makes_no_entry)
{
    struct frame f = arp_frame(2, peer_mac, PEER_IP, OUR_IP);
    expect_arp_refused(&f, DROP_ARP_NOT_FOR_US);
}
END_TEST

START_TEST(arp_gratuitous_makes_no_entry)
{
    struct frame f = arp_frame(1, peer_mac, PEER_IP, PEER_IP);
    expect_arp_refused(&f, DROP_ARP_NOT_FOR_US);
}
END_TEST

START_TEST(arp_sender_is_a_group)
{
    struct mac group = {{0x03, 0, 0, 0, 0, 1}};
    struct frame f = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    f.b[22] = group.b[0]; /* sender hardware address */
    expect_arp_refused(&f, DROP_ARP_BAD_SENDER);
}
END_TEST

START_TEST(arp_sender_has_our_address)
{
    struct frame f = arp_frame(1, our_mac, OUR_IP, OUR_IP); /* our own word, come back */
    expect_arp_refused(&f, DROP_ARP_BAD_SENDER);
}
END_TEST

static unsigned announcements(void)
{
    unsigned n = 0;
    iface_flush(&r.iface);
    for (unsigned i = 0; i < r.dev.count; i++) {
        const uint8_t *b = r.dev.frames[i].bytes;
        ck_assert_mem_eq(b, mac_broadcast.b, 6);
        ck_assert_mem_eq(b + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
        ck_assert_mem_eq(b + 22, our_mac.b, 6);
        ck_assert_mem_eq(b + 28, "\x0a\x09\x00\x02", 4); /* both sender … */
        ck_assert_mem_eq(b + 38, "\x0a\x09\x00\x02", 4); /* … and target are our address */
        n++;
    }
    fake_netdev_clear(&r.dev);
    return n;
}

/* RFC 5227 2.4 (c): one announcement in ten seconds, whatever comes. */
START_TEST(arp_conflict)
{
    struct frame request = arp_frame(1, peer_mac, OUR_IP, OUR_IP);
    struct frame reply = arp_frame(2, peer_mac, OUR_IP, PEER_IP);
    receive(&request);
    expect_drop(&r.recorder, DROP_ARP_CONFLICT);
    ck_assert_uint_eq(announcements(), 1);
    for (unsigned i = 1; i < 10; i++) {
        link_rig_run(&r, r.now + NS_PER_SEC);
        receive(&reply);
        ck_assert_uint_eq(announcements(), 0);
    }
    link_rig_run(&r, r.now + NS_PER_SEC);
    receive(&reply);
    ck_assert_uint_eq(announcements(), 1);
    ck_assert_uint_eq(r.recorder.drops[DROP_ARP_CONFLICT], 11);
    ck_assert_uint_eq(r.iface.neighbours.table.count, 0);
}
END_TEST

START_TEST(arp_sender_is_off_this_link)
{
    struct frame f = arp_frame(1, peer_mac, 0x0a090101U, OUR_IP);
    expect_arp_refused(&f, DROP_ARP_BAD_SENDER);
}
END_TEST

START_TEST(arp_sender_is_the_broadcast_address)
{
    struct frame f = arp_frame(1, peer_mac, 0x0a0900ffU, OUR_IP);
    expect_arp_refused(&f, DROP_ARP_BAD_SENDER);
}
END_TEST

START_TEST(arp_reply_without_a_sender)
{
    struct frame f = arp_frame(2, peer_mac, 0, OUR_IP);
    expect_arp_refused(&f, DROP_ARP_BAD_SENDER);
}
END_TEST

START_TEST(arp_sender_without_a_link_address)
{
    struct frame f = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    for (unsigned i = 22; i < 28; i++) {
        f.b[i] = 0;
    }
    expect_arp_refused(&f, DROP_ARP_BAD_SENDER);
}
END_TEST

START_TEST(arp_outbox_full)
{
    struct frame f = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    for (unsigned i = 0; i < IFACE_ARP_OUTBOX; i++) {
        receive(&f);
    }
    ck_assert_uint_eq(drop_total(&r.recorder), 0);
    receive(&f);
    expect_drop(&r.recorder, DROP_ARP_OUTBOX_FULL);
    iface_flush(&r.iface);
    ck_assert_uint_eq(r.dev.count, IFACE_ARP_OUTBOX);
}
END_TEST

START_TEST(a_gratuitous_arp_updates_an_entry)
{
    receive_arp(1, peer_mac, PEER_IP, OUR_IP);
    struct mac moved = {{0x02, 0, 0, 0, 0, 0x77}};
    receive_arp(1, moved, PEER_IP, PEER_IP);
    iface_flush(&r.iface);
    fake_netdev_clear(&r.dev);
    link_rig_send(&r, PEER_IP, 20);
    ck_assert_mem_eq(r.dev.frames[0].bytes, moved.b, 6);
    ck_assert_uint_eq(drop_total(&r.recorder), 0);
}
END_TEST

START_TEST(an_announcement_is_a_request_for_ourselves)
{
    iface_announce(&r.iface);
    iface_flush(&r.iface);
    struct frame want = frame_of_hex("ffffffffffff 020000000002 0806 0001 0800 06 04 0001"
                                     "020000000002 0a090002 000000000000 0a090002");
    expect_frame(&r.dev, 0, &want);
}
END_TEST

/* ---- out ---- */

/* requires: 1122-2.3.2.2-1, 1122-2.4-3 */
START_TEST(a_packet_waits_until_the_neighbour_answers)
{
    ck_assert_int_eq(link_rig_send(&r, PEER_IP, 3), IFACE_QUEUED);
    ck_assert_int_eq(link_rig_send(&r, PEER_IP, 4), IFACE_QUEUED);
    ck_assert_uint_eq(r.dev.count, 0);
    iface_flush(&r.iface);
    ck_assert_uint_eq(r.dev.count, 1);
    struct frame request = frame_of_hex("ffffffffffff 020000000002 0806 0001 0800 06 04 0001"
                                        "020000000002 0a090002 000000000000 0a090001");
    expect_frame(&r.dev, 0, &request);
    receive_arp(2, peer_mac, PEER_IP, OUR_IP);
    ck_assert_uint_eq(r.dev.count, 1); /* input never sends */
    iface_flush(&r.iface);
    ck_assert_uint_eq(r.dev.count, 3);
    struct frame first = frame_of_hex("020000000001 020000000002 0800 000000");
    struct frame second = frame_of_hex("020000000001 020000000002 0800 00000000");
    expect_frame(&r.dev, 1, &first);
    expect_frame(&r.dev, 2, &second);
    ck_assert_int_eq(link_rig_send(&r, PEER_IP, 3), IFACE_SENT);
    expect_frame(&r.dev, 3, &first);
    ck_assert_uint_eq(drop_total(&r.recorder), 0);
}
END_TEST

START_TEST(a_waiting_packet_keeps_its_offload_facts)
{
    struct packet p;
    packet_init(&p);
    packet_push(&p, 20);
    p.offload = (struct offload){
        .csum = CSUM_PARTIAL, .gso_type = GSO_TCP4, .gso_size = 1448, .csum_offset = 16};
    ck_assert_int_eq(iface_output(&r.iface, &p, ip4_addr(PEER_IP), r.now), IFACE_QUEUED);
    receive_arp(2, peer_mac, PEER_IP, OUR_IP);
    iface_flush(&r.iface);
    const struct offload *sent = &r.dev.frames[1].offload;
    ck_assert_uint_eq(sent->csum, CSUM_PARTIAL);
    ck_assert_uint_eq(sent->gso_type, GSO_TCP4);
    ck_assert_uint_eq(sent->gso_size, 1448);
    ck_assert_uint_eq(sent->csum_start, 14);
    ck_assert_uint_eq(sent->csum_offset, 16);
}
END_TEST

START_TEST(released_frames_are_freed_at_the_end)
{
    link_rig_send(&r, PEER_IP, 20);
    receive_arp(2, peer_mac, PEER_IP, OUR_IP); /* tear_down sees that nothing is left */
    ck_assert(!list_empty(&r.iface.outbox));
}
END_TEST

START_TEST(requests_are_repeated_and_then_given_up)
{
    link_rig_send(&r, PEER_IP, 20);
    iface_flush(&r.iface);
    ck_assert_uint_eq(r.dev.count, 1);
    link_rig_run(&r, r.now + 10 * NS_PER_SEC);
    ck_assert_uint_eq(r.dev.count, NEIGHBOUR_TRIES);
    expect_drop(&r.recorder, DROP_ARP_UNREACHABLE);
}
END_TEST

/* requires: 1122-2.3.2.2-1 */
START_TEST(arp_queue_full)
{
    for (unsigned i = 0; i < NEIGHBOUR_QUEUE; i++) {
        link_rig_send(&r, PEER_IP, 20);
    }
    ck_assert_uint_eq(drop_total(&r.recorder), 0);
    ck_assert_int_eq(link_rig_send(&r, PEER_IP, 20), IFACE_QUEUED);
    expect_drop(&r.recorder, DROP_ARP_QUEUE_FULL);
}
END_TEST

START_TEST(arp_cache_full)
{
    r.iface.prefix = 16;
    for (uint32_t i = 0; i < NEIGHBOURS; i++) {
        ck_assert_int_eq(link_rig_send(&r, 0x0a090100U + i, 20), IFACE_QUEUED);
        iface_flush(&r.iface);
    }
    ck_assert_int_eq(link_rig_send(&r, PEER_IP, 20), IFACE_REFUSED);
    expect_drop(&r.recorder, DROP_ARP_CACHE_FULL);
}
END_TEST

/* No slab holds it: it is lost, though there is memory; what fits one waits. */
START_TEST(arp_too_big)
{
    static const uint8_t zeros[200000];
    const size_t lengths[] = {65549, sizeof zeros};
    const enum iface_result results[] = {IFACE_QUEUED, IFACE_REFUSED};
    for (unsigned i = 0; i < COUNT_OF(lengths); i++) {
        struct packet p;
        packet_init(&p);
        packet_add(&p, (struct slice){zeros, lengths[i]});
        p.offload = (struct offload){.gso_type = GSO_TCP4, .gso_size = 1448};
        ck_assert_int_eq(iface_output(&r.iface, &p, ip4_addr(PEER_IP), r.now), results[i]);
    }
    expect_drop(&r.recorder, DROP_ARP_TOO_BIG);
}
END_TEST

START_TEST(eth_no_buffer)
{
    r.pools.bufs.fail_at = 1;
    ck_assert_int_eq(link_rig_send(&r, PEER_IP, 20), IFACE_REFUSED);
    expect_drop(&r.recorder, DROP_ETH_NO_BUFFER);
}
END_TEST

START_TEST(dev_refused)
{
    receive_arp(1, peer_mac, PEER_IP, OUR_IP);
    iface_flush(&r.iface);
    r.dev.refuse = true;
    ck_assert_int_eq(link_rig_send(&r, PEER_IP, 20), IFACE_REFUSED);
    expect_drop(&r.recorder, DROP_DEV_REFUSED);
}
END_TEST

/* requires: 1122-3.3.6-4 */
START_TEST(broadcast_and_multicast_need_no_neighbour)
{
    ck_assert_int_eq(link_rig_send(&r, 0xffffffffU, 1), IFACE_SENT);
    ck_assert_int_eq(link_rig_send(&r, 0x0a0900ffU, 1), IFACE_SENT);
    ck_assert_int_eq(link_rig_send(&r, 0xe0000001U, 1), IFACE_SENT);
    struct frame broadcast = frame_of_hex("ffffffffffff 020000000002 0800 00");
    struct frame group = frame_of_hex("01005e000001 020000000002 0800 00");
    expect_frame(&r.dev, 0, &broadcast);
    expect_frame(&r.dev, 1, &broadcast);
    expect_frame(&r.dev, 2, &group);
}
END_TEST

/* requires: 1122-3.2.1.3-7, 1122-3.3.6-1 */
START_TEST(which_addresses_are_broadcast)
{
    ck_assert(iface_is_broadcast(&r.iface, ip4_addr(0xffffffffU)));
    ck_assert(iface_is_broadcast(&r.iface, ip4_addr(0x0a0900ffU)));
    ck_assert(iface_is_broadcast(&r.iface, ip4_addr(0x0a090000U)));
    ck_assert(!iface_is_broadcast(&r.iface, ip4_addr(OUR_IP)));
    ck_assert(!iface_is_broadcast(&r.iface, ip4_addr(0x0a0901ffU)));
    r.iface.prefix = 30;
    ck_assert(iface_is_broadcast(&r.iface, ip4_addr(0x0a090003U)));
    ck_assert(!iface_is_broadcast(&r.iface, ip4_addr(0x0a0900ffU)));
    struct ip_addr six;
    ck_assert(ip_parse("::a09:3", &six));
    ck_assert(!iface_is_broadcast(&r.iface, six));
    r.iface.prefix = 31; /* RFC 3021 */
    ck_assert(!iface_is_broadcast(&r.iface, ip4_addr(0x0a090003U)));
}
END_TEST

static TCase *case_in(void)
{
    TCase *t = tcase_create("ethernet and arp in");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_packet_for_us_goes_up_without_its_header);
    tcase_add_test(t, a_broadcast_goes_up_as_such);
    tcase_add_test(t, eth_truncated);
    tcase_add_test(t, eth_not_for_us);
    tcase_add_test(t, eth_group_not_ours);
    tcase_add_test(t, eth_bad_source);
    tcase_add_test(t, eth_unknown_type);
    tcase_add_test(t, a_packet_in_an_802_frame);
    tcase_add_test(t, arp_in_an_802_frame);
    tcase_add_test(t, an_802_frame_that_is_something_else);
    tcase_add_test(t, a_request_for_us_is_answered_at_the_flush);
    tcase_add_test(t, the_answer_names_the_frame_that_led_to_it);
    tcase_add_test(t, a_watch_sees_every_frame_whole);
    tcase_add_test(t, who_asks_us_is_learned);
    tcase_add_test(t, a_probe_is_answered_and_not_learned);
    tcase_add_test(t, arp_malformed);
    tcase_add_test(t, arp_truncated);
    tcase_add_test(t, arp_not_for_us);
    tcase_add_test(t, arp_unasked_reply_makes_no_entry);
    tcase_add_test(t, arp_gratuitous_makes_no_entry);
    tcase_add_test(t, arp_sender_is_a_group);
    tcase_add_test(t, arp_sender_has_our_address);
    tcase_add_test(t, arp_conflict);
    tcase_add_test(t, arp_sender_is_off_this_link);
    tcase_add_test(t, arp_sender_is_the_broadcast_address);
    tcase_add_test(t, arp_reply_without_a_sender);
    tcase_add_test(t, arp_sender_without_a_link_address);
    tcase_add_test(t, arp_outbox_full);
    tcase_add_test(t, a_gratuitous_arp_updates_an_entry);
    return t;
}

static TCase *case_out(void)
{
    TCase *t = tcase_create("out");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, an_announcement_is_a_request_for_ourselves);
    tcase_add_test(t, a_packet_waits_until_the_neighbour_answers);
    tcase_add_test(t, a_waiting_packet_keeps_its_offload_facts);
    tcase_add_test(t, released_frames_are_freed_at_the_end);
    tcase_add_test(t, requests_are_repeated_and_then_given_up);
    tcase_add_test(t, arp_queue_full);
    tcase_add_test(t, arp_cache_full);
    tcase_add_test(t, eth_no_buffer);
    tcase_add_test(t, arp_too_big);
    tcase_add_test(t, dev_refused);
    tcase_add_test(t, broadcast_and_multicast_need_no_neighbour);
    tcase_add_test(t, which_addresses_are_broadcast);
    return t;
}

Suite *iface_suite(void);

Suite *iface_suite(void)
{
    Suite *s = suite_create("iface");
    suite_add_tcase(s, case_in());
    suite_add_tcase(s, case_out());
    return s;
}
