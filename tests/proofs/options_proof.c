/* Options of IPv4 (stack/ip/options.c) and TCP (stack/tcp/segment.c): any bytes, up to the 40 that there can be.
 *
 * Both are read by a loop of one call for each option, until nothing is left. Proven for every list of up to
 * LIST bytes, every place in it, and every state of what was read before in which the invariant holds, so for
 * any number of calls:
 * - one call reads nothing outside of the list; it says no, or stands further on, so that the loop ends;
 * - IPv4 (ip_options_step): what is seen of an option lies inside the list, and is no shorter than its kind can be;
 * - TCP (tcp_options_step): the shift is at most 14 (RFC 7323 2.3), there are no more SACK blocks than have room, and
 *   nothing without its flag.
 * And for each record or route that the first can leave, of any bytes: ip_route_end, ip_route_complete,
 * ip_route_reverse and ip_options_for_echo read and write nothing outside, and what is written is a multiple
 * of 4 bytes (ip_route, ip_options_echo).
 *
 * The sources are included, for one call of the loop.
 *
 * proof-sources: stack/base/cursor.c stack/base/addr.c
 * proof-unwind: 11
 * proof-checks: --unsigned-overflow-check --object-bits 10 --unwindset parse_sack.0:5,memcmp.0:17
 * proof-wraps: seq_add seq_sub seq_diff seq_span
 */
#include "stack/ip/options.h"
#include "stack/tcp/segment.h"

#include "tests/proofs/proof.h"

#define read_option ip_read_option
#define option_kind ip_option_kind
#define OPTION_END IP_OPTION_END
#define OPTION_NOP IP_OPTION_NOP
#define OPTION_TIMESTAMP IP_OPTION_TIMESTAMP
#include "stack/ip/options.c" /* NOLINT(bugprone-suspicious-include) */
#undef read_option
#undef option_kind
#undef OPTION_END
#undef OPTION_NOP
#undef OPTION_TIMESTAMP
#include "stack/tcp/segment.c" /* NOLINT(bugprone-suspicious-include) */

#define LIST 40U

/* A list of any bytes that ends with its memory, and a place in it where something is left. */
static struct rd any_place(const uint8_t *bytes, size_t *left)
{
    *left = 1 + any_size(LIST - 1);
    return rd_of(bytes + LIST - *left, *left);
}

static bool inside(struct slice option, const uint8_t *bytes, size_t least)
{
    return option.len == 0 || (option.len >= least && option.len <= LIST && option.data >= bytes &&
                               option.data + option.len <= bytes + LIST);
}

/* Nothing, or an option of `least` bytes or more from the list. */
static struct slice any_seen(const uint8_t *bytes, size_t least)
{
    size_t len = any_size(LIST);
    size_t at = any_size(LIST);
    ASSUME(len >= least && at + len <= LIST);
    return nondet_bool() ? (struct slice){NULL, 0} : (struct slice){bytes + at, len};
}

PROOF(ip_options_step)
{
    uint8_t bytes[LIST];
    size_t left;
    struct rd r = any_place(bytes, &left);
    struct ip_options_seen seen = {.route = any_seen(bytes, ROUTE_HEADER),
                                   .record_route = any_seen(bytes, ROUTE_HEADER),
                                   .timestamp = any_seen(bytes, TIMESTAMP_HEADER)};
    if (ip_read_option(&r, &seen)) {
        PROVE(rd_left(&r) < left, "further on");
        PROVE(!r.failed && r.end == bytes + LIST && r.pos <= r.end, "in the same list");
        REACHES_IF(rd_left(&r) == 0 && left == LIST && seen.timestamp.len == LIST, "all of it");
    }
    PROVE(inside(seen.route, bytes, ROUTE_HEADER), "a route in the list");
    PROVE(inside(seen.record_route, bytes, ROUTE_HEADER), "a record in the list");
    PROVE(inside(seen.timestamp, bytes, TIMESTAMP_HEADER), "stamps in the list");
}

static bool parsed(const struct tcp_segment *s)
{
    return s->wscale <= TCP_WSCALE_MAX && s->sack_count <= TCP_SACK_BLOCKS &&
           ((s->opts & TCP_OPT_HAS_SACK) != 0 || s->sack_count == 0) &&
           ((s->opts & TCP_OPT_HAS_MSS) != 0 || s->mss == 0) &&
           ((s->opts & TCP_OPT_HAS_TS) != 0 || (s->tsval | s->tsecr) == 0) &&
           ((s->opts & TCP_OPT_HAS_WSCALE) != 0 || s->wscale == 0) &&
           ((s->opts & TCP_OPT_HAS_FAST_OPEN) != 0 || s->fast_open.len == 0) &&
           s->fast_open.len <= FAST_OPEN_COOKIE_MAX && s->fast_open.len % 2 == 0;
}

struct tcp_segment nondet_segment(void);

PROOF(tcp_options_step)
{
    uint8_t bytes[LIST];
    size_t left;
    struct rd r = any_place(bytes, &left);
    struct tcp_segment s = nondet_segment();
    ASSUME(parsed(&s));
    if (read_option(&r, &s)) {
        PROVE(rd_left(&r) < left, "further on");
        PROVE(!r.failed && r.end == bytes + LIST && r.pos <= r.end, "in the same list");
        REACHES_IF(rd_left(&r) == 0 && s.sack_count == TCP_SACK_BLOCKS, "all blocks");
        REACHES_IF(rd_left(&r) == 0 && s.fast_open.len == FAST_OPEN_COOKIE_MAX, "a whole cookie");
    }
    PROVE(parsed(&s), "the invariant");
}

/* A route of any bytes, alone in its memory. */
static struct slice any_route(size_t least)
{
    size_t len = any_size(LIST);
    ASSUME(len >= least);
    uint8_t *bytes = any_object(LIST);
    return (struct slice){bytes + LIST - len, len};
}

static bool whole(const struct ip_options *o)
{
    return o->len <= IP_OPTIONS_MAX && o->len % 4 == 0;
}

PROOF(ip_route)
{
    struct slice route = any_route(ROUTE_HEADER);
    struct ip_options out;
    struct ip_addr end = ip_route_end(route);
    PROVE(ip_is_v4(end) || ip_is_any(end), "an address or none");
    bool complete = ip_route_complete(route);
    bool good = ip_route_reverse(route, ip4_addr(nondet_u32()), &out);
    PROVE(whole(&out), "whole words");
    PROVE(!good || (out.bytes[1] <= out.len && out.len > 0), "an option inside");
    REACHES_IF(good && complete && out.len == 40, "the longest");
    free((void *)(uintptr_t)(route.data + route.len - LIST));
}

PROOF(ip_options_echo)
{
    struct ip_options_seen seen = {.record_route = any_route(ROUTE_HEADER),
                                   .timestamp = any_route(TIMESTAMP_HEADER)};
    struct ip_options out;
    ip_options_for_echo(&seen, NULL, ip4_addr(nondet_u32()), nondet_u32(), &out);
    PROVE(whole(&out), "whole words");
    REACHES_IF(out.len == 40, "the longest");
    free((void *)(uintptr_t)(seen.record_route.data + seen.record_route.len - LIST));
    free((void *)(uintptr_t)(seen.timestamp.data + seen.timestamp.len - LIST));
}
