/* One host with a fake device, a peer made by hand, and an application that keeps notes.
 *
 * The peer's segments are built, and ours are read, without any code of the stack. Sequence numbers
 * are relative: 0 is the SYN, 1 the first byte. The peer's begin shortly before 2^32, so that every
 * test of more than a few bytes goes through zero.
 */
#ifndef VITRINE_TESTS_TCP_RIG_H
#define VITRINE_TESTS_TCP_RIG_H

#include <check.h>

#include "stack/host.h"
#include "stack/tcp/info.h"
#include "tests/unit/link/fake_netdev.h"
#include "tests/unit/link/frames.h"

#define PEER_ISS 0xffffff80U
#define SERVER_PORT 80U
#define PEER_PORT 40000U
#define RIG_APPS 16U
#define RIG_SENT 2048U
#define MS(n) ((nsec)(NS_PER_MS * (n)))
#define SEC(n) ((nsec)(NS_PER_SEC * (n)))
#define WHEEL_LATE MS(1) /* each of a chain of timers may be late by a tick of the wheel */

/* What the peer's SYN offers. */
struct offer {
    uint16_t mss; /* 0: no such option */
    bool wscale;
    uint8_t shift;
    bool sack_ok;
    bool ts;
};

struct peer {
    uint16_t port, our_port;
    uint32_t iss; /* the peer's ISN */
    uint32_t irs; /* ours, from the first SYN that was taken */
    bool knows_irs;
    uint16_t wnd; /* the window field of what it sends */
    struct offer offer;
    bool ts;            /* it sends timestamps */
    uint32_t tsval;     /* the next one it sends */
    uint32_t ts_recent; /* the latest it saw of ours, which it echoes */
};

/* A segment of ours, as read from the wire. */
struct wire {
    nsec at;
    uint8_t ttl, tos;
    uint16_t src_port, dst_port;
    uint32_t seq, ack; /* as on the wire; `expect` makes them relative */
    uint8_t flags;
    uint16_t wnd, urgent;
    bool has_mss, has_wscale, has_sack_ok, has_ts, has_accecn, has_cookie;
    uint8_t cookie[16]; /* RFC 7413 */
    size_t cookie_len;
    size_t accecn_len; /* bytes of that option, without kind and length */
    uint16_t mss;
    uint8_t shift;
    uint32_t tsval, tsecr;
    unsigned sack_count;
    uint32_t sack[4][2];
    size_t options_len; /* bytes, padding included */
    const uint8_t *data;
    size_t len;
};

/* Bytes of a TCP segment from the peer, to be spoiled before they are sent. */
struct raw {
    uint8_t b[1600];
    size_t len;
};

/* An application that writes down what it is told: a accept, o opened, r readable, w writable,
 * p peer_closed, c closed. Several r in a row are written once. */
struct app {
    struct stream *s; /* NULL: gone */
    char log[512];
    unsigned log_len;
    uint8_t in[192 * 1024];
    size_t in_len;
    size_t written; /* bytes of the pattern that it has committed */
    enum close_reason reason;
    bool lazy;     /* does not read by itself */
    char abort_in; /* the letter of the callback in which it aborts */
    char close_in; /* … in which it closes */
    char stop_in;  /* … in which it shuts its side */
};

struct rig {
    struct host host;
    struct fake_netdev dev;
    struct iface *iface;
    nsec now;
    bool hold; /* the peer's frames wait for rig_release */
    struct list held;
    struct fake_frame sent[RIG_SENT];
    nsec sent_at[RIG_SENT];
    unsigned sent_count, taken; /* segments, as they are behind the device */
    unsigned supers;            /* super-segments that the device was given */
    struct tcp_listener *listener;
    struct app apps[RIG_APPS];
    unsigned app_count;
    char abort_in, close_in; /* of the next accepted application */
    bool lazy, refuse;       /* …; refuse: accept sets no events */
};

extern struct rig rig;
extern bool rig_quick_acks; /* of the hosts that rig_restart makes */
extern const struct stream_events app_events;

/* Fixtures: a host at 10.9.0.2/24, its peer 10.9.0.1 a known neighbour. */
void rig_set_up(void);
/* Aborts what is still open, lets half an hour pass, and asserts that nothing is left. */
void rig_tear_down(void);
/* Flags of segment `i` of `n` that leave at once, of which each `every` are a quantum. Of a super-segment only the last that it
 * is cut into has PSH. */
uint8_t pushed(uint32_t i, uint32_t n, uint32_t every);
/* In place of what rig_set_up made: another configuration. */
void rig_restart(const struct tcp_config *config);
void rig_restart_with(const struct host_config *config);

void rig_flush(void);
void run_to(nsec at);
void run_for(nsec span);
void rig_release(void);
void rig_inject(const struct frame *f);

/* ---- the peer ---- */
struct peer peer_new(void);
struct raw raw_segment(const struct peer *p, unsigned flags, uint32_t seq, uint32_t ack,
                       const void *data, size_t len);
/* The same with option bytes of one's own in place of the usual ones. */
struct raw raw_with_options(const struct peer *p, unsigned flags, uint32_t seq, uint32_t ack,
                            const void *options, size_t options_len, const void *data, size_t len);
void raw_fix(struct raw *r); /* a right checksum, after a change */
void raw_send(const struct raw *r);
void peer_send(const struct peer *p, unsigned flags, uint32_t seq, uint32_t ack);
/* `len` bytes of the pattern, those that stand at `seq`. */
void peer_data(const struct peer *p, unsigned flags, uint32_t seq, uint32_t ack, size_t len);
/* An ICMP error about a segment of ours that begins at relative `seq`. */
void peer_icmp(const struct peer *p, uint8_t type, uint8_t code, uint32_t seq, uint16_t mtu);
uint8_t pattern(size_t offset); /* byte of a stream, by its offset from 0 */

/* ---- what we sent ---- */
bool sent_any(void);
struct wire take_segment(int line);
/* The next segment has these flags, relative numbers and payload length. */
struct wire expect_at(struct peer *p, unsigned flags, uint32_t seq, uint32_t ack, size_t len,
                      int line);
#define expect(p, flags, seq, ack, len) expect_at(p, flags, seq, ack, len, __LINE__)
void expect_nothing_at(int line);
#define expect_nothing() expect_nothing_at(__LINE__)
void discard_sent(void);
void expect_time_at(const struct wire *w, nsec at, int line);
#define expect_time(w, at) expect_time_at(w, at, __LINE__)

/* ---- the application ---- */
void rig_listen(const struct tcp_options *options); /* on SERVER_PORT; NULL: defaults */
void rig_listen_with(uint32_t backlog, uint32_t max_open, const struct tcp_options *options);
/* A whole handshake; listens if nobody does. */
struct app *open_passive(struct peer *p);
/* The same, the final ACK `rtt` after our SYN-ACK: the first round-trip sample. */
struct app *open_with_rtt(struct peer *p, nsec rtt);
/* SYN and SYN-ACK only. */
struct wire half_open(struct peer *p);
/* tcp_connect to the peer's port; the SYN is still to be taken. */
struct app *app_connect(struct peer *p, const struct tcp_options *options);
/* The same, and `len` bytes of the pattern are committed before the SYN leaves. */
struct app *app_connect_with(struct peer *p, const struct tcp_options *options, size_t len);
struct app *open_active(struct peer *p);
/* A passive connection brought to a state: `*seq` is the peer's next number, `*nxt` our SND.NXT. */
struct app *open_in_state(struct peer *p, enum tcp_state state, uint32_t *seq, uint32_t *nxt);
/* Commits `len` bytes of the pattern; returns how many there was room for. */
size_t app_queue(struct app *a, size_t len);
void app_write(struct app *a, size_t len); /* all of it, and a flush */
void app_read(struct app *a, size_t max);  /* up to `max` bytes, and a flush */
void app_shutdown(struct app *a);
void app_abort(struct app *a);
void app_close(struct app *a);
void expect_log_at(const struct app *a, const char *want, int line);
#define expect_log(a, want) expect_log_at(a, want, __LINE__)
/* Everything that came is the pattern from its start, `len` bytes. */
void expect_in_at(const struct app *a, size_t len, int line);
#define expect_in(a, len) expect_in_at(a, len, __LINE__)
struct tcp_info info_of(const struct app *a);
enum tcp_state state_of(const struct app *a);

uint64_t drops_of(enum drop_reason why);
#define expect_drops(why, n)                                                                       \
    ck_assert_msg(drops_of(why) == (n), "%s happened %llu times", drop_name(why),                  \
                  (unsigned long long)drops_of(why))
/* Adds to `s` a case of these tests with the rig's fixtures. */
#define ADD(tc, test) tcase_add_test(tc, test)
TCase *rig_case(Suite *s, const char *name);

#endif
