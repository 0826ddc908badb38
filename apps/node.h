/* One host on one TAP with its loop: what every subcommand that speaks on a network stands on. */
#ifndef VITRINE_APPS_NODE_H
#define VITRINE_APPS_NODE_H

#include "apps/capture.h"
#include "apps/node_options.h"
#include "apps/terminal.h"

struct node {
    struct host host;
    struct tap tap;
    struct loop loop;
    struct iface *iface;
    bool has_signals; /* node_watch_signals was this one's */
    struct narration narration;
    struct capture capture; /* capture_key_line takes the keys of a TLS context */
};

/* Opens everything; says on stderr what could not be had. false: nothing is left open. */
bool node_open(struct node *n, const struct node_options *o);
/* Says on stderr why the TAP cannot be had, and what would help. */
void node_tap_refused(const char *name, int error);
/* Why tcp_connect gave no stream, and what can be done about it. */
void node_connect_refused(const struct node_options *o, const char *command, enum tcp_error error);
/* What has been queued so far still goes out; then everything is closed. */
void node_close(struct node *n);
/* Catches the signals: each comes as a byte with its number on `*fd`, and `ready` then reads it. Not
 * blocked and read by signalfd, because a debugger would never see Ctrl-C. false: said on stderr. */
bool node_watch_signals(struct node *n, const int *signals, size_t count, int *fd,
                        void (*ready)(void *arg), void *arg);

#endif
