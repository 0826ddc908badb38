/* The host, its application, and the peer's bytes. */
#include "tests/conformance/grid/rig.h"

#include <string.h>

#define PEER_TS UINT32_C(5000) /* the peer's timestamp, always the same */
#define PEER_MSS 1460U
#define TTL_IN 64

/* ---- the application ---- */

/* The byte of the peer's stream behind its SYN; the place in sequence space says which. */
static uint8_t pattern(uint32_t place)
{
    return (uint8_t)(place * 7U + place / 256U);
}

static void on_opened(struct stream *s)
{
    struct rig *r = s->app;
    r->sees |= OPENED;
}

static void on_readable(struct stream *s)
{
    struct rig *r = s->app;
    if ((r->prepare & FULL) != 0) {
        return;
    }
    r->sees |= READS;
    for (struct slice in = stream_peek(s); in.len > 0; in = stream_peek(s)) {
        for (size_t i = 0; i < in.len; i++) {
            r->garbled = r->garbled || in.data[i] != pattern(r->next++);
        }
        r->bytes += (uint32_t)in.len;
        stream_consume(s, in.len);
    }
}

static void on_peer_closed(struct stream *s)
{
    struct rig *r = s->app;
    r->sees |= PEER_CLOSED;
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    static const unsigned sees[CLOSE_REASONS] = {
        [CLOSE_NORMAL] = DONE,
        [CLOSE_RESET] = RESET,
        [CLOSE_REFUSED] = REFUSED,
        [CLOSE_TIMEOUT] = TIMEOUT,
        [CLOSE_UNREACHABLE] = UNREACHABLE,
    };
    struct rig *r = s->app;
    r->sees |= sees[reason] != 0 ? sees[reason] : OTHER_END;
    r->stream = NULL;
}

static void on_report(struct stream *s, enum stream_report what, uint16_t detail)
{
    static const unsigned sees[STREAM_REPORTS] = {
        [REPORT_ICMP] = REPORT, [REPORT_RETRANSMISSIONS] = TROUBLE, [REPORT_URGENT] = URGENT};
    struct rig *r = s->app;
    (void)detail;
    r->sees |= sees[what];
}

static const struct stream_events app_events = {
    .opened = on_opened,
    .readable = on_readable,
    .peer_closed = on_peer_closed,
    .report = on_report,
    .closed = on_closed,
};

static void on_accept(void *arg, struct stream *s)
{
    struct rig *r = arg;
    r->stream = s;
    s->events = &app_events;
    s->app = r;
}

static void on_event(void *arg, const struct event *e)
{
    struct rig *r = arg;
    if (e->type == EV_tcp_state) {
        r->state = (enum tcp_state)e->u.tcp_state.to;
    }
}

static struct tcp_options options_of(const struct rig *r)
{
    return (struct tcp_options){
        .keepalive = (r->prepare & KEEPALIVE) != 0,
        .user_timeout = (r->prepare & USER_TIMEOUT) != 0 ? 10 * NS_PER_SEC : 0,
        .receive_buffer = (r->prepare & FULL) != 0 ? RIG_FULL : 0,
    };
}

bool rig_listen(struct rig *r)
{
    struct tcp_listen_args args = {
        .local = {.port = RIG_PORT},
        .options = options_of(r),
        .accept = on_accept,
        .arg = r,
    };
    world_enter(&r->world);
    struct tcp_listener *l;
    if (tcp_listen(&r->world.host.tcp, &args, &l) != TCP_OK) {
        return false;
    }
    r->tcp_listener = l;
    r->state = r->state == TCP_CLOSED ? TCP_LISTEN : r->state;
    return true;
}

bool rig_connect(struct rig *r)
{
    struct tcp_connect_args args = {
        .local = {.addr = r->world.config.local, .port = RIG_PORT},
        .remote = {.addr = r->world.config.remote, .port = RIG_PEER_PORT},
        .options = options_of(r),
        .events = &app_events,
        .app = r,
    };
    struct stream *s;
    world_enter(&r->world);
    if (tcp_connect(&r->world.host.tcp, &args, &s) != TCP_OK) {
        return false;
    }
    r->stream = s;
    world_settle(&r->world);
    return true;
}

bool rig_write(struct rig *r, size_t len)
{
    size_t room;
    world_enter(&r->world);
    uint8_t *out = stream_reserve(r->stream, len, &room);
    if (out == NULL) {
        return false;
    }
    memset(out, 'v', len);
    stream_commit(r->stream, len);
    world_settle(&r->world);
    return true;
}

/* ---- the wire ---- */

static struct wire_ends ends_in(const struct rig *r)
{
    return (struct wire_ends){
        .src = ip4_value(r->world.config.remote),
        .dst = ip4_value(r->world.config.local),
        .src_port = RIG_PEER_PORT,
        .dst_port = RIG_PORT,
        .ttl = TTL_IN,
    };
}

static void add_option(struct packet_line *k, struct option o)
{
    k->options[k->option_count++] = o;
}

static void add_options(const struct rig *r, const struct rig_segment *s, struct packet_line *k)
{
    if ((s->flags & S) != 0) {
        add_option(k, (struct option){.kind = OPT_MSS, .value = PEER_MSS});
    }
    if ((r->prepare & TIMESTAMPS) != 0 && s->quirk != NO_TIMESTAMP) {
        uint32_t value = s->quirk == OLD_TIMESTAMP ? PEER_TS - 1 : PEER_TS;
        add_option(k, (struct option){.kind = OPT_TS, .value = value, .echo = r->ts_echo});
    }
    if (s->quirk == UNKNOWN_OPTION || s->quirk == BAD_OPTION) { /* 253: RFC 4727 3.1 */
        add_option(k, (struct option){.kind = 253, .count = 2});
    }
}

/* Faults that the builder does not make. The checksum is mended by what the words that change differ (RFC 1624). */
static void spoil(uint8_t *tcp, enum grid_quirk quirk)
{
    unsigned at = quirk == BAD_OFFSET ? 12 : 20;
    uint32_t before = (uint32_t)tcp[at] << 8U | tcp[at + 1];
    if (quirk == BAD_OFFSET) {
        tcp[at] = 0xf0;
    } else if (quirk == BAD_OPTION) {
        tcp[at + 1] = 0;
    } else {
        tcp[16] ^= 0x55U; /* BAD_CHECKSUM */
        return;
    }
    uint32_t after = (uint32_t)tcp[at] << 8U | tcp[at + 1];
    uint32_t sum = (uint32_t)tcp[16] << 8U | tcp[17];
    sum = (~sum & UINT16_MAX) + (~before & UINT16_MAX) + after;
    sum = (sum & UINT16_MAX) + (sum >> 16U);
    sum = ~((sum & UINT16_MAX) + (sum >> 16U));
    tcp[16] = (uint8_t)(sum >> 8U);
    tcp[17] = (uint8_t)sum;
}

void rig_inject(struct rig *r, const struct rig_segment *s)
{
    static uint8_t packet[WIRE_PACKET_MAX];
    uint8_t payload[UINT16_MAX];
    struct packet_line k = {
        .flags = s->flags,
        .seq = s->seq,
        .ack = s->ack,
        .has_ack = (s->flags & A) != 0,
        .len = s->len,
        .win = RIG_PEER_WINDOW,
        .urg = s->urg,
    };
    add_options(r, s, &k);
    uint32_t first = s->seq + ((s->flags & S) != 0 ? 1U : 0U) - (RIG_PEER_ISS + 1U);
    for (uint32_t i = 0; i < s->len; i++) {
        payload[i] = pattern(first + i);
    }
    struct wire_ends ends = ends_in(r);
    size_t len = wire_tcp(packet, &ends, &k, payload);
    if (s->quirk == BAD_CHECKSUM || s->quirk == BAD_OFFSET || s->quirk == BAD_OPTION) {
        spoil(packet + 20, s->quirk);
    }
    world_inject(&r->world, packet, len, 0);
}

void rig_inject_icmp(struct rig *r, const struct grid_event *e, uint32_t quoted_seq)
{
    static uint8_t packet[WIRE_PACKET_MAX];
    static uint8_t quoted[WIRE_PACKET_MAX];
    static const uint8_t payload[DATA_LEN];
    struct wire_ends ends = ends_in(r);
    struct wire_ends back = {.src = ends.dst,
                             .dst = ends.src,
                             .src_port = RIG_PORT,
                             .dst_port = RIG_PEER_PORT,
                             .ttl = 1};
    struct packet_line about = {
        .flags = A, .seq = quoted_seq, .ack = r->rcv_nxt, .has_ack = true, .len = DATA_LEN};
    struct packet_line k = {.type = e->type, .code = e->code, .mtu = e->mtu};
    size_t len = wire_tcp(quoted, &back, &about, payload);
    ends.src = ip4_value(r->world.config.gateway);
    len = wire_icmp(packet, &ends, &k, quoted, size_min(len, 28)); /* RFC 792: 64 bits of it */
    world_inject(&r->world, packet, len, 0);
}

static uint32_t span_of(const struct wire_packet *p)
{
    return (uint32_t)p->len + ((p->flags & S) != 0 ? 1U : 0U) + ((p->flags & F) != 0 ? 1U : 0U);
}

static void note(struct rig *r, const struct wire_packet *p)
{
    uint32_t end = p->seq + span_of(p);
    if ((p->flags & R) != 0) {
        return;
    }
    if ((p->flags & S) != 0) {
        r->iss = p->seq;
        r->snd_una = p->seq;
        r->snd_nxt = end;
        r->opening = true;
    } else if ((int32_t)(end - r->snd_nxt) > 0) {
        r->snd_nxt = end;
    }
    if ((p->flags & A) != 0) {
        r->rcv_nxt = p->ack;
        r->edge = p->ack + p->win;
    }
    for (unsigned i = 0; i < p->option_count; i++) {
        if (p->options[i].kind == OPT_TS) {
            r->ts_echo = p->options[i].value;
        }
    }
}

bool rig_take(struct rig *r, struct wire_packet *out)
{
    static uint8_t bytes[WIRE_PACKET_MAX];
    const struct sent_packet *sent = world_sent(&r->world, 0);
    if (sent == NULL) {
        return false;
    }
    memcpy(bytes, sent->bytes, size_min(sent->len, sizeof bytes));
    wire_read(out, bytes, sent->len);
    world_drop_sent(&r->world);
    if (out->fault == NULL) {
        note(r, out);
    }
    return true;
}

void rig_wait(struct rig *r, nsec span)
{
    nsec until = r->world.now + span;
    while (!world_step(&r->world, until)) {
    }
}

/* ---- life ---- */

bool rig_init(struct rig *r, unsigned prepare)
{
    *r = (struct rig){
        .prepare = prepare,
        .irs = RIG_PEER_ISS,
        .rcv_nxt = RIG_PEER_ISS,
        .edge = RIG_PEER_ISS + UINT16_MAX,
        .iss = 1000,
        .snd_una = 1000,
        .snd_nxt = 1000,
        .state = TCP_CLOSED,
    };
    struct world_config config = {
        .local = ip4_addr(0xc0000202), /* 192.0.2.2 */
        .remote = ip4_addr(0xc0000203),
        .gateway = ip4_addr(0xc0000201),
        .prefix = 24,
        .mtu = 1500,
    };
    if (!world_init(&r->world, &config)) {
        return false;
    }
    r->ear = (struct listener){.on_event = on_event, .arg = r};
    recorder_listen(&r->world.host.recorder, &r->ear);
    return true;
}

void rig_done(struct rig *r)
{
    recorder_unlisten(&r->world.host.recorder, &r->ear);
    world_done(&r->world);
}
