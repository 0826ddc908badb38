/* One host on one TAP with its loop; see node.h. */
#include "apps/node.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

void node_defaults(struct node_options *o)
{
    *o = (struct node_options){.prefix = 24, .gateway = ip_any};
    o->address = ip4_addr(0x0a090002);
}

static void tap_hint(const char *name, int error)
{
    fprintf(stderr, "vitrine: the TAP %s cannot be opened: %s\n", name, strerror(-error));
    if (error == -EBUSY) {
        fprintf(stderr, "         another process has it open\n");
    } else if (error == -EPERM || error == -EACCES) {
        fprintf(stderr, "         make it for your user: ip tuntap add dev %s mode tap user $USER\n",
                name);
    }
}

static bool start_host(struct node *n, const struct node_options *o)
{
    struct host_config config = {.tcp = o->tcp};
    if (!loop_seed(config.seed) || !host_init(&n->host, &config, loop_now())) {
        fprintf(stderr, "vitrine: no memory, or no randomness, for a host\n");
        return false;
    }
    return true;
}

static bool attach(struct node *n, const struct node_options *o)
{
    n->iface = host_attach(&n->host, &n->tap.dev, o->address, o->prefix);
    if (n->iface == NULL ||
        (!ip_is_any(o->gateway) && !host_default_route(&n->host, n->iface, o->gateway))) {
        fprintf(stderr, "vitrine: no place for the interface or its route\n");
        return false;
    }
    int error = loop_init(&n->loop, &n->host);
    if (error != 0) {
        fprintf(stderr, "vitrine: no event loop: %s\n", strerror(-error));
        return false;
    }
    error = loop_add_tap(&n->loop, &n->tap, n->iface);
    if (error != 0) {
        fprintf(stderr, "vitrine: the TAP cannot be watched: %s\n", strerror(-error));
        loop_done(&n->loop);
    }
    return error == 0;
}

bool node_open(struct node *n, const struct node_options *o)
{
    *n = (struct node){0};
    if (o->tap == NULL) {
        fprintf(stderr, "vitrine: --tap NAME is needed: the TAP device to stand on\n");
        return false;
    }
    /* The link address follows from ours, so that neighbours still know us after a restart. */
    int error = tap_open(&n->tap, o->tap, ip4_value(o->address));
    if (error != 0) {
        tap_hint(o->tap, error);
        return false;
    }
    if (o->has_mac) {
        n->tap.dev.mac = o->mac;
    }
    if (!start_host(n, o)) {
        tap_close(&n->tap);
        return false;
    }
    if (!attach(n, o)) {
        tap_close(&n->tap);
        host_done(&n->host);
        return false;
    }
    return true;
}

void node_close(struct node *n)
{
    host_flush(&n->host, loop_now());
    loop_done(&n->loop);
    tap_close(&n->tap);
    host_done(&n->host);
}

bool node_watch_signals(struct node *n, const int *signals, size_t count, int *fd,
                        void (*ready)(void *arg), void *arg)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) {
        sigaddset(&set, signals[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    *fd = -1;
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0) {
        *fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    }
    if (*fd < 0 || loop_watch(&n->loop, *fd, ready, arg) != 0) {
        fprintf(stderr, "vitrine: signals cannot be watched: %s\n", strerror(errno));
        return false;
    }
    return true;
}

/* ---- values of options ---- */

bool option_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min || value > max) {
        fprintf(stderr, "vitrine: --%s takes a number from %llu to %llu, not '%s'\n", option,
                (unsigned long long)min, (unsigned long long)max, text);
        return false;
    }
    *out = value;
    return true;
}

bool option_port(const char *option, const char *text, uint16_t *out)
{
    uint64_t value;
    if (!option_number(option, text, 0, UINT16_MAX, &value)) {
        return false;
    }
    *out = (uint16_t)value;
    return true;
}

bool option_seconds(const char *option, const char *text, nsec *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value > 0 && value <= 86400)) {
        fprintf(stderr, "vitrine: --%s takes seconds, above 0 and up to 86400, not '%s'\n", option,
                text);
        return false;
    }
    *out = (nsec)(value * 1e9);
    return true;
}

bool option_address(const char *option, const char *text, struct ip_addr *out)
{
    if (!ip_parse(text, out) || !ip_is_v4(*out)) {
        fprintf(stderr, "vitrine: --%s takes an IPv4 address, not '%s'\n", option, text);
        return false;
    }
    return true;
}

bool option_prefix(const char *option, const char *text, struct ip_addr *out, unsigned *bits)
{
    if (!ip_parse_prefix(text, out, bits) || !ip_is_v4(*out)) {
        fprintf(stderr, "vitrine: --%s takes an IPv4 address and its network, as 10.9.0.2/24, not '%s'\n",
                option, text);
        return false;
    }
    return true;
}

bool option_mac(const char *option, const char *text, struct mac *out)
{
    int used = 0;
    int n = sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &out->b[0], &out->b[1], &out->b[2],
                   &out->b[3], &out->b[4], &out->b[5], &used);
    if (n != 6 || text[used] != '\0' || mac_is_group(*out)) {
        fprintf(stderr, "vitrine: --%s takes a link address, as 02:00:00:00:00:02, not '%s'\n", option,
                text);
        return false;
    }
    return true;
}
