/* One host on one TAP with its loop: what every subcommand that speaks on a network stands on, and the
 * options that say where it stands. */
#ifndef VITRINE_APPS_NODE_H
#define VITRINE_APPS_NODE_H

#include "stack/vitrine.h"

struct node_options {
    const char *tap;                 /* name of the TAP device */
    struct ip_addr address, gateway; /* gateway ip_any: none */
    unsigned prefix;                 /* bits of our network */
    bool has_mac;
    struct mac mac;
    struct tcp_config tcp;
};

struct node {
    struct host host;
    struct tap tap;
    struct loop loop;
    struct iface *iface;
};

/* 10.9.0.2/24, no gateway, no TAP. */
void node_defaults(struct node_options *o);
/* Opens everything; says on stderr what could not be had. false: nothing is left open. */
bool node_open(struct node *n, const struct node_options *o);
/* Says on stderr why the TAP cannot be had, and what would help. */
void node_tap_refused(const char *name, int error);
/* What has been queued so far still goes out; then everything is closed. */
void node_close(struct node *n);
/* Catches the signals: each comes as a byte with its number on `*fd`, and `ready` then reads it. Not
 * blocked and read by signalfd, because a debugger would never see Ctrl-C. false: said on stderr. */
bool node_watch_signals(struct node *n, const int *signals, size_t count, int *fd,
                        void (*ready)(void *arg), void *arg);

/* Values of options. Each says on stderr what is wrong, and returns false then. */
bool option_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *out);
bool option_port(const char *option, const char *text, uint16_t *out); /* 0: off */
bool option_seconds(const char *option, const char *text, nsec *out);
bool option_address(const char *option, const char *text, struct ip_addr *out);
bool option_prefix(const char *option, const char *text, struct ip_addr *out, unsigned *bits);
bool option_mac(const char *option, const char *text, struct mac *out);

#endif
