/* What `vitrine serve` says when it is ready; see banner.h. */
#include "apps/banner.h"

#include <stdio.h>

#include "apps/commands.h"
#include "stack/base/addr.h"
#include "tls/aead.h"

static void print_ports(const struct serve_options *o, const char *certificate, const char *address)
{
    if (o->port != 0) {
        const struct aead_engine *engine = o->tls.config.engine;
        bool own = !o->tls.config.library_records;
        printf("  https    %s:%u   certificate %s\n", address, o->port, certificate);
        printf("  records  %s\n", own ? engine->name : "mbedtls, to the end");
        printf("  keys     %s\n",
               engine->arithmetic != NULL ? engine->arithmetic->name : "mbedtls");
    }
    if (o->plain_port != 0) {
        printf("  http     %s:%u\n", address, o->plain_port);
    }
    if (o->echo_port != 0) {
        printf("  echo     %s:%u\n", address, o->echo_port);
    }
    if (o->discard_port != 0) {
        printf("  discard  %s:%u\n", address, o->discard_port);
    }
    if (o->chargen_port != 0) {
        printf("  chargen  %s:%u\n", address, o->chargen_port);
    }
    if (o->root != NULL) {
        printf("  files    %s\n", o->root);
    }
}

/* The command that works as it stands: the certificate is for the name, the name goes to us. */
static void print_curl(const struct banner *b, const char *address)
{
    const struct serve_options *o = b->options;
    char port[8] = "";
    if (o->port == 0) {
        return;
    }
    if (o->port != 443) {
        snprintf(port, sizeof port, ":%u", o->port);
    }
    if (b->development) {
        printf("\n  curl --cacert %s/ca.pem --resolve " SERVER_NAME ":%u:%s https://" SERVER_NAME
               "%s/\n",
               o->ca_dir, o->port, address, port);
    } else {
        printf("\n  curl --insecure https://%s%s/\n", address, port);
    }
}

void banner_print(const struct banner *b)
{
    const struct node_options *node = &b->options->node;
    char address[IP_TEXT_MAX], link[MAC_TEXT_MAX];
    ip_text(node->address, address);
    printf("vitrine %s on %s: %s/%u, link address %s\n", VITRINE_VERSION, node->tap, address,
           node->prefix, mac_text(b->mac, link));
    print_ports(b->options, b->certificate, address);
    print_curl(b, address);
    printf("\nready; Ctrl-C ends it\n");
    fflush(stdout);
}
