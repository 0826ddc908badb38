/* What a TCP header may say at all (RFC 9293 3.1, 3.2), and the opening of a connection (3.5, 3.10.7.2,
 * 3.10.7.3): SYN, SYN-ACK, what they may offer, and which incarnation a segment belongs to.
 */
#include "tests/sim/observer_view.h"

#define MTU_HEADERS 40U                       /* IP and TCP without options (RFC 9293 3.7.1) */
#define ISN_TICK 4000                         /* ns (RFC 9293 3.4.1) */
#define ISN_SLACK (5 * NS_PER_SEC / ISN_TICK) /* a SYN may have waited for an address so long */
#define ISN_LEAP (UINT32_C(1) << 18U) /* how far above an earlier incarnation the next may begin */
/* RFC 9293 MUST-23 has 3 minutes, but an application may be less patient (MUST-21). */
#define SYN_PATIENCE (20 * NS_PER_SEC)

/* ---- the header ---- */

static void judge_flags(struct observer *o, const struct sight *s)
{
    uint8_t kind = s->flags & (SYN | FIN | RST);
    if (kind != 0 && (kind & (kind - 1)) != 0) {
        violate(o, s, "flags [RFC 9293 3.10]", "SYN, FIN and RST do not go together");
    }
    if ((s->flags & (ACK | SYN | RST)) == 0) {
        violate(o, s, "ack-flag [RFC 9293 3.1]", "ACK in every segment but the first SYN");
    }
    if (s->reserved != 0) {
        violate(o, s, "reserved [RFC 9293 3.1]", "the reserved bits are zero");
    }
    if (s->sport == 0 || s->dport == 0) {
        violate(o, s, "port [RFC 9293 3.1]", "ports are not zero");
    }
}

static void judge_syn_only(struct observer *o, const struct sight *s)
{
    const struct tcp_opts *opts = &s->opts;
    if (opts->has_mss) {
        violate(o, s, "mss-in-syn [RFC 9293 MUST-65]", "the MSS option only in a SYN");
    }
    if (opts->has_wscale) {
        violate(o, s, "wscale-in-syn [RFC 7323 2.2]", "the window scale option only in a SYN");
    }
    if (opts->sack_ok) {
        violate(o, s, "sack-ok-in-syn [RFC 2018 2]", "SACK-permitted only in a SYN");
    }
}

/* Data in a SYN only behind a cookie, in a SYN-ACK never (which is allowed, but nobody here does it). */
static void judge_fast_open(struct observer *o, const struct sight *s)
{
    const struct observer_host *h = host_of(o, s->host);
    const struct tcp_opts *opts = &s->opts;
    bool answer = (s->flags & ACK) != 0;
    if (opts->has_cookie && !(answer ? h->syn_data_in : h->syn_data_out)) {
        violate(o, s, "fast-open-off [RFC 7413 4.2]", "no option that is switched off");
    }
    if (answer && opts->has_cookie && opts->cookie_len == 0) {
        violate(o, s, "fast-open-answer [RFC 7413 4.2.1]", "a cookie, and not a request for one");
    }
    if (s->len > 0 && (answer || opts->cookie_len == 0)) {
        violate(o, s, "syn-text [RFC 7413 2]", "no data without a Fast Open cookie");
    }
    if (s->len > 0 && s->ip_len > h->mtu) {
        violate(o, s, "syn-size [RFC 7413 4.2.2]", "%u bytes on a link of %u", s->ip_len, h->mtu);
    }
}

static void judge_syn_options(struct observer *o, const struct sight *s)
{
    const struct observer_host *h = host_of(o, s->host);
    const struct tcp_opts *opts = &s->opts;
    if (opts->has_mss && opts->mss > h->mtu - MTU_HEADERS) {
        violate(o, s, "mss-value [RFC 9293 MUST-67]", "an MSS of %u, and the link takes %u",
                opts->mss, h->mtu - MTU_HEADERS);
    }
    if (opts->has_wscale && opts->wscale > 14) {
        violate(o, s, "wscale-value [RFC 7323 2.3]", "a shift of 14 at the most");
    }
    if (opts->sacks > 0) {
        violate(o, s, "sack-in-syn [RFC 2018 3]", "nothing can be selectively acknowledged yet");
    }
    judge_fast_open(o, s);
    if (opts->has_ts && (s->flags & ACK) == 0 && opts->tsecr != 0) {
        violate(o, s, "syn-echo [RFC 7323 3.2]", "TSecr is zero without ACK");
    }
    if ((opts->has_ts && h->no_timestamps) || (opts->has_wscale && h->no_window_scale) ||
        (opts->sack_ok && h->no_sack)) {
        violate(o, s, "option-off [RFC 9293 3.2]", "no option that is switched off");
    }
}

void judge_format(struct observer *o, const struct sight *s)
{
    judge_flags(o, s);
    if ((s->flags & SYN) != 0) {
        judge_syn_options(o, s);
    } else {
        judge_syn_only(o, s);
    }
}

/* ---- the beginning of an incarnation ---- */

/* RFC 9293 MUST-8, RFC 6528 3: a clock of 4 us, from an origin of its own for each pair of ends. Above an
 * earlier incarnation in TIME-WAIT it may leap, and a SYN cookie may be any number. */
static void judge_isn(struct observer *o, struct view *v, const struct sight *s, bool cookie)
{
    if (v->isn_known) {
        int64_t ticks = (s->now - v->isn_at) / ISN_TICK;
        int32_t off = (int32_t)(s->seq - v->isn - (uint32_t)ticks);
        bool clock = off >= -(int32_t)ISN_SLACK && off <= (int32_t)ISN_SLACK;
        bool leap = v->begun && s->seq - v->snd_max < ISN_LEAP;
        if (!clock && !leap && !cookie) {
            violate(o, s, "isn [RFC 9293 MUST-8]", "%u, by the clock", s->seq - (uint32_t)off);
        }
        if (!clock) {
            return; /* the clock's origin is still the old one */
        }
    } else if (cookie) {
        return;
    }
    v->isn_known = true;
    v->isn = s->seq;
    v->isn_at = s->now;
}

static bool in_timewait(const struct observer *o, const struct view *v, nsec now)
{
    nsec msl = host_of(o, v->key.host)->msl;
    return msl != 0 && v->timewait_at != 0 && now - v->timewait_at < 2 * msl - 5 * NS_PER_MS;
}

static void begin_at(struct view *v, uint32_t iss, nsec now)
{
    if (v->cookie) {
        v->baked[v->baked_count++ % BAKED] =
            (struct baked){v->iss, v->begun_at, v->offered, v->peer, v->ecn.answered};
    }
    view_forget(v);
    v->begun = true;
    v->begun_at = now;
    v->iss = v->snd_max = v->una = iss;
    v->ring_low = iss + 1;
    v->fresh = true;
}

static void begin(struct view *v, const struct sight *s)
{
    begin_at(v, s->seq, s->now);
}

static bool judge_syn(struct observer *o, struct view *v, const struct sight *s)
{
    bool again = v->begun && v->syn_alone && s->seq == v->iss;
    bool answered = v->begun && v->over == NULL && s->seq == v->iss && !v->syn_alone;
    if ((again && v->established) || answered) {
        violate(o, s, "syn-again [RFC 9293 3.10.7.3]", "no SYN any more");
        return false;
    }
    if (!again) {
        if (in_timewait(o, v, s->now)) {
            violate(o, s, "timewait [RFC 9293 MUST-13]", "no connection before TIME-WAIT is over");
        }
        judge_isn(o, v, s, false);
        begin(v, s);
        v->syn_alone = true;
        v->syn_text = s->len;
    } else if (s->len > 0 || s->opts.has_cookie) {
        violate(o, s, "syn-again-plain [RFC 7413 4.2.2]", "neither data nor a cookie again");
    }
    v->offered = s->opts;
    return true;
}

/* An ACK of the SYN, or of some of the data that a cookie may have let in with it. */
static bool is_ack_of(const struct syn *n, uint32_t ack)
{
    return !n->has_ack && ack - (n->seq + 1) <= n->early;
}

static const struct syn *syn_answered(const struct view *v, uint32_t ack)
{
    for (unsigned i = v->syn_count; i > 0; i--) {
        if (is_ack_of(&v->syns[i - 1], ack)) {
            return &v->syns[i - 1];
        }
    }
    return NULL;
}

static void take_peer(struct view *v, const struct syn *peer)
{
    v->peer = *peer;
    v->peer_known = true;
    ranges_add(&v->ranges, peer->seq, 1 + (peer->len > peer->early ? peer->len : peer->early));
    for (unsigned i = 0; i < peer->tsval_count && i < SYN_STAMPS; i++) {
        view_stamp(v, peer->tsvals[i]);
    }
    v->stamps_lost = v->stamps_lost || peer->tsval_count > SYN_STAMPS;
}

/* RFC 9293 MAY-2, RFC 6191: what may begin again out of TIME-WAIT, and where. */
static void judge_reopening(struct observer *o, const struct view *v, const struct sight *s,
                            const struct syn *peer)
{
    bool later = before(v->timewait_next, peer->seq);
    bool stamped = peer->opts.has_ts;
    bool newer = stamped && (!view_timestamps(v) || before(v->last_stamp, peer->opts.tsval));
    if (!later && !newer) {
        violate(o, s, "timewait-reopen [RFC 6191 2]",
                "a SYN that is later than the incarnation before");
    }
    if (before(s->seq, v->snd_max)) {
        violate(o, s, "timewait-isn [RFC 9293 MAY-2]", "an ISN above %u", v->snd_max);
    }
}

/* The SYN is answered again, but with another ISN, though nothing has ended the connection. */
static void judge_isn_kept(struct observer *o, const struct view *v, const struct sight *s)
{
    bool half_open = v->begun && v->syn_ack && !v->established && v->over == NULL;
    if (half_open && is_ack_of(&v->peer, s->ack) && !v->disturbed &&
        o->host[s->host].icmp_at < v->begun_at && s->now - v->begun_at < SYN_PATIENCE &&
        !host_of(o, s->host)->forgets) {
        violate(o, s, "isn-kept [RFC 9293 3.10.7.2]", "sequence number %u again", v->iss);
    }
}

static void judge_answer_options(struct observer *o, const struct sight *s, const struct syn *peer)
{
    const struct tcp_opts *in = &peer->opts;
    if (peer->mixed) {
        return;
    }
    if (s->opts.has_wscale && !in->has_wscale) {
        violate(o, s, "wscale-answer [RFC 7323 2.2]", "window scale only if the SYN had it");
    }
    if (s->opts.has_ts && !in->has_ts) {
        violate(o, s, "ts-answer [RFC 7323 3.2]", "timestamps only if the SYN had them");
    }
}

/* ---- SYN cookies (RFC 4987 3.6) ---- */

/* What a cookie must say of the SYN: in the low three bits of the ISN the largest size that is not above the peer's,
 * and in the low six of TSval its window shift or 15, whether ECN of RFC 3168 is agreed on, and whether SACK was
 * offered. Without timestamps it agrees to none of them. */
static bool tells_of(const struct sight *s, const struct syn *peer)
{
    static const uint16_t sizes[] = {48, 256, 536, 1220, 1360, 1440, 1460, 8960, UINT16_MAX};
    const struct tcp_opts *in = &peer->opts;
    uint32_t mss = in->has_mss ? in->mss : 536;
    unsigned size = s->seq & 7U;
    if ((size > 0 && sizes[size] > mss) || (size < 7 && sizes[size + 1] <= mss)) {
        return false;
    }
    bool classic = s->ace == ACE_ECE;
    if (!s->opts.has_ts) {
        return !s->opts.has_wscale && !s->opts.sack_ok && !classic;
    }
    uint32_t shift = !in->has_wscale ? 15 : in->wscale > 14 ? 14 : in->wscale;
    uint32_t bits = shift | (classic ? 16U : 0U) | (in->sack_ok ? 32U : 0U);
    return (s->opts.tsval & 63U) == bits;
}

static bool may_be_cookie(const struct observer *o, const struct sight *s, const struct syn *peer)
{
    return host_of(o, s->host)->syn_cookies && (peer->mixed || tells_of(s, peer));
}

static bool ends_cookie(const struct sight *s, uint32_t iss, const struct syn *peer)
{
    return s->ack == iss + 1 && s->seq == peer->seq + 1;
}

static bool may_have_gone(const struct view *v)
{
    bool closed = v->fin_sent && before(v->fin, v->una);
    return v->over != NULL || v->doubt || closed;
}

void view_cookie_back(struct view *v, const struct sight *s)
{
    if ((s->flags & (ACK | SYN | RST)) != ACK || !v->syn_ack) {
        return;
    }
    bool same = v->cookie && ends_cookie(s, v->iss, &v->peer);
    for (unsigned i = 0; !same && i < v->baked_count && i < BAKED; i++) {
        struct baked b = v->baked[i];
        if (!ends_cookie(s, b.iss, &b.peer)) {
            continue;
        }
        if (v->established) {
            same = true;
            break;
        }
        begin_at(v, b.iss, b.at);
        v->snd_max = b.iss + 1;
        v->syn_ack = v->cookie = true;
        v->offered = b.offered;
        v->ecn.answered = b.answered;
        take_peer(v, &b.peer);
        return;
    }
    if (same && may_have_gone(v)) { /* it may begin once more */
        v->unknown = true;
        v->owed_since = v->owed_now = 0;
    }
}

/* The answer to a SYN that came in one batch with what made the connection: it goes behind the connection's own. */
static bool goes_behind(const struct view *v, const struct sight *s)
{
    return (s->flags & ACK) != 0 && v->cookie && before(v->iss, v->una) && v->heard_at == s->now;
}

static bool judge_syn_ack(struct observer *o, struct view *v, const struct sight *s)
{
    const struct syn *found = syn_answered(v, s->ack);
    if (found == NULL) {
        violate(o, s, "syn-ack-of [RFC 9293 3.10.7.2]",
                "an ACK of a SYN that came, and of no more");
        return false;
    }
    struct syn peer = *found;
    if (goes_behind(v, s)) {
        return false;
    }
    bool crossed = v->begun && v->syn_alone && !v->syn_ack && s->seq == v->iss;
    if (s->ack != peer.seq + 1 && !host_of(o, s->host)->syn_data_in) {
        violate(o, s, "syn-ack-of [RFC 9293 3.10.7.2]", "an ACK of the SYN, and of no more");
    }
    bool cookie = s->ack == peer.seq + 1 && may_be_cookie(o, s, &peer);
    bool again = v->begun && v->syn_ack && s->seq == v->iss && v->peer.seq == peer.seq &&
                 !(cookie && v->established); /* a late SYN: the connection has gone */
    if (again && v->established) {
        violate(o, s, "syn-again [RFC 9293 3.10.7.3]", "no SYN once the connection is established");
        return false;
    }
    if (!again && !crossed) {
        if (!cookie && !v->cookie) {
            judge_isn_kept(o, v, s);
        }
        if (in_timewait(o, v, s->now)) {
            judge_reopening(o, v, s, &peer);
        }
        judge_isn(o, v, s, cookie);
        begin(v, s);
    }
    v->cookie = cookie;
    judge_answer_options(o, s, &peer);
    if (!again) {
        take_peer(v, &peer);
    }
    v->syn_ack = true;
    v->offered = s->opts;
    return true;
}

/* ---- which SYN of the peer the connection rests on ---- */

/* RFC 9293 3.10.7.3: the first that came, if its ACK was of our SYN. */
static bool find_peer(struct view *v, const struct sight *s)
{
    for (unsigned i = 0; i < v->syn_count; i++) {
        const struct syn *n = &v->syns[i];
        bool of_ours = !n->has_ack || n->ack - (v->iss + 1) <= v->syn_text;
        uint32_t first = n->seq + 1;
        uint32_t end = ranges_end(&v->ranges, first);
        if (of_ours && !before(s->ack, first) && (!before(end, s->ack) || v->ranges.lost)) {
            struct syn peer = *n;
            take_peer(v, &peer);
            return true;
        }
    }
    return false;
}

bool judge_handshake(struct observer *o, struct view *v, const struct sight *s)
{
    if ((s->flags & RST) != 0) {
        bool own = v->begun && !v->peer_known && (s->flags & ACK) != 0 && s->seq == v->snd_max;
        if (own) {
            find_peer(v, s); /* none: the reset's own rules say so */
        }
        return true;
    }
    if ((s->flags & SYN) != 0) {
        bool unknown = v->unknown && goes_behind(v, s); /* it begins nothing */
        v->unknown = false;
        bool more = (s->flags & ACK) != 0 ? judge_syn_ack(o, v, s) : judge_syn(o, v, s);
        v->unknown = unknown;
        return more;
    }
    if (v->unknown) {
        return false;
    }
    if (!v->begun) {
        violate(o, s, "first-segment [RFC 9293 3.5]", "a connection begins with a SYN");
        return false;
    }
    if (v->over != NULL) {
        violate(o, s, "after-the-end [RFC 9293 3.10.7.1]", "nothing: %s", v->over);
        return false;
    }
    if (!v->peer_known && (s->flags & ACK) != 0 && !find_peer(v, s)) {
        violate(o, s, "ack-of-syn [RFC 9293 3.10.7.3]", "an ACK of a SYN that came");
        return false;
    }
    return true;
}
