#include "tests/conformance/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE_DEFAULT (4 * NS_PER_MS) /* as the language has it */
#define MTU_MIN 68U                       /* RFC 791 */

void settings_init(struct settings *s)
{
    *s = (struct settings){
        .world = {.local = ip4_addr(0xc0a80002),   /* 192.168.0.2 */
                  .gateway = ip4_addr(0xc0a80001), /* 192.168.0.1 */
                  .remote = ip4_addr(0xc0000201),  /* 192.0.2.1, RFC 5737 */
                  .prefix = 24,
                  .mtu = 1500},
        .tolerance = TOLERANCE_DEFAULT,
        .bind_port = DEFAULT_PORT,
        .connect_port = DEFAULT_PORT,
    };
}

static bool number_of(const char *value, uint64_t max, uint64_t *out)
{
    char *end;
    if (*value < '0' || *value > '9') {
        return false;
    }
    *out = strtoull(value, &end, 10);
    return *end == '\0' && *out <= max;
}

static bool set_addr(struct ip_addr *out, const char *value)
{
    struct ip_addr a;
    if (!ip_parse(value, &a) || !ip_is_v4(a)) {
        return false;
    }
    *out = a;
    return true;
}

static bool set_mask(unsigned *prefix, const char *value)
{
    struct ip_addr mask;
    if (!set_addr(&mask, value)) {
        return false;
    }
    unsigned bits = 0;
    uint32_t v = ip4_value(mask);
    while (bits < 32 && (v >> (31U - bits) & 1U) != 0) {
        bits++;
    }
    *prefix = bits;
    return bits == 32 || (uint32_t)(v << bits) == 0;
}

static bool set_port(uint16_t *out, const char *value)
{
    uint64_t n;
    if (!number_of(value, UINT16_MAX, &n) || n == 0) {
        return false;
    }
    *out = (uint16_t)n;
    return true;
}

/* Settings that are about another program's way of running, and change nothing here. */
static bool of_no_effect(const char *name)
{
    static const char *const names[] = {"speed",
                                        "verbose",
                                        "dry_run",
                                        "init_scripts",
                                        "wire_client_dev",
                                        "persistent_tun_dev",
                                        "send_omit_free",
                                        "code_command",
                                        "debug",
                                        "use_expect",
                                        "mss",
                                        "non_fatal"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static enum setting_result unsupported(char why[SETTING_WHY], const char *name, const char *value)
{
    (void)snprintf(why, SETTING_WHY, "--%s=%s", name, value);
    return SETTING_UNSUPPORTED;
}

static enum setting_result set_ip_version(const char *value, char why[SETTING_WHY])
{
    if (strcmp(value, "ipv4") == 0 || strcmp(value, "ipv4-mapped-ipv6") == 0) {
        return SETTING_OK;
    }
    (void)snprintf(why, SETTING_WHY, "--ip_version=%s: IPv6 not in the stack yet", value);
    return SETTING_UNSUPPORTED;
}

/* An address that is none of IPv4 makes the script one for IPv6. */
static enum setting_result set_ip(struct ip_addr *out, const char *name, const char *value,
                                  char why[SETTING_WHY])
{
    if (set_addr(out, value)) {
        return SETTING_OK;
    }
    if (strchr(value, ':') != NULL) {
        (void)snprintf(why, SETTING_WHY, "--%s=%s: IPv6 not in the stack yet", name, value);
        return SETTING_UNSUPPORTED;
    }
    (void)snprintf(why, SETTING_WHY, "--%s=%s: not an address", name, value);
    return SETTING_WRONG;
}

/* Settings of our own: how much of a script that was written for another system counts. */
struct own_switch {
    const char *name, *off, *on; /* its values */
    bool *is_on;
};

static struct own_switch own_switch(struct settings *s, const char *name)
{
    const struct own_switch all[] = {
        {"push", "exact", "any", &s->any_push},
        {"windows", "exact", "any", &s->any_window},
        {"unasked", "failure", "late", &s->late_unasked},
        {"acks", "delayed", "prompt", &s->prompt_acks},
    };
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (strcmp(all[i].name, name) == 0) {
            return all[i];
        }
    }
    return (struct own_switch){0};
}

static bool set_switch(const struct own_switch *w, const char *value)
{
    *w->is_on = strcmp(value, w->on) == 0;
    return *w->is_on || strcmp(value, w->off) == 0;
}

enum setting_result settings_set(struct settings *s, const char *name, const char *value,
                                 char why[SETTING_WHY])
{
    uint64_t n = 0;
    bool good = true;
    struct own_switch own = own_switch(s, name);
    if (strcmp(name, "ip_version") == 0) {
        return set_ip_version(value, why);
    }
    if (strcmp(name, "local_ip") == 0) {
        return set_ip(&s->world.local, name, value, why);
    }
    if (strcmp(name, "remote_ip") == 0) {
        return set_ip(&s->world.remote, name, value, why);
    }
    if (strcmp(name, "gateway_ip") == 0) {
        return set_ip(&s->world.gateway, name, value, why);
    }
    if (strcmp(name, "netmask_ip") == 0) {
        good = set_mask(&s->world.prefix, value);
    } else if (strcmp(name, "mtu") == 0) {
        good = number_of(value, UINT16_MAX, &n) && n >= MTU_MIN;
        s->world.mtu = good ? (uint32_t)n : s->world.mtu;
    } else if (strcmp(name, "tolerance_usecs") == 0) {
        good = number_of(value, 60000000, &n);
        s->tolerance = (nsec)n * NS_PER_US;
    } else if (strcmp(name, "tcp_ts_tick_usecs") == 0) {
        good = number_of(value, 1000000, &n);
        s->stamp_tick = (uint32_t)n;
    } else if (strcmp(name, "bind_port") == 0) {
        good = set_port(&s->bind_port, value);
    } else if (strcmp(name, "connect_port") == 0) {
        good = set_port(&s->connect_port, value);
    } else if (strcmp(name, "mss") == 0) {
        good = number_of(value, UINT16_MAX, &n) && n > 0;
        s->gso_size = good ? (uint32_t)n : s->gso_size;
    } else if (own.name != NULL) {
        good = set_switch(&own, value);
    } else if (strcmp(name, "lenient") == 0) {
        s->any_push = s->any_window = s->late_unasked = true;
    } else if (!of_no_effect(name)) {
        return unsupported(why, name, value);
    }
    if (!good) {
        (void)snprintf(why, SETTING_WHY, "--%s=%s: wrong value", name, value);
        return SETTING_WRONG;
    }
    return SETTING_OK;
}
