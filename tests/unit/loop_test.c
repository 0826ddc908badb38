/* The event loop with real descriptors: a socket pair in place of a TAP, and a pipe as a watch. */
#include "stack/loop.h"

#include <check.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/link/link_rig.h"

static struct host h;
static struct tap tap;
static struct loop loop;
static int far_end;
static int stop_pipe[2];

static void on_stop(void *arg)
{
    char byte;
    ck_assert_int_eq(read(stop_pipe[0], &byte, 1), 1);
    loop_stop(arg);
}

static void set_up(void)
{
    struct host_config config = {.recorder_events = 1024};
    int ends[2];
    ck_assert(loop_seed(config.seed));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    ck_assert_int_eq(pipe(stop_pipe), 0);
    far_end = ends[1];
    tap_of_fd(&tap, ends[0], 1500, 0, 2);
    ck_assert(host_init(&h, &config, loop_now()));
    struct iface *vt0 = host_attach(&h, &tap.dev, ip4_addr(OUR_IP), 24);
    ck_assert_int_eq(loop_init(&loop, &h), 0);
    ck_assert_int_eq(loop_add_tap(&loop, &tap, vt0), 0);
    ck_assert_int_eq(loop_watch(&loop, stop_pipe[0], on_stop, &loop), 0);
}

static void tear_down(void)
{
    loop_done(&loop);
    tap_close(&tap);
    host_done(&h);
    close(far_end);
    close(stop_pipe[0]);
    close(stop_pipe[1]);
}

static void ask_to_stop(void)
{
    ck_assert_int_eq(write(stop_pipe[1], "x", 1), 1);
}

START_TEST(what_comes_in_is_answered)
{
    struct frame request = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    for (unsigned i = 0; i < 100; i++) { /* more than one batch */
        ck_assert_int_eq(send(far_end, request.b, request.len, 0), (ssize_t)request.len);
    }
    ask_to_stop();
    ck_assert_int_eq(loop_run(&loop), 0);
    ck_assert_uint_eq(h.recorder.causes[CAUSE_FRAME], LOOP_BATCH); /* one batch at a time */
    uint8_t reply[64];
    ck_assert_int_eq(recv(far_end, reply, sizeof(reply), 0), 42);
    ck_assert_mem_eq(reply + 20, "\x00\x02\x02\x02\x00\x00\x00\x00\x0a\x09\x00\x02", 12);
}
END_TEST

START_TEST(timers_fire_while_nothing_comes_in)
{
    struct packet p;
    packet_init(&p);
    struct ip_how how = {
        .src = ip4_addr(OUR_IP), .dst = ip4_addr(PEER_IP), .protocol = IP_TCP, .ttl = 64};
    nsec start = loop_now();
    host_enter(&h, start);
    ip_output(&h.ip, &p, &how, start);
    int result = fork();
    ck_assert_int_ge(result, 0);
    if (result == 0) {
        usleep(1200 * 1000);
        ask_to_stop();
        _exit(0);
    }
    ck_assert_int_eq(loop_run(&loop), 0);
    ck_assert_int_ge(loop_now() - start, NEIGHBOUR_RETRY);
    uint8_t request[64];
    ck_assert_int_eq(recv(far_end, request, sizeof(request), 0), 42);
    ck_assert_int_eq(recv(far_end, request, sizeof(request), 0), 42);
    ck_assert_int_eq(recv(far_end, request, sizeof(request), 0), -1);
}
END_TEST

/* How often this thread has gone to sleep by itself. */
static long sleeps(void)
{
    struct rusage r;
    ck_assert_int_eq(getrusage(RUSAGE_THREAD, &r), 0);
    return r.ru_nvcsw;
}

/* What a wait of 2 ms in which nothing comes does to this. */
static long sleeps_in_a_wait(void)
{
    struct epoll_event event;
    long before = sleeps();
    nsec began = loop_machine_now();
    ck_assert_int_eq(loop_system.wait(&loop, &event, 1, 2 * NS_PER_MS), 0);
    ck_assert_int_ge(loop_machine_now() - began, 2 * NS_PER_MS);
    return sleeps() - before;
}

static void have_a_frame(void)
{
    struct epoll_event event;
    char frame[60] = {0};
    ck_assert_int_eq(send(far_end, frame, sizeof frame, 0), sizeof frame);
    ck_assert_int_eq(loop_system.wait(&loop, &event, 1, 0), 1);
    ck_assert_int_eq(recv(tap.fd, frame, sizeof frame, 0), sizeof frame);
}

START_TEST(busy_poll_stays_awake_for_its_time_after_a_frame)
{
    have_a_frame();
    ck_assert_int_ge(sleeps_in_a_wait(), 1); /* without it */
    loop.busy_poll = NS_PER_SEC * 3600;
    ck_assert_int_ge(sleeps_in_a_wait(), 1); /* nothing has come */
    have_a_frame();
    ck_assert_int_eq(sleeps_in_a_wait(), 0);
    ck_assert_int_eq(sleeps_in_a_wait(), 0); /* a timer in between changes nothing */
}
END_TEST

START_TEST(busy_poll_sleeps_when_its_time_is_over)
{
    loop.busy_poll = NS_PER_MS;
    have_a_frame();
    (void)
        sleeps_in_a_wait(); /* its time is over in this one, asleep or not: a busy machine may let us stand so long */
    ck_assert_int_ge(sleeps_in_a_wait(), 1);
}
END_TEST

START_TEST(a_dead_device_ends_the_loop)
{
    shutdown(far_end, SHUT_RDWR);
    ck_assert_int_eq(loop_run(&loop), -EIO);
}
END_TEST

START_TEST(a_frame_without_a_buffer_has_a_name)
{
    struct frame request = arp_frame(1, peer_mac, PEER_IP, OUR_IP);
    ck_assert_int_eq(send(far_end, request.b, request.len, 0), (ssize_t)request.len);
    h.pools.bufs.fail_at = 1;
    ask_to_stop();
    ck_assert_int_eq(loop_run(&loop), 0);
    expect_drop(&h.recorder, DROP_ETH_NO_BUFFER);
}
END_TEST

START_TEST(taps_and_watches_are_bounded)
{
    int fds[LOOP_WATCHES - 1];
    for (unsigned i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dup(stop_pipe[0]);
        ck_assert_int_eq(loop_watch(&loop, fds[i], on_stop, &loop), 0);
    }
    ck_assert_int_eq(loop_watch(&loop, stop_pipe[1], on_stop, &loop), -ENOSPC);
    ck_assert_int_eq(loop_add_tap(&loop, &tap, &h.ifaces[0]), -EEXIST); /* of epoll */
    loop.tap_count = LOOP_TAPS;
    ck_assert_int_eq(loop_add_tap(&loop, &tap, &h.ifaces[0]), -ENOSPC);
    for (unsigned i = 0; i < COUNT_OF(fds); i++) {
        close(fds[i]);
    }
}
END_TEST

START_TEST(the_clock_goes_forward_and_seeds_differ)
{
    uint8_t a[32] = {0};
    uint8_t b[32] = {0};
    nsec before = loop_now();
    ck_assert(loop_seed(a));
    ck_assert(loop_seed(b));
    ck_assert_int_ge(loop_now(), before);
    ck_assert_mem_ne(a, b, sizeof(a));
}
END_TEST

Suite *loop_suite(void);

Suite *loop_suite(void)
{
    Suite *s = suite_create("loop");
    TCase *t = tcase_create("loop");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, what_comes_in_is_answered);
    tcase_add_test(t, timers_fire_while_nothing_comes_in);
    tcase_add_test(t, busy_poll_stays_awake_for_its_time_after_a_frame);
    tcase_add_test(t, busy_poll_sleeps_when_its_time_is_over);
    tcase_add_test(t, a_dead_device_ends_the_loop);
    tcase_add_test(t, a_frame_without_a_buffer_has_a_name);
    tcase_add_test(t, taps_and_watches_are_bounded);
    tcase_add_test(t, the_clock_goes_forward_and_seeds_differ);
    suite_add_tcase(s, t);
    return s;
}
