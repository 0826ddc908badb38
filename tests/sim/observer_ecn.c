/* Explicit congestion notification: RFC 3168 6.1, RFC 8311, RFC 9768. SYN and SYN-ACK settle how marks are spoken of;
 * from then on an end answers for what it lets be marked, for the echo of each mark that came, and for the
 * reduction of its window.
 */
#include "tests/sim/observer_view.h"

enum { NOT_ECT, ECT1, ECT0, CE };

static uint8_t bit(unsigned n)
{
    return (uint8_t)(1U << n);
}

/* ---- the mode ---- */

enum mode {
    MODE_UNSURE,
    MODE_NONE,
    MODE_CLASSIC,
    MODE_ACCURATE,
};

enum { ASK_CLASSIC = 3, ASK_ACCURATE = 7, COUNTER_MASK = 0xffffff };

/* RFC 9768 tables 2 and 3: with which codepoint a SYN, or a SYN-ACK, came; -1: none of them. */
static int field_of_code(unsigned ace)
{
    static const int8_t fields[8] = {-1, -1, NOT_ECT, ECT1, ECT0, -1, CE, -1};
    return fields[ace];
}

/* The SYN of the peer with all its copies, those too that came after it was taken. */
static const struct syn *peer_syn(const struct view *v)
{
    for (unsigned i = 0; i < v->syn_count; i++) {
        const struct syn *n = &v->syns[i];
        if (n->seq == v->peer.seq && n->has_ack == v->peer.has_ack) {
            return n;
        }
    }
    return &v->peer;
}

/* RFC 3168 6.1.1, RFC 9768 table 2 and 3.1.3: what a client makes of a SYN-ACK. */
static enum mode mode_of_answer(const struct view *v, unsigned ace)
{
    if (v->ecn.asked == ASK_ACCURATE && ace > ACE_ECE && ace != ASK_ACCURATE) {
        return MODE_ACCURATE;
    }
    bool classic = v->ecn.asked == ASK_ACCURATE ? ace == ACE_ECE : (ace & 3U) == ACE_ECE;
    return v->ecn.asked != 0 && classic ? MODE_CLASSIC : MODE_NONE;
}

/* Where copies of a SYN-ACK differ, nobody knows which one counted. */
static enum mode client_mode(const struct view *v)
{
    const struct syn *n = peer_syn(v);
    enum mode mode = MODE_UNSURE;
    for (unsigned ace = 0; ace < 8; ace++) {
        if ((n->aces & bit(ace)) == 0) {
            continue;
        }
        enum mode its = mode_of_answer(v, ace);
        if (mode != MODE_UNSURE && mode != its) {
            return MODE_UNSURE;
        }
        mode = its;
    }
    return mode;
}

static enum mode mode_of(const struct view *v)
{
    if (!v->begun || !v->peer_known || v->unsure) {
        return MODE_UNSURE;
    }
    if (v->syn_ack) {
        uint8_t answered = v->ecn.answered & (uint8_t)~bit(0);
        if (v->cookie && answered != 0 && answered != v->ecn.answered) {
            return MODE_UNSURE; /* the client takes the one answer or the other, and its ACK tells */
        }
        return answered == 0 ? MODE_NONE : answered == bit(ACE_ECE) ? MODE_CLASSIC : MODE_ACCURATE;
    }
    return v->peer.has_ack ? client_mode(v) : MODE_UNSURE;
}

/* ---- SYN and SYN-ACK ---- */

static void judge_syn_flags(struct observer *o, struct view *v, const struct sight *s)
{
    unsigned asks = host_of(o, s->host)->ecn_asks;
    if (s->ace != 0 && s->ace != asks) {
        violate(o, s, "ecn-ask [RFC 3168 6.1.1]", "AE CWR ECE are %u, or none", asks);
    }
    if (s->ace == 0) {
        v->ecn.bare = true;
    } else {
        v->ecn.asked = s->ace;
    }
}

/* What a SYN-ACK may say to the copies of the SYN that came. */
static bool may_answer(const struct observer *o, const struct sight *s, const struct syn *n)
{
    const struct observer_host *h = host_of(o, s->host);
    uint8_t others = n->aces & (uint8_t) ~(bit(0) | bit(ASK_CLASSIC));
    if (s->ace == 0) {
        return true;
    }
    if (s->ace == ACE_ECE) {
        return !h->no_ecn && (n->aces & (bit(ASK_CLASSIC) | bit(ASK_ACCURATE))) != 0;
    }
    int field = field_of_code(s->ace);
    return !h->no_ecn && !h->no_accecn && others != 0 && field >= 0 &&
           (n->fields & bit((unsigned)field)) != 0;
}

static void judge_answer_flags(struct observer *o, struct view *v, const struct sight *s)
{
    if (!may_answer(o, s, peer_syn(v))) {
        violate(o, s, "ecn-answer [RFC 3168 6.1.1, RFC 9768 3.1.1]",
                "ECE alone, or how the SYN came; to a SYN that asks for it");
    }
    v->ecn.answered |= bit(s->ace);
    if ((v->ecn.answered & bit(ACE_ECE)) != 0 && (v->ecn.answered & 0x5cU) != 0) {
        violate(o, s, "ecn-answers [RFC 9768 3.1.5]", "the one or the other in one connection");
    }
}

/* ---- what may be marked ---- */

static void judge_codepoint(struct observer *o, const struct view *v, const struct sight *s,
                            enum mode mode)
{
    if (s->ecn == NOT_ECT) {
        return;
    }
    if (s->ecn != ECT0) {
        violate(o, s, "ect-codepoint [RFC 8311 2.2]", "ECT(0), if anything");
    }
    if (mode == MODE_NONE) {
        violate(o, s, "ect-agreed [RFC 3168 6.1.1]", "nothing ECN-capable, it was not agreed on");
    }
    if (s->len == 0 || (s->flags & (SYN | RST)) != 0) {
        violate(o, s, "ect-data [RFC 3168 6.1.4]", "nothing but data is ECN-capable");
    } else if (before(s->seq, v->snd_max)) {
        violate(o, s, "ect-again [RFC 3168 6.1.5]", "what goes again is not ECN-capable");
    }
    bool bare = v->syn_ack ? (v->ecn.answered & bit(0)) != 0 && !v->cookie : v->ecn.bare;
    if (bare && (v->syn_ack || mode == MODE_CLASSIC)) {
        violate(o, s, "ect-bare-syn [RFC 3168 6.1.1, RFC 9768 3.1.5]",
                "nothing ECN-capable after a SYN that did not ask");
    }
}

/* ---- classic: the echo, and the reduction ---- */

static void judge_echo_of_marks(struct observer *o, const struct view *v, const struct sight *s)
{
    bool ece = (s->ace & ACE_ECE) != 0;
    if (ece && !v->ecn.ce_possible) {
        violate(o, s, "ece [RFC 3168 6.1.3]", "no mark came, or CWR has come since");
    }
    if (!ece && v->ecn.echo_owed && !v->peer_fin_taken) {
        violate(o, s, "ece-until-cwr [RFC 3168 6.1.3]", "ECE until CWR comes");
    }
}

static void judge_reduction(struct observer *o, const struct view *v, const struct sight *s)
{
    bool fresh = s->len > 0 && !before(s->seq, v->snd_max);
    bool cwr = (s->ace & ACE_CWR) != 0;
    if (cwr && !fresh) {
        violate(o, s, "cwr-new-data [RFC 3168 6.1.2]", "CWR on new data only");
    }
    if (fresh && !cwr && v->ecn.cwr_owed && s->ecn == ECT0) {
        violate(o, s, "cwr [RFC 3168 6.1.2]", "CWR, since ECE came for what went after the last");
    }
}

/* Also of what is not judged, because it may have waited for an address. */
static void note_reduction(struct view *v, const struct sight *s)
{
    bool fresh = s->len > 0 && !before(s->seq, v->snd_max);
    bool cwr = (s->ace & ACE_CWR) != 0;
    if (fresh) {
        v->ecn.cwr_owed = false;
    }
    if (fresh && cwr) {
        v->ecn.cwr_sent = true;
        v->ecn.cwr_seq = s->seq;
    }
}

/* ---- accurate: what is counted ---- */

/* The number that stands for `told`, of those that the counter may have; then it is known. false: none. */
static bool settle(uint32_t counter[2], uint32_t told, uint32_t start, uint32_t mask)
{
    uint32_t spread = counter[1] - counter[0];
    uint32_t above = (told - start - counter[0]) & mask;
    if (spread > mask) {
        return true; /* too much is not known */
    }
    if (above > spread) {
        return false;
    }
    counter[0] += above;
    counter[1] = counter[0];
    return true;
}

/* RFC 9768 3.2.2.1: an ACK may tell how the SYN-ACK came. */
static bool may_tell_syn_ack(const struct view *v, const struct sight *s)
{
    int field = field_of_code(s->ace);
    bool pure = sight_span(s) == 0 && s->opts.sacks == 0;
    return !v->syn_ack && pure && v->ecn.syn_acks > 0 && field >= 0 &&
           (peer_syn(v)->fields & bit((unsigned)field)) != 0;
}

static bool tells_syn_ack(struct view *v, const struct sight *s)
{
    bool tells = may_tell_syn_ack(v, s);
    v->ecn.syn_acks -= tells ? 1 : 0;
    return tells;
}

static void judge_ace(struct observer *o, struct view *v, const struct sight *s)
{
    /* a mark on the SYN-ACK counts, once (3.2.2.2); which copy was taken is not known */
    uint32_t counter[2] = {v->ecn.packets[0], v->ecn.packets[1]};
    uint32_t either[2] = {counter[0], counter[1]};
    if (host_of(o, s->host)->syn_data_out && may_tell_syn_ack(v, s) &&
        settle(either, s->ace, 5, 7)) {
        return; /* data may have come right behind the SYN-ACK, with marks (RFC 7413 4.2.2): who knows what is told */
    }
    if (!v->syn_ack && (peer_syn(v)->fields & bit(CE)) != 0) {
        counter[1]++;
        if (settle(counter, s->ace, 5, 7)) {
            return;
        }
    } else if (settle(v->ecn.packets, s->ace, 5, 7)) {
        return;
    }
    if (!tells_syn_ack(v, s)) {
        violate(o, s, "ace [RFC 9768 3.2.2]", "%u and %u to %u marks that came, modulo 8", 5U,
                counter[0], counter[1]);
    }
}

static void judge_counters(struct observer *o, struct view *v, const struct sight *s)
{
    static const uint32_t starts[3] = {1, 0, 1};
    for (unsigned i = 0; i < s->opts.counters && i < 3; i++) {
        unsigned which = s->opts.order1 ? 2 - i : i;
        if (!settle(v->ecn.bytes[which], s->opts.counter[which], starts[which], COUNTER_MASK)) {
            violate(o, s, "counters [RFC 9768 3.2.3.1]",
                    "%u bytes (ECT(0), CE, ECT(1): %u) that came, not %u", v->ecn.bytes[which][0],
                    which, s->opts.counter[which]);
        }
    }
}

/* Before judge_text: what was sent so far. */
void judge_ecn(struct observer *o, struct view *v, const struct sight *s)
{
    enum mode mode = mode_of(v);
    bool syn = (s->flags & SYN) != 0;
    bool late = o->host[s->host].arp_at == s->now; /* it may have waited for an address */
    if (syn && (s->flags & ACK) == 0) {
        judge_syn_flags(o, v, s);
    } else if (syn) {
        judge_answer_flags(o, v, s);
        mode = mode_of(v);
    } else if ((mode == MODE_NONE || (s->flags & RST) != 0) && s->ace != 0) {
        violate(o, s, "ecn-flags [RFC 3168 6.1.1]", "no AE, CWR, ECE: it was not agreed on");
    }
    judge_codepoint(o, v, s, mode);
    if (s->opts.has_counters && (mode == MODE_NONE || mode == MODE_CLASSIC)) {
        violate(o, s, "counters-agreed [RFC 9768 3.2.3]", "no counters, they were not agreed on");
    }
    if (syn || (s->flags & RST) != 0) {
        return;
    }
    if (mode == MODE_CLASSIC && !late) {
        judge_echo_of_marks(o, v, s);
        judge_reduction(o, v, s);
    }
    if (mode == MODE_CLASSIC) {
        note_reduction(v, s);
    } else if (mode == MODE_ACCURATE && !late) {
        judge_ace(o, v, s);
        judge_counters(o, v, s);
    }
}

/* ---- what arrives ---- */

/* An ACK without text that a host in its right mind must take: at RCV.NXT, whatever that is. */
static bool ack_taken(const struct observer *o, const struct view *v, const struct sight *s,
                      enum sight_verdict verdict)
{
    if (host_of(o, v->key.host)->forgets || verdict != SIGHT_GOOD || v->unsure || !v->established ||
        v->over != NULL || v->doubt || v->peer_fin_taken || v->fin_count > 0 || v->peer.mixed ||
        (s->flags & (uint8_t)~PSH) != ACK || s->len > 0 || !v->ack_sent) {
        return false;
    }
    bool stamped = !view_timestamps(v) || (s->opts.has_ts && !before(s->opts.tsval, v->stamp_max));
    bool known = !before(s->ack, v->una) && !before(v->snd_max, s->ack);
    return stamped && known && !v->ranges.lost && s->seq == v->acked &&
           ranges_end(&v->ranges, v->acked) == v->acked;
}

/* RFC 3168 6.1.3. `fresh`: data that must have been taken; `heard`: that, or an ACK. */
static void classic_arrived(struct view *v, const struct sight *s, bool sure, bool fresh,
                            bool heard)
{
    struct ecn_view *e = &v->ecn;
    if (s->len > 0 && (s->ace & ACE_CWR) != 0) {
        e->echo_owed = false;
        e->ce_possible = e->ce_possible && !(sure && fresh);
    }
    if (s->len > 0 && s->ecn == CE) {
        e->ce_possible = true;
        e->echo_owed = e->echo_owed || (sure && fresh);
    }
    bool later = !e->cwr_sent || before(e->cwr_seq, s->ack);
    if (sure && heard && later && (s->ace & ACE_ECE) != 0) {
        e->cwr_owed = true;
    }
}

/* RFC 9768 3.2: every acceptable packet counts. */
static void count_arrived(struct ecn_view *e, const struct sight *s, bool fresh, bool heard)
{
    static const int8_t places[4] = {[NOT_ECT] = -1, [ECT0] = 0, [CE] = 1, [ECT1] = 2};
    if (s->ecn == CE) {
        e->packets[0] += heard ? 1U : 0U;
        e->packets[1]++;
    }
    if (places[s->ecn] >= 0) {
        uint32_t *counter = e->bytes[places[s->ecn]];
        counter[0] += fresh ? s->len : 0;
        counter[1] += s->len;
    }
}

bool ecn_arrived(const struct observer *o, struct view *v, const struct sight *s,
                 enum sight_verdict verdict, bool taken)
{
    struct ecn_view *e = &v->ecn;
    if ((s->flags & SYN) != 0 && (s->flags & ACK) != 0) {
        e->syn_acks++;
    }
    if ((s->flags & (SYN | RST)) != 0) {
        return false;
    }
    enum mode mode = mode_of(v);
    bool fresh = taken && before(ranges_end(&v->ranges, v->acked), s->seq + s->len);
    bool heard = fresh || ack_taken(o, v, s, verdict);
    bool first = fresh && e->latest_plain && s->ecn == CE;
    classic_arrived(v, s, mode == MODE_CLASSIC, fresh, heard);
    count_arrived(e, s, fresh, heard);
    e->latest_plain = heard && s->ecn != CE;
    return first && mode == MODE_ACCURATE;
}
