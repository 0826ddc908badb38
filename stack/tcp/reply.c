#include "stack/tcp/reply.h"

void reply_queue(struct tcp *t, const struct tcp_reply *r)
{
    if (t->reply_count == TCP_REPLIES) {
        trace_drop(t->recorder, DROP_TCP_RESET_QUEUE_FULL, r->conn, 0);
        return;
    }
    struct tcp_reply *queued = &t->replies[t->reply_count++];
    *queued = *r;
    queued->cause = t->recorder->cause;
}

void reply_reset(struct tcp *t, const struct tcp_segment *s)
{
    if ((s->flags & TCP_RST) != 0) {
        return;
    }
    struct tcp_reply r = {.segment = {.src = s->dst, .dst = s->src}};
    if (s->back != NULL) {
        r.route = *s->back;
    }
    if ((s->flags & TCP_ACK) != 0) {
        r.segment.seq = s->ack;
        r.segment.flags = TCP_RST;
    } else {
        r.segment.ack = segment_end(s);
        r.segment.flags = TCP_RST | TCP_ACK;
    }
    reply_queue(t, &r);
}

static void send_one(struct tcp *t, const struct tcp_reply *r, nsec now)
{
    const struct tcp_segment *s = &r->segment;
    struct packet p;
    packet_init(&p);
    segment_write(s, &p);
    struct ip_how how = {.src = s->src.addr,
                         .dst = s->dst.addr,
                         .protocol = IP_TCP,
                         .ttl = r->ttl != 0 ? r->ttl : IP_DEFAULT_TTL,
                         .tos = (uint8_t)(r->tos & ~IP_ECN_MASK),
                         .options = &r->route};
    segment_trace_out(t->recorder, r->conn, s, s->wnd, false);
    t->totals.segments_out++;
    t->totals.resets_out += (s->flags & TCP_RST) != 0 ? 1 : 0;
    ip_output(t->ip, &p, &how, now);
}

void reply_flush(struct tcp *t, nsec now)
{
    for (uint32_t i = 0; i < t->reply_count; i++) {
        t->recorder->cause = t->replies[i].cause;
        send_one(t, &t->replies[i], now);
    }
    t->reply_count = 0;
}
