/* The sysctls of scripts, each as the field of our configuration that does the same. */
#include "tests/conformance/sysctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stack/tcp/cc.h"
#include "tests/conformance/shell_words.h"

static struct tcp_config *config_of(const struct shell_target *t)
{
    return &t->world->host.tcp.config;
}

static void set_timestamps(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_timestamps = v == 0;
}

static void set_sack(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_sack = v == 0;
}

static void set_quick_acks(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_quick_acks = v == 0;
}

static void set_dsack(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_dsack = v == 0;
}

static void set_window_scaling(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_window_scale = v == 0;
}

static void set_receive_buffer(const struct shell_target *t, int64_t v)
{
    config_of(t)->receive_buffer = (uint32_t)v; /* and no autotuning */
    config_of(t)->receive_buffer_max = (uint32_t)v;
}

static void set_autotune(const struct shell_target *t, int64_t v)
{
    if (v == 0) {
        set_receive_buffer(t, 512 * 1024); /* the default without it */
    }
}

static void set_send_buffer(const struct shell_target *t, int64_t v)
{
    config_of(t)->send_buffer = (uint32_t)v;
    config_of(t)->send_buffer_max = (uint32_t)v;
}

static void set_fin_timeout(const struct shell_target *t, int64_t v)
{
    config_of(t)->fin_wait_2 = v * NS_PER_SEC;
}

static void set_keepalive_time(const struct shell_target *t, int64_t v)
{
    t->sockets->defaults.keepalive_idle = v * NS_PER_SEC;
}

static void set_keepalive_interval(const struct shell_target *t, int64_t v)
{
    t->sockets->defaults.keepalive_interval = v * NS_PER_SEC;
}

static void set_keepalive_probes(const struct shell_target *t, int64_t v)
{
    t->sockets->defaults.keepalive_probes = (uint32_t)v;
}

static void set_ttl(const struct shell_target *t, int64_t v)
{
    t->sockets->defaults.ttl = (uint8_t)v;
}

static void set_rto_min_us(const struct shell_target *t, int64_t v)
{
    config_of(t)->rto_min = v * NS_PER_US;
}

static void set_rto_max_ms(const struct shell_target *t, int64_t v)
{
    config_of(t)->rto_max = v * NS_PER_MS;
}

/* 0: off, 1: in a black hole, 2: always. */
static void set_mtu_probing(const struct shell_target *t, int64_t v)
{
    config_of(t)->mtu_probing = (enum tcp_mtu_probing)(TCP_MTU_PROBING_OFF + v);
}

static void set_base_mss(const struct shell_target *t, int64_t v)
{
    config_of(t)->base_mss = (uint32_t)v;
}

static void set_floor_mss(const struct shell_target *t, int64_t v)
{
    config_of(t)->floor_mss = (uint32_t)v;
}

static void set_challenge_acks(const struct shell_target *t, int64_t v)
{
    config_of(t)->challenge_acks = (uint32_t)v;
}

static void set_challenge_acks_conn(const struct shell_target *t, int64_t v)
{
    config_of(t)->challenge_acks_conn = (uint32_t)v;
}

static void set_challenge_interval_ms(const struct shell_target *t, int64_t v)
{
    config_of(t)->challenge_interval = v * NS_PER_MS;
}

static void set_msl_ms(const struct shell_target *t, int64_t v)
{
    config_of(t)->msl = v * NS_PER_MS;
}

static void set_delayed_ack_ms(const struct shell_target *t, int64_t v)
{
    config_of(t)->delayed_ack = v * NS_PER_MS;
}

static void set_reassembly_max(const struct shell_target *t, int64_t v)
{
    config_of(t)->reassembly_max = (uint32_t)v;
}

/* 3: tail-loss probes. */
static void set_early_retrans(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_probe = v < 3;
}

/* 1: RACK. */
static void set_recovery(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_rack = (v & 1) == 0;
}

static void set_idle_restart(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_idle_restart = v == 0;
}

/* FreeBSD's net.inet.tcp.rfc1323: 1 both, 2 window scaling only, 3 timestamps only. */
static void set_rfc1323(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_timestamps = v == 0 || v == 2;
    config_of(t)->no_window_scale = v == 0 || v == 3;
}

/* Milliseconds on FreeBSD. */
static void set_keepalive_time_ms(const struct shell_target *t, int64_t v)
{
    t->sockets->defaults.keepalive_idle = v * NS_PER_MS;
}

static void set_keepalive_interval_ms(const struct shell_target *t, int64_t v)
{
    t->sockets->defaults.keepalive_interval = v * NS_PER_MS;
}

static void set_fin_timeout_ms(const struct shell_target *t, int64_t v)
{
    config_of(t)->fin_wait_2 = v * NS_PER_MS;
}

static void set_rto_min_ms(const struct shell_target *t, int64_t v)
{
    config_of(t)->rto_min = v * NS_PER_MS;
}

/* As Linux numbers them. */
static void set_ecn(const struct shell_target *t, int64_t v)
{
    static const enum tcp_ecn_policy policies[] = {
        TCP_ECN_OFF, TCP_ECN_ASK_CLASSIC,        TCP_ECN_ACCEPT_CLASSIC,
        TCP_ECN_ASK, TCP_ECN_ACCEPT_ASK_CLASSIC, TCP_ECN_ACCEPT};
    config_of(t)->ecn = policies[v];
}

static void set_ecn_fallback(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_ecn_fallback = v == 0;
}

/* 0: none; how often otherwise is this host's own choice. */
static void set_ecn_option(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_accecn_option = v == 0;
}

static void set_abe(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_abe = v == 0;
}

static void set_frto(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_frto = v == 0;
}

static void set_eifel(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_eifel = v == 0;
}

static void set_dsack_undo(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_dsack_undo = v == 0;
}

static void set_prr(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_prr = v == 0;
}

static void set_limited_transmit(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_limited_transmit = v == 0;
}

static void set_byte_counting(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_byte_counting = v == 0;
}

static void set_reduce_again(const struct shell_target *t, int64_t v)
{
    config_of(t)->reduce_again = v != 0;
}

static void set_push_quanta(const struct shell_target *t, int64_t v)
{
    config_of(t)->no_push_quanta = v == 0;
}

/* As Linux numbers them. */
static void set_syn_cookies(const struct shell_target *t, int64_t v)
{
    static const enum tcp_cookie_policy policies[] = {TCP_COOKIES_NEVER, TCP_COOKIES_AUTO,
                                                      TCP_COOKIES_ALWAYS};
    config_of(t)->syn_cookies = policies[v];
}

static void set_nothing(const struct shell_target *t, int64_t v)
{
    (void)t;
    (void)v;
}

#define ANY_MAX INT64_MAX

/* A value outside of min..max is one that this host shell_cannot have. Of several numbers the `which`th
 * counts (tcp_rmem and tcp_wmem: minimum, first, maximum). */
static const struct sysctl {
    const char *name;
    int64_t min, max;
    unsigned which;
    void (*set)(const struct shell_target *t, int64_t value);
} sysctls[] = {
    {"net.ipv4.tcp_timestamps", 0, 2, 0, set_timestamps},
    {"net.ipv4.tcp_sack", 0, 1, 0, set_sack},
    {"net.ipv4.tcp_dsack", 0, 1, 0, set_dsack},
    {"net.ipv4.tcp_window_scaling", 0, 1, 0, set_window_scaling},
    {"net.ipv4.tcp_rmem", 1, UINT32_MAX, 2, set_receive_buffer},
    {"net.ipv4.tcp_moderate_rcvbuf", 0, 1, 0, set_autotune},
    {"net.ipv4.tcp_wmem", 1, UINT32_MAX, 2, set_send_buffer},
    {"net.ipv4.tcp_fin_timeout", 1, 100000, 0, set_fin_timeout},
    {"net.ipv4.tcp_keepalive_time", 1, 1000000, 0, set_keepalive_time},
    {"net.ipv4.tcp_keepalive_intvl", 1, 1000000, 0, set_keepalive_interval},
    {"net.ipv4.tcp_keepalive_probes", 1, 127, 0, set_keepalive_probes},
    {"net.ipv4.ip_default_ttl", 1, 255, 0, set_ttl},
    {"net.ipv4.tcp_rto_min_us", 1, 60000000, 0, set_rto_min_us},
    {"net.ipv4.tcp_rto_max_ms", 1000, 120000, 0, set_rto_max_ms},
    {"net.ipv4.tcp_slow_start_after_idle", 0, 1, 0, set_idle_restart},
    {"net.ipv4.tcp_ecn", 0, 5, 0, set_ecn},
    {"net.ipv4.tcp_ecn_option", 0, 3, 0, set_ecn_option},
    {"net.ipv4.tcp_ecn_fallback", 0, 1, 0, set_ecn_fallback},
    {"net.ipv4.tcp_syncookies", 0, 2, 0, set_syn_cookies},
    {"net.ipv4.tcp_mtu_probing", 0, 2, 0, set_mtu_probing},
    {"net.ipv4.tcp_base_mss", 48, 65495, 0, set_base_mss},
    {"net.ipv4.tcp_mtu_probe_floor", 48, 65495, 0, set_floor_mss},
    {"net.ipv4.tcp_challenge_ack_limit", 1, UINT32_MAX, 0, set_challenge_acks},
    /* what other systems do not let one set */
    {"vitrine.msl_ms", 1, 240000, 0, set_msl_ms},
    {"vitrine.challenge_acks_conn", 1, UINT32_MAX, 0, set_challenge_acks_conn},
    {"vitrine.challenge_interval_ms", 1, 60000, 0, set_challenge_interval_ms},
    {"vitrine.delayed_ack_ms", 1, 499, 0, set_delayed_ack_ms},
    {"vitrine.quick_acks", 0, 1, 0, set_quick_acks},
    {"vitrine.abe", 0, 1, 0, set_abe},
    {"vitrine.eifel", 0, 1, 0, set_eifel},
    {"vitrine.dsack_undo", 0, 1, 0, set_dsack_undo},
    {"vitrine.prr", 0, 1, 0, set_prr},
    {"vitrine.reduce_again", 0, 1, 0, set_reduce_again},
    {"vitrine.limited_transmit", 0, 1, 0, set_limited_transmit},
    {"vitrine.byte_counting", 0, 1, 0, set_byte_counting},
    {"vitrine.push_quanta", 0, 1, 0, set_push_quanta},
    {"vitrine.reassembly_max", 1, 65536, 0, set_reassembly_max},
    /* a host of ours is like that, or it makes no difference to what a script can see */
    /* a permission only: without the bits that do without a cookie, or without the socket option */
    {"net.ipv4.tcp_fastopen", 0, 3, 0, set_nothing},
    {"net.ipv4.tcp_no_metrics_save", 0, 1, 0, set_nothing},
    {"net.ipv4.tcp_syncookies", 0, 1, 0, set_nothing},
    {"net.ipv4.tcp_reordering", 3, 3, 0, set_nothing},
    {"net.ipv4.tcp_early_retrans", 0, 4, 0, set_early_retrans},
    {"net.ipv4.tcp_recovery", 0, 1, 0, set_recovery},
    {"net.ipv4.tcp_frto", 0, 2, 0, set_frto},
    {"net.ipv4.tcp_autocorking", 0, 0, 0, set_nothing},
    {"net.ipv4.tcp_min_tso_segs", 0, ANY_MAX, 0, set_nothing},
    {"net.ipv4.tcp_tso_win_divisor", 0, ANY_MAX, 0, set_nothing},
    {"net.ipv4.tcp_invalid_ratelimit", 500, 500, 0, set_nothing},
    {"net.ipv4.tcp_abort_on_overflow", 0, 0, 0, set_nothing},
    {"net.ipv4.tcp_max_syn_backlog", 0, ANY_MAX, 0, set_nothing},
    {"net.ipv4.tcp_max_tw_buckets", 0, ANY_MAX, 0, set_nothing},
    {"net.ipv4.tcp_invalid_ratelimit", 0, 0, 0, set_nothing},
    {"net.ipv4.tcp_fack", 0, 0, 0, set_nothing},
    {"net.ipv4.tcp_pacing_ss_ratio", 0, ANY_MAX, 0, set_nothing},
    {"net.ipv4.tcp_pacing_ca_ratio", 0, ANY_MAX, 0, set_nothing},
    {"net.ipv4.tcp_shrink_window", 0, 0, 0, set_nothing},
    /* FreeBSD's names */
    {"net.inet.tcp.rfc1323", 0, 3, 0, set_rfc1323},
    {"net.inet.tcp.sack.enable", 0, 1, 0, set_sack},
    {"net.inet.tcp.ecn.enable", 0, 0, 0, set_nothing},
    {"net.inet.tcp.ecn.enable", 2, 2, 0, set_nothing}, /* if the peer asks */
    {"net.inet.tcp.recvspace", 1, UINT32_MAX, 0, set_receive_buffer},
    {"net.inet.tcp.sendspace", 1, UINT32_MAX, 0, set_send_buffer},
    {"net.inet.tcp.msl", 1, 240000, 0, set_msl_ms},
    {"net.inet.tcp.delacktime", 1, 499, 0, set_delayed_ack_ms},
    {"net.inet.tcp.keepidle", 1, ANY_MAX / NS_PER_SEC, 0, set_keepalive_time_ms},
    {"net.inet.tcp.keepintvl", 1, ANY_MAX / NS_PER_SEC, 0, set_keepalive_interval_ms},
    {"net.inet.tcp.keepcnt", 1, 127, 0, set_keepalive_probes},
    {"net.inet.tcp.finwait2_timeout", 1, 1000000, 0, set_fin_timeout_ms},
    {"net.inet.tcp.rexmit_min", 1, 60000, 0, set_rto_min_ms},
    {"net.inet.tcp.rexmit_initial", 1000, 1000, 0, set_nothing}, /* RFC 6298 2.1 */
    {"net.inet.tcp.rexmit_slop", 0, ANY_MAX, 0, set_nothing},
    {"net.inet.tcp.rexmit_drop_options", 0, 0, 0, set_nothing},
    {"net.inet.tcp.hostcache.purgenow", 0, 1, 0, set_nothing},
    {"net.inet.tcp.insecure_rst", 0, 0, 0, set_nothing}, /* RFC 5961 */
    {"net.inet.tcp.insecure_syn", 0, 0, 0, set_nothing},
    {"net.inet.tcp.insecure_ack", 0, 0, 0, set_nothing},
    {"net.inet.tcp.icmp_may_rst", 1, 1, 0, set_nothing}, /* RFC 5461 */
    {"net.inet.tcp.blackhole", 0, 0, 0, set_nothing},
    {"net.inet.tcp.path_mtu_discovery", 1, 1, 0, set_nothing},
    {"net.inet.tcp.rfc6675_pipe", 0, 1, 0, set_nothing},
    {"net.inet.tcp.initcwnd_segments", 10, 10, 0, set_nothing},
    {"kern.ipc.maxsockbuf", 1, ANY_MAX, 0, set_nothing},
};

static int64_t nth_number(const char *value, unsigned which)
{
    const char *p = value;
    int64_t n = 0;
    for (unsigned i = 0; i <= which; i++) {
        char *end;
        n = strtoll(p, &end, 10);
        if (end == p) {
            return -1;
        }
        p = end;
    }
    return n;
}

static enum setting_result set_congestion_control(const struct shell_target *t, const char *name)
{
    const struct tcp_cc_ops *cc = cc_named(strcmp(name, "reno") == 0 ? "newreno" : name);
    if (cc == NULL) {
        return shell_cannot(t, "congestion control", name);
    }
    if (t->world != NULL) {
        config_of(t)->cc = cc;
    }
    return SETTING_OK;
}

/* What a defaults.sh sets and this host shell_cannot have may not matter to the script. */
static enum setting_result impossible_sysctl(const struct shell_target *t, const char *setting)
{
    return t->defaults ? SETTING_OK : shell_cannot(t, "sysctl", setting);
}

enum setting_result sysctl_set(const struct shell_target *t, const char *setting)
{
    char name[WORD_MAX];
    const char *equals = strchr(setting, '=');
    size_t n = equals != NULL ? (size_t)(equals - setting) : 0;
    if (n == 0 || n >= sizeof name) {
        return shell_cannot(t, "sysctl without a value:", setting);
    }
    memcpy(name, setting, n);
    name[n] = '\0';
    if (strcmp(name, "net.ipv4.tcp_congestion_control") == 0) {
        return set_congestion_control(t, equals + 1);
    }
    for (size_t i = 0; i < COUNT_OF(sysctls); i++) {
        if (strcmp(sysctls[i].name, name) != 0) {
            continue;
        }
        int64_t value = nth_number(equals + 1, sysctls[i].which);
        if (value < sysctls[i].min || value > sysctls[i].max) {
            continue; /* the name may stand there twice */
        }
        if (t->world != NULL) {
            sysctls[i].set(t, value);
        }
        return SETTING_OK;
    }
    return impossible_sysctl(t, setting);
}

enum setting_result sysctl_set_path(const struct shell_target *t, const char *setting)
{
    static const char prefix[] = "/proc/sys/";
    char dotted[WORD_MAX];
    if (strncmp(setting, prefix, sizeof prefix - 1) != 0 ||
        strlen(setting) - sizeof prefix + 2 > sizeof dotted) {
        return shell_cannot(t, "setting", setting);
    }
    (void)snprintf(dotted, sizeof dotted, "%s", setting + sizeof prefix - 1);
    for (char *c = dotted; *c != '\0' && *c != '='; c++) {
        *c = *c == '/' ? '.' : *c;
    }
    return sysctl_set(t, dotted);
}
