/* The observer's life, its table of views, and the way of a frame through its rules. */
#include "tests/sim/observer_view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIEWS_DEFAULT 4096U

/* ---- reports ---- */

static void flags_text(uint8_t flags, char out[8])
{
    static const char names[] = "FSRPAU";
    unsigned n = 0;
    for (unsigned i = 0; i < 6; i++) {
        if (((unsigned)flags >> i & 1U) != 0) {
            out[n++] = names[i];
        }
    }
    out[n] = '\0';
}

static void sight_text(const struct sight *s, char *out, size_t cap)
{
    char flags[8];
    flags_text(s->flags, flags);
    if (s->protocol == PROTOCOL_TCP) {
        snprintf(out, cap, "host %u at %.6f s: %x:%u > %x:%u [%s] seq %u ack %u wnd %u len %u",
                 s->host, (double)s->now / 1e9, s->src, s->sport, s->dst, s->dport, flags, s->seq,
                 s->ack, s->wnd, s->len);
    } else {
        snprintf(out, cap, "host %u at %.6f s: type %x, %x > %x, protocol %u", s->host,
                 (double)s->now / 1e9, s->ether_type, s->src, s->dst, s->protocol);
    }
}

void violate(struct observer *o, const struct sight *s, const char *rule, const char *form, ...)
{
    char text[512];
    sight_text(s, text, sizeof text);
    size_t n = strlen(text);
    n += (size_t)snprintf(text + n, sizeof text - n, ": ");
    va_list args;
    va_start(args, form);
    vsnprintf(text + n, sizeof text - n, form, args);
    va_end(args);
    o->violations++;
    if (o->config.violation != NULL) {
        o->config.violation(o->config.arg, rule, text);
    }
}

/* ---- life ---- */

struct observer *observer_new(const struct observer_config *config)
{
    struct observer *o = calloc(1, sizeof *o);
    if (o == NULL) {
        return NULL;
    }
    o->config = *config;
    if (o->config.max_views == 0) {
        o->config.max_views = VIEWS_DEFAULT;
    }
    o->bucket_count = 1;
    while (o->bucket_count < o->config.max_views) {
        o->bucket_count *= 2;
    }
    o->buckets = calloc(o->bucket_count, sizeof(struct view *));
    if (o->buckets == NULL) {
        free(o);
        return NULL;
    }
    list_init(&o->views);
    o->due = NEVER;
    for (unsigned i = 0; i < OBSERVER_HOSTS; i++) {
        struct observer_host *h = &o->config.host[i];
        h->mtu = h->mtu != 0 ? h->mtu : 1500;
        h->delayed_ack = h->delayed_ack != 0 ? h->delayed_ack : 500 * NS_PER_MS;
        h->rto_max = h->rto_max != 0 ? h->rto_max : 60 * NS_PER_SEC;
        o->host[i].arp_at = INT64_MIN;
        o->host[i].icmp_at = INT64_MIN;
        o->host[i].asked_at = INT64_MIN;
    }
    return o;
}

static void view_free(struct view *v)
{
    free(v->ring);
    ranges_free(&v->ranges);
    ranges_free(&v->twice);
    free(v);
}

void observer_free(struct observer *o)
{
    if (o == NULL) {
        return;
    }
    struct list *n;
    while ((n = list_pop_front(&o->views)) != NULL) {
        view_free(CONTAINER_OF(n, struct view, lru));
    }
    free(o->buckets);
    free(o);
}

uint64_t observer_violations(const struct observer *o)
{
    return o->violations;
}

uint64_t observer_judged(const struct observer *o)
{
    return o->judged;
}

/* ---- views ---- */

static struct view **bucket_of(struct observer *o, const struct key *k)
{
    uint64_t h = (uint64_t)k->local << 32U | k->remote;
    h ^= (uint64_t)k->local_port << 16U | k->remote_port | (uint64_t)k->host << 40U;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return &o->buckets[(h >> 32U) & (o->bucket_count - 1)];
}

static bool key_equal(const struct key *a, const struct key *b)
{
    return a->host == b->host && a->local == b->local && a->remote == b->remote &&
           a->local_port == b->local_port && a->remote_port == b->remote_port;
}

static struct view *view_find(struct observer *o, const struct key *k)
{
    struct view *v = *bucket_of(o, k);
    while (v != NULL && !key_equal(&v->key, k)) {
        v = v->chain;
    }
    return v;
}

static void evict_idlest(struct observer *o)
{
    struct list *idlest = list_pop_front(&o->views);
    if (idlest == NULL) {
        return;
    }
    struct view *v = CONTAINER_OF(idlest, struct view, lru);
    struct view **at = bucket_of(o, &v->key);
    while (*at != v) {
        at = &(*at)->chain;
    }
    *at = v->chain;
    view_free(v);
    o->view_count--;
    o->evicted = true;
}

static struct view *view_get(struct observer *o, const struct key *k)
{
    struct view *v = view_find(o, k);
    if (v != NULL) {
        list_remove(&v->lru);
        list_push_back(&o->views, &v->lru);
        return v;
    }
    if (o->view_count == o->config.max_views) {
        evict_idlest(o);
    }
    v = calloc(1, sizeof *v);
    if (v == NULL) {
        abort();
    }
    v->key = *k;
    v->unknown = o->evicted;
    v->heard_at = INT64_MIN;
    struct view **bucket = bucket_of(o, k);
    v->chain = *bucket;
    *bucket = v;
    list_push_back(&o->views, &v->lru);
    o->view_count++;
    return v;
}

bool view_timestamps(const struct view *v)
{
    return v->peer_known && v->peer.opts.has_ts && v->offered.has_ts;
}

static bool scaled(const struct view *v)
{
    return v->peer_known && v->peer.opts.has_wscale && v->offered.has_wscale;
}

static uint32_t shift(const struct view *v, uint8_t wscale)
{
    return !scaled(v) ? 0 : wscale > 14 ? 14 : wscale; /* RFC 7323 2.3 */
}

uint32_t view_shift_out(const struct view *v)
{
    return shift(v, v->offered.wscale);
}

uint32_t view_shift_in(const struct view *v)
{
    return shift(v, v->peer.opts.wscale);
}

bool view_early(const struct observer *o, const struct view *v)
{
    return v->syn_ack && v->peer_known && v->peer.let_in && host_of(o, v->key.host)->syn_data_in;
}

/* All but the key, the place in the table, and what arrived before the incarnation was known of. */
void view_forget(struct view *v)
{
    struct view fresh = {.key = v->key, .chain = v->chain, .lru = v->lru};
    fresh.unsure = v->unsure;
    memcpy(fresh.syns, v->syns, sizeof fresh.syns);
    fresh.syn_count = v->syn_count;
    memcpy(fresh.baked, v->baked, sizeof fresh.baked);
    fresh.baked_count = v->baked_count;
    fresh.ring = v->ring;
    fresh.ring_cap = v->ring_cap;
    fresh.ranges = v->ranges;
    ranges_clear(&fresh.ranges);
    fresh.twice = v->twice;
    ranges_clear(&fresh.twice);
    fresh.credit = v->credit;
    fresh.isn_known = v->isn_known;
    fresh.isn = v->isn;
    fresh.isn_at = v->isn_at;
    fresh.heard_at = v->heard_at;
    fresh.heard_count = v->heard_count;
    memcpy(fresh.heard, v->heard, sizeof fresh.heard);
    *v = fresh;
}

/* ---- frames ---- */

bool observer_is_ours(const struct observer *o, unsigned host, uint32_t addr)
{
    const struct observer_host *h = host_of(o, host);
    for (unsigned i = 0; i < h->addr_count; i++) {
        if (h->addr[i] == addr) {
            return true;
        }
    }
    return false;
}

bool host_held_back(const struct observer *o, unsigned host, nsec since, nsec now)
{
    const struct host_view *h = &o->host[host];
    bool unanswered =
        h->asked_at != INT64_MIN && h->asked_at > h->arp_at && now - h->asked_at < ARP_PATIENCE;
    return h->asked_at >= since || unanswered;
}

static void judge_segment(struct observer *o, struct view *v, const struct sight *s)
{
    nsec late = judge_silence(o, v, s->now);
    o->due = nsec_min(o->due, late);
    if (!judge_handshake(o, v, s)) {
        return;
    }
    judge_ecn(o, v, s);
    if ((s->flags & RST) != 0) {
        judge_reset(o, v, s);
        return;
    }
    judge_timing(o, v, s);
    judge_text(o, v, s);
    judge_stamps(o, v, s);
    judge_sack(o, v, s);
    judge_ack(o, v, s);
    judge_end(o, v, s);
}

void observer_emitted(struct observer *o, unsigned host, const uint8_t *frame, size_t len, nsec now)
{
    struct sight s = {.host = host, .now = now};
    if (sight_frame(&s, frame, len) != SIGHT_GOOD) {
        violate(o, &s, s.rule, "%s", s.fault);
        return;
    }
    packet_emitted(o, &s);
    if (s.ether_type == ETHER_ARP && frame[0] == 0xff) {
        o->host[host].asked_at = now;
    }
    if (s.ether_type != ETHER_IP4 || s.protocol != PROTOCOL_TCP || s.fragment) {
        return;
    }
    o->judged++;
    enum sight_verdict verdict = sight_tcp(&s);
    if (verdict != SIGHT_GOOD) {
        violate(o, &s, s.rule, "%s", s.fault);
    }
    if (verdict == SIGHT_BAD) {
        return;
    }
    judge_format(o, &s);
    struct key k = {host, s.src, s.dst, s.sport, s.dport};
    judge_segment(o, view_get(o, &k), &s);
}

/* A segment in pieces: what its receiver makes of it is not looked into. */
static void fragment_arrived(struct observer *o, const struct sight *s)
{
    for (struct list *n = o->views.next; n != &o->views; n = n->next) {
        struct view *v = CONTAINER_OF(n, struct view, lru);
        if (v->key.host == s->host && v->key.remote == s->src) {
            v->unsure = true;
        }
    }
}

void observer_arrived(struct observer *o, unsigned host, const uint8_t *frame, size_t len, nsec now)
{
    struct sight s = {.host = host, .now = now};
    if (sight_frame(&s, frame, len) != SIGHT_GOOD) {
        return;
    }
    packet_arrived(o, &s);
    if (s.ether_type != ETHER_IP4 || s.protocol != PROTOCOL_TCP ||
        !observer_is_ours(o, host, s.dst)) {
        return;
    }
    if (s.fragment) {
        fragment_arrived(o, &s);
        return;
    }
    enum sight_verdict verdict = sight_tcp(&s);
    if (verdict == SIGHT_BAD) {
        return;
    }
    struct key k = {host, s.dst, s.src, s.dport, s.sport};
    struct view *v = view_get(o, &k);
    judge_silence(o, v, now);
    view_arrived(o, v, &s, s.ip_options ? SIGHT_ODD : verdict);
    o->due = nsec_min(o->due, judge_silence(o, v, now));
}

void observer_tick(struct observer *o, nsec now)
{
    if (now <= o->due) {
        return;
    }
    o->due = NEVER;
    for (struct list *n = o->views.next; n != &o->views; n = n->next) {
        o->due = nsec_min(o->due, judge_silence(o, CONTAINER_OF(n, struct view, lru), now));
    }
}
