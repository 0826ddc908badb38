/* One host on one TAP with its loop; see node.h. */
#include "apps/node.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stack/base/cursor.h"

void node_defaults(struct node_options *o)
{
    *o = (struct node_options){.prefix = 24, .gateway = ip_any};
    o->address = ip4_addr(0x0a090002);
}

void node_tap_refused(const char *name, int error)
{
    fprintf(stderr, "vitrine: the TAP %s cannot be opened: %s\n", name, strerror(-error));
    if (error == -EBUSY) {
        fprintf(stderr, "         another process has it open\n");
    } else if (error == -EPERM || error == -EACCES) {
        fprintf(stderr,
                "         make it for your user: ip tuntap add dev %s mode tap user $USER\n", name);
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
        return false;
    }
    iface_announce(n->iface); /* RFC 5227 2.3: neighbours that knew us at another link address */
    return true;
}

bool node_open(struct node *n, const struct node_options *o)
{
    *n = (struct node){0};
    if (o->tap == NULL) {
        fprintf(stderr, "vitrine: --tap NAME is needed: the TAP device to stand on\n");
        return false;
    }
    /* The link address follows from ours, so that neighbours still know us after a restart. */
    int error = tap_open(&n->tap, o->tap, 0, ip4_value(o->address));
    if (error != 0) {
        node_tap_refused(o->tap, error);
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

static volatile sig_atomic_t signal_pipe = -1; /* the end that the handler writes to */

static void forget_signals(void)
{
    int fd = signal_pipe;
    signal_pipe = -1;
    if (fd >= 0) {
        close(fd);
    }
}

void node_close(struct node *n)
{
    forget_signals();
    host_flush(&n->host, loop_now());
    loop_done(&n->loop);
    tap_close(&n->tap);
    host_done(&n->host);
}

static void on_signal(int number)
{
    int before = errno;
    unsigned char byte = (unsigned char)number;
    if (signal_pipe >= 0 && write(signal_pipe, &byte, 1) != 1) {
        byte = 0; /* the pipe is full of signals: there is enough to do */
    }
    errno = before;
}

bool node_watch_signals(struct node *n, const int *signals, size_t count, int *fd,
                        void (*ready)(void *arg), void *arg)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int ends[2];
    sigfillset(&action.sa_mask);
    signal(SIGPIPE, SIG_IGN);
    *fd = -1;
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0) {
        *fd = ends[0];
        signal_pipe = ends[1];
    }
    bool good = *fd >= 0 && loop_watch(&n->loop, *fd, ready, arg) == 0;
    for (size_t i = 0; i < count && good; i++) {
        good = sigaction(signals[i], &action, NULL) == 0;
    }
    if (!good) {
        fprintf(stderr, "vitrine: signals cannot be watched: %s\n", strerror(errno));
    }
    return good;
}

/* ---- values of options ---- */

/* An argument that is no option has its name in capitals. */
static const char *dashes(const char *name)
{
    return name[0] >= 'A' && name[0] <= 'Z' ? "" : "--";
}

bool option_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min ||
        value > max) {
        fprintf(stderr, "vitrine: %s%s takes a number from %llu to %llu, not '%s'\n",
                dashes(option), option, (unsigned long long)min, (unsigned long long)max, text);
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
        fprintf(stderr, "vitrine: %s%s takes seconds, above 0 and up to 86400, not '%s'\n",
                dashes(option), option, text);
        return false;
    }
    *out = (nsec)(value * 1e9);
    return true;
}

bool option_address(const char *option, const char *text, struct ip_addr *out)
{
    if (!ip_parse(text, out) || !ip_is_v4(*out)) {
        fprintf(stderr, "vitrine: %s%s takes an IPv4 address, not '%s'\n", dashes(option), option,
                text);
        return false;
    }
    return true;
}

bool option_prefix(const char *option, const char *text, struct ip_addr *out, unsigned *bits)
{
    if (!ip_parse_prefix(text, out, bits) || !ip_is_v4(*out)) {
        fprintf(stderr,
                "vitrine: %s%s takes an IPv4 address and its network, as 10.9.0.2/24, not '%s'\n",
                dashes(option), option, text);
        return false;
    }
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_mac(const char *text, struct mac *out)
{
    struct rd r = rd_of(text, strlen(text));
    for (unsigned i = 0; i < sizeof out->b; i++) {
        bool separated = i == 0 || rd_u8(&r) == ':';
        int high = hex_digit(rd_u8(&r));
        int low = hex_digit(rd_u8(&r));
        if (r.failed || !separated || high < 0 || low < 0) {
            return false;
        }
        out->b[i] = (uint8_t)(high * 16 + low);
    }
    return rd_left(&r) == 0;
}

bool option_mac(const char *option, const char *text, struct mac *out)
{
    if (!parse_mac(text, out) || mac_is_group(*out)) {
        fprintf(stderr, "vitrine: %s%s takes a link address, as 02:00:00:00:00:02, not '%s'\n",
                dashes(option), option, text);
        return false;
    }
    return true;
}
