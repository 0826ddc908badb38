/* The settings of TCP by name; see tcp_settings.h. */
#include "apps/tcp_settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/cc.h"

enum setting_kind {
    SETTING_SWITCH,    /* a field `no_X`: on or off */
    SETTING_FLAG,      /* a field that is on when it says so */
    SETTING_COUNT,     /* a uint32_t; k and m are 1,024 and 1,048,576 */
    SETTING_SHORT,     /* a uint16_t, likewise */
    SETTING_RATE,      /* a uint64_t of bytes a second, likewise */
    SETTING_TIME,      /* an nsec; us, ms or s */
    SETTING_ECN,       /* a policy of explicit congestion notification */
    SETTING_MTU,       /* when the path's MTU is probed */
    SETTING_CC,        /* an algorithm of congestion control */
    SETTING_COOKIES,   /* when a SYN is answered by a cookie */
    SETTING_FAST_OPEN, /* who puts data into a SYN */
};

static const char *const kind_takes[] = {
    [SETTING_SWITCH] = "on|off",
    [SETTING_FLAG] = "off|on",
    [SETTING_COUNT] = "N, Nk, Nm",
    [SETTING_SHORT] = "N, Nk",
    [SETTING_RATE] = "N, Nk, Nm",
    [SETTING_TIME] = "Nus, Nms, Ns",
    [SETTING_ECN] = "off|accept|ask",
    [SETTING_CC] = "cubic|newreno|bbr",
    [SETTING_MTU] = "off|hole|always",
    [SETTING_COOKIES] = "auto|never|always",
    [SETTING_FAST_OPEN] = "off|client|server|both",
};

struct setting {
    const char *name;
    enum setting_kind kind;
    bool of_each; /* connection: its place is in struct tcp_options; else in struct tcp_config */
    size_t place;
    const char *what;
};

#define FIELD(name) false, offsetof(struct tcp_config, name)
#define OF_EACH(name) true, offsetof(struct tcp_options, name)

static const struct setting settings[] = {
    {"cc", SETTING_CC, FIELD(cc), "congestion control: cubic, newreno, bbr"},
    {"timestamps", SETTING_SWITCH, FIELD(no_timestamps), "timestamps option (RFC 7323)"},
    {"window_scale", SETTING_SWITCH, FIELD(no_window_scale), "window scale option (RFC 7323)"},
    {"sack", SETTING_SWITCH, FIELD(no_sack), "selective acknowledgment (RFC 2018)"},
    {"quick_acks", SETTING_SWITCH, FIELD(no_quick_acks),
     "the first full segments answered at once"},
    {"dsack", SETTING_SWITCH, FIELD(no_dsack), "duplicates are reported (RFC 2883)"},
    {"rack", SETTING_SWITCH, FIELD(no_rack), "losses found by time (RFC 8985); off: NewReno"},
    {"probe", SETTING_SWITCH, FIELD(no_probe), "tail-loss probes (RFC 8985 7)"},
    {"undo", SETTING_SWITCH, FIELD(no_undo), "what was no loss is undone (RFC 4015)"},
    {"eifel", SETTING_SWITCH, FIELD(no_eifel), "if a timestamp says so (RFC 3522)"},
    {"frto", SETTING_SWITCH, FIELD(no_frto),
     "if what went once arrives after a timeout (RFC 5682)"},
    {"dsack_undo", SETTING_SWITCH, FIELD(no_dsack_undo), "if the peer had it all twice (RFC 3708)"},
    {"prr", SETTING_SWITCH, FIELD(no_prr),
     "the window comes down evenly (RFC 9937); off: at once (RFC 6675)"},
    {"reduce_again", SETTING_FLAG, FIELD(reduce_again),
     "a lost retransmission lowers the window once more (RFC 5681 4.3)"},
    {"limited_transmit", SETTING_SWITCH, FIELD(no_limited_transmit),
     "without SACK two duplicates let out new data (RFC 3042)"},
    {"idle_restart", SETTING_SWITCH, FIELD(no_idle_restart),
     "cwnd begins again after silence (RFC 5681 4.1)"},
    {"cwnd_decay", SETTING_SWITCH, FIELD(no_window_validation),
     "a window that is not used becomes smaller (RFC 2861)"},
    {"rest", SETTING_SWITCH, FIELD(no_rest),
     "a silent connection gives its control block back until something comes"},
    {"byte_counting", SETTING_SWITCH, FIELD(no_byte_counting),
     "slow start counts bytes (RFC 3465); off: ACKs"},
    {"hystart", SETTING_SWITCH, FIELD(no_hystart),
     "slow start ends before losses (RFC 9406); off: by them"},
    {"ack_train", SETTING_SWITCH, FIELD(no_ack_train),
     "slow start ends by the ACK train too; off: by delay alone (RFC 9406)"},
    {"push_quanta", SETTING_SWITCH, FIELD(no_push_quanta),
     "PSH at every quantum of a long transfer, not only at its end"},
    {"pacing", SETTING_SWITCH, FIELD(no_pacing),
     "data goes at congestion control's rate, if it has one"},
    {"pace_window", SETTING_FLAG, OF_EACH(pace), "and if it has none, by the window's"},
    {"max_pacing_rate", SETTING_RATE, OF_EACH(max_pacing_rate),
     "bytes a second that leave a connection, whatever the algorithm"},
    {"nagle", SETTING_SWITCH, OF_EACH(no_delay),
     "less than a segment waits for ACKs (RFC 9293 3.7.4); serve begins with off"},
    {"cork", SETTING_FLAG, OF_EACH(cork), "less than a segment waits for more, or 200 ms"},
    {"notsent_lowat", SETTING_COUNT, OF_EACH(notsent_lowat),
     "bytes unsent with which the application is not asked for more"},
    {"mss", SETTING_SHORT, OF_EACH(mss), "payload of a segment at most, both ways"},
    {"syn_cookies", SETTING_COOKIES, FIELD(syn_cookies),
     "a SYN is answered and forgotten (RFC 4987); auto: if the backlog is full"},
    {"fast_open", SETTING_FAST_OPEN, FIELD(fast_open),
     "data in the SYN of whoever has a cookie (RFC 7413): it may be delivered twice"},
    {"ecn", SETTING_ECN, FIELD(ecn),
     "congestion marks (RFC 9768, RFC 3168); also accept-classic, accept-ask-classic, ask-classic"},
    {"ecn_fallback", SETTING_SWITCH, FIELD(no_ecn_fallback), "ECN is given up where it gets lost"},
    {"accecn_option", SETTING_SWITCH, FIELD(no_accecn_option),
     "counters of marked bytes in an option (RFC 9768 3.2.3)"},
    {"abe", SETTING_SWITCH, FIELD(no_abe), "a mark takes less than a loss (RFC 8511)"},
    {"autotune", SETTING_SWITCH, FIELD(no_autotune), "buffers grow with what the path takes"},
    {"send_buffer", SETTING_COUNT, FIELD(send_buffer), "bytes queued by each connection, at first"},
    {"send_buffer_max", SETTING_COUNT, FIELD(send_buffer_max), "and at most"},
    {"receive_buffer", SETTING_COUNT, FIELD(receive_buffer), "bytes offered by each, at first"},
    {"receive_buffer_max", SETTING_COUNT, FIELD(receive_buffer_max), "and at most"},
    {"reassembly_max", SETTING_COUNT, FIELD(reassembly_max), "ranges kept beyond holes"},
    {"sent_max", SETTING_COUNT, FIELD(sent_max), "runs of the sender's scoreboard"},
    {"mtu_probing", SETTING_MTU, FIELD(mtu_probing),
     "the path's MTU is probed (RFC 4821): never, in a black hole, always"},
    {"base_mss", SETTING_COUNT, FIELD(base_mss), "payload of a segment that goes everywhere"},
    {"floor_mss", SETTING_COUNT, FIELD(floor_mss), "and the least that is tried if it does not"},
    {"challenge_acks", SETTING_COUNT, FIELD(challenge_acks),
     "in each interval by the host, half at least (RFC 5961 10)"},
    {"challenge_acks_conn", SETTING_COUNT, FIELD(challenge_acks_conn),
     "in each interval by each connection"},
    {"challenge_interval", SETTING_TIME, FIELD(challenge_interval), "how long one is"},
    {"max_timewait", SETTING_COUNT, FIELD(max_timewait), "records of TIME-WAIT"},
    {"msl", SETTING_TIME, FIELD(msl), "maximum segment lifetime; TIME-WAIT lasts twice as long"},
    {"rto_restart", SETTING_FLAG, FIELD(rto_restart),
     "the timer of few segments counts from when they left (RFC 7765)"},
    {"rto_min", SETTING_TIME, FIELD(rto_min), "least retransmission timeout (RFC 6298 2.4)"},
    {"rto_max", SETTING_TIME, FIELD(rto_max), "most (RFC 6298 2.5)"},
    {"delayed_ack", SETTING_TIME, FIELD(delayed_ack), "an ACK may wait so long"},
    {"ack_each", SETTING_FLAG, OF_EACH(quick_ack), "no ACK waits"},
    {"fin_wait_2", SETTING_TIME, FIELD(fin_wait_2), "a closed end waits so long for FIN"},
    {"user_timeout", SETTING_TIME, OF_EACH(user_timeout),
     "what is not acknowledged for so long ends a connection (RFC 9293 3.8.3)"},
    {"keepalive", SETTING_FLAG, OF_EACH(keepalive),
     "a silent peer is asked whether it is there (RFC 9293 3.8.4)"},
    {"keepalive_idle", SETTING_TIME, OF_EACH(keepalive_idle), "after so much silence"},
    {"keepalive_interval", SETTING_TIME, OF_EACH(keepalive_interval), "and again after so much"},
    {"keepalive_probes", SETTING_COUNT, OF_EACH(keepalive_probes),
     "so often without an answer before the end"},
};

void tcp_settings_list(FILE *out)
{
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        fprintf(out, "  %-20s %-23s%s\n", settings[i].name, kind_takes[settings[i].kind],
                settings[i].what);
    }
}

static bool take_flag(const char *text, bool *on)
{
    *on = strcmp(text, "on") == 0;
    return *on || strcmp(text, "off") == 0;
}

static bool take_switch(const char *text, bool *no)
{
    bool on;
    bool good = take_flag(text, &on);
    *no = good && !on;
    return good;
}

/* A number above zero and its unit, which is what stands behind it. */
static bool take_number(const char *text, unsigned long long *n, const char **unit)
{
    char *end;
    errno = 0;
    *n = strtoull(text, &end, 10);
    *unit = end;
    return text[0] >= '0' && text[0] <= '9' && errno == 0 && *n > 0;
}

static bool take_count(const char *text, uint32_t *out)
{
    unsigned long long n;
    const char *unit;
    if (!take_number(text, &n, &unit)) {
        return false;
    }
    unsigned shift = strcmp(unit, "m") == 0 ? 20 : strcmp(unit, "k") == 0 ? 10 : 0;
    if ((shift == 0 && *unit != '\0') || n > UINT32_MAX >> shift) {
        return false;
    }
    *out = (uint32_t)(n << shift);
    return true;
}

static bool take_short(const char *text, uint16_t *out)
{
    uint32_t n;
    if (!take_count(text, &n) || n > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)n;
    return true;
}

/* Above 4 GiB a second none is any limit here. */
static bool take_rate(const char *text, uint64_t *out)
{
    uint32_t n;
    bool good = take_count(text, &n);
    *out = good ? n : 0;
    return good;
}

static bool take_time(const char *text, nsec *out)
{
    unsigned long long n;
    const char *unit;
    if (!take_number(text, &n, &unit)) {
        return false;
    }
    nsec scale = strcmp(unit, "us") == 0   ? NS_PER_US
                 : strcmp(unit, "ms") == 0 ? NS_PER_MS
                 : strcmp(unit, "s") == 0  ? NS_PER_SEC
                                           : 0;
    if (scale == 0 || n > 86400ULL * NS_PER_SEC / (unsigned long long)scale) {
        return false;
    }
    *out = (nsec)n * scale;
    return true;
}

static bool take_cc(const char *text, const struct tcp_cc_ops **out)
{
    *out = cc_named(text);
    return *out != NULL;
}

static bool take_ecn(const char *text, enum tcp_ecn_policy *out)
{
    static const struct {
        const char *name;
        enum tcp_ecn_policy policy;
    } all[] = {
        {"off", TCP_ECN_OFF},
        {"accept", TCP_ECN_ACCEPT},
        {"ask", TCP_ECN_ASK},
        {"accept-classic", TCP_ECN_ACCEPT_CLASSIC},
        {"accept-ask-classic", TCP_ECN_ACCEPT_ASK_CLASSIC},
        {"ask-classic", TCP_ECN_ASK_CLASSIC},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (strcmp(all[i].name, text) == 0) {
            *out = all[i].policy;
            return true;
        }
    }
    return false;
}

static bool take_cookies(const char *text, enum tcp_cookie_policy *out)
{
    static const char *const names[] = {[TCP_COOKIES_AUTO] = "auto",
                                        [TCP_COOKIES_NEVER] = "never",
                                        [TCP_COOKIES_ALWAYS] = "always"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *out = (enum tcp_cookie_policy)i;
            return true;
        }
    }
    return false;
}

static bool take_fast_open(const char *text, enum tcp_fast_open_policy *out)
{
    static const char *const names[] = {[TCP_FAST_OPEN_OFF] = "off",
                                        [TCP_FAST_OPEN_CLIENT] = "client",
                                        [TCP_FAST_OPEN_SERVER] = "server",
                                        [TCP_FAST_OPEN_BOTH] = "both"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *out = (enum tcp_fast_open_policy)i;
            return true;
        }
    }
    return false;
}

static bool take_mtu_probing(const char *text, enum tcp_mtu_probing *out)
{
    static const char *const names[] = {
        [TCP_MTU_PROBING_OFF] = "off",
        [TCP_MTU_PROBING_BLACK_HOLE] = "hole",
        [TCP_MTU_PROBING_ALWAYS] = "always",
    };
    for (unsigned i = TCP_MTU_PROBING_OFF; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], text) == 0) {
            *out = (enum tcp_mtu_probing)i;
            return true;
        }
    }
    return false;
}

static bool take_value(const struct setting *s, const char *text, struct tcp_config *host,
                       struct tcp_options *each)
{
    void *field = (s->of_each ? (char *)each : (char *)host) + s->place;
    switch (s->kind) {
    case SETTING_SWITCH:
        return take_switch(text, field);
    case SETTING_FLAG:
        return take_flag(text, field);
    case SETTING_COUNT:
        return take_count(text, field);
    case SETTING_SHORT:
        return take_short(text, field);
    case SETTING_RATE:
        return take_rate(text, field);
    case SETTING_TIME:
        return take_time(text, field);
    case SETTING_ECN:
        return take_ecn(text, field);
    case SETTING_MTU:
        return take_mtu_probing(text, field);
    case SETTING_CC:
        return take_cc(text, field);
    case SETTING_COOKIES:
        return take_cookies(text, field);
    case SETTING_FAST_OPEN:
        return take_fast_open(text, field);
    }
    return false;
}

static bool take_one(const char *item, struct tcp_config *host, struct tcp_options *each)
{
    const char *equals = strchr(item, '=');
    size_t len = equals != NULL ? (size_t)(equals - item) : strlen(item);
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        const struct setting *s = &settings[i];
        if (strlen(s->name) != len || memcmp(s->name, item, len) != 0) {
            continue;
        }
        if (equals != NULL && take_value(s, equals + 1, host, each)) {
            return true;
        }
        fprintf(stderr, "vitrine: --tcp %s takes %s, not '%s'\n", s->name, kind_takes[s->kind],
                equals != NULL ? equals + 1 : "");
        return false;
    }
    fprintf(stderr, "vitrine: --tcp knows no '%.*s'; --tcp help lists what it knows\n", (int)len,
            item);
    return false;
}

bool tcp_settings_take(const char *list, struct tcp_config *host, struct tcp_options *each)
{
    char *text = strdup(list);
    bool good = text != NULL;
    for (char *rest = text, *item; good && (item = strsep(&rest, ",")) != NULL;) {
        good = *item == '\0' || take_one(item, host, each);
    }
    free(text);
    return good;
}
