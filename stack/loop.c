/* The event loop: epoll on TAPs and watches, the clock, and the four calls of a host in their order.
 * One of the three places that make system calls. */
#include "stack/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "stack/link/frame_facts.h"
#include "stack/loop_clock.h"

#define LOOP_WATCH_TAG 0x100U /* epoll data: a watch's index with this bit; a TAP's without */

/* /proc/thread-self/schedstat: nanoseconds on a processor, nanoseconds of waiting for one. Without it the processor's time alone is
 * known, and a machine that is too busy looks like a debugger. */
static void system_usage(struct loop_usage *out)
{
    char text[96];
    int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    if (got > 0) {
        char *end;
        text[got] = '\0';
        out->ran = strtoll(text, &end, 10);
        out->ready = strtoll(end, NULL, 10);
    } else {
        struct timespec t = {0};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        *out = (struct loop_usage){.ran = (nsec)t.tv_sec * NS_PER_SEC + t.tv_nsec};
    }
}

static _Thread_local struct loop_clock clock_here = {.usage = system_usage};

nsec loop_machine_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (nsec)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

static nsec system_now(void)
{
    return loop_clock_now(&clock_here, loop_machine_now());
}

static nsec system_paused(void)
{
    return loop_clock_paused(&clock_here);
}

static bool system_seed(uint8_t seed[32])
{
    ssize_t got;
    do {
        got = getrandom(seed, 32, 0);
    } while (got < 0 && errno == EINTR);
    return got == 32;
}

/* Sleeps until a descriptor is ready, at most `wait` ns. As epoll_wait. */
static int sleep_for(struct loop *l, struct epoll_event *events, int max, nsec wait)
{
    struct timespec t = {.tv_sec = (time_t)(wait / NS_PER_SEC),
                         .tv_nsec = (long)(wait % NS_PER_SEC)};
    int n = epoll_pwait2(l->epoll_fd, events, max, wait == NEVER ? NULL : &t, NULL);
    if (n < 0 && errno == ENOSYS) { /* Linux before 5.11: milliseconds, rounded up */
        nsec ms = nsec_min(wait / NS_PER_MS, INT32_MAX - 1) + 1;
        n = epoll_wait(l->epoll_fd, events, max, wait == NEVER ? -1 : wait == 0 ? 0 : (int)ms);
    }
    return n;
}

/* Asks from `*now` until `until` again and again: whoever sends soon finds us awake. As epoll_wait. */
static int spin(struct loop *l, struct epoll_event *events, int max, nsec *now, nsec until)
{
    int n = 0;
    for (; n == 0 && *now < until; *now = loop_machine_now()) {
        n = epoll_wait(l->epoll_fd, events, max, 0);
    }
    return n;
}

/* Waits for a descriptor, at most `wait` ns. The number of events, or a negative errno. */
static int system_wait(struct loop *l, struct epoll_event *events, int max, nsec wait)
{
    /* In pieces, so that what is more than a piece tells how long it stood still. */
    wait = wait == NEVER ? NEVER : nsec_min(wait, LOOP_STANDSTILL);
    nsec began = loop_machine_now();
    nsec end = wait == NEVER ? NEVER : began + wait;
    if (l->woken) {
        l->spin_until = began + l->busy_poll;
    }
    nsec now = began;
    int n = spin(l, events, max, &now, nsec_min(l->spin_until, end));
    if (n == 0) {
        n = sleep_for(l, events, max, end == NEVER ? NEVER : nsec_max(end - now, 0));
    }
    int error = errno;
    l->woken = n > 0;
    loop_clock_slept(&clock_here, began, loop_machine_now(), wait);
    if (n < 0) {
        return error == EINTR ? 0 : -error;
    }
    return n;
}

struct loop_system loop_system = {
    .now = system_now, .paused = system_paused, .seed = system_seed, .wait = system_wait};

nsec loop_now(void)
{
    return loop_system.now();
}

bool loop_seed(uint8_t seed[32])
{
    return loop_system.seed(seed);
}

int loop_init(struct loop *l, struct host *host)
{
    *l = (struct loop){.host = host};
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return l->epoll_fd < 0 ? -errno : 0;
}

void loop_done(struct loop *l)
{
    if (l->epoll_fd >= 0) {
        close(l->epoll_fd);
        l->epoll_fd = -1;
    }
}

static int loop_add(struct loop *l, int fd, uint32_t tag)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = tag};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int loop_add_tap(struct loop *l, struct tap *tap, struct iface *iface)
{
    if (l->tap_count == LOOP_TAPS) {
        return -ENOSPC;
    }
    int result = loop_add(l, tap->fd, l->tap_count);
    if (result == 0) {
        l->taps[l->tap_count].tap = tap;
        l->taps[l->tap_count].iface = iface;
        l->tap_count++;
    }
    return result;
}

int loop_add_inbox(struct loop *l, struct tap *inbox, struct iface *iface)
{
    int result = loop_add_tap(l, inbox, iface);
    if (result == 0) {
        l->inbox = inbox;
    }
    return result;
}

int loop_add_peer(struct loop *l, struct tap *peer)
{
    if (l->peers == LOOP_PEERS) {
        return -ENOSPC;
    }
    l->peer[l->peers++] = peer;
    return 0;
}

/* A frame that has come to us alone so far. */
static void loop_send_on(struct loop *l, struct buf *frame)
{
    struct packet p;
    packet_init(&p);
    packet_add(&p, buf_slice(frame));
    p.offload = frame->offload;
    for (unsigned i = 0; i < l->peers; i++) {
        struct netdev *to = &l->peer[i]->dev;
        l->unshared += !to->transmit(to, &p);
    }
    frame->reach = BUF_SHARED;
}

/* Where the frames that were read from a TAP may have to go besides. */
static void loop_share(struct loop *l, const struct tap *from, struct list *frames)
{
    for (struct list *n = frames->next; n != frames; n = n->next) {
        struct buf *frame = buf_of_link(n);
        if (from == l->inbox) {
            frame->reach = BUF_SENT_ON;
        } else if (frame_concerns_all(buf_slice(frame))) {
            loop_send_on(l, frame);
        }
    }
}

int loop_watch(struct loop *l, int fd, void (*ready)(void *arg), void *arg)
{
    if (l->watch_count == LOOP_WATCHES) {
        return -ENOSPC;
    }
    int result = loop_add(l, fd, LOOP_WATCH_TAG | l->watch_count);
    if (result == 0) {
        l->watches[l->watch_count++] = (struct loop_watch){.fd = fd, .ready = ready, .arg = arg};
    }
    return result;
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
}

/* One batch of frames from a TAP. 0, or a negative errno when the TAP is gone. */
static int loop_read_tap(struct loop *l, unsigned index, uint32_t events)
{
    struct tap *tap = l->taps[index].tap;
    struct list frames;
    list_init(&frames);
    uint64_t lost = tap->no_buffer;
    int n = tap_receive(tap, &l->host->pools, &frames, LOOP_BATCH);
    if (l->peers > 0) {
        loop_share(l, tap, &frames);
    }
    if (!list_empty(&frames)) {
        host_input(l->host, l->taps[index].iface, &frames, loop_now());
    }
    for (; lost < tap->no_buffer; lost++) {
        trace_drop(&l->host->recorder, DROP_ETH_NO_BUFFER, 0, 0);
    }
    if (n == 0 && (events & (EPOLLERR | EPOLLHUP)) != 0) {
        return -EIO; /* nothing to read, and nothing will come */
    }
    return n < 0 ? n : 0;
}

static int loop_dispatch(struct loop *l, const struct epoll_event *event)
{
    uint32_t tag = event->data.u32;
    if ((tag & LOOP_WATCH_TAG) == 0) {
        return loop_read_tap(l, tag, event->events);
    }
    const struct loop_watch *w = &l->watches[tag & ~LOOP_WATCH_TAG];
    host_enter(l->host, loop_now());
    w->ready(w->arg);
    return 0;
}

static void loop_flush(struct loop *l, nsec now)
{
    host_flush(l->host, now);
    for (unsigned i = 0; i < l->tap_count; i++) {
        struct tap *tap = l->taps[i].tap;
        tap_flush(tap);
        for (; l->taps[i].refused < tap->refused; l->taps[i].refused++) {
            trace_drop(&l->host->recorder, DROP_DEV_REFUSED, 0, 0);
        }
    }
}

static void loop_tell_pause(struct loop *l, nsec now)
{
    nsec paused = loop_system.paused();
    if (paused > 0) {
        host_enter(l->host, now);
        TRACE(&l->host->recorder, 0, paused, .took = paused);
    }
}

int loop_run(struct loop *l)
{
    l->stopped = false;
    loop_flush(l, loop_now()); /* what the application began before the loop */
    while (!l->stopped) {
        struct epoll_event events[LOOP_TAPS + LOOP_WATCHES];
        nsec deadline = host_deadline(l->host);
        nsec wait = deadline == NEVER ? NEVER : nsec_max(deadline - loop_now(), 0);
        int n = loop_system.wait(l, events, (int)COUNT_OF(events), wait);
        int result = n < 0 ? n : 0;
        for (int i = 0; i < n && result == 0; i++) {
            result = loop_dispatch(l, &events[i]);
        }
        nsec now = loop_now();
        loop_tell_pause(l, now);
        host_advance(l->host, now);
        loop_flush(l, now);
        if (result < 0) {
            return result;
        }
    }
    return 0;
}
