/* RFC 2883 section 4: (1) the first block reports the latest duplicate, (2) once; (4) one that lies beyond a hole
 * is followed by the block that it lies in; (5) the others follow as RFC 2018 4 has them.
 */
#include "stack/tcp/dsack.h"

#include "stack/tcp/conn.h"

/* Several duplicates of one batch, which one ACK answers, are one when they touch; else the latest counts. */
static void note(struct tcp_conn *c, tcp_seq start, tcp_seq end)
{
    struct tcp_dsack *d = &c->dsack;
    if (d->due && seq_le(start, d->block.end) && seq_ge(end, d->block.start)) {
        start = seq_min(start, d->block.start);
        end = seq_max(end, d->block.end);
    }
    *d = (struct tcp_dsack){.block = {start, end}, .due = true};
}

void dsack_look(struct tcp_conn *c, const struct tcp_segment *s)
{
    tcp_seq end = segment_end(s);
    if (!c->sack_ok || c->tcp->config.no_dsack || seq_eq(s->seq, end) ||
        (s->flags & (TCP_SYN | TCP_RST)) != 0) {
        return;
    }
    if (seq_lt(s->seq, c->rcv_nxt)) {
        uint64_t came = 1U + c->story.bytes_in + (c->fin_received ? 1U : 0U); /* SYN, text, FIN */
        if (seq_span(s->seq, c->rcv_nxt) <= came) {
            note(c, s->seq, seq_min(end, c->rcv_nxt));
        }
        return;
    }
    const struct tcp_range *range = reassembly_find(&c->reassembly, s->seq, end);
    if (range != NULL) {
        note(c, seq_max(s->seq, range->start), seq_min(end, range->end));
    }
}

unsigned dsack_blocks(const struct tcp_conn *c, struct tcp_sack_block *out, unsigned max)
{
    const struct reassembly *r = &c->reassembly;
    if (!c->dsack.due) {
        return reassembly_sack(r, out, max);
    }
    unsigned n = 0;
    out[n++] = c->dsack.block;
    const struct tcp_range *around = NULL;
    if (seq_gt(c->dsack.block.end, c->rcv_nxt)) {
        around = reassembly_find(r, c->dsack.block.start, c->dsack.block.end);
    }
    if (around != NULL) {
        out[n++] = (struct tcp_sack_block){around->start, around->end};
    }
    struct tcp_sack_block latest[TCP_SACK_BLOCKS];
    unsigned count = reassembly_sack(r, latest, max);
    for (unsigned i = 0; i < count && n < max; i++) {
        if (around == NULL || !seq_eq(latest[i].start, around->start)) {
            out[n++] = latest[i];
        }
    }
    return n;
}
