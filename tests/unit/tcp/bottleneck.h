/* One sender over one bottleneck, in virtual time, for algorithms of congestion control: a queue with room for
 * so many bytes, a rate, a round trip, some loss. It has nothing of the stack but the algorithm; the delivery
 * rate is computed here, from the equations of draft-ietf-ccwg-bbr 4.1.
 */
#ifndef VITRINE_TESTS_BOTTLENECK_H
#define VITRINE_TESTS_BOTTLENECK_H

#include "stack/tcp/cc.h"

#define BOTTLENECK_PACKETS 65536U

struct flight_packet {
    nsec sent_at, delivered_at, first_sent_at, ack_at;
    uint64_t delivered, lost;
    uint32_t in_flight;
    bool dropped, app_limited;
};

struct bottleneck {
    /* the path; may be changed at any time */
    uint64_t rate;     /* bytes a second */
    nsec rtt;          /* without a queue */
    uint64_t buffer;   /* bytes */
    uint32_t loss;     /* of a million packets */
    uint64_t app_rate; /* bytes a second that the application has; 0: always more */
    /* the sender */
    struct tcp_cc cc;
    nsec now;
    uint64_t in_flight;
    /* what came of it */
    uint64_t delivered, lost, sent, dropped;
    nsec least_rtt, latest_rtt;
    uint64_t inflight_sum, inflight_count; /* seen at each ACK */
    /* inside */
    nsec free_at, next_send_at, delivered_at, first_sent_at, app_from;
    uint64_t head, tail, marked; /* of packets: acknowledged or lost; sent; judged */
    uint64_t recover;
    bool recovering, cwnd_limited;
    uint64_t app_limited, app_sent;
    uint32_t dice;
    struct flight_packet packet[BOTTLENECK_PACKETS];
};

void bottleneck_init(struct bottleneck *b, const struct tcp_cc_ops *ops, uint32_t mss,
                     uint64_t rate, nsec rtt, uint64_t buffer);
void bottleneck_run(struct bottleneck *b, nsec span);
/* Bytes a second delivered over the next `span`. */
uint64_t bottleneck_goodput(struct bottleneck *b, nsec span);
/* Everything in flight is given up, as at a timeout. */
void bottleneck_timeout(struct bottleneck *b);

#endif
