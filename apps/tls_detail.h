/* TLS in full (--handshake): under each message of the ladder its fields, and the key schedule step by step; the same
 * as lines of JSON among the events.
 *
 *   {"at":12,"conn":1,"event":"tls_fields","outgoing":false,"encrypted":false,"message":"ClientHello","version":"",
 *    "verdict":"","fields":[{"name":"cipher_suites","value":"…","numbers":[4865,4866],"note":""},
 *    {"name":"extensions","value":"","parts":[…]}]}
 *   {"at":13,"conn":1,"event":"tls_step","name":"Early Secret","made":"HKDF-Extract(…)","context":"","len":32,
 *    "check":"none","value":null}
 *
 * Secret values are in either only with --reveal, which says so in its first line.
 */
#ifndef VITRINE_APPS_TLS_DETAIL_H
#define VITRINE_APPS_TLS_DETAIL_H

#include "apps/terminal.h"
#include "apps/tls_options.h"
#include "tls/watch.h"

struct tls_detail {
    struct tls_watcher watcher;
    struct terminal *terminal; /* shows what its ladder shows; NULL: none */
    struct event_file *events; /* NULL: none */
    struct recorder *recorder;
    bool in_full;      /* --handshake; else a summary of each message is remarked in the recorder */
    uint32_t conn;     /* of the message in hand */
    unsigned lines;    /* drawn of it */
    unsigned left_out; /* fields of it that were not drawn */
    unsigned depth;    /* of the field that JSON wrote last */
    bool first;        /* no field was written yet, in JSON */
    struct draft json;
};

/* With --reveal: what that means, as the first line. */
void tls_detail_announce(const struct tls_options *o, FILE *out);
/* Watches a context, if --handshake is given, or who listens to the recorder takes remarks (narrate.h). Before its first session; `terminal` may be opened later. */
void tls_detail_open(struct tls_detail *d, const struct tls_options *o, struct tls_context *c,
                     struct terminal *terminal, struct event_file *events, struct recorder *r);
void tls_detail_close(
    struct tls_detail *d); /* after the context's end, or when it was never opened */

#endif
