/* What `vitrine serve` can be told. */
#ifndef VITRINE_APPS_OPTIONS_H
#define VITRINE_APPS_OPTIONS_H

#include "apps/crew.h"
#include "apps/node.h"
#include "apps/tape/tape.h"
#include "apps/tls_options.h"

struct serve_options {
    struct node_options node;
    uint16_t port, plain_port, echo_port, discard_port, chargen_port; /* 0: off */
    const char *root; /* directory of files; NULL: none */
    const char *ca_dir;
    bool rsa; /* the development CA's RSA certificate instead of the EC one */
    struct tls_options tls;
    unsigned threads; /* each with a queue of the TAP and a host of its own */
    bool quiet, stats;
    const char *events; /* file for JSON lines; NULL: none */
    const char *status; /* file for the status at SIGUSR1; NULL: as text on stdout */
    struct tape_options tape;
    size_t max_connections;
    nsec idle_timeout;
};

enum options_result serve_options_parse(int argc, char **argv, struct serve_options *out);

#endif
