/* The TLS options that a server and a client have in common, in one piece for every subcommand that speaks
 * TLS; what only one side has stands behind them (`of` in tls_take_option). */
#ifndef VITRINE_APPS_TLS_OPTIONS_H
#define VITRINE_APPS_TLS_OPTIONS_H

#include "apps/node_options.h"
#include "tls/tls.h"

#define TLS_OPTION_CERTIFICATES 16U
#define TLS_OPTION_ALPN 8U

struct tls_options {
    struct tls_config config;
    unsigned certificates; /* given by --cert and --key */
    struct {
        const char *chain, *key;
    } certificate[TLS_OPTION_CERTIFICATES];
    const char *alpn[TLS_OPTION_ALPN + 1];
    char alpn_text[256];
    bool client_auth_given; /* --client-auth */
    bool handshake, reveal; /* see tls_detail.h; `reveal` implies the other */
    struct tls_psks psks;   /* --psk, --psk-file */
};

/* Numbers for getopt_long. */
enum {
    TLS_OPT_CERT = 0x2000,
    TLS_OPT_KEY,
    TLS_OPT_MIN,
    TLS_OPT_MAX,
    TLS_OPT_ALPN,
    TLS_OPT_KEYLOG,
    TLS_OPT_HANDSHAKE,
    TLS_OPT_REVEAL,
    TLS_OPT_PSK,
    TLS_OPT_EARLY_DATA,
    TLS_OPT_PSK_FILE,
    TLS_OPT_ENGINE,
    /* a server's */
    TLS_OPT_CLIENT_CA,
    TLS_OPT_CLIENT_AUTH,
    TLS_OPT_NO_TICKETS,
    TLS_OPT_TICKET_LIFETIME,
    TLS_OPT_RECORDS,
    TLS_OPT_KEY_RECORDS,
    /* a client's */
    TLS_OPT_CACERT,
    TLS_OPT_END,
};

/* For a subcommand's table of struct option. */
/* clang-format off */
#define TLS_LONG_OPTIONS                                   \
    {"cert", required_argument, NULL, TLS_OPT_CERT},       \
    {"key", required_argument, NULL, TLS_OPT_KEY},         \
    {"tls-min", required_argument, NULL, TLS_OPT_MIN},     \
    {"tls-max", required_argument, NULL, TLS_OPT_MAX},     \
    {"alpn", required_argument, NULL, TLS_OPT_ALPN},       \
    {"keylog", required_argument, NULL, TLS_OPT_KEYLOG},   \
    {"handshake", no_argument, NULL, TLS_OPT_HANDSHAKE},   \
    {"reveal", no_argument, NULL, TLS_OPT_REVEAL},         \
    {"psk", required_argument, NULL, TLS_OPT_PSK},         \
    {"psk-file", required_argument, NULL, TLS_OPT_PSK_FILE}, \
    {"engine", required_argument, NULL, TLS_OPT_ENGINE}
#define TLS_SERVER_LONG_OPTIONS                                       \
    TLS_LONG_OPTIONS,                                                 \
    {"client-ca", required_argument, NULL, TLS_OPT_CLIENT_CA},        \
    {"client-auth", required_argument, NULL, TLS_OPT_CLIENT_AUTH},    \
    {"no-tickets", no_argument, NULL, TLS_OPT_NO_TICKETS},            \
    {"early-data", no_argument, NULL, TLS_OPT_EARLY_DATA},            \
    {"ticket-lifetime", required_argument, NULL, TLS_OPT_TICKET_LIFETIME},              \
    {"records", required_argument, NULL, TLS_OPT_RECORDS},                              \
    {"key-records", required_argument, NULL, TLS_OPT_KEY_RECORDS}
#define TLS_CLIENT_LONG_OPTIONS                            \
    TLS_LONG_OPTIONS,                                      \
    {"cacert", required_argument, NULL, TLS_OPT_CACERT},   \
    {"early-data", no_argument, NULL, TLS_OPT_EARLY_DATA}, \
    {"insecure", no_argument, NULL, 'k'}
/* clang-format on */

/* The lines of `--help` about them. */
extern const char tls_server_usage[], tls_client_usage[];

/* Both versions, ALPN http/1.1, the key log of the environment (SSLKEYLOGFILE), no certificate. */
void tls_options_defaults(struct tls_options *o, bool client);
bool tls_has_option(int option);
bool tls_take_option(int option, const char *value,
                     struct tls_options *o); /* false: said on stderr */
/* What only all of them together can tell; once, when they are read. false: said on stderr. */
bool tls_options_agree(struct tls_options *o);
void tls_options_done(struct tls_options *o); /* wipes the keys; after the context is gone */
/* Says on stderr whether lines are missing from the key log; before the context goes. */
void tls_options_tell_keylog(const struct tls_options *o, const struct tls_context *c);
/* Gives a context the certificates of the options. false: a sentence in `error`. */
bool tls_options_add_certificates(const struct tls_options *o, struct tls_context *c, char *error,
                                  size_t error_size);

#endif
