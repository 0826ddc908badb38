/* Reassembly of IPv4: RFC 791 3.2, RFC 815 (in effect: a bit for each block takes the place of its
 * hole list), RFC 1122 3.3.2 and 3.2.1.4, RFC 1858 and RFC 3128 (tiny fragments), RFC 5722 and
 * RFC 8200 4.5 (overlaps), RFC 3168 5.3 (congestion marks). */
#include "stack/ip/fragments.h"

#include <string.h>

#include "stack/base/checksum.h"
#include "stack/ip/icmp.h"
#include "stack/ip/ip4.h"

#define HEADER_ROOM 60U   /* bytes: the longest header */
#define PACKET_MAX 65535U /* bytes of a whole packet */
#define TCP_FIRST_MIN 16U /* bytes of TCP up to its flags and window (RFC 1858 3) */
#define ECN_MASK 0x03U    /* RFC 3168 5 */
#define ECN_NOT_ECT 0x00U
#define ECN_CE 0x03U

#define VERDICT_GOOD DROP_REASONS /* no reason to drop */

/* ---- life ---- */

static struct fragment_datagram *datagram_of_age(struct list *node)
{
    return CONTAINER_OF(node, struct fragment_datagram, age);
}

static void arm(struct fragments *f)
{
    if (list_empty(&f->by_age)) {
        timer_cancel(f->wheel, &f->timer);
    } else {
        timer_arm(f->wheel, &f->timer, datagram_of_age(f->by_age.next)->expires);
    }
}

static void give_up_bytes(struct fragments *f, struct fragment_datagram *d)
{
    if (d->buf != NULL) {
        f->bytes -= d->buf->slab->cap;
        buf_free(d->buf);
        d->buf = NULL;
    }
}

static void forget(struct fragments *f, struct fragment_datagram *d)
{
    give_up_bytes(f, d);
    list_remove(&d->bucket);
    list_remove(&d->age);
    pool_put(&f->pool, d);
    arm(f);
}

/* RFC 1122 3.3.2: its time is over; the sender is told if fragment zero came. */
static void expire(struct fragments *f, struct fragment_datagram *d, nsec now)
{
    struct ip *ip = f->ip;
    if (d->buf != NULL) {
        trace_drop(ip->recorder, DROP_IP_FRAGMENT_TIMEOUT, 0, d->got);
        if (d->header_len != 0) {
            struct slice header = {d->buf->slab->bytes + HEADER_ROOM - d->header_len,
                                   d->header_len};
            d->buf->len = d->first_len;
            struct ip_packet about = {.buf = d->buf,
                                      .header = header,
                                      .src = d->src,
                                      .dst = d->dst,
                                      .protocol = d->protocol,
                                      .ttl = d->ttl,
                                      .tos = d->tos,
                                      .broadcast = d->broadcast,
                                      .in = d->in,
                                      .now = now};
            icmp_complain(ip, &about, ICMP_TIME_EXCEEDED, ICMP_CODE_REASSEMBLY, 0);
        }
    }
    forget(f, d);
}

static void fragments_timer(struct timer *timer, nsec now)
{
    struct fragments *f = CONTAINER_OF(timer, struct fragments, timer);
    recorder_begin(f->ip->recorder, CAUSE_TIMER, now);
    while (!list_empty(&f->by_age) && datagram_of_age(f->by_age.next)->expires <= now) {
        expire(f, datagram_of_age(f->by_age.next), now);
    }
}

void fragments_init(struct fragments *f, struct ip *ip, struct wheel *wheel, struct random *random)
{
    *f = (struct fragments){.ip = ip, .wheel = wheel};
    random_bytes(random, &f->key, sizeof(f->key));
    for (unsigned i = 0; i < FRAGMENT_BUCKETS; i++) {
        list_init(&f->buckets[i]);
    }
    list_init(&f->by_age);
    timer_init(&f->timer, fragments_timer);
    pool_init(&f->pool, "fragments", sizeof(struct fragment_datagram), FRAGMENT_DATAGRAMS);
}

void fragments_done(struct fragments *f)
{
    while (!list_empty(&f->by_age)) {
        forget(f, datagram_of_age(f->by_age.next));
    }
    pool_done(&f->pool);
}

/* ---- which datagram ---- */

/* RFC 791 3.2: source, destination, protocol and identification name a datagram. */
static struct list *bucket_of(struct fragments *f, const struct ip4_header *h)
{
    uint8_t key[sizeof(h->src.b) + sizeof(h->dst.b) + 3];
    struct wr w = wr_of(key, sizeof(key));
    wr_bytes(&w, h->src.b, sizeof(h->src.b));
    wr_bytes(&w, h->dst.b, sizeof(h->dst.b));
    wr_be16(&w, h->id);
    wr_u8(&w, h->protocol);
    return &f->buckets[siphash(&f->key, key, sizeof(key)) % FRAGMENT_BUCKETS];
}

static struct fragment_datagram *find(struct list *bucket, const struct ip4_header *h)
{
    for (struct list *n = bucket->next; n != bucket; n = n->next) {
        struct fragment_datagram *d = CONTAINER_OF(n, struct fragment_datagram, bucket);
        if (d->id == h->id && d->protocol == h->protocol && ip_equal(d->src, h->src) &&
            ip_equal(d->dst, h->dst)) {
            return d;
        }
    }
    return NULL;
}

static void evict(struct fragments *f, struct fragment_datagram *d)
{
    trace_drop(f->ip->recorder, DROP_IP_FRAGMENTS_FULL, 0, d->got);
    forget(f, d);
}

/* What a source holds, and its oldest datagram other than `but`; NULL: it has none. */
static struct fragment_datagram *of_source(struct fragments *f, struct ip_addr src,
                                           const struct fragment_datagram *but, unsigned *count,
                                           size_t *bytes)
{
    struct fragment_datagram *oldest = NULL;
    *count = 0;
    *bytes = 0;
    for (struct list *n = f->by_age.next; n != &f->by_age; n = n->next) {
        struct fragment_datagram *d = datagram_of_age(n);
        if (!ip_equal(d->src, src)) {
            continue;
        }
        oldest = oldest == NULL && d != but ? d : oldest;
        ++*count;
        *bytes += d->buf != NULL ? d->buf->slab->cap : 0;
    }
    return oldest;
}

static struct fragment_datagram *make(struct fragments *f, struct list *bucket,
                                      const struct ip_packet *p, const struct ip4_header *h)
{
    unsigned count;
    size_t bytes;
    struct fragment_datagram *oldest = of_source(f, h->src, NULL, &count, &bytes);
    if (count >= FRAGMENT_SOURCE_DATAGRAMS && oldest != NULL) {
        evict(f, oldest);
    } else if (f->pool.in_use == FRAGMENT_DATAGRAMS) {
        evict(f, datagram_of_age(f->by_age.next));
    }
    struct fragment_datagram *d = pool_get_zero(&f->pool);
    if (d == NULL) {
        return NULL;
    }
    d->src = h->src;
    d->dst = h->dst;
    d->id = h->id;
    d->protocol = h->protocol;
    d->broadcast = p->broadcast;
    d->in = p->in;
    d->expires = p->now + FRAGMENT_TIMEOUT;
    list_push_back(bucket, &d->bucket);
    list_push_back(&f->by_age, &d->age);
    arm(f);
    return d;
}

/* ---- memory ---- */

/* Others give way until `d` may hold `more` bytes of slab. False: it alone is above the limit. */
static bool make_room(struct fragments *f, const struct fragment_datagram *d, size_t more)
{
    for (;;) {
        unsigned count;
        size_t bytes;
        struct fragment_datagram *oldest = of_source(f, d->src, d, &count, &bytes);
        if (bytes + more <= FRAGMENT_SOURCE_BYTES) {
            break;
        }
        if (oldest == NULL) {
            return false;
        }
        evict(f, oldest);
    }
    while (f->bytes + more > FRAGMENT_BYTES) {
        struct fragment_datagram *oldest = datagram_of_age(f->by_age.next);
        if (oldest == d) {
            if (d->age.next == &f->by_age) {
                return false;
            }
            oldest = datagram_of_age(d->age.next);
        }
        evict(f, oldest);
    }
    return true;
}

/* A slab in which payload up to `end` fits; what was in the old one moves along. */
static bool hold(struct fragments *f, struct fragment_datagram *d, uint32_t end)
{
    if (d->buf != NULL && HEADER_ROOM + end <= d->buf->slab->cap) {
        return true;
    }
    struct buf *b = buf_new(f->ip->pools, HEADER_ROOM, end);
    if (b == NULL) {
        return false;
    }
    if (!make_room(f, d, b->slab->cap)) {
        buf_free(b);
        return false;
    }
    if (d->buf != NULL) {
        struct wr w = wr_of(b->slab->bytes, b->slab->cap);
        wr_bytes(&w, d->buf->slab->bytes, HEADER_ROOM + d->highest);
        b->reach = d->buf->reach;
    }
    give_up_bytes(f, d);
    f->bytes += b->slab->cap;
    d->buf = b;
    return true;
}

/* ---- one fragment ---- */

/* What a fragment may not be, whatever else came. */
static enum drop_reason check(const struct ip4_header *h, uint32_t len)
{
    if (len == 0) {
        return DROP_IP_FRAGMENT_EMPTY;
    }
    if (h->more_fragments && len % FRAGMENT_BLOCK != 0) {
        return DROP_IP_FRAGMENT_RAGGED;
    }
    if (h->fragment_offset + len > PACKET_MAX - h->header_len) {
        return DROP_IP_FRAGMENT_TOO_LONG;
    }
    /* RFC 1858 3, RFC 3128: what would let a filter see half a TCP header. */
    bool half_header =
        (h->fragment_offset == 0 && len < TCP_FIRST_MIN) || h->fragment_offset == FRAGMENT_BLOCK;
    return h->protocol == IP_TCP && half_header ? DROP_IP_FRAGMENT_TINY : VERDICT_GOOD;
}

/* How many of the blocks from `from` to before `to` are there. */
static uint32_t blocks_there(const struct fragment_datagram *d, uint32_t from, uint32_t to)
{
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        n += (uint32_t)(d->blocks[i / 64] >> (i % 64)) & 1U;
    }
    return n;
}

/* RFC 5722 4: whether the fragment fits with those before it. */
static enum drop_reason compare(const struct fragment_datagram *d, const struct ip4_header *h,
                                struct slice data)
{
    uint32_t start = h->fragment_offset;
    uint32_t end = start + (uint32_t)data.len;
    bool last = !h->more_fragments;
    bool beyond = d->end != 0 && (end > d->end || (last && end != d->end));
    if (beyond || (last && end < d->highest)) {
        return DROP_IP_FRAGMENT_OVERLAP;
    }
    uint32_t from = start / FRAGMENT_BLOCK;
    uint32_t to = (end + FRAGMENT_BLOCK - 1) / FRAGMENT_BLOCK;
    uint32_t there = blocks_there(d, from, to);
    if (there == 0) {
        return VERDICT_GOOD;
    }
    struct rd r = rd_of(d->buf->slab->bytes, d->buf->slab->cap);
    rd_skip(&r, HEADER_ROOM + start);
    struct slice old = rd_take(&r, data.len);
    bool same = there == to - from && end <= d->highest && old.data != NULL &&
                memcmp(old.data, data.data, data.len) == 0;
    return same ? DROP_IP_FRAGMENT_DUPLICATE : DROP_IP_FRAGMENT_OVERLAP;
}

static void store(struct fragment_datagram *d, const struct ip_packet *p,
                  const struct ip4_header *h)
{
    struct slice data = buf_slice(p->buf);
    uint32_t start = h->fragment_offset;
    uint32_t end = start + (uint32_t)data.len;
    struct wr w = wr_of(d->buf->slab->bytes, d->buf->slab->cap);
    if (start == 0) {
        d->header_len = h->header_len;
        d->ttl = h->ttl;
        d->tos = h->tos;
        d->first_len = end;
        wr_fill(&w, 0, HEADER_ROOM - h->header_len);
        wr_bytes(&w, p->header.data, h->header_len);
        wr_bytes(&w, data.data, data.len);
    } else {
        struct wr at = wr_of(d->buf->slab->bytes + HEADER_ROOM + start,
                             d->buf->slab->cap - HEADER_ROOM - start);
        wr_bytes(&at, data.data, data.len);
    }
    for (uint32_t i = start / FRAGMENT_BLOCK; i * FRAGMENT_BLOCK < end; i++) {
        d->blocks[i / 64] |= UINT64_C(1) << (i % 64);
    }
    d->ecn_seen |= (uint8_t)(1U << (h->tos & ECN_MASK));
    d->got += (uint32_t)data.len;
    d->highest = u32_max(d->highest, end);
    d->end = h->more_fragments ? d->end : end;
}

/* ---- the whole ---- */

/* The header of fragment zero, made the header of the whole. */
static void write_header(const struct fragment_datagram *d, uint8_t *header)
{
    struct wr w = wr_of(header + 1, d->header_len - 1U); /* behind version and length */
    wr_u8(&w, d->tos);
    wr_be16(&w, (uint16_t)(d->header_len + d->end));
    wr_be16(&w, d->id);
    wr_be16(&w, 0); /* no flags, offset 0 */
    wr_u8(&w, d->ttl);
    wr_u8(&w, d->protocol);
    struct wr checksum = w;
    wr_be16(&w, 0);
    wr_be16(&checksum, csum_finish(csum_add(0, header, d->header_len)));
}

/* Why the datagram that is all there is no good after all. */
static enum drop_reason check_whole(const struct fragment_datagram *d)
{
    if (d->header_len + d->end > PACKET_MAX) {
        return DROP_IP_FRAGMENT_TOO_LONG;
    }
    /* RFC 3168 5.3: marked though one part of it could not be. */
    uint8_t both = 1U << ECN_CE | 1U << ECN_NOT_ECT;
    return (d->ecn_seen & both) == both ? DROP_IP_FRAGMENT_ECN : VERDICT_GOOD;
}

static bool finish(struct fragments *f, struct fragment_datagram *d, struct ip_packet *p)
{
    enum drop_reason why = check_whole(d);
    if (why != VERDICT_GOOD) {
        trace_drop(f->ip->recorder, why, 0, d->end);
        forget(f, d);
        return false;
    }
    if ((d->ecn_seen & 1U << ECN_CE) != 0) {
        d->tos |= ECN_CE;
    }
    uint8_t *header = d->buf->slab->bytes + HEADER_ROOM - d->header_len;
    write_header(d, header);
    p->buf = d->buf;
    p->buf->len = d->end;
    p->header = (struct slice){header, d->header_len};
    p->ttl = d->ttl;
    p->tos = d->tos;
    f->bytes -= d->buf->slab->cap;
    d->buf = NULL;
    forget(f, d);
    return true;
}

/* The datagram for a fragment, with room for it, or the reason why it is refused. */
static enum drop_reason admit(struct fragments *f, const struct ip_packet *p,
                              const struct ip4_header *h, struct fragment_datagram **out)
{
    struct slice data = buf_slice(p->buf);
    enum drop_reason why = check(h, p->buf->len);
    if (why != VERDICT_GOOD) {
        return why;
    }
    struct list *bucket = bucket_of(f, h);
    struct fragment_datagram *d = find(bucket, h);
    bool fresh = d == NULL;
    if (fresh) {
        d = make(f, bucket, p, h);
    } else if (d->buf == NULL) {
        return DROP_IP_FRAGMENT_OVERLAP; /* void, and so is all of it that is still to come */
    } else {
        why = compare(d, h, data);
    }
    if (why == DROP_IP_FRAGMENT_OVERLAP) {
        give_up_bytes(f, d);
    }
    if (why != VERDICT_GOOD) {
        return why;
    }
    if (d == NULL || !hold(f, d, h->fragment_offset + (uint32_t)data.len)) {
        if (d != NULL && fresh) {
            forget(f, d);
        }
        return DROP_ETH_NO_BUFFER;
    }
    *out = d;
    return VERDICT_GOOD;
}

bool fragments_add(struct fragments *f, struct ip_packet *p, const struct ip4_header *h)
{
    struct fragment_datagram *d = NULL;
    enum drop_reason why = admit(f, p, h, &d);
    if (d == NULL) {
        trace_drop(f->ip->recorder, why, 0, p->buf->len);
    } else {
        store(d, p, h);
        d->buf->reach = p->buf->reach > d->buf->reach ? p->buf->reach : d->buf->reach;
    }
    buf_free(p->buf);
    p->buf = NULL;
    return d != NULL && d->end != 0 && d->got == d->end && finish(f, d, p);
}
