/* IPv4 options: RFC 791 3.1, RFC 1122 3.2.1.8 (source routes, record route, timestamp) and 3.2.2.6
 * (what an echo reply repeats). */
#include "stack/ip/options.h"

#include <string.h>

enum option_kind {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_RECORD_ROUTE = 7,
    OPTION_TIMESTAMP = 68,
    OPTION_LSRR = 131, /* loose source and record route */
    OPTION_SSRR = 137, /* strict */
};

#define COPIED 0x80U         /* of a kind: on every fragment */
#define ADDRESS 4U           /* bytes */
#define ROUTE_HEADER 3U      /* kind, length, pointer */
#define ROUTE_FIRST 4U       /* the least pointer: it counts from the kind, which is 1 */
#define TIMESTAMP_HEADER 4U  /* kind, length, pointer, overflow and flag */
#define TIMESTAMP_ONLY 0U    /* flag: no addresses */
#define TIMESTAMP_ADDRESS 1U /* flag: each stamp behind its address */
#define TIMESTAMP_GIVEN 3U   /* flag: only those whose address is given stamp */

/* ---- reading ---- */

static void note(struct ip_options_seen *out, uint8_t kind, struct slice option)
{
    if (kind == OPTION_LSRR || kind == OPTION_SSRR) {
        out->route = option;
    } else if (kind == OPTION_RECORD_ROUTE) {
        out->record_route = option;
    } else if (kind == OPTION_TIMESTAMP) {
        out->timestamp = option;
    }
}

/* The shortest that an option of this kind can be. */
static size_t least_len(uint8_t kind)
{
    switch (kind) {
    case OPTION_LSRR:
    case OPTION_SSRR:
    case OPTION_RECORD_ROUTE:
        return ROUTE_HEADER;
    case OPTION_TIMESTAMP:
        return TIMESTAMP_HEADER;
    default:
        return 2;
    }
}

/* Reads the option at `r`, or the end of the list, behind which nothing counts. False: a length cannot be,
 * or it is a second source route. */
static bool read_option(struct rd *r, struct ip_options_seen *out)
{
    struct rd at = *r; /* where this option begins */
    uint8_t kind = rd_u8(r);
    if (kind == OPTION_END) {
        rd_skip(r, rd_left(r));
        return true;
    }
    if (kind == OPTION_NOP) {
        return true;
    }
    uint8_t len = rd_u8(r); /* counts kind and length */
    struct slice option = rd_take(&at, len);
    bool second_route = (kind == OPTION_LSRR || kind == OPTION_SSRR) && out->route.len != 0;
    if (r->failed || at.failed || len < least_len(kind) || second_route) {
        return false;
    }
    note(out, kind, option);
    *r = at;
    return true;
}

bool ip_options_read(struct slice options, struct ip_options_seen *out)
{
    struct rd r = rd_slice(options);
    *out = (struct ip_options_seen){0};
    while (rd_left(&r) > 0) {
        out->fault = (uint8_t)(options.len - rd_left(&r));
        if (!read_option(&r, out)) {
            return false;
        }
    }
    return true;
}

/* ---- source routes ---- */

/* The pointer of an option that records: where the next entry goes, from 0. */
static size_t next_entry(struct slice option)
{
    struct rd r = rd_slice(option);
    rd_skip(&r, 2);
    uint8_t pointer = rd_u8(&r);
    return pointer > 0 ? pointer - 1U : 0;
}

bool ip_route_complete(struct slice route)
{
    return next_entry(route) >= route.len;
}

/* How many addresses lie in a route. */
static size_t hop_count(struct slice route)
{
    return (route.len - ROUTE_HEADER) / ADDRESS;
}

static struct ip_addr hop_at(struct slice route, size_t i)
{
    struct rd r = rd_slice(route);
    rd_skip(&r, ROUTE_HEADER + i * ADDRESS);
    return ip4_addr(rd_be32(&r));
}

struct ip_addr ip_route_end(struct slice route)
{
    size_t n = hop_count(route);
    return n == 0 ? ip_any : hop_at(route, n - 1);
}

bool ip_route_write(const struct ip_source_route *route, struct ip_addr dst, struct ip_options *out)
{
    *out = (struct ip_options){0};
    if (route->count == 0 || route->count > IP_ROUTE_HOPS || !ip_is_v4(dst)) {
        return false;
    }
    for (unsigned i = 0; i < route->count; i++) {
        struct ip_addr hop = route->hops[i];
        bool host = ip_is_v4(hop) && !ip_is_any(hop) && !ip_is_multicast(hop) &&
                    !ip_is_loopback(hop) && ip4_value(hop) >> 28 != 15;
        if (!host) {
            return false;
        }
    }
    struct wr w = wr_of(out->bytes, sizeof(out->bytes));
    wr_u8(&w, route->strict ? OPTION_SSRR : OPTION_LSRR);
    wr_u8(&w, (uint8_t)(ROUTE_HEADER + route->count * ADDRESS));
    wr_u8(&w, ROUTE_FIRST);
    for (unsigned i = 1; i < route->count; i++) {
        wr_be32(&w, ip4_value(route->hops[i]));
    }
    wr_be32(&w, ip4_value(dst));
    wr_u8(&w, OPTION_END);
    out->first_hop = route->hops[0];
    out->len = (uint8_t)wr_len(&w);
    return true;
}

bool ip_route_reverse(struct slice route, struct ip_addr src, struct ip_options *out)
{
    struct ip_source_route back = {0};
    struct rd r = rd_slice(route);
    back.strict = rd_u8(&r) == OPTION_SSRR;
    size_t hops = hop_count(route);
    *out = (struct ip_options){0};
    if (hops > IP_ROUTE_HOPS) {
        return false;
    }
    /* Case B of RFC 1122 3.2.1.8 (c): a sender may have put itself first; it is where we end anyhow. */
    size_t first = hops > 0 && ip_equal(hop_at(route, 0), src) ? 1 : 0;
    while (hops > first) {
        back.hops[back.count++] = hop_at(route, --hops);
    }
    return ip_route_write(&back, src, out);
}

/* ---- the answer to an echo ---- */

static void put_option(struct wr *w, struct slice option)
{
    if (w->end - w->pos >= (ptrdiff_t)option.len) {
        wr_bytes(w, option.data, option.len);
    }
}

/* RFC 791: our address into the next entry, if there is one left. */
static void put_record_route(struct wr *w, struct slice seen, struct ip_addr self)
{
    uint8_t copy[IP_OPTIONS_MAX];
    size_t next = next_entry(seen);
    memcpy(copy, seen.data, seen.len);
    if (next >= ROUTE_HEADER && next + ADDRESS <= seen.len) {
        struct wr entry = wr_of(copy + next, ADDRESS);
        wr_be32(&entry, ip4_value(self));
        copy[2] = (uint8_t)(copy[2] + ADDRESS);
    }
    put_option(w, (struct slice){copy, seen.len});
}

/* One entry of a timestamp option at `next`; false: it is not for us, or there is no room. */
static bool stamp(uint8_t *copy, size_t len, size_t next, struct ip_addr self, uint32_t time)
{
    uint8_t flag = copy[3] & 0x0fU;
    size_t entry_len = flag == TIMESTAMP_ONLY ? ADDRESS : 2 * ADDRESS;
    if (next < TIMESTAMP_HEADER || next + entry_len > len || flag == 2 || flag > TIMESTAMP_GIVEN) {
        return false;
    }
    struct rd given = rd_of(copy + next, entry_len);
    if (flag == TIMESTAMP_GIVEN && rd_be32(&given) != ip4_value(self)) {
        return false;
    }
    struct wr entry = wr_of(copy + next, entry_len);
    if (flag != TIMESTAMP_ONLY) {
        wr_be32(&entry, ip4_value(self));
    }
    wr_be32(&entry, time);
    copy[2] = (uint8_t)(copy[2] + entry_len);
    return true;
}

static void put_timestamp(struct wr *w, struct slice seen, struct ip_addr self, uint32_t time)
{
    uint8_t copy[IP_OPTIONS_MAX] = {0};
    size_t next = next_entry(seen);
    memcpy(copy, seen.data, seen.len);
    bool full = next >= seen.len;
    if (!stamp(copy, seen.len, next, self, time) && full && copy[3] < 0xf0U) {
        copy[3] = (uint8_t)(copy[3] + 0x10U); /* RFC 791: one more that found no room */
    }
    put_option(w, (struct slice){copy, seen.len});
}

void ip_options_for_echo(const struct ip_options_seen *seen, const struct ip_options *back,
                         struct ip_addr self, uint32_t time, struct ip_options *out)
{
    *out = (struct ip_options){0};
    struct wr w = wr_of(out->bytes, sizeof(out->bytes));
    if (back != NULL) {
        out->first_hop = back->first_hop;
        /* Without the padding, which would end the list. */
        wr_bytes(&w, back->bytes, back->bytes[1]);
    }
    if (seen->record_route.len != 0) {
        put_record_route(&w, seen->record_route, self);
    }
    if (seen->timestamp.len != 0) {
        put_timestamp(&w, seen->timestamp, self, time);
    }
    while (wr_len(&w) % 4 != 0) {
        wr_u8(&w, OPTION_END);
    }
    out->len = (uint8_t)wr_len(&w);
}

bool ip_options_equal(const struct ip_options *a, const struct ip_options *b)
{
    return a->len == b->len && ip_equal(a->first_hop, b->first_hop) &&
           memcmp(a->bytes, b->bytes, a->len) == 0;
}

void ip_options_copied(const struct ip_options *whole, struct ip_options *out)
{
    *out = (struct ip_options){.first_hop = whole->first_hop};
    struct rd r = rd_of(whole->bytes, whole->len);
    struct wr w = wr_of(out->bytes, sizeof(out->bytes));
    while (rd_left(&r) > 0) {
        struct rd at = r;
        uint8_t kind = rd_u8(&r);
        if (kind == OPTION_END) {
            break;
        }
        uint8_t len = kind == OPTION_NOP ? 1 : rd_u8(&r);
        struct slice option = rd_take(&at, len);
        if ((kind & COPIED) != 0) {
            wr_bytes(&w, option.data, option.len);
        }
        r = at;
    }
    while (wr_len(&w) % 4 != 0) {
        wr_u8(&w, OPTION_END);
    }
    out->len = (uint8_t)wr_len(&w);
}
