#include "stack/tcp/sack.h"

#include "stack/tcp/conn.h"

/* RFC 2883 4: the first block reports a duplicate when it lies below the cumulative ACK, or inside the
 * second block. Octets that were never sent are no report. */
static bool is_dsack(const struct tcp_conn *c, const struct tcp_segment *s)
{
    const struct tcp_sack_block *first = &s->sack[0];
    if (!seq_lt(first->start, first->end) || seq_gt(first->end, c->snd_nxt) ||
        seq_lt(first->start, seq_sub(s->ack, c->max_snd_wnd))) {
        return false;
    }
    if (seq_le(first->end, s->ack)) {
        return true;
    }
    return s->sack_count > 1 && seq_ge(first->start, s->sack[1].start) &&
           seq_le(first->end, s->sack[1].end) && seq_lt(s->sack[1].start, s->sack[1].end);
}

/* RFC 2018 8: only octets that are outstanding can be newly SACKed. */
static bool is_usable(const struct tcp_conn *c, const struct tcp_sack_block *b)
{
    return seq_lt(b->start, b->end) && seq_ge(b->start, c->snd_una) && seq_le(b->end, c->snd_nxt);
}

/* The blocks that report what arrived, the lowest first: one ACK may report several for the first time, and an octet is
 * overtaken (RFC 8985 6.2 step 3) only by what an earlier ACK reported. Returns how many. */
static unsigned in_order(const struct tcp_segment *s, unsigned from,
                         struct tcp_sack_block out[TCP_SACK_BLOCKS])
{
    unsigned n = 0;
    for (unsigned i = from; i < s->sack_count; i++) {
        unsigned at = n++;
        for (; at > 0 && seq_lt(s->sack[i].start, out[at - 1].start); at--) {
            out[at] = out[at - 1];
        }
        out[at] = s->sack[i];
    }
    return n;
}

/* Runs that the scoreboard may come to by cuts: what the window in segments can be, every other one lost, as much
 * again as a few hundred. A peer whose blocks cut finer would have us send its crumbs one by one. */
static uint32_t runs_max(const struct tcp_conn *c)
{
    static const uint32_t at_least = 256, least_segment = 536; /* RFC 9293 MUST-15 */
    uint32_t segments = seq_span(c->snd_una, c->snd_nxt) / u32_max(c->snd_mss, least_segment);
    return u32_min(c->tcp->config.sent_max, at_least + segments);
}

void sack_take(struct tcp_conn *c, const struct tcp_segment *s, struct tcp_ack *ack,
               sent_delivered told, void *arg)
{
    if (!c->sack_ok || (s->opts & TCP_OPT_HAS_SACK) == 0 || s->sack_count == 0) {
        return;
    }
    bool dsack = is_dsack(c, s);
    if (dsack) {
        ack->dsack_len = seq_span(s->sack[0].start, s->sack[0].end);
        ack->dsack_end = s->sack[0].end;
    }
    struct tcp_sack_block blocks[TCP_SACK_BLOCKS];
    unsigned count = in_order(s, dsack ? 1 : 0, blocks);
    for (unsigned i = 0; i < count; i++) {
        const struct tcp_sack_block *b = &blocks[i];
        if (!is_usable(c, b)) {
            if (seq_gt(b->end, c->snd_una)) { /* else it is only old */
                conn_trace_drop(c, DROP_TCP_BAD_SACK, 0);
            }
            continue;
        }
        ack->sacked += scoreboard_sacked(&c->recovery.board, &c->tcp->sent_pool, runs_max(c),
                                         b->start, b->end, told, arg);
    }
}
