/* apps/tcp_settings.c: settings of TCP by name. What is wrong is said on stderr, which is closed here. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/tcp_settings.h"
#include "stack/tcp/cc.h"

static struct tcp_config config;
static struct tcp_options each;

static bool take(const char *list)
{
    memset(&config, 0, sizeof config);
    memset(&each, 0, sizeof each);
    return tcp_settings_take(list, &config, &each);
}

static bool has_byte(const void *at, size_t size)
{
    const unsigned char *bytes = at;
    bool set = false;
    for (size_t i = 0; i < size; i++) {
        set = set || bytes[i] != 0;
    }
    return set;
}

/* Any byte of either. */
static bool is_set(void)
{
    return has_byte(&config, sizeof config) || has_byte(&each, sizeof each);
}

static void set_up(void)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
}

START_TEST(takes_each_kind)
{
    ck_assert(take("cc=newreno,rack=off,sack=on,send_buffer=4m,receive_buffer=3k,sent_max=17"));
    ck_assert_ptr_eq(config.cc, &cc_newreno);
    ck_assert(config.no_rack && !config.no_sack && !config.no_probe);
    ck_assert_uint_eq(config.send_buffer, 4194304);
    ck_assert_uint_eq(config.receive_buffer, 3072);
    ck_assert_uint_eq(config.sent_max, 17);
    ck_assert(take("rto_min=30ms,rto_max=2s,delayed_ack=500us"));
    ck_assert_int_eq(config.rto_min, 30000000);
    ck_assert_int_eq(config.rto_max, 2000000000);
    ck_assert_int_eq(config.delayed_ack, 500000);
    ck_assert(take("ecn=ask,ecn_fallback=off,abe=off,ack_train=off"));
    ck_assert_int_eq(config.ecn, TCP_ECN_ASK);
    ck_assert(config.no_ecn_fallback && config.no_abe && config.no_ack_train);
    ck_assert(take("rto_restart=on,msl=30s,accecn_option=off"));
    ck_assert(config.rto_restart && config.no_accecn_option);
    ck_assert_int_eq(config.msl, 30000000000);
    ck_assert(take("eifel=off,frto=off,prr=off,limited_transmit=off"));
    ck_assert(config.no_eifel && config.no_frto && config.no_prr && config.no_limited_transmit);
    ck_assert(!config.no_undo && !config.no_dsack_undo);
    ck_assert(take("dsack_undo=off,hystart=off,byte_counting=off"));
    ck_assert(config.no_dsack_undo && config.no_hystart && config.no_byte_counting);
    ck_assert(take("reduce_again=on") && config.reduce_again);
    ck_assert(take("rto_restart=on,rto_restart=off"));
    ck_assert(!config.rto_restart);
    ck_assert(take("ecn=accept-ask-classic"));
    ck_assert_int_eq(config.ecn, TCP_ECN_ACCEPT_ASK_CLASSIC);
    ck_assert(take("syn_cookies=always"));
    ck_assert_int_eq(config.syn_cookies, TCP_COOKIES_ALWAYS);
    ck_assert(take("fast_open=server"));
    ck_assert_int_eq(config.fast_open, TCP_FAST_OPEN_SERVER);
    ck_assert(take("fast_open=both"));
    ck_assert_int_eq(config.fast_open, TCP_FAST_OPEN_CLIENT | TCP_FAST_OPEN_SERVER);
    ck_assert(take("ecn=accept-classic"));
    ck_assert_int_eq(config.ecn, TCP_ECN_ACCEPT_CLASSIC);
}
END_TEST

START_TEST(takes_what_is_each_connections_own)
{
    ck_assert(take("keepalive=on,keepalive_idle=1s,keepalive_interval=250ms,keepalive_probes=3"));
    ck_assert(each.keepalive);
    ck_assert_int_eq(each.keepalive_idle, 1000000000);
    ck_assert_int_eq(each.keepalive_interval, 250000000);
    ck_assert_uint_eq(each.keepalive_probes, 3);
    ck_assert(take("notsent_lowat=16k,mss=536,user_timeout=5s"));
    ck_assert_uint_eq(each.notsent_lowat, 16384);
    ck_assert_uint_eq(each.mss, 536);
    ck_assert_int_eq(each.user_timeout, 5000000000);
    ck_assert(take("mss=65535"));
    ck_assert_uint_eq(each.mss, 65535);
    ck_assert(take("pace_window=on,max_pacing_rate=2m,cork=on,ack_each=on,nagle=off"));
    ck_assert(each.pace && each.cork && each.quick_ack && each.no_delay);
    ck_assert_uint_eq(each.max_pacing_rate, 2097152);
    ck_assert(!has_byte(&config, sizeof config));
    each = (struct tcp_options){.no_delay = true, .keepalive = true}; /* as a program begins with */
    ck_assert(tcp_settings_take("nagle=on,keepalive=off", &config, &each));
    ck_assert(!has_byte(&each, sizeof each));
    ck_assert(take("challenge_interval=5s"));
    ck_assert_int_eq(config.challenge_interval, 5000000000);
}
END_TEST

START_TEST(a_later_one_wins)
{
    ck_assert(take("rack=off,rack=on,cc=newreno,cc=cubic"));
    ck_assert(!config.no_rack);
    ck_assert_ptr_eq(config.cc, &cc_cubic);
}
END_TEST

static const char *const wrong[] = {
    "rock=on",
    "rack",
    "rack=",
    "rack=yes",
    "rto_restart=yes",
    "ra=on",
    "=on",
    "cc=tahoe",
    "ecn=on",
    "syn_cookies=on",
    "cc=",
    "send_buffer=0",
    "send_buffer=-1",
    "send_buffer=x",
    "send_buffer=1g",
    "sent_max=4096m",
    "rto_min=5",
    "rto_min=0ms",
    "rto_min=1h",
    "rto_max=86401s",
    "rto_max=99999999999999999999s",
    "rack=on,sack=maybe",
    "keepalive=1s",
    "keepalive_idle=1",
    "keepalive_probes=0",
    "mss=65536",
    "mss=64k",
    "mss=0",
    "notsent_lowat=off",
    "max_pacing_rate=0",
    "max_pacing_rate=10mbit",
    "max_pacing_rate=4096m",
    "nagle=maybe",
};

START_TEST(refuses)
{
    ck_assert_msg(!take(wrong[_i]), "took %s", wrong[_i]);
}
END_TEST

/* What the list tells, the option takes: each name once, with a value of its kind. */
START_TEST(lists_what_it_takes)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    tcp_settings_list(out);
    ck_assert_int_eq(fclose(out), 0);
    unsigned lines = 0;
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0'; lines++) {
        char name[32];
        char takes[32];
        char item[64];
        ck_assert_int_eq(sscanf(line, "%31s %31[^, ]", name, takes), 2);
        const char *value = strcmp(takes, "on|off") == 0                   ? "off"
                            : strcmp(takes, "off|on") == 0                 ? "on"
                            : strcmp(takes, "off|accept|ask") == 0         ? "ask"
                            : strcmp(takes, "auto|never|always") == 0      ? "never"
                            : strcmp(takes, "off|client|server|both") == 0 ? "both"
                            : strcmp(takes, "off|hole|always") == 0        ? "always"
                            : strcmp(takes, "N") == 0                      ? "9k"
                            : strcmp(takes, "Nus") == 0                    ? "9ms"
                                                                           : "cubic";
        snprintf(item, sizeof item, "%s=%s", name, value);
        ck_assert_msg(take(item), "%s", item);
        ck_assert_msg(is_set(), "%s changes nothing", item);
    }
    ck_assert_uint_gt(lines, 10);
    free(text);
}
END_TEST

Suite *tcp_settings_suite(void);
Suite *tcp_settings_suite(void)
{
    Suite *s = suite_create("tcp_settings");
    TCase *t = tcase_create("settings");
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, takes_each_kind);
    tcase_add_test(t, takes_what_is_each_connections_own);
    tcase_add_test(t, a_later_one_wins);
    tcase_add_loop_test(t, refuses, 0, (int)(sizeof wrong / sizeof wrong[0]));
    tcase_add_test(t, lists_what_it_takes);
    suite_add_tcase(s, t);
    return s;
}
