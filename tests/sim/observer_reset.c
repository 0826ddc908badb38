/* Resets: RFC 9293 3.5.2, 3.5.3 and 3.10.7.1. */
#include "tests/sim/observer_view.h"

/* In answer to a segment with ACK: <SEQ=SEG.ACK><CTL=RST>; to one without:
 * <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. */
static bool answers(const struct heard *h, const struct sight *s)
{
    if ((s->flags & ACK) == 0) {
        return (h->flags & ACK) != 0 && h->ack == s->seq;
    }
    return (h->flags & ACK) == 0 && s->seq == 0 && h->seq + h->span == s->ack;
}

static bool find_question(const struct view *v, const struct sight *s, bool resets)
{
    uint32_t n = v->heard_count < HEARD ? v->heard_count : HEARD;
    for (uint32_t i = 0; i < n; i++) {
        const struct heard *h = &v->heard[i];
        if (((h->flags & RST) != 0) == resets && answers(h, s)) {
            return true;
        }
    }
    return false;
}

/* The oldest that is remembered came just now: there may have been others. */
static bool overrun(const struct view *v, nsec now)
{
    return v->heard_count >= HEARD && v->heard[v->heard_count % HEARD].at == now;
}

/* What ends a connection of the host's own: <SEQ=SND.NXT>, and an ACK that holds. */
static bool is_own(const struct observer *o, const struct view *v, const struct sight *s)
{
    bool back = host_of(o, s->host)->next_goes_back && !before(s->seq, v->una) &&
                before(s->seq, v->snd_max);
    bool ahead =
        v->begun && before(v->snd_max, s->seq) && host_held_back(o, s->host, v->begun_at, s->now);
    if (!v->begun || (s->seq != v->snd_max && !back && !ahead)) {
        return false;
    }
    if ((s->flags & ACK) == 0) {
        return true;
    }
    uint32_t from = v->ack_sent ? v->acked : v->peer.seq + 1;
    return v->peer_known && !before(s->ack, from) &&
           (!before(ranges_end(&v->ranges, from), s->ack) || v->unsure || v->ranges.lost);
}

/* A half-open connection whose SYN-ACK never came as far as the device is reset by its own numbers. */
static bool is_of_unseen(const struct view *v, const struct sight *s)
{
    for (unsigned i = 0; i < v->syn_count; i++) {
        const struct syn *n = &v->syns[i];
        if ((s->flags & ACK) != 0 && s->ack - (n->seq + 1) <= n->early &&
            (v->heard_at != s->now || n->let_in)) { /* let in, and given up at once */
            return true;
        }
    }
    return false;
}

void judge_reset(struct observer *o, struct view *v, const struct sight *s)
{
    nsec msl = host_of(o, s->host)->msl;
    bool own = is_own(o, v, s);
    bool answer = find_question(v, s, false);
    if (!own && !answer && !is_of_unseen(v, s) && !overrun(v, s->now) && !v->unknown &&
        !v->unsure) {
        bool to_reset = find_question(v, s, true);
        violate(o, s,
                to_reset ? "reset-for-reset [RFC 9293 3.10.7.1]" : "reset [RFC 9293 3.10.7.1]",
                "SEG.ACK of a segment that came, or 0 and its end, or SND.NXT %u", v->snd_max);
    }
    if (msl != 0 && v->timewait_at != 0 && !v->syn_in_timewait &&
        s->now - v->timewait_at < 2 * msl - 5 * NS_PER_MS) {
        violate(o, s, "timewait-reset [RFC 9293 3.10.7.4]", "TIME-WAIT answers with an ACK");
    }
    v->disturbed = true;
    v->owed_since = 0;
    v->owed_now = 0;
    v->full = 0;
    v->quiet = false;
    v->probed = false;
    /* a stray may have come just before the segment that let the connection in: it is answered behind it, also where
     * its number might be the connection's own, as after segments that waited for an address */
    bool stray = !own || (answer && s->seq != v->snd_max);
    bool before_it = stray && v->established_at == s->now;
    if (v->established && !before_it) {
        v->over = "it was reset";
    }
}
