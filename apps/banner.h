/* What `vitrine serve` says when it is ready: where what is served, by which crypto, and a curl command that works. */
#ifndef VITRINE_APPS_BANNER_H
#define VITRINE_APPS_BANNER_H

#include "apps/options.h"

#define SERVER_NAME "vitrine.test" /* that the development certificates are for */

struct banner {
    const struct serve_options *options;
    struct mac mac;          /* the host's */
    const char *certificate; /* file of the one that is the default; of no use without a TLS port */
    bool development;        /* it is the development CA's */
};

void banner_print(const struct banner *b);

#endif
