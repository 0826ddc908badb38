/* What a host acknowledges, offers and echoes: RFC 9293 3.8.6, RFC 5681 4.2, RFC 2018, RFC 2883, RFC 7323,
 * RFC 5961.
 */
#include "tests/sim/observer_view.h"

#include <string.h>

#define TIMER_SLACK (3 * NS_PER_MS)
#define COOKIE_TICKS 64 /* a cookie stands in the low six bits of the clock */
#define PAWS_FORGETS (24 * 86400 * NS_PER_SEC) /* RFC 7323 5.5 */

/* ---- timestamps ---- */

/* RFC 7323 5.4: the clock ticks once a millisecond at the most, and never back. */
static void judge_clock(struct observer *o, struct view *v, const struct sight *s)
{
    if (v->stamp_sent) {
        int32_t ticks = (int32_t)(s->opts.tsval - v->tsval);
        int64_t most =
            (s->now - v->tsval_at) / NS_PER_MS + 2 + (v->stamp_coarse ? COOKIE_TICKS : 0);
        bool late = o->host[s->host].arp_at == s->now; /* it may have waited for an address */
        if (ticks < 0) {
            violate(o, s, "tsval-back [RFC 7323 4]", "not before %u", v->tsval);
        } else if (ticks > most && !late && v->tsval_at > o->host[s->host].arp_at) {
            violate(o, s, "tsval-rate [RFC 7323 5.4]", "%d ticks in %lld ms", ticks,
                    (long long)most - 2);
        }
    }
    v->stamp_sent = true;
    v->stamp_coarse = v->cookie && (s->flags & SYN) != 0;
    v->tsval = s->opts.tsval;
    v->tsval_at = s->now;
}

static bool stamp_came(const struct view *v, uint32_t tsecr)
{
    for (unsigned i = 0; i < v->stamp_count; i++) {
        if (v->stamps[i].tsval == tsecr) {
            return true;
        }
    }
    return false;
}

/* A SYN-ACK with a cookie remembers nothing: it echoes the SYN that it answers, and SYNs may have overtaken one
 * another. */
static bool syn_came(const struct syn *peer, uint32_t tsecr)
{
    for (unsigned i = 0; i < peer->tsval_count && i < SYN_STAMPS; i++) {
        if (peer->tsvals[i] == tsecr) {
            return true;
        }
    }
    return false;
}

/* RFC 7323 4.3: TS.Recent, which only grows, of a segment that began at or before Last.ACK.sent. */
static void judge_echo(struct observer *o, struct view *v, const struct sight *s)
{
    uint32_t tsecr = s->opts.tsecr;
    bool stateless = v->cookie && (s->flags & SYN) != 0;
    bool came = stamp_came(v, tsecr) || (stateless && syn_came(&v->peer, tsecr));
    if (!v->unsure && !v->stamps_lost && !came) {
        violate(o, s, "tsecr [RFC 7323 4.3]", "%u is no timestamp that may be echoed", tsecr);
    }
    if (v->echo_sent && !stateless && before(tsecr, v->tsecr) &&
        s->now - v->tsecr_at < PAWS_FORGETS) {
        violate(o, s, "tsecr-back [RFC 7323 4.3]", "not before %u", v->tsecr);
    }
    v->echo_sent = true;
    v->tsecr = tsecr;
    v->tsecr_at = s->now;
    unsigned left = 0;
    for (unsigned i = 0; i < v->stamp_count; i++) {
        if (!before(v->stamps[i].tsval, tsecr)) {
            v->stamps[left++] = v->stamps[i];
        }
    }
    v->stamps_lost = v->stamps_lost && left > 0;
    v->stamp_count = left;
}

void judge_stamps(struct observer *o, struct view *v, const struct sight *s)
{
    bool syn = (s->flags & SYN) != 0;
    bool agreed = view_timestamps(v);
    if (!syn && !v->peer.mixed && s->opts.has_ts != agreed) {
        violate(o, s, "ts-always [RFC 7323 3.2]", "timestamps were %sagreed on",
                agreed ? "" : "not ");
        return;
    }
    if (!s->opts.has_ts) {
        return;
    }
    judge_clock(o, v, s);
    if ((s->flags & ACK) != 0) {
        judge_echo(o, v, s);
    }
}

/* ---- SACK ---- */

/* RFC 2883 4: the first block may report what came twice: behind the ACK, or within the second block. */
static bool is_duplicate_block(const struct sight *s)
{
    const uint32_t *first = s->opts.sack[0];
    if (!before(s->ack, first[1])) {
        return true;
    }
    const uint32_t *second = s->opts.sack[1];
    return s->opts.sacks > 1 && !before(first[0], second[0]) && !before(second[1], first[1]);
}

/* RFC 2883 4 (1), (2): a report is of what has come again since the last ACK, and is made once. */
static void judge_duplicate(struct observer *o, const struct view *v, const struct sight *s)
{
    const uint32_t *b = s->opts.sack[0];
    bool known = !v->unsure && !v->ranges.lost && !v->twice.lost;
    if (known && before(b[0], b[1]) && !ranges_hold(&v->twice, b[0], b[1])) {
        violate(o, s, "dsack-twice [RFC 2883 4]", "%u to %u did not come again", b[0], b[1]);
    }
    if (host_of(o, s->host)->no_dsack) {
        violate(o, s, "dsack-off [RFC 2883 4]", "this host reports no duplicates");
    }
}

static void judge_block(struct observer *o, const struct view *v, const struct sight *s, unsigned i,
                        bool duplicate)
{
    const uint32_t *b = s->opts.sack[i];
    if (!before(b[0], b[1])) {
        violate(o, s, "sack-edges [RFC 2018 3]", "the left edge is below the right one");
        return;
    }
    if (!v->unsure && !v->ranges.lost && !ranges_hold(&v->ranges, b[0], b[1])) {
        violate(o, s, "sack-arrived [RFC 2018 3]", "%u to %u did not arrive", b[0], b[1]);
    }
    if (!duplicate && !before(s->ack, b[0])) {
        violate(o, s, "sack-above [RFC 2018 3]", "%u to %u is not above the ACK", b[0], b[1]);
    }
}

/* RFC 2018 3: what lies between two blocks has not come. */
static void judge_isolated(struct observer *o, const struct sight *s, unsigned first)
{
    for (unsigned i = first; i < s->opts.sacks; i++) {
        for (unsigned j = i + 1; j < s->opts.sacks; j++) {
            const uint32_t *a = s->opts.sack[i];
            const uint32_t *b = s->opts.sack[j];
            if (!before(a[1], b[0]) && !before(b[1], a[0])) {
                violate(o, s, "sack-isolated [RFC 2018 3]", "blocks that do not touch");
            }
        }
    }
}

/* RFC 2018 4: the block with the segment that led to this ACK comes first. */
static void judge_first_block(struct observer *o, const struct view *v, const struct sight *s,
                              unsigned first)
{
    for (unsigned i = first + 1; i < s->opts.sacks && v->out_of_order; i++) {
        const uint32_t *b = s->opts.sack[i];
        if (!before(v->out_start, b[0]) && before(v->out_start, b[1])) {
            violate(o, s, "sack-first [RFC 2018 4]", "first the block with %u, which came last",
                    v->out_start);
        }
    }
}

void judge_sack(struct observer *o, struct view *v, const struct sight *s)
{
    if (s->opts.sacks == 0 || (s->flags & SYN) != 0) {
        return;
    }
    if (!v->peer.mixed && !v->peer.opts.sack_ok) {
        violate(o, s, "sack-permitted [RFC 2018 2]", "the peer did not permit it");
        return;
    }
    bool duplicate = is_duplicate_block(s);
    for (unsigned i = 0; i < s->opts.sacks; i++) {
        judge_block(o, v, s, i, i == 0 && duplicate);
    }
    if (duplicate) {
        judge_duplicate(o, v, s);
    }
    judge_isolated(o, s, duplicate ? 1 : 0);
    /* RFC 2883 4 (4): the block around the duplicate comes second, whatever came last */
    bool beyond = duplicate && before(s->ack, s->opts.sack[0][1]);
    judge_first_block(o, v, s, beyond ? 2 : duplicate ? 1 : 0);
}

/* ---- the ACK and the window ---- */

static void judge_number(struct observer *o, const struct view *v, const struct sight *s)
{
    uint32_t from = v->ack_sent ? v->acked : v->peer.seq + 1;
    if (before(s->ack, from)) {
        violate(o, s, "ack-back [RFC 9293 3.4]", "not below %u", from);
        return;
    }
    uint32_t end = ranges_end(&v->ranges, from);
    if (!v->unsure && !v->ranges.lost && before(end, s->ack)) {
        violate(o, s, "ack-arrived [RFC 9293 3.4]", "no more than %u came without a hole", end);
    }
    /* it may have been made before the latest came, and have waited for an address */
    bool late = o->host[s->host].arp_at == s->now;
    if (v->ack_sent && before(s->ack, v->rcv_low) && !late) {
        violate(o, s, "ack-short [RFC 9293 3.10.7.4]", "RCV.NXT is %u at least", v->rcv_low);
    }
}

/* SHLD-14: the edge never moves left; by less than a unit it may seem to (RFC 7323 2.4). Behind the peer's
 * FIN no window means anything, and a SYN cannot tell a wide one. */
static void judge_edge(struct observer *o, struct view *v, const struct sight *s)
{
    bool syn = (s->flags & SYN) != 0;
    uint32_t shift = syn ? 0 : view_shift_out(v);
    uint32_t wnd = (uint32_t)s->wnd << shift;
    uint32_t edge = s->ack + wnd;
    uint32_t max = host_of(o, s->host)->window_max;
    if (max != 0 && !v->peer.mixed && wnd > max + max / 16 + (1U << shift)) {
        violate(o, s, "window-max [RFC 9293 3.8.6]", "no more than %u can be held", max);
    }
    bool late = o->host[s->host].arp_at == s->now;
    if (v->ack_sent && !syn && !v->peer.mixed && !v->peer_fin_taken && !late &&
        !before(v->offered_edge, edge + (1U << shift))) {
        violate(o, s, "window-shrinks [RFC 9293 SHLD-14]", "the edge is %u, and was %u", edge,
                v->offered_edge);
    }
    v->offered_edge = v->ack_sent ? later_of(v->offered_edge, edge) : edge;
}

/* RFC 9293 3.8.5, 3.10.7.4: an end of urgent data that is news goes at once, in a segment of its own if need be;
 * while the window is shut it may go again, since nothing acknowledges it. Of two windows that come for the same octet,
 * a host takes the one that comes later (3.10.7.4 fifth). */
static bool tells_urgent(struct view *v, const struct sight *s)
{
    if ((s->flags & URG) == 0) {
        return false;
    }
    uint32_t end = s->seq + s->urgent;
    bool news = !v->urgent_sent || before(v->urgent_told, end);
    v->urgent_told = news ? end : v->urgent_told;
    v->urgent_sent = true;
    return news || v->edge == v->una || (v->shut_known && v->shut == v->una);
}

/* RFC 5681 4.2: one ACK for each segment that comes at the most, but to move the window. */
static void judge_provoked(struct observer *o, struct view *v, const struct sight *s,
                           uint32_t old_edge)
{
    bool moved = !v->ack_sent || v->offered_edge != old_edge;
    bool pure = sight_span(s) == 0 && !before(s->seq, v->una);
    bool late = o->host[s->host].arp_at == s->now;
    bool urgent = tells_urgent(v, s);
    if (pure && !moved && !urgent && v->credit == 0 && !late && !v->unsure) {
        violate(o, s, "ack-unprovoked [RFC 5681 4.2]", "nothing came that would lead to it");
    }
    if (!late) { /* what waited for an address may have been made before what came, and answers none of it */
        v->credit = v->heard_at == s->now && v->credit > 0 ? v->credit - 1 : 0;
    }
}

/* RFC 5961 7: so many in each second, wherever the host's seconds begin. */
static void count_challenge(struct observer *o, const struct view *v, const struct sight *s)
{
    struct host_view *h = &o->host[s->host];
    uint32_t limit = host_of(o, s->host)->challenge_acks;
    bool challenge = v->established && v->challenge_only && !v->fresh && sight_span(s) == 0 &&
                     v->timewait_at == 0;
    if (!challenge || limit == 0) {
        return;
    }
    if (s->now - h->challenge_since >= NS_PER_SEC) {
        h->challenge_since = s->now;
        h->challenges = 0;
    }
    if (++h->challenges > 2 * limit) {
        violate(o, s, "challenge-limit [RFC 5961 7]", "no more than %u challenge ACKs a second",
                limit);
    }
}

static bool is_fin_end(const struct view *v, uint32_t ack)
{
    for (unsigned i = 0; i < v->fin_count && i < FINS; i++) {
        if (v->fins[i] == ack) {
            return true;
        }
    }
    return false;
}

void judge_ack(struct observer *o, struct view *v, const struct sight *s)
{
    if ((s->flags & ACK) == 0) {
        return;
    }
    count_challenge(o, v, s);
    judge_number(o, v, s);
    v->peer_fin_taken = v->peer_fin_taken || is_fin_end(v, s->ack);
    uint32_t old_edge = v->offered_edge;
    judge_edge(o, v, s);
    judge_provoked(o, v, s, old_edge);
    v->acked = v->ack_sent ? later_of(v->acked, s->ack) : s->ack;
    v->rcv_low = v->ack_sent ? later_of(v->rcv_low, s->ack) : s->ack;
    v->ack_sent = true;
    ranges_prune(&v->ranges, v->acked);
    if (o->host[s->host].arp_at != s->now) { /* else it may have been made before the latest came */
        ranges_clear(&v->twice);
    }
    v->owed_since = 0;
    v->owed_now = 0;
    v->full = 0;
    v->out_of_order = false;
    v->fresh = true;
    bool active = v->syn_alone && !v->syn_ack && (s->flags & SYN) == 0;
    uint32_t opened = v->peer.seq + 1 + (view_early(o, v) ? v->peer.early : 0);
    bool synchronized = active || before(opened, s->ack);
    v->established_at = synchronized && !v->established ? s->now : v->established_at;
    v->established = v->established || synchronized;
}

/* ---- the end ---- */

void judge_end(struct observer *o, struct view *v, const struct sight *s)
{
    if ((s->flags & FIN) != 0 && !v->fin_judged) {
        v->fin_judged = true;
        v->fin_first = !v->peer_fin_taken;
    }
    /* The FIN that it has taken had the ACK of its own: FIN-WAIT is over (RFC 9293 3.6). */
    if (v->timewait_at == 0 && v->fin_first && v->peer_fin_taken && v->fins_cover &&
        v->established && !v->peer.mixed && !v->unsure && !v->doubt &&
        !host_of(o, s->host)->forgets) {
        v->timewait_at = s->now;
        v->timewait_next = v->acked;
        v->last_stamp = v->stamp_max;
        v->syn_in_timewait = false;
    }
}

/* ---- silence ---- */

static void complain(struct observer *o, const struct view *v, nsec now, const char *rule,
                     const char *why, nsec since)
{
    struct sight s = {.host = v->key.host,
                      .now = now,
                      .protocol = PROTOCOL_TCP,
                      .src = v->key.local,
                      .dst = v->key.remote,
                      .sport = v->key.local_port,
                      .dport = v->key.remote_port,
                      .seq = v->snd_max,
                      .ack = v->acked};
    violate(o, &s, rule, "an ACK %s, for what came at %.6f s", why, (double)since / 1e9);
}

nsec judge_silence(struct observer *o, struct view *v, nsec now)
{
    nsec late = host_of(o, v->key.host)->delayed_ack + TIMER_SLACK;
    nsec since = v->owed_since != 0 ? v->owed_since : v->owed_now;
    bool excused = since != 0 && host_held_back(o, v->key.host, since, now);
    if (v->over != NULL || v->unsure || excused) {
        v->owed_since = v->owed_now = 0;
    }
    if (v->owed_now != 0 && now > v->owed_now) {
        complain(o, v, now, "ack-at-once [RFC 5681 4.2]", v->owed_why, v->owed_now);
        v->owed_now = 0;
    }
    if (v->owed_since != 0 && now > v->owed_since + late) {
        complain(o, v, now, "ack-delayed [RFC 9293 MUST-40]", "in time", v->owed_since);
        v->owed_since = 0;
    }
    if (v->owed_now != 0) {
        return v->owed_now;
    }
    return v->owed_since != 0 ? v->owed_since + late : NEVER;
}
