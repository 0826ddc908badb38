#include "tests/unit/sim/observer_rig.h"

#include <stdio.h>
#include <string.h>

#define ETHER 14U
#define IP 20U

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8U);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16U);
    put16(p + 2, v);
}

static uint32_t sum(uint32_t s, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        s += i % 2 == 0 ? (uint32_t)p[i] << 8U : p[i];
    }
    while (s > 0xffff) {
        s = (s & 0xffff) + (s >> 16U);
    }
    return s;
}

uint16_t ones(const uint8_t *p, size_t len)
{
    return (uint16_t)~sum(0, p, len);
}

size_t frame_of_ip(uint8_t *frame, uint8_t protocol, uint32_t src, uint32_t dst,
                   const uint8_t *body, size_t len)
{
    static const uint8_t ether[ETHER] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
    memcpy(frame, ether, ETHER);
    uint8_t *ip = frame + ETHER;
    memset(ip, 0, IP);
    ip[0] = 0x45;
    put16(ip + 2, (uint32_t)(IP + len));
    ip[6] = 0x40;
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, src);
    put32(ip + 16, dst);
    put16(ip + 10, ones(ip, IP));
    memmove(ip + IP, body, len);
    return ETHER + IP + len;
}

static void break_ip(uint8_t *ip, const struct seg *s, size_t len)
{
    put16(ip + 2, (uint32_t)((int)len + s->ip_len));
    ip[1] = s->ecn;
    ip[6] = s->fragment ? 0x20 : 0x40;
    ip[8] = s->ttl_zero ? 0 : s->ttl != 0 ? s->ttl : 64;
    put16(ip + 10, 0);
    put16(ip + 10, ones(ip, IP) + (s->ip_checksum ? 1U : 0U));
}

size_t frame_of_seg(uint8_t *frame, const struct seg *s, bool from_host)
{
    uint8_t tcp[2048] = {0};
    uint16_t port = s->peer_port != 0 ? s->peer_port : PEER_PORT;
    unsigned header = 20 + (s->opts_len + 3) / 4 * 4;
    size_t len = header + s->len;
    ck_assert_uint_le(len, sizeof tcp);
    put16(tcp, from_host ? HOST_PORT : port);
    put16(tcp + 2, from_host ? port : HOST_PORT);
    put32(tcp + 4, s->seq);
    put32(tcp + 8, s->ack);
    tcp[12] = (uint8_t)((unsigned)((int)header / 4 + s->offset) << 4U | s->reserved |
                        (unsigned)s->ace >> 2U);
    tcp[13] = (uint8_t)(s->flags | (unsigned)s->ace << 6U);
    put16(tcp + 14, s->wnd);
    memcpy(tcp + 20, s->opts, s->opts_len);
    for (uint32_t i = 0; i < s->len; i++) {
        tcp[header + i] = (uint8_t)((s->seq + i) * 7 + s->twist);
    }
    uint32_t src = from_host ? HOST_ADDR : PEER_ADDR;
    uint8_t pseudo[12] = {0};
    put32(pseudo, s->src != 0 ? s->src : src);
    put32(pseudo + 4, from_host ? PEER_ADDR : HOST_ADDR);
    pseudo[9] = 6;
    put16(pseudo + 10, (uint32_t)len);
    put16(tcp + 16, ~sum(sum(0, pseudo, 12), tcp, len) + (s->bad_checksum ? 1U : 0U));
    size_t n = frame_of_ip(frame, 6, s->src != 0 ? s->src : src, from_host ? PEER_ADDR : HOST_ADDR,
                           tcp, len);
    break_ip(frame + ETHER, s, n - ETHER);
    return n;
}

/* ---- options ---- */

struct seg seg(uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    return (struct seg){.flags = flags, .seq = seq, .ack = ack, .len = len, .wnd = WND};
}

struct seg with(struct seg s, unsigned len, const uint8_t *bytes)
{
    ck_assert_uint_le(s.opts_len + len, sizeof s.opts);
    memcpy(s.opts + s.opts_len, bytes, len);
    s.opts_len += len;
    return s;
}

struct seg with_mss(struct seg s, uint16_t mss)
{
    return with(s, 4, (const uint8_t[]){2, 4, (uint8_t)(mss >> 8U), (uint8_t)mss});
}

struct seg with_wscale(struct seg s, uint8_t shift)
{
    return with(s, 4, (const uint8_t[]){1, 3, 3, shift});
}

struct seg with_sack_ok(struct seg s)
{
    return with(s, 4, (const uint8_t[]){1, 1, 4, 2});
}

struct seg with_ts(struct seg s, uint32_t tsval, uint32_t tsecr)
{
    uint8_t o[12] = {1, 1, 8, 10};
    put32(o + 4, tsval);
    put32(o + 8, tsecr);
    return with(s, sizeof o, o);
}

struct seg with_sack(struct seg s, unsigned n, const uint32_t edges[])
{
    uint8_t o[40] = {1, 1, 5, (uint8_t)(2 + 8 * n)};
    for (unsigned i = 0; i < 2 * n; i++) {
        put32(o + 4 + (size_t)4 * i, edges[i]);
    }
    return with(s, 4 + 8 * n, o);
}

/* ---- the rig ---- */

static void violation(void *arg, const char *rule, const char *text)
{
    struct watch *r = arg;
    ck_assert_uint_lt(r->count, RULES_MAX);
    snprintf(r->rules[r->count++], sizeof r->rules[0], "%s", rule);
    snprintf(r->text, sizeof r->text, "%s", text);
}

void watch_init(struct watch *r, const struct observer_host *host)
{
    *r = (struct watch){.now = NS_PER_SEC};
    r->config = (struct observer_config){.host_count = 1, .violation = violation, .arg = r};
    if (host != NULL) {
        r->config.host[0] = *host;
    }
    r->config.host[0].addr[0] = HOST_ADDR;
    r->config.host[0].addr_count = 1;
    r->o = observer_new(&r->config);
    ck_assert_ptr_nonnull(r->o);
}

void watch_done(struct watch *r)
{
    expect_silence(r);
    observer_free(r->o);
}

void expect(struct watch *r, const char *rule)
{
    ck_assert_msg(r->count == 1, "%u violations, not one of \"%s\"; %s", r->count, rule,
                  r->count > 0 ? r->rules[0] : "");
    ck_assert_msg(strncmp(r->rules[0], rule, strlen(rule)) == 0, "\"%s\", not \"%s\": %s",
                  r->rules[0], rule, r->text);
    r->count = 0;
}

void expect_silence(struct watch *r)
{
    ck_assert_msg(r->count == 0, "%s: %s", r->rules[0], r->text);
}

void pass(struct watch *r, nsec span)
{
    r->now += span;
    observer_tick(r->o, r->now);
}

void out(struct watch *r, struct seg s)
{
    uint8_t frame[4096];
    observer_emitted(r->o, 0, frame, frame_of_seg(frame, &s, true), r->now);
}

void in(struct watch *r, struct seg s)
{
    uint8_t frame[4096];
    observer_arrived(r->o, 0, frame, frame_of_seg(frame, &s, false), r->now);
}

/* ---- handshakes ---- */

void client(struct watch *r)
{
    out(r, with_mss(seg(S, ISS, 0, 0), 1000));
    pass(r, MS(10));
    in(r, with_mss(seg(S | A, IRS, ISS + 1, 0), 1000));
    out(r, seg(A, ISS + 1, IRS + 1, 0));
    expect_silence(r);
}

void server(struct watch *r)
{
    in(r, with_mss(seg(S, IRS, 0, 0), 1000));
    out(r, with_mss(seg(S | A, ISS, IRS + 1, 0), 1000));
    pass(r, MS(10));
    in(r, seg(A, IRS + 1, ISS + 1, 0));
    expect_silence(r);
}

void client_ts(struct watch *r)
{
    out(r, with_sack_ok(with_ts(with_mss(seg(S, ISS, 0, 0), 1000), 100, 0)));
    pass(r, MS(10));
    in(r, with_sack_ok(with_ts(with_mss(seg(S | A, IRS, ISS + 1, 0), 1000), 700, 100)));
    out(r, with_ts(seg(A, ISS + 1, IRS + 1, 0), 110, 700));
    expect_silence(r);
}
