/* TLS as options of a server and of a client; see tls_options.h. */
#include "apps/tls_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/tape/tape.h"
#include "tls/aead.h"

#define USAGE_OF_BOTH                                                                              \
    "  --tls-min 1.2|1.3     oldest version [1.2]\n"                                               \
    "  --tls-max 1.2|1.3     newest version [1.3]\n"                                               \
    "  --alpn LIST           protocols, comma-separated, best first [http/1.1]; '' for none\n"     \
    "  --psk-file FILE       pre-shared keys (TLS 1.3), a line each: IDENTITY:HEX\n"               \
    "  --psk IDENTITY:HEX    one of them, for everyone to see who can list processes\n"            \
    "  --keylog FILE         secrets for Wireshark and tshark [$SSLKEYLOGFILE]\n"                  \
    "  --engine NAME         who computes: ipsec-mb, libcrypto, or mbedtls, the one to step\n"     \
    "                        through; all but mbedtls with libcrypto's arithmetic in handshakes\n" \
    "                        [the first of these that is here]\n"                                  \
    "  --handshake           every message field by field, and the key schedule step by step\n"    \
    "  --reveal              the same with the secrets; its first line says what that means\n"

const char tls_server_usage[] =
    "TLS\n"
    "  --cert FILE --key FILE  certificate chain and key, PEM; again for more names (SNI)\n"
    "  --client-ca FILE      ask clients for a certificate that one of these roots, PEM, has "
    "signed\n"
    "  --client-auth required|optional  whether a client without one is refused [required]\n"
    "  --no-tickets          no resumption\n"
    "  --early-data          take 0-RTT data, GET and HEAD only: off, for others can send it "
    "again\n"
    "  --ticket-lifetime S   how long a ticket is good, and its key seals [86400]\n"
    "  --records own|mbedtls  who protects records after the handshake [own]\n"
    "  --key-records N       our key changes after so many records (KeyUpdate, TLS 1.3)\n"
    "                        [2^24 with AES-GCM]\n" USAGE_OF_BOTH;

const char tls_client_usage[] =
    "TLS\n"
    "  --cacert FILE         root certificates, PEM [the system's]\n"
    "  -k, --insecure        tell what is wrong with the certificate, and go on\n"
    "  --cert FILE --key FILE  our own certificate, for a server that asks\n" USAGE_OF_BOTH;

void tls_options_defaults(struct tls_options *o, bool client)
{
    const char *keylog = getenv("SSLKEYLOGFILE");
    *o = (struct tls_options){.config = {.client = client, .engine = aead_engine(0)},
                              .alpn = {"http/1.1"}};
    o->config.keylog = keylog != NULL && keylog[0] != '\0' ? keylog : NULL;
}

bool tls_has_option(int option)
{
    return (option >= TLS_OPT_CERT && option < TLS_OPT_END) || option == 'k';
}

static bool take_certificate(struct tls_options *o, const char *file)
{
    unsigned max = o->config.client ? 1 : TLS_OPTION_CERTIFICATES;
    if (o->certificates == max) {
        fprintf(stderr, "vitrine: --cert at most %u time%s\n", max, max == 1 ? "" : "s");
        return false;
    }
    o->certificate[o->certificates++].chain = file;
    return true;
}

/* A key belongs to the certificate before it. */
static bool take_key(struct tls_options *o, const char *file)
{
    if (o->certificates == 0 || o->certificate[o->certificates - 1].key != NULL) {
        fprintf(stderr, "vitrine: --key '%s' needs its --cert before it\n", file);
        return false;
    }
    o->certificate[o->certificates - 1].key = file;
    return true;
}

static bool take_client_auth(struct tls_options *o, const char *value)
{
    o->client_auth_given = true;
    if (strcmp(value, "required") == 0) {
        o->config.client_auth = TLS_CLIENT_AUTH_REQUIRED;
    } else if (strcmp(value, "optional") == 0) {
        o->config.client_auth = TLS_CLIENT_AUTH_OPTIONAL;
    } else {
        fprintf(stderr, "vitrine: --client-auth takes required or optional, not '%s'\n", value);
        return false;
    }
    return true;
}

static bool take_psk(struct tls_options *o, const char *value)
{
    const char *why = NULL;
    struct tls_psk psk;
    fprintf(stderr, "vitrine: warning: a key on the command line is seen by everyone who can list "
                    "processes; --psk-file is not\n");
    bool good = tls_psk_parse((struct slice){(const uint8_t *)value, strlen(value)}, &psk, &why) &&
                tls_psks_add(&o->psks, &psk, &why);
    if (!good) {
        fprintf(stderr, "vitrine: --psk: %s\n", why);
    }
    return good;
}

static bool take_psk_file(struct tls_options *o, const char *value)
{
    char error[256];
    bool needed = !(tape_is_replaying() && tape_is_tcp_only()); /* TCP alone has no use for them */
    if (needed && !tls_psks_read(&o->psks, value, error, sizeof error)) {
        fprintf(stderr, "vitrine: --psk-file: %s\n", error);
        return false;
    }
    return true;
}

static bool take_ticket_lifetime(struct tls_options *o, const char *value)
{
    uint64_t seconds;
    if (!option_number("ticket-lifetime", value, 1, 604800, &seconds)) {
        return false;
    }
    o->config.ticket_lifetime = (uint32_t)seconds;
    return true;
}

static bool take_engine(struct tls_options *o, const char *value)
{
    const struct aead_engine *engine = aead_engine_named(value);
    if (engine != NULL) {
        o->config.engine = engine;
    } else if (!tape_is_replaying()) { /* which needs the same bytes, and any engine makes them */
        fprintf(stderr, "vitrine: --engine '%s': there is", value);
        for (unsigned i = 0; (engine = aead_engine(i)) != NULL; i++) {
            fprintf(stderr, "%s %s", i == 0 ? "" : " and", engine->name);
        }
        fprintf(stderr, "\n");
        return false;
    }
    return true;
}

static bool take_records(struct tls_options *o, const char *value)
{
    o->config.library_records = strcmp(value, "mbedtls") == 0;
    if (!o->config.library_records && strcmp(value, "own") != 0) {
        fprintf(stderr, "vitrine: --records takes own or mbedtls, not '%s'\n", value);
        return false;
    }
    return true;
}

static bool take_key_records(struct tls_options *o, const char *value)
{
    uint64_t records;
    if (!option_number("key-records", value, 1, 1U << 24U, &records)) {
        return false;
    }
    o->config.key_records = (uint32_t)records;
    return true;
}

static bool take_of_one_side(int option, const char *value, struct tls_options *o)
{
    switch (option) {
    case TLS_OPT_CLIENT_CA:
    case TLS_OPT_CACERT:
        o->config.trust = value;
        return true;
    case TLS_OPT_CLIENT_AUTH:
        return take_client_auth(o, value);
    case TLS_OPT_NO_TICKETS:
        o->config.no_tickets = true;
        return true;
    case TLS_OPT_TICKET_LIFETIME:
        return take_ticket_lifetime(o, value);
    case TLS_OPT_ENGINE:
        return take_engine(o, value);
    case TLS_OPT_RECORDS:
        return take_records(o, value);
    case TLS_OPT_KEY_RECORDS:
        return take_key_records(o, value);
    case 'k':
        o->config.trust_anything = true;
        return true;
    default:
        return false;
    }
}

bool tls_take_option(int option, const char *value, struct tls_options *o)
{
    switch (option) {
    case TLS_OPT_CERT:
        return take_certificate(o, value);
    case TLS_OPT_KEY:
        return take_key(o, value);
    case TLS_OPT_MIN:
        return option_tls_version("tls-min", value, &o->config.min_version);
    case TLS_OPT_MAX:
        return option_tls_version("tls-max", value, &o->config.max_version);
    case TLS_OPT_ALPN:
        return option_words("alpn", value, o->alpn_text, sizeof o->alpn_text, o->alpn,
                            TLS_OPTION_ALPN);
    case TLS_OPT_KEYLOG:
        o->config.keylog = value;
        return true;
    case TLS_OPT_REVEAL:
        o->reveal = true;
        o->handshake = true;
        return true;
    case TLS_OPT_HANDSHAKE:
        o->handshake = true;
        return true;
    case TLS_OPT_EARLY_DATA:
        o->config.early_data = true;
        return true;
    case TLS_OPT_PSK:
        return take_psk(o, value);
    case TLS_OPT_PSK_FILE:
        return take_psk_file(o, value);
    default:
        return take_of_one_side(option, value, o);
    }
}

static bool agree_on_psks(struct tls_options *o)
{
    if (o->psks.count > 0 && o->config.max_version == TLS_1_2) {
        fprintf(stderr, "vitrine: pre-shared keys need TLS 1.3\n");
        return false;
    }
    if (o->config.client && o->psks.count > 1) {
        fprintf(stderr, "vitrine: a client has one pre-shared key\n");
        return false;
    }
    o->config.psks = &o->psks;
    return true;
}

static bool agree_on_client_auth(struct tls_options *o)
{
    if (o->client_auth_given && o->config.trust == NULL) {
        fprintf(stderr, "vitrine: --client-auth needs --client-ca\n");
        return false;
    }
    if (!o->config.client && o->config.trust != NULL && !o->client_auth_given) {
        o->config.client_auth = TLS_CLIENT_AUTH_REQUIRED;
    }
    return true;
}

bool tls_options_agree(struct tls_options *o)
{
    uint16_t min = o->config.min_version != 0 ? o->config.min_version : TLS_1_2;
    uint16_t max = o->config.max_version != 0 ? o->config.max_version : TLS_1_3;
    for (unsigned i = 0; i < o->certificates; i++) {
        if (o->certificate[i].key == NULL) {
            fprintf(stderr, "vitrine: --cert '%s' has no --key behind it\n",
                    o->certificate[i].chain);
            return false;
        }
    }
    if (min > max) {
        fprintf(stderr, "vitrine: --tls-min is above --tls-max\n");
        return false;
    }
    o->config.alpn = o->alpn[0] != NULL ? o->alpn : NULL;
    return agree_on_psks(o) && agree_on_client_auth(o);
}

void tls_options_done(struct tls_options *o)
{
    tls_psks_done(&o->psks);
}

void tls_options_tell_keylog(const struct tls_options *o, const struct tls_context *c)
{
    int error = c != NULL ? tls_context_keylog_error(c) : 0;
    if (error != 0) {
        fprintf(stderr, "vitrine: --keylog %s: %s; keys are missing there\n", o->config.keylog,
                strerror(error));
    }
}

bool tls_options_add_certificates(const struct tls_options *o, struct tls_context *c, char *error,
                                  size_t error_size)
{
    for (unsigned i = 0; i < o->certificates; i++) {
        if (!tls_context_add_certificate(c, o->certificate[i].chain, o->certificate[i].key, error,
                                         error_size)) {
            return false;
        }
    }
    return true;
}
