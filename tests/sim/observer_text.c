/* What a host sends, and where in its sequence space: RFC 9293 3.4, 3.7.1, 3.8.4, 3.8.6, and the timing of
 * what it sends again (RFC 6298).
 */
#include "tests/sim/observer_view.h"

#include <stdlib.h>

#define MSS_DEFAULT 536U /* RFC 9293 MUST-15 */
#define MSS_FLOOR                                                                                  \
    48U /* some hosts believe in no smaller one: it would leave no room beside options */
#define IP_HEADERS 40U
/* RFC 8985 7.2: TLP.max_ack_delay is waited for when one segment is out. */
#define PROBE_LEAST (200 * NS_PER_MS)
#define TIMER_SLACK (3 * NS_PER_MS)

/* ---- where ---- */

/* <SEQ=SND.NXT> in a segment that carries nothing (RFC 9293 3.10.7.4); a probe is behind SND.UNA
 * (3.8.4). false: the number makes no sense at all. */
static bool judge_place(struct observer *o, struct view *v, const struct sight *s)
{
    const struct observer_host *h = host_of(o, s->host);
    /* a SYN with data may have been the first, which no memory was left for */
    bool unseen = h->syn_data_out && h->forgets && v->syn_alone && v->syn_text == 0;
    if (before(v->snd_max, s->seq) && (unseen || host_held_back(o, s->host, v->begun_at, s->now))) {
        v->snd_max = s->seq;
        v->ring_low = s->seq; /* what was lost on the way to the device is not known */
    }
    if (before(v->snd_max, s->seq)) {
        violate(o, s, "sequence-gap [RFC 9293 3.4]", "SND.NXT is %u", v->snd_max);
        return false;
    }
    if (before(s->seq, v->iss)) {
        violate(o, s, "sequence-low [RFC 9293 3.4]", "the ISN is %u", v->iss);
        return false;
    }
    bool probe = before(s->seq, v->una);
    if (sight_span(s) == 0 && s->seq != v->snd_max && !probe &&
        !host_of(o, s->host)->next_goes_back) {
        violate(o, s, "empty-place [RFC 9293 3.10.7.4]", "SND.NXT is %u", v->snd_max);
    }
    return true;
}

/* A window of zero may be probed with the first octet behind it (RFC 9293 MUST-36). */
static void judge_window(struct observer *o, const struct view *v, const struct sight *s)
{
    uint32_t end = s->seq + sight_span(s);
    bool probe = v->edge == v->una && s->seq == v->una && sight_span(s) == 1;
    if (before(v->edge, end) && !probe) {
        violate(o, s, "beyond-window [RFC 9293 3.8.6]", "the farthest edge offered is %u", v->edge);
    }
}

/* RFC 9293 MUST-16: Eff.snd.MSS, less the options. */
static void judge_size(struct observer *o, const struct view *v, const struct sight *s)
{
    uint32_t mss = v->peer.opts.has_mss ? v->peer.opts.mss : MSS_DEFAULT;
    mss = mss < MSS_FLOOR ? MSS_FLOOR : mss;
    uint32_t link = host_of(o, s->host)->mtu - IP_HEADERS;
    mss = mss < link ? mss : link;
    if (!v->peer.mixed && s->len + s->options_len > mss) {
        violate(o, s, "send-mss [RFC 9293 MUST-16]", "%u bytes with options, at the most %u",
                s->len + s->options_len, mss);
    }
    bool told = v->pmtu != 0 && s->now - v->pmtu_at < PMTU_LASTS;
    if (told && s->dont_fragment && s->ip_len > v->pmtu) {
        violate(o, s, "path-mtu [RFC 1191 3]", "%u bytes on a path that takes %u", s->ip_len,
                v->pmtu);
    }
}

/* ---- what ---- */

static bool ring_grow(struct view *v, uint32_t need)
{
    uint32_t cap = v->ring_cap != 0 ? v->ring_cap : RING_MIN;
    while (cap < need && cap < RING_MAX) {
        cap *= 2;
    }
    if (cap == v->ring_cap) {
        return true;
    }
    uint8_t *ring = malloc(cap);
    if (ring == NULL) {
        return false;
    }
    for (uint32_t at = v->ring_low; v->ring_cap != 0 && at != v->snd_max; at++) {
        ring[at % cap] = v->ring[at % v->ring_cap];
    }
    free(v->ring);
    v->ring = ring;
    v->ring_cap = cap;
    return true;
}

/* A new octet is kept; one that was sent before is the same (RFC 9293 3.8.1). An octet just behind SND.UNA
 * may be anything: a keep-alive (3.8.4). */
static void judge_octets(struct observer *o, struct view *v, const struct sight *s)
{
    uint32_t end = s->seq + s->len;
    bool keepalive = s->len == 1 && before(s->seq, v->una);
    if (s->len == 0 || keepalive) {
        return;
    }
    uint32_t low = v->ring_low;
    uint32_t known = v->snd_max; /* up to there; a FIN is no octet */
    if (v->fin_sent && before(v->fin, known)) {
        known = v->fin;
    }
    if (!ring_grow(v, end - later_of(v->una, low))) {
        return;
    }
    for (uint32_t i = 0; i < s->len; i++) {
        uint32_t at = s->seq + i;
        uint8_t *kept = &v->ring[at % v->ring_cap];
        if (before(at, known) && !before(at, low) && *kept != s->payload[i]) {
            violate(o, s, "same-octets [RFC 9293 3.8.1]", "octet %u is %02x as before, not %02x",
                    at, *kept, s->payload[i]);
            return;
        }
        if (!before(at, known)) {
            *kept = s->payload[i];
        }
    }
    if (before(v->snd_max, end) && end - low > v->ring_cap) {
        v->ring_low = end - v->ring_cap;
    }
}

static void judge_fin(struct observer *o, struct view *v, const struct sight *s)
{
    uint32_t end = s->seq + s->len;
    bool fin = (s->flags & FIN) != 0;
    if (v->fin_sent && ((fin && end != v->fin) || before(v->fin, end))) {
        violate(o, s, "one-fin [RFC 9293 3.6]", "the FIN has the number %u, and nothing follows",
                v->fin);
    }
    if (!v->fin_sent && fin) {
        if (before(end, v->snd_max)) {
            violate(o, s, "one-fin [RFC 9293 3.6]", "octets up to %u went before", v->snd_max);
        }
        v->fin_sent = true;
        v->fin = end;
    }
}

/* RFC 7413 4.2.2, RFC 6928 2: until the SYN-ACK is acknowledged an initial window, and nothing again unless a router has
 * complained (RFC 1191). */
static void judge_early(struct observer *o, const struct view *v, const struct sight *s)
{
    bool answered = before(v->iss, v->una);
    uint32_t mss = v->peer.opts.has_mss ? v->peer.opts.mss : MSS_DEFAULT;
    uint32_t text = s->seq + s->len - (v->iss + 1);
    if (!answered && text > 10U * (mss < MSS_FLOOR ? MSS_FLOOR : mss)) {
        violate(o, s, "early-window [RFC 7413 4.2.2]", "%u bytes of text before the first ACK",
                text);
    }
    bool told = o->host[s->host].icmp_at >= v->begun_at;
    if (!answered && !told && before(s->seq, v->snd_max)) {
        violate(o, s, "early-again [RFC 7413 5]", "no text again before the first ACK");
    }
}

void judge_text(struct observer *o, struct view *v, const struct sight *s)
{
    if (!judge_place(o, v, s)) {
        return;
    }
    bool carries = (s->len > 0 || (s->flags & FIN) != 0) && (s->flags & SYN) == 0;
    bool early = carries && view_early(o, v);
    if (early && !v->edge_known) { /* the window of the SYN */
        v->edge = v->iss + 1 + v->peer.wnd;
        v->edge_known = true;
    }
    if (carries && !v->edge_known) {
        violate(o, s, "text-early [RFC 9293 3.10.7.3]", "no data before the SYN is acknowledged");
        return;
    }
    if (carries) {
        judge_window(o, v, s);
        judge_size(o, v, s);
        judge_fin(o, v, s);
        judge_octets(o, v, s);
        v->established_at = !early && !v->established ? s->now : v->established_at;
        v->established = v->established || !early;
    }
    if (early) {
        judge_early(o, v, s);
    }
    if ((s->flags & SYN) != 0 && s->len > 0) {
        struct sight text = *s;
        text.seq++;
        text.flags = 0;
        judge_octets(o, v, &text);
    }
    v->snd_max = later_of(v->snd_max, s->seq + sight_span(s));
}

/* ---- when ---- */

/* RFC 6298 5: nothing has arrived since it went, so the timer sends it again: not before the least RTO, and
 * the next time after twice as long. */
static void judge_interval(struct observer *o, struct view *v, const struct sight *s)
{
    const struct observer_host *h = host_of(o, s->host);
    nsec interval = s->now - v->lead_at;
    if (interval < h->rto_min - TIMER_SLACK) {
        violate(o, s, "rto [RFC 6298 2.4]", "again after %.3f s, not sooner than %.3f s",
                (double)interval / 1e9, (double)h->rto_min / 1e9);
    }
    nsec least = nsec_min(2 * v->interval, h->rto_max);
    if (h->rto_min != 0 && interval < least - least / 8 - TIMER_SLACK) {
        violate(o, s, "backoff [RFC 6298 5.5]", "again after %.3f s, the last time after %.3f s",
                (double)interval / 1e9, (double)v->interval / 1e9);
    }
    v->interval = interval;
}

/* RFC 8985 7.3: the tail goes once more before the timer sends the lowest octet, which begins anew with it; once
 * until something arrives. What is new may be a probe too, so nobody knows when the timer began. */
static bool judge_probe(struct observer *o, struct view *v, const struct sight *s)
{
    const struct observer_host *h = host_of(o, s->host);
    uint32_t end = s->seq + sight_span(s);
    bool waited = o->host[s->host].arp_at >= v->lead_at; /* it may have waited for an address */
    if (!h->probes || (s->flags & SYN) != 0 || waited || v->probed || !v->quiet ||
        before(end, v->snd_max) || v->lead != v->una) {
        return false;
    }
    if (!before(s->seq, v->snd_max)) {
        v->timed = v->timed && s->now == v->lead_at;
        return false;
    }
    if (v->interval != 0) { /* while the timer doubles no probe is sent */
        return false;
    }
    nsec least = nsec_min(h->rto_min, PROBE_LEAST);
    if (s->seq == v->una && v->timed && s->now - v->lead_at < least - TIMER_SLACK) {
        violate(o, s, "probe [RFC 8985 7.2]", "after %.3f s, not sooner than %.3f s",
                (double)(s->now - v->lead_at) / 1e9, (double)least / 1e9);
    }
    v->probed = true;
    v->lead_at = s->now;
    return true;
}

/* Before judge_text: what was sent so far. Only of the lowest octet that is outstanding. Its timer begins when
 * it is sent and nothing else is outstanding, or when the timer has sent it again (RFC 6298 5.1, 5.6);
 * what ACKs make a host send again does not move the timer. */
void judge_timing(struct observer *o, struct view *v, const struct sight *s)
{
    bool stateless = v->cookie && (s->flags & SYN) != 0; /* as often as a SYN comes */
    if (sight_span(s) == 0 || judge_probe(o, v, s) || s->seq != v->una || stateless) {
        return;
    }
    bool waited = o->host[s->host].arp_at >= v->lead_at; /* it may have waited for an address */
    bool again = before(s->seq, v->snd_max);
    bool by_timer = again && v->quiet && s->seq == v->lead && !waited;
    if (by_timer && v->timed) {
        judge_interval(o, v, s);
    } else {
        v->interval = 0;
    }
    v->timed = by_timer || (!again && v->una_sure); /* else more may be outstanding than it seems */
    v->quiet = true;
    v->lead = s->seq;
    v->lead_at = s->now;
}
