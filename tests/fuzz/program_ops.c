/* The operations of a program. */
#include <string.h>

#include "stack/tcp/fast_open.h"
#include "tests/fuzz/program.h"

#define PAYLOAD_MAX 1460U
#define OPTIONS_MAX 40U

/* ---- segments ---- */

/* Where a number of the peer's lies. */
static tcp_seq seq_place(const struct program_view *v, unsigned how, struct rd *in)
{
    switch (how & 7U) {
    case 0:
        return v->rcv_nxt;
    case 1:
        return seq_sub(v->rcv_nxt, 1);
    case 2:
        return v->rcv_adv;
    case 3:
        return seq_sub(v->rcv_adv, rd_u8(in));
    case 4:
        return seq_add(v->irs, rd_be16(in));
    case 5:
        return seq_add(v->rcv_nxt, rd_be16(in));
    case 6:
        return seq_sub(v->rcv_nxt, rd_be16(in));
    default:
        return seq_of(rd_be32(in));
    }
}

static tcp_seq ack_place(const struct program_view *v, unsigned how, struct rd *in)
{
    switch (how & 7U) {
    case 0:
        return v->snd_nxt;
    case 1:
        return v->snd_una;
    case 2:
        return seq_add(v->snd_una, rd_be16(in));
    case 3:
        return seq_sub(v->snd_nxt, rd_u8(in));
    case 4:
        return seq_add(v->iss, rd_be16(in));
    case 5:
        return seq_add(v->snd_nxt, 1U + rd_u8(in));
    case 6:
        return seq_sub(v->snd_una, rd_be16(in));
    default:
        return seq_of(rd_be32(in));
    }
}

static void put_timestamps(struct wr *w, uint32_t val, uint32_t ecr)
{
    wr_be16(w, 0x0101);
    wr_be16(w, 0x080a);
    wr_be32(w, val);
    wr_be32(w, ecr);
}

/* The host's own for whom it listens to, in a SYN; any in a SYN-ACK. Or the same with a wrong bit. */
static void put_cookie(struct wr *w, const struct program *p, const struct program_view *v,
                       bool wrong)
{
    struct fast_open_cookie c;
    const struct tcp_tuple *t = &v->tuple;
    fast_open_make_cookie(&p->net.host.tcp, t->remote.addr, t->local.addr, p->net.now, &c);
    c.bytes[7] ^= wrong ? 1 : 0;
    wr_u8(w, 34);
    wr_u8(w, (uint8_t)(2U + c.len));
    wr_bytes(w, c.bytes, c.len);
}

/* 0: as a peer would that knows all options; 1: some of them, by a byte, and other timestamps; 2: any
 * bytes; 3: none. */
static void put_options(struct wr *w, const struct program *p, const struct program_view *v,
                        unsigned how, unsigned flags, struct rd *in)
{
    bool syn = (flags & TCP_SYN) != 0;
    uint8_t which = how == 1 ? rd_u8(in) : 0xff;
    if (how == 2) {
        struct slice raw = rd_take(in, size_min(rd_u8(in) % (OPTIONS_MAX + 1), rd_left(in)));
        wr_bytes(w, raw.data, raw.len);
        return;
    }
    if (how == 3) {
        return;
    }
    if (syn && (which & 1U) != 0) {
        wr_be16(w, 0x0204);
        wr_be16(w, how == 1 ? rd_be16(in) : PAYLOAD_MAX);
    }
    if (syn && (which & 2U) != 0) {
        wr_be16(w, 0x0303);
        wr_u8(w, how == 1 ? rd_u8(in) : 7);
    }
    if (syn && (which & 4U) != 0) {
        wr_be16(w, 0x0402);
    }
    if (how == 0 ? syn || v->ts_ok : (which & 8U) != 0) {
        uint32_t val = v->ts_recent + (how == 1 ? (uint32_t)(int8_t)rd_u8(in) : 1U);
        uint32_t late = how == 1 ? rd_u8(in) : 0;
        put_timestamps(w, val, syn && !v->open ? 0 : v->ts_now - late);
    }
    if (syn && (which & 16U) != 0) {
        put_cookie(w, p, v, how == 1 && (which & 32U) != 0);
    }
}

/* Up to 1460 bytes, fine steps first. */
static uint32_t length_of(uint8_t b)
{
    return b < 128 ? b : u32_min(PAYLOAD_MAX, (uint32_t)(b - 127) * 12U);
}

static void put_payload(struct wr *w, tcp_seq seq, uint32_t len)
{
    for (uint32_t i = 0; i < len && wr_len(w) < PAYLOAD_MAX + 20; i++) {
        wr_u8(w, program_byte(seq_add(seq, i)));
    }
}

static void send_bytes(struct program *p, uint8_t *b, size_t len)
{
    uint32_t sum = (PEER_IP >> 16) + (PEER_IP & 0xffff) + (OUR_IP >> 16) + (OUR_IP & 0xffff) +
                   IP_TCP + (uint32_t)len;
    put16(b + 16, plain_checksum(b, len, sum));
    struct ip4_spec ip = ip4_spec_to_us(IP_TCP);
    net_ip(&p->net, &ip, b, len);
}

/* Flags; places (three bits for the number, three for the ACK, two for the options) and what they ask
 * for; the window as mantissa and exponent; an urgent pointer if URG is set; the length. */
static void segment(struct program *p, unsigned slot, struct rd *in)
{
    struct program_view v = program_view(p, slot);
    uint8_t flags = rd_u8(in);
    uint8_t places = rd_u8(in);
    tcp_seq seq = seq_place(&v, places, in);
    tcp_seq ack = ack_place(&v, places >> 3U, in);
    uint8_t options[OPTIONS_MAX + 4] = {0};
    struct wr o = wr_of(options, OPTIONS_MAX);
    put_options(&o, p, &v, places >> 6U, flags, in);
    size_t options_len = (wr_len(&o) + 3) / 4 * 4;
    uint8_t window = rd_u8(in);

    uint8_t bytes[20 + OPTIONS_MAX + PAYLOAD_MAX];
    struct wr w = wr_of(bytes, sizeof bytes);
    wr_be16(&w, v.tuple.remote.port);
    wr_be16(&w, v.tuple.local.port);
    wr_be32(&w, seq.v);
    wr_be32(&w, (flags & TCP_ACK) != 0 ? ack.v : 0);
    wr_u8(&w, (uint8_t)((20 + options_len) / 4 << 4));
    wr_u8(&w, flags);
    wr_be16(&w, (uint16_t)u32_min(UINT16_MAX, (uint32_t)(window & 15U) << (window >> 4)));
    wr_be16(&w, 0); /* the checksum's place */
    wr_be16(&w, (flags & TCP_URG) != 0 ? rd_u8(in) : 0);
    wr_bytes(&w, options, options_len);
    put_payload(&w, seq_add(seq, (flags & TCP_SYN) != 0 ? 1 : 0), length_of(rd_u8(in)));
    send_bytes(p, bytes, wr_len(&w));
}

/* Type and code, how far behind snd_una the quoted segment begins, the MTU; the top bit of the code
 * makes it another protocol's. */
static void icmp(struct program *p, unsigned slot, struct rd *in)
{
    struct program_view v = program_view(p, slot);
    uint8_t m[36] = {0};
    m[0] = rd_u8(in) % 20;
    m[1] = rd_u8(in);
    tcp_seq seq = seq_add(v.snd_una, rd_be16(in));
    put16(m + 6, rd_be16(in));
    uint8_t *ip = m + 8;
    ip[0] = 0x45;
    put16(ip + 2, 40);
    ip[8] = 64;
    ip[9] = (m[1] & 0x80U) != 0 ? IP_UDP : IP_TCP;
    m[1] &= 0x7f;
    put16(ip + 12, OUR_IP >> 16);
    put16(ip + 14, OUR_IP & 0xffff);
    put16(ip + 16, PEER_IP >> 16);
    put16(ip + 18, PEER_IP & 0xffff);
    put16(ip + 10, plain_checksum(ip, 20, 0));
    put16(ip + 20, v.tuple.local.port);
    put16(ip + 22, v.tuple.remote.port);
    put16(ip + 24, (uint16_t)(seq.v >> 16));
    put16(ip + 26, (uint16_t)seq.v);
    put16(m + 2, plain_checksum(m, sizeof m, 0));
    struct ip4_spec spec = ip4_spec_to_us(IP_ICMP);
    net_ip(&p->net, &spec, m, sizeof m);
}

/* ---- the application ---- */

static void app_read(struct program_app *a, size_t most)
{
    while (a->s != NULL && most > 0) {
        struct slice got = stream_peek(a->s);
        size_t n = size_min(got.len, most);
        if (n == 0) {
            return;
        }
        if (!a->begun) {
            a->begun = true;
            a->next = seq_add(conn_of_stream(a->s)->irs, 1);
        }
        for (size_t i = 0; i < n; i++) {
            FUZZ_CHECK(got.data[i] == program_byte(seq_add(a->next, (uint32_t)i)));
        }
        a->next = seq_add(a->next, (uint32_t)n);
        most -= n;
        stream_consume(a->s, n);
    }
}

static void app_write(struct program_app *a, size_t len)
{
    while (len > 0) {
        size_t room = 0;
        uint8_t *to = stream_reserve(a->s, 1, &room);
        if (to == NULL) {
            return;
        }
        FUZZ_CHECK(room >= 1);
        size_t n = size_min(room, len);
        tcp_seq end = sendq_end(&conn_of_stream(a->s)->sendq);
        for (size_t i = 0; i < n; i++) {
            to[i] = program_byte(seq_add(end, (uint32_t)i));
        }
        stream_commit(a->s, n);
        len -= n;
    }
}

static void app_end(struct program_app *a, bool politely)
{
    struct stream *s = a->s;
    a->s = NULL;
    if (politely) {
        tcp_close(s);
    } else {
        stream_abort(s);
    }
}

/* Inside a callback: nothing, the usual, shut down or close, abort. */
static void by_habit(struct program_app *a, unsigned shift, bool reads)
{
    switch (a->habit >> shift & 3U) {
    case 1:
        if (reads) {
            app_read(a, SIZE_MAX);
        } else {
            app_write(a, 3000);
        }
        break;
    case 2:
        if (shift < 4) {
            stream_shutdown(a->s);
        } else {
            app_end(a, true);
        }
        break;
    case 3:
        app_end(a, false);
        break;
    default:
        break;
    }
}

static void on_opened(struct stream *s)
{
    by_habit(s->app, 0, false);
}

static void on_readable(struct stream *s)
{
    by_habit(s->app, 2, true);
}

static void on_writable(struct stream *s)
{
    by_habit(s->app, 4, false);
}

static void on_peer_closed(struct stream *s)
{
    by_habit(s->app, 6, true);
}

static void on_closed(struct stream *s, enum close_reason reason)
{
    struct program_app *a = s->app;
    FUZZ_CHECK(a->s == s && reason < CLOSE_REASONS);
    a->s = NULL;
}

static const struct stream_events events = {
    .opened = on_opened,
    .readable = on_readable,
    .writable = on_writable,
    .peer_closed = on_peer_closed,
    .closed = on_closed,
};

static struct program_app *new_app(struct program *p)
{
    for (unsigned i = 0; i < PROGRAM_APPS; i++) {
        if (p->apps[i].s == NULL) {
            p->apps[i] = (struct program_app){.program = p, .habit = p->habit};
            return &p->apps[i];
        }
    }
    return NULL;
}

static void on_accept(void *arg, struct stream *s)
{
    struct program_app *a = new_app(arg);
    if (a != NULL) { /* else nobody takes it, and the host resets it */
        a->s = s;
        s->events = &events;
        s->app = a;
    }
}

static struct tcp_options options_of(uint8_t b)
{
    return (struct tcp_options){
        .no_delay = (b & 1U) != 0,
        .keepalive = (b & 2U) != 0,
        .keepalive_idle = (b & 4U) != 0 ? 10 * NS_PER_SEC : 0,
        .keepalive_probes = b >> 6,
        .user_timeout = (b & 8U) != 0 ? 5 * NS_PER_SEC : 0,
        .receive_buffer = (b & 16U) != 0 ? 2048 : 0,
        .send_buffer = (b & 32U) != 0 ? 2048 : 0,
        .fast_open = b >> 6 == 3,
    };
}

static void listen_or_not(struct program *p, uint8_t how)
{
    struct tcp_listen_args args = {
        .local = {ip_any, PROGRAM_PORT},
        .backlog = how >> 7 ? 1 : 0,
        .options = options_of(how),
        .accept = on_accept,
        .arg = p,
    };
    if (p->listener != NULL) {
        tcp_unlisten(&p->net.host.tcp, p->listener);
        p->listener = NULL;
    } else {
        FUZZ_CHECK(tcp_listen(&p->net.host.tcp, &args, &p->listener) == TCP_OK);
    }
}

static void open_slot(struct program *p, unsigned slot, uint8_t how)
{
    struct program_app *a = new_app(p);
    struct tcp_tuple t = program_view(p, slot).tuple;
    struct tcp_connect_args args = {
        .local = t.local,
        .remote = t.remote,
        .options = options_of(how),
        .events = &events,
        .app = a,
    };
    if (a != NULL && tcp_connect(&p->net.host.tcp, &args, &a->s) != TCP_OK) {
        a->s = NULL;
    } else if (a != NULL && args.options.fast_open) {
        app_write(a, how * 8U); /* before the SYN leaves */
    }
}

static void toggle_cork(struct program_app *a)
{
    struct tcp_options o = conn_of_stream(a->s)->options;
    o.cork = !o.cork;
    tcp_set_options(a->s, &o);
}

static void write_so(struct program_app *a, uint8_t how, uint8_t first)
{
    if ((first & 0x40U) != 0) {
        toggle_cork(a);
    }
    app_write(a, how * 16U);
    if ((first & 0x80U) != 0) {
        tcp_mark_urgent(a->s);
    }
}

static void act(struct program *p, uint8_t first, unsigned slot, struct rd *in)
{
    enum program_op op = first & 15U;
    struct program_app *a = program_app_of(p, slot);
    uint8_t how = op == OP_WRITE || op == OP_READ || op >= OP_CONNECT ? rd_u8(in) : 0;
    if (op == OP_CONNECT) {
        open_slot(p, slot, how);
    } else if (op == OP_LISTEN) {
        listen_or_not(p, how);
    } else if (a == NULL) {
        return;
    } else if (op == OP_WRITE) {
        write_so(a, how, first);
    } else if (op == OP_READ) {
        app_read(a, how == 255 ? SIZE_MAX : how * 16U);
    } else if (op == OP_SHUTDOWN) {
        stream_shutdown(a->s);
    } else if (op == OP_OPTIONS) {
        struct tcp_options o = options_of(how);
        tcp_set_options(a->s, &o);
    } else {
        app_end(a, op == OP_CLOSE);
    }
}

/* ---- time and trouble ---- */

static void fault(struct program *p, struct rd *in)
{
    struct host *h = &p->net.host;
    struct pool *pools[] = {
        &h->pools.slabs[SLAB_SMALL],
        &h->pools.slabs[SLAB_FRAME],
        &h->pools.slabs[SLAB_RECORD],
        &h->pools.bufs,
        &h->tcp.handle_pool,
        &h->tcp.conn_pool,
        &h->tcp.rest_pool,
        &h->tcp.timewait_pool,
        &h->tcp.range_pool,
        &h->tcp.sent_pool,
    };
    uint8_t which = rd_u8(in);
    pools[which % COUNT_OF(pools)]->fail_at = 1U + rd_u8(in) % 8U;
}

static void pass_time(struct program *p, struct rd *in)
{
    nsec mantissa = rd_u8(in);
    net_run(&p->net, (mantissa << (rd_u8(in) % 27U)) << 16U);
}

void program_step(struct program *p, struct rd *in)
{
    uint8_t first = rd_u8(in);
    enum program_op op = first & 15U;
    unsigned slot = first >> 4 & 3U;
    switch (op) {
    case OP_SEGMENT:
        segment(p, slot, in);
        return;
    case OP_ICMP:
        icmp(p, slot, in);
        return;
    case OP_DEADLINE:
        for (unsigned i = 0; i <= first >> 6; i++) {
            nsec due = host_deadline(&p->net.host);
            (void)net_step(&p->net, due != NEVER ? due : p->net.now);
        }
        return;
    case OP_TIME:
        pass_time(p, in);
        return;
    case OP_FAULT:
        fault(p, in);
        return;
    case OP_HOLD:
        if (p->net.hold) {
            net_release(&p->net);
        } else {
            p->net.hold = true;
        }
        return;
    case OP_TROUBLE:
        p->net.refuse = rd_u8(in) & 15U;
        p->net.deaf = first >> 7 != 0;
        return;
    case OP_HABIT:
        p->habit = rd_u8(in);
        return;
    default:
        host_enter(&p->net.host, p->net.now);
        act(p, first, slot, in);
        net_flush(&p->net);
        return;
    }
}
