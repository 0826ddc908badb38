/* setsockopt, getsockopt, fcntl and ioctl: which options there are, and what they are here. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "stack/tcp/cc.h"
#include "tests/conformance/calls.h"
#include "tests/conformance/symbols.h"

#define TIMEOUT_MAX 1000000 /* seconds */
#define MAXSEG_MIN 88       /* bytes, as other systems have it */
#define MAXSEG_MAX 32767

enum option_name {
    O_NOTHING, /* of no effect here */
    O_SNDBUF,
    O_RCVBUF,
    O_KEEPALIVE,
    O_LINGER,
    O_RCVTIMEO,
    O_SNDTIMEO,
    O_ERROR,
    O_TYPE,
    O_NODELAY,
    O_MAXSEG,
    O_KEEPIDLE,
    O_KEEPINTVL,
    O_KEEPCNT,
    O_USER_TIMEOUT,
    O_CONGESTION,
    O_INFO,
    O_TOS,
    O_TTL,
    O_MTU,
    O_OOBINLINE,
    O_RCVLOWAT,
    O_MAX_PACING_RATE,
    O_CORK,
    O_NOTSENT_LOWAT,
    O_QUICKACK,
    O_INQ,
    O_FASTOPEN,
    O_FASTOPEN_CONNECT,
};

static const struct known_option {
    const char *level, *name;
    enum option_name what;
    bool set, get;
} known[] = {
    {"SOL_SOCKET", "SO_REUSEADDR", O_NOTHING, true, false},
    {"SOL_SOCKET", "SO_REUSEPORT", O_NOTHING, true, false},
    {"SOL_SOCKET", "SO_DEBUG", O_NOTHING, true, false},
    {"SOL_SOCKET", "SO_PRIORITY", O_NOTHING, true, false},
    {"SOL_SOCKET", "SO_MARK", O_NOTHING, true, false},
    {"SOL_SOCKET", "SO_SNDBUF", O_SNDBUF, true, true},
    {"SOL_SOCKET", "SO_RCVBUF", O_RCVBUF, true, true},
    {"SOL_SOCKET", "SO_KEEPALIVE", O_KEEPALIVE, true, true},
    {"SOL_SOCKET", "SO_LINGER", O_LINGER, true, false},
    {"SOL_SOCKET", "SO_RCVTIMEO", O_RCVTIMEO, true, false},
    {"SOL_SOCKET", "SO_SNDTIMEO", O_SNDTIMEO, true, false},
    {"SOL_SOCKET", "SO_ERROR", O_ERROR, false, true},
    {"SOL_SOCKET", "SO_TYPE", O_TYPE, false, true},
    {"SOL_SOCKET", "SO_OOBINLINE", O_OOBINLINE, true, true},
    {"SOL_SOCKET", "SO_RCVLOWAT", O_RCVLOWAT, true, true},
    {"SOL_SOCKET", "SO_MAX_PACING_RATE", O_MAX_PACING_RATE, true, false},
    {"IPPROTO_TCP", "TCP_NODELAY", O_NODELAY, true, true},
    {"IPPROTO_TCP", "TCP_MAXSEG", O_MAXSEG, true, true},
    {"IPPROTO_TCP", "TCP_CORK", O_CORK, true, true},
    {"IPPROTO_TCP", "TCP_NOTSENT_LOWAT", O_NOTSENT_LOWAT, true, true},
    {"IPPROTO_TCP", "TCP_QUICKACK", O_QUICKACK, true, true},
    {"IPPROTO_TCP", "TCP_KEEPIDLE", O_KEEPIDLE, true, true},
    {"IPPROTO_TCP", "TCP_KEEPINTVL", O_KEEPINTVL, true, true},
    {"IPPROTO_TCP", "TCP_KEEPCNT", O_KEEPCNT, true, true},
    {"IPPROTO_TCP", "TCP_USER_TIMEOUT", O_USER_TIMEOUT, true, true},
    {"IPPROTO_TCP", "TCP_CONGESTION", O_CONGESTION, true, false},
    {"IPPROTO_TCP", "TCP_INFO", O_INFO, false, true},
    {"IPPROTO_TCP", "TCP_INQ", O_INQ, true, false},
    {"IPPROTO_TCP", "TCP_FASTOPEN", O_FASTOPEN, true, false},
    {"IPPROTO_TCP", "TCP_FASTOPEN_CONNECT", O_FASTOPEN_CONNECT, true, false},
    {"IPPROTO_IP", "IP_TOS", O_TOS, true, true},
    {"IPPROTO_IP", "IP_TTL", O_TTL, true, true},
    {"IPPROTO_IP", "IP_MTU", O_MTU, false, true},
    {"IPPROTO_IP", "IP_MTU_DISCOVER", O_NOTHING, true, false},
    {"IPPROTO_IP", "IP_RECVERR", O_NOTHING, true, false}, /* the error queue itself is skipped */
};

static const struct known_option *find_option(const struct call *c)
{
    int64_t level = call_number(c, 1);
    int64_t name = call_number(c, 2);
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        int64_t known_level;
        int64_t known_name;
        if (symbol_value(known[i].level, &known_level) && known_level == level &&
            symbol_value(known[i].name, &known_name) && known_name == name) {
            return &known[i];
        }
    }
    return NULL;
}

/* The algorithm that TCP_CONGESTION names; NULL: we have none of that name. */
static const struct tcp_cc_ops *named_congestion_control(const struct expr *e)
{
    e = e->kind == EXPR_LIST && e->first != NULL ? e->first : e;
    if (e->kind != EXPR_TEXT) {
        return NULL;
    }
    return cc_named(strcmp(e->text, "reno") == 0 ? "newreno" : e->text);
}

/* Only in its place: who asks for the other way is not served. */
static bool wants_out_of_band(const struct call *c)
{
    return call_number(c, 3) == 0;
}

const char *check_setsockopt(const struct call *c)
{
    const struct known_option *o = find_option(c);
    if (o == NULL || !o->set) {
        return c->args[2]->kind == EXPR_SYMBOL ? c->args[2]->text : "a socket option";
    }
    if (o->what == O_CONGESTION && named_congestion_control(c->args[3]) == NULL) {
        return "a congestion control that we do not have";
    }
    if (o->what == O_OOBINLINE && wants_out_of_band(c)) {
        return "urgent data out of its place";
    }
    return NULL;
}

const char *check_getsockopt(const struct call *c)
{
    const struct known_option *o = find_option(c);
    if (o == NULL || !o->get) {
        return c->args[2]->kind == EXPR_SYMBOL ? c->args[2]->text : "a socket option";
    }
    return c->args[3]->kind == EXPR_STRUCT ? "getsockopt with the fields of a structure" : NULL;
}

/* ---- setting ---- */

/* {tv_sec=1, tv_usec=500000} */
static nsec timeval_of(const struct expr *e)
{
    int64_t s = 0;
    int64_t us = 0;
    const struct expr *sec = expr_field(e, "tv_sec");
    const struct expr *usec = expr_field(e, "tv_usec");
    if (sec != NULL) {
        (void)expr_number(sec, &s);
    }
    if (usec != NULL) {
        (void)expr_number(usec, &us);
    }
    bool good = s >= 0 && s <= TIMEOUT_MAX && us >= 0 && us < 1000000;
    return good ? s * NS_PER_SEC + us * NS_PER_US : 0;
}

/* {onoff=1, linger=0}: only that makes close a reset. */
static bool lingers_zero(const struct expr *e)
{
    int64_t on = 0;
    int64_t seconds = 0;
    const struct expr *onoff = expr_field(e, "onoff");
    const struct expr *linger = expr_field(e, "linger");
    onoff = onoff != NULL ? onoff : expr_field(e, "l_onoff");
    linger = linger != NULL ? linger : expr_field(e, "l_linger");
    bool both =
        onoff != NULL && linger != NULL && expr_number(onoff, &on) && expr_number(linger, &seconds);
    return both && on != 0 && seconds == 0;
}

static void apply(struct sock *k, enum option_name what, int64_t v, const struct expr *e)
{
    struct tcp_options *o = &k->options;
    switch (what) {
    case O_SNDBUF:
        o->send_buffer = (uint32_t)v;
        break;
    case O_RCVBUF:
        o->receive_buffer = (uint32_t)v;
        break;
    case O_KEEPALIVE:
        o->keepalive = v != 0;
        break;
    case O_LINGER:
        k->linger = lingers_zero(e);
        break;
    case O_RCVTIMEO:
        k->rcv_timeout = timeval_of(e);
        break;
    case O_SNDTIMEO:
        k->snd_timeout = timeval_of(e);
        break;
    case O_NOTSENT_LOWAT:
        o->notsent_lowat = (uint32_t)v;
        break;
    case O_NODELAY:
        o->no_delay = v != 0;
        break;
    case O_MAXSEG:
        o->mss = (uint16_t)v;
        break;
    case O_RCVLOWAT:
        k->rcv_low = (uint32_t)v;
        break;
    case O_INQ:
        k->tells_queued = v != 0;
        break;
    case O_MAX_PACING_RATE:
        o->max_pacing_rate = (uint64_t)v;
        break;
    case O_CORK:
        k->cork = v != 0;
        break;
    case O_QUICKACK:
        o->quick_ack = v != 0;
        break;
    case O_FASTOPEN:
        o->fast_open = v != 0;
        k->fast_open_pending = (uint32_t)v;
        break;
    case O_FASTOPEN_CONNECT:
        o->fast_open = v != 0;
        k->fast_open_connect = v != 0;
        break;
    case O_KEEPIDLE:
        o->keepalive_idle = v * NS_PER_SEC;
        break;
    case O_KEEPINTVL:
        o->keepalive_interval = v * NS_PER_SEC;
        break;
    case O_KEEPCNT:
        o->keepalive_probes = (uint32_t)v;
        break;
    case O_USER_TIMEOUT:
        o->user_timeout = v * NS_PER_MS;
        break;
    case O_CONGESTION:
        o->cc = named_congestion_control(e);
        break;
    case O_TOS:
        o->tos = (uint8_t)v;
        break;
    case O_TTL:
        o->ttl = (uint8_t)v;
        break;
    default:
        break;
    }
}

struct outcome call_setsockopt(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    const struct known_option *o = find_option(a->call);
    int64_t v = call_number(a->call, 3);
    if (k == NULL) {
        return outcome_error(EBADF);
    }
    bool mss_bad = o->what == O_MAXSEG && v != 0 && (v < MAXSEG_MIN || v > MAXSEG_MAX);
    if (v < 0 || v > UINT32_MAX || mss_bad) {
        return outcome_error(EINVAL);
    }
    apply(k, o->what, v, a->call->args[3]);
    if (o->what == O_NODELAY && v != 0) {
        sock_uncork_once(k);
    }
    sock_apply_options(k);
    return outcome_of(0);
}

/* ---- getting ---- */

static int64_t value_of(struct sock *k, enum option_name what)
{
    struct tcp_info info = {0};
    const struct tcp_options *o = &k->options;
    const struct tcp_config *config = &k->owner->world->host.tcp.config;
    int64_t error = k->error;
    sock_info(k, &info);
    switch (what) {
    case O_SNDBUF:
        return o->send_buffer != 0    ? o->send_buffer
               : info.send_limit != 0 ? info.send_limit
                                      : config->send_buffer;
    case O_RCVBUF:
        return o->receive_buffer != 0    ? o->receive_buffer
               : info.receive_limit != 0 ? info.receive_limit
                                         : config->receive_buffer;
    case O_KEEPALIVE:
        return o->keepalive;
    case O_ERROR:
        k->error = 0;
        return error;
    case O_TYPE:
        return k->datagram ? SOCK_DGRAM : SOCK_STREAM;
    case O_NOTSENT_LOWAT:
        return o->notsent_lowat;
    case O_NODELAY:
        return o->no_delay;
    case O_MAXSEG:
        return info.snd_mss != 0 ? info.snd_mss : o->mss;
    case O_OOBINLINE:
        return 1;
    case O_RCVLOWAT:
        return k->rcv_low > 0 ? k->rcv_low : 1;
    case O_CORK:
        return k->cork;
    case O_QUICKACK:
        return o->quick_ack;
    case O_KEEPIDLE:
        return o->keepalive_idle / NS_PER_SEC;
    case O_KEEPINTVL:
        return o->keepalive_interval / NS_PER_SEC;
    case O_KEEPCNT:
        return o->keepalive_probes;
    case O_USER_TIMEOUT:
        return o->user_timeout / NS_PER_MS;
    case O_TOS:
        return o->tos;
    case O_TTL:
        return o->ttl;
    case O_MTU:
        return info.mtu;
    default:
        return 0;
    }
}

struct outcome call_getsockopt(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    const struct known_option *o = find_option(a->call);
    const struct expr *e = a->call->args[3];
    if (k == NULL) {
        return outcome_error(EBADF);
    }
    int64_t want;
    int64_t got = value_of(k, o->what);
    struct outcome out = outcome_of(0);
    bool of_buffer = o->what == O_SNDBUF || o->what == O_RCVBUF;
    bool doubled = of_buffer && expr_number(e, &want) && want == 2 * got; /* as Linux counts */
    bool any = doubled || (of_buffer && r->settings.any_window);
    if (e->kind != EXPR_ELLIPSIS && expr_number(e, &want) && want != got && !any) {
        out.fault =
            call_text(r, "the option is %lld, expected %lld", (long long)got, (long long)want);
    }
    return out;
}

/* ---- fcntl, ioctl ---- */

const char *check_fcntl(const struct call *c)
{
    int64_t what = call_number(c, 1);
    return what == F_GETFL || what == F_SETFL ? NULL : "fcntl other than F_GETFL and F_SETFL";
}

struct outcome call_fcntl(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    if (k == NULL) {
        return outcome_error(EBADF);
    }
    if (call_number(a->call, 1) == F_GETFL) {
        return outcome_of(O_RDWR | (k->nonblock ? O_NONBLOCK : 0));
    }
    k->nonblock = (call_number(a->call, 2) & O_NONBLOCK) != 0;
    return outcome_of(0);
}

const char *check_ioctl(const struct call *c)
{
    int64_t what = call_number(c, 1);
    bool known_one =
        what == SIOCINQ || what == SIOCOUTQ || what == SIOCOUTQNSD || what == SIOCATMARK;
    return known_one ? NULL : "ioctl other than SIOCINQ, SIOCOUTQ, SIOCOUTQNSD and SIOCATMARK";
}

struct outcome call_ioctl(struct run *r, struct attempt *a)
{
    struct sock *k = call_sock(r, a->call, 0);
    struct tcp_info info = {0};
    if (k == NULL) {
        return outcome_error(EBADF);
    }
    if (k->state == SOCK_LISTENING) {
        return outcome_error(EINVAL);
    }
    if (k->stream != NULL) {
        sock_info(k, &info);
    }
    info.receive_queued += k->datagram ? (uint32_t)datagram_next(k) : 0;
    int64_t what = call_number(a->call, 1);
    int64_t got = what == SIOCINQ      ? info.receive_queued
                  : what == SIOCOUTQ   ? info.send_queued
                  : what == SIOCATMARK ? sock_at_mark(k)
                                       : info.unsent;
    int64_t want;
    struct outcome out = outcome_of(0);
    if (expr_number(a->call->args[2], &want) && want != got) {
        out.fault = call_text(r, "it tells %lld, expected %lld", (long long)got, (long long)want);
    }
    return out;
}
