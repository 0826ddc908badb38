/* The chapters of `vitrine explain`, one file each. A chapter runs what it is about and writes down what it saw.
 */
#ifndef VITRINE_APPS_EXPLAIN_CHAPTERS_H
#define VITRINE_APPS_EXPLAIN_CHAPTERS_H

#include "apps/explain/doc.h"
#include "tls/tls.h"

struct explain_options {
    uint8_t
        seed[32];    /* the hosts' secrets and ports come from it, and the keys of `explain keys` */
    bool repeatable; /* so does all that TLS draws, and its time of day stands still */
    nsec now;        /* the hosts' clock when they begin */
    const char *pcapng; /* file for the frames, with the keys of TLS; or NULL */
    const char *keylog; /* file to append the keys of TLS to, or NULL */
    uint16_t tls;       /* enum tls_version */
    bool mutual;        /* the client shows a certificate too */
    bool psk;           /* a pre-shared key proves both sides, and no certificate; TLS 1.3 */
    bool reveal;        /* secrets of TLS are shown */
};

/* false: a sentence in `error`. The document is then of no use. */
typedef bool explain_chapter(struct doc *d, const struct explain_options *o, char *error,
                             size_t error_size);

explain_chapter explain_tcp;
explain_chapter explain_tls;
explain_chapter explain_compare;
explain_chapter explain_keys;
explain_chapter explain_certificate;

#endif
