/* The sender's scoreboard (RFC 2018 8, RFC 6675 3): what is outstanding, [snd_una, snd_nxt) less a SYN,
 * as runs of octets that were sent at one moment and have shared one fate since.
 *
 * A run may be a whole super-segment, or what several segments of one flush carried: it is cut only where
 * a SACK block, a cumulative ACK or a retransmission cuts it. Runs are found by sequence number in a tree
 * (logarithmic, whatever a peer sends), and lie in lists by sequence number and by time of sending.
 * Their number is bounded: by `max` for a connection, by the pool for the host. At the bound new octets
 * join the last run, and a SACK block that would cut one is passed over: SACK is advice.
 */
#ifndef VITRINE_TCP_SCOREBOARD_H
#define VITRINE_TCP_SCOREBOARD_H

#include "stack/base/list.h"
#include "stack/base/pool.h"
#include "stack/tcp/seq_tree.h"

enum sent_state {
    SENT_OUT,    /* in the network, as far as we know */
    SENT_LOST,   /* to be sent again */
    SENT_SACKED, /* the peer has it, beyond a hole */
};

struct tcp_sent {
    struct list link;       /* in scoreboard.runs */
    struct list state_link; /* in scoreboard.out or scoreboard.lost */
    struct seq_node node;   /* in scoreboard.tree */
    tcp_seq start, end;
    nsec sent_at;       /* when it was last sent */
    uint64_t delivered; /* bytes that the connection had delivered then */
    uint64_t lost;      /* and lost */
    uint32_t in_flight; /* bytes that were in the network then, it included */
    nsec delivered_at;  /* when the latest of those were, then */
    nsec first_sent_at; /* when the first of those that were in flight then had been sent */
    uint8_t state;      /* enum sent_state */
    bool again;         /* sent more than once */
    bool refused; /* went with a SYN only, which was taken without: nothing of it is under way */
    bool app_limited; /* nothing more was there to be sent then */
};

struct scoreboard {
    struct list runs; /* by sequence number */
    struct list
        out; /* those in SENT_OUT, the one sent longest ago first; of one moment, by sequence number */
    struct list lost;         /* those in SENT_LOST, by sequence number */
    struct list *latest_lost; /* the one of them that was put there last; NULL: it is gone */
    struct seq_tree tree;     /* all, to be found by sequence number */
    uint32_t count;           /* runs */
    uint32_t lost_bytes, sacked_bytes;
};

/* What is noted with a transmission: when, and how far delivery was (struct tcp_sent). */
struct sent_stamp {
    nsec sent_at, delivered_at, first_sent_at;
    uint64_t delivered, lost;
    uint32_t in_flight;
    bool app_limited;
};

/* Told of octets that the peer has for the first time: [run->start, upto) of `run`, as it was. */
typedef void (*sent_delivered)(void *arg, const struct tcp_sent *run, tcp_seq upto);

void scoreboard_init(struct scoreboard *b, uint32_t dice);
void scoreboard_done(struct scoreboard *b, struct pool *pool);

/* [start, end) was sent for the first time; `start` is where the last run ends. False: no run could be had;
 * nothing was noted, and the octets must not be sent. */
bool scoreboard_sent(struct scoreboard *b, struct pool *pool, uint32_t max, tcp_seq start,
                     tcp_seq end, const struct sent_stamp *stamp);
/* The first `len` octets of `run` (OUT or LOST) were sent again. False: no run could be had for the cut;
 * nothing was noted, and they must not be sent. */
bool scoreboard_sent_again(struct scoreboard *b, struct pool *pool, struct tcp_sent *run,
                           uint32_t len, const struct sent_stamp *stamp);

/* The cumulative ACK moved to `una`. */
void scoreboard_acked(struct scoreboard *b, struct pool *pool, tcp_seq una, sent_delivered told,
                      void *arg);
/* The peer has [start, end) too; both lie within what is outstanding. Returns the octets that it was not
 * known to have. */
uint32_t scoreboard_sacked(struct scoreboard *b, struct pool *pool, uint32_t max, tcp_seq start,
                           tcp_seq end, sent_delivered told, void *arg);

/* `run`, or what of it lies before `upto`, is lost. Returns the octets so marked, 0: it was so before. */
uint32_t scoreboard_mark_lost(struct scoreboard *b, struct pool *pool, struct tcp_sent *run,
                              tcp_seq upto);
/* Everything is lost, what was SACKed too (RFC 2018 8: the peer may have dropped it since). */
void scoreboard_mark_all_lost(struct scoreboard *b, struct pool *pool);
/* Nothing is lost, but what was refused: what was marked counts as in flight, sent at `now`. When it was sent in truth is no longer
 * known, so, as of what was sent again, its acknowledgment gives no round trip (Karn). */
void scoreboard_unmark_lost(struct scoreboard *b, struct pool *pool, nsec now);

/* The run that `seq` lies in, or the first behind it; NULL: none. */
struct tcp_sent *scoreboard_at(const struct scoreboard *b, tcp_seq seq);
struct tcp_sent *scoreboard_first(const struct scoreboard *b);
struct tcp_sent *scoreboard_last(const struct scoreboard *b);
struct tcp_sent *scoreboard_next(const struct scoreboard *b, const struct tcp_sent *run);
struct tcp_sent *scoreboard_first_lost(const struct scoreboard *b);
/* The run in flight that was sent longest ago, and the one sent after it; NULL: none. */
struct tcp_sent *scoreboard_oldest(const struct scoreboard *b);
struct tcp_sent *scoreboard_younger(const struct scoreboard *b, const struct tcp_sent *run);

/* Cuts `run` so that it ends at `at`, which lies inside; returns the part behind, or NULL. */
struct tcp_sent *scoreboard_cut(struct scoreboard *b, struct pool *pool, struct tcp_sent *run,
                                tcp_seq at);

static inline uint32_t sent_len(const struct tcp_sent *run)
{
    return seq_span(run->start, run->end);
}

#endif
