/* How fast the path delivers (draft-cheng-iccrg-delivery-rate-estimation, as BBR's draft has it): each run
 * that is sent carries how far delivery had come then; when it is delivered, the difference is a sample.
 */
#ifndef VITRINE_TCP_RATE_H
#define VITRINE_TCP_RATE_H

#include "stack/tcp/scoreboard.h"

struct tcp_ack;
struct tcp_conn;

struct tcp_rate {
    uint64_t lost;      /* bytes taken for lost so far */
    uint64_t delivered; /* bytes delivered so far, cumulatively or by SACK */
    nsec delivered_at;  /* when the latest of them were */
    nsec first_sent_at; /* when the first of those that are in flight was sent */
    uint64_t
        app_limited; /* until so much is delivered, the application was the limit; 0: it is not */
    uint64_t latest; /* the latest sample, bytes a second; 0: none yet */
    bool latest_app_limited;
};

/* Bytes that `rate` bytes a second bring in `span`; and how long they take. */
uint64_t rate_bytes(uint64_t rate, nsec span);
nsec rate_time(uint64_t rate, uint32_t bytes);

/* The stamp for `span` octets that are sent at `now`. */
struct sent_stamp rate_stamp(struct tcp_conn *c, uint32_t span, nsec now);
/* The application has no more to send, and the window has room. */
void rate_app_limited(struct tcp_conn *c);
/* `n` octets of `run` are delivered: `ack` keeps the latest sent of what one ACK delivers. */
void rate_delivered(struct tcp_conn *c, const struct tcp_sent *run, uint32_t n,
                    struct tcp_ack *ack);
/* The ACK is whole: computes its sample. */
void rate_sample(struct tcp_conn *c, struct tcp_ack *ack);

#endif
