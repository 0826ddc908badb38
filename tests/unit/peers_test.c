/* Several hosts behind one address: what a loop sends on to the others, and where a host keeps quiet because another may
 * have the use of a frame. Socket pairs in place of the TAP's queue and of the inboxes. */
#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stack/link/frame_facts.h"
#include "stack/loop.h"
#include "tests/unit/link/link_rig.h"

Suite *peers_suite(void);

static struct host h;
static struct loop loop;
static struct tap queue, inbox, peer;
static int device, sender, other; /* far ends: of the queue, of our inbox, of the other's inbox */
static int stop_pipe[2];

static void on_stop(void *arg)
{
    char byte;
    ck_assert_int_eq(read(stop_pipe[0], &byte, 1), 1);
    loop_stop(arg);
}

static int socket_tap(struct tap *t)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
    tap_of_fd(t, ends[0], 1500, 0, 2);
    return ends[1];
}

static void set_up(void)
{
    struct host_config config = {.recorder_events = 1024};
    ck_assert(loop_seed(config.seed));
    ck_assert_int_eq(pipe(stop_pipe), 0);
    device = socket_tap(&queue);
    sender = socket_tap(&inbox);
    other = socket_tap(&peer);
    queue.dev.mac = our_mac;
    ck_assert(host_init(&h, &config, loop_now()));
    struct iface *vt0 = host_attach(&h, &queue.dev, ip4_addr(OUR_IP), 24);
    ck_assert_int_eq(loop_init(&loop, &h), 0);
    ck_assert_int_eq(loop_add_tap(&loop, &queue, vt0), 0);
    ck_assert_int_eq(loop_add_inbox(&loop, &inbox, vt0), 0);
    ck_assert_int_eq(loop_add_peer(&loop, &peer), 0);
    ck_assert_int_eq(loop_watch(&loop, stop_pipe[0], on_stop, &loop), 0);
}

static void tear_down(void)
{
    loop_done(&loop);
    tap_close(&queue);
    tap_close(&inbox);
    tap_close(&peer);
    host_done(&h);
    close(device);
    close(sender);
    close(other);
    close(stop_pipe[0]);
    close(stop_pipe[1]);
}

/* A frame comes in on such a socket, and all that follows has happened. */
static void arrive(int fd, const struct frame *f)
{
    ck_assert_int_eq(send(fd, f->b, f->len, 0), (ssize_t)f->len);
    ck_assert_int_eq(write(stop_pipe[1], "x", 1), 1);
    ck_assert_int_eq(loop_run(&loop), 0);
}

static bool has(int fd, uint8_t out[2048], ssize_t *len)
{
    *len = recv(fd, out, 2048, 0);
    return *len > 0;
}

static void expect_sent_on(const struct frame *f)
{
    uint8_t got[2048];
    ssize_t len;
    ck_assert(has(other, got, &len));
    ck_assert_int_eq(len, (ssize_t)f->len);
    ck_assert_mem_eq(got, f->b, f->len);
}

static void expect_silence(int fd)
{
    uint8_t got[2048];
    ssize_t len;
    ck_assert(!has(fd, got, &len));
}

static struct frame segment(uint16_t fragment, const char *payload)
{
    struct ip4_spec spec = ip4_spec_to_us(6);
    spec.fragment = fragment;
    struct frame bytes = frame_of_hex(payload);
    return frame_ip4(&spec, bytes.b, bytes.len);
}

/* A SYN from port 1234 to port 81, with its checksum by an independent program. */
#define SYN "04d20051 00000001 00000000 50022000 76aa 0000"

START_TEST(an_arp_request_reaches_all_and_has_one_answer)
{
    struct frame request = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    uint8_t reply[2048];
    ssize_t len;
    arrive(device, &request);
    expect_sent_on(&request);
    ck_assert(has(device, reply, &len));
    ck_assert_int_eq(reply[21], 2); /* ARP, reply */
    arrive(sender, &request);       /* the same from another: learned, and no more */
    expect_silence(device);
    expect_silence(other);
    ck_assert_uint_eq(h.recorder.causes[CAUSE_FRAME], 2);
}
END_TEST

START_TEST(what_is_of_one_connection_is_not_sent_on)
{
    struct frame syn = segment(0x4000, SYN);
    struct frame request = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    uint8_t got[2048];
    ssize_t len;
    arrive(device, &request); /* so that an answer knows its way */
    expect_sent_on(&request);
    ck_assert(has(device, got, &len));
    arrive(device, &syn);
    expect_silence(other);
    ck_assert(has(device, got, &len)); /* nobody listens: a reset (RFC 9293 3.10.7.1) */
    ck_assert_int_eq(got[FRAME_ETH + FRAME_IP + 13] & 4, 4);
}
END_TEST

/* The same SYN from another host's queue: it is not for us, or we would have had it. */
START_TEST(what_is_sent_on_and_nobodys_has_no_answer)
{
    struct frame syn = segment(0x4000, SYN);
    arrive(sender, &syn);
    expect_silence(device);
    expect_silence(other);
    expect_drop(&h.recorder, DROP_IP_ANOTHER_HOST);
}
END_TEST

/* In two fragments, which one pair of endpoints does not tell. */
START_TEST(fragments_reach_all_and_their_segment_is_not_reset)
{
    struct frame first = segment(0x2000, "04d20051 00000001 00000001 50102000 10230000 61626364");
    struct frame last = segment(0x0003, "65666768 696a6b6c");
    arrive(device, &first);
    expect_sent_on(&first);
    arrive(device, &last);
    expect_sent_on(&last);
    expect_silence(device);
    expect_drop(&h.recorder, DROP_IP_ANOTHER_HOST);
}
END_TEST

START_TEST(an_echo_is_answered_by_whom_it_reaches_first)
{
    struct ip4_spec spec = ip4_spec_to_us(1);
    struct frame message = frame_of_hex("0800e97abeef000770696e67207061796c6f616421");
    struct frame echo = frame_ip4(&spec, message.b, message.len);
    arrive(sender, &echo);
    expect_silence(device);
    expect_drop(&h.recorder, DROP_IP_ANOTHER_HOST);
    struct frame request = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    uint8_t got[2048];
    ssize_t len;
    arrive(device, &request);
    ck_assert(has(device, got, &len));
    expect_sent_on(&request);
    arrive(device, &echo);
    expect_silence(other);
    ck_assert(has(device, got, &len));
    ck_assert_int_eq(got[FRAME_ETH + FRAME_IP], 0); /* echo reply */
}
END_TEST

START_TEST(a_datagram_that_is_anothers_is_not_unreachable)
{
    struct ip4_spec spec = ip4_spec_to_us(17);
    struct frame datagram = frame_of_hex("04d2 0051 0008 0000"); /* no checksum (RFC 768) */
    struct frame f = frame_ip4(&spec, datagram.b, datagram.len);
    arrive(sender, &f);
    expect_silence(device);
    expect_drop(&h.recorder, DROP_IP_ANOTHER_HOST);
}
END_TEST

START_TEST(a_full_inbox_is_counted)
{
    struct frame request = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    for (unsigned i = 0; i < 100000 && loop.unshared == 0; i++) {
        arrive(device, &request);
        uint8_t got[2048];
        ssize_t len;
        ck_assert(has(device, got, &len)); /* is answered all the same */
    }
    ck_assert_uint_gt(loop.unshared, 0);
}
END_TEST

START_TEST(errors_and_fragments_concern_all)
{
    struct ip4_spec spec = ip4_spec_to_us(1);
    for (unsigned type = 0; type < 256; type++) {
        uint8_t message[8] = {(uint8_t)type};
        struct frame f = frame_ip4(&spec, message, sizeof message);
        bool error = type == 3 || type == 4 || type == 5 || type == 11 || type == 12; /* RFC 792 */
        ck_assert(frame_concerns_all((struct slice){f.b, f.len}) == error);
        ck_assert(!frame_concerns_all((struct slice){f.b, FRAME_ETH + 8}));
    }
    struct frame arp = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    ck_assert(frame_concerns_all((struct slice){arp.b, arp.len}));
    for (size_t len = 0; len < 14; len++) {
        ck_assert(!frame_concerns_all((struct slice){arp.b, len}));
    }
    struct frame f = frame_to_us(0x86dd); /* IPv6 */
    frame_add_hex(
        &f, "60000000000000000000000000000000000000000000000000000000000000000000000000000000");
    ck_assert(!frame_concerns_all((struct slice){f.b, f.len}));
}
END_TEST

Suite *peers_suite(void)
{
    Suite *s = suite_create("peers");
    TCase *t = tcase_create("peers");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, an_arp_request_reaches_all_and_has_one_answer);
    tcase_add_test(t, what_is_of_one_connection_is_not_sent_on);
    tcase_add_test(t, what_is_sent_on_and_nobodys_has_no_answer);
    tcase_add_test(t, fragments_reach_all_and_their_segment_is_not_reset);
    tcase_add_test(t, an_echo_is_answered_by_whom_it_reaches_first);
    tcase_add_test(t, a_datagram_that_is_anothers_is_not_unreachable);
    tcase_add_test(t, a_full_inbox_is_counted);
    tcase_add_test(t, errors_and_fragments_concern_all);
    suite_add_tcase(s, t);
    return s;
}
