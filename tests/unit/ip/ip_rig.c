/* The internet layer over a link rig. */
#include "tests/unit/ip/ip_rig.h"

#include <check.h>
#include <string.h>

static void note_packet(void *arg, struct ip_packet *p)
{
    struct ip_rig *r = arg;
    r->received++;
    r->last = *p;
    r->last.buf = NULL;
    r->last.back = NULL;
    r->had_back = p->back != NULL;
    if (r->had_back) {
        r->last_back = *p->back;
    }
    r->last_len = p->buf->len;
    memcpy(r->last_bytes, buf_data(p->buf), p->buf->len);
    memcpy(r->last_header, p->header.data, p->header.len);
}

static void note_error(void *arg, const struct ip_error *e)
{
    struct ip_rig *r = arg;
    r->errors++;
    r->last_error = *e;
    memcpy(r->last_quoted, e->quoted.data, size_min(e->quoted.len, sizeof(r->last_quoted)));
}

void ip_rig_init(struct ip_rig *r)
{
    memset(r, 0, sizeof(*r));
    link_rig_init(&r->link);
    ip_init(&r->ip, &(struct ip_config){0}, &r->link.recorder, &r->link.pools, &r->link.wheel,
            &r->link.random);
    ck_assert(udp_init(&r->udp, &r->ip, &r->link.recorder));
    struct ip_transport t = {
        .protocol = IP_TCP, .input = note_packet, .error = note_error, .arg = r};
    ck_assert(ip_register(&r->ip, &t));
    ck_assert(ip_add_iface(&r->ip, &r->link.iface));
    struct ip_route route = {
        .prefix = ip4_addr(0), .gateway = ip4_addr(PEER_IP), .out = &r->link.iface};
    ck_assert(ip_add_route(&r->ip, &route));
    neighbour_heard(&r->link.iface.neighbours, ip4_addr(PEER_IP), peer_mac, true, r->link.now);
}

void ip_rig_done(struct ip_rig *r)
{
    udp_done(&r->udp);
    ip_done(&r->ip);
    link_rig_done(&r->link);
}

void ip_rig_receive(struct ip_rig *r, const struct frame *f)
{
    link_rig_receive(&r->link, f);
}

void ip_rig_flush(struct ip_rig *r)
{
    ip_flush(&r->ip, r->link.now);
    iface_flush(&r->link.iface);
}

void ip_rig_expect_refused(struct ip_rig *r, const struct frame *f, enum drop_reason reason)
{
    ip_rig_receive(r, f);
    expect_drop(&r->link.recorder, reason);
    ck_assert_uint_eq(r->received, 0);
    ck_assert_uint_eq(r->errors, 0);
    ip_rig_flush(r);
    ck_assert_uint_eq(r->link.dev.count, 0);
}

enum ip_result ip_rig_send(struct ip_rig *r, uint32_t dst, size_t len)
{
    static const uint8_t zeros[70000];
    struct packet p;
    packet_init(&p);
    ck_assert(packet_add(&p, (struct slice){zeros, len}));
    struct ip_how how = {
        .src = ip4_addr(OUR_IP), .dst = ip4_addr(dst), .protocol = IP_TCP, .ttl = 64, .tos = 0x10};
    return ip_output(&r->ip, &p, &how, r->link.now);
}
