/* A certificate chain with its key: loading, the facts for people, matching a name, and the choice
 * of the one that a client gets (RFC 6066 3, RFC 6125 6.4.3, RFC 8446 4.4.2.2).
 */
#include "tls/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <mbedtls/error.h>
#include <mbedtls/sha256.h>

#define TEXT_MAX 1024U /* bytes of subject, issuer or SAN text that are kept */
#define SAN_DNS (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_DNS_NAME)
#define SAN_IP (MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_IP_ADDRESS)

void tls_error(char *error, size_t error_size, const char *what, int code)
{
    char words[160];
    mbedtls_strerror(code, words, sizeof(words));
    snprintf(error, error_size, "%s: %s", what, words);
}

/* The beginning of a file as text; 0, or an errno. */
static int read_head(const char *file, char *out, size_t size)
{
    FILE *f = fopen(file, "re");
    if (f == NULL) {
        return errno;
    }
    setbuf(f, NULL); /* perhaps it is a key: one copy is enough to wipe */
    errno = 0;
    out[fread(out, 1, size - 1, f)] = '\0';
    int error = ferror(f) != 0 ? errno : 0;
    fclose(f);
    return error;
}

/* mbedTLS takes what fseek says of a directory for its length, and asks for so much memory. */
bool tls_file_is_one(const char *file, char *error, size_t error_size)
{
    struct stat st;
    if (stat(file, &st) == 0 && S_ISDIR(st.st_mode)) {
        snprintf(error, error_size, "%s: %s", file, strerror(EISDIR));
        return false;
    }
    return true;
}

void tls_file_error(char *error, size_t error_size, const char *file, const char *wanted, int code)
{
    char head[1024] = "", words[160];
    int ret = read_head(file, head, sizeof head);
    mbedtls_strerror(code, words, sizeof(words));
    if (ret != 0) {
        snprintf(error, error_size, "%s: %s", file, strerror(ret));
    } else if (strstr(head, "ENCRYPTED") != NULL) { /* RFC 7468 11, RFC 1421 4.6.1.1 */
        snprintf(error, error_size,
                 "%s: the key is encrypted, and nobody is there to be asked for the password: "
                 "openssl pkey -in FILE -out ANOTHER",
                 file);
    } else {
        snprintf(error, error_size, "%s: no %s that can be read: %s", file, wanted, words);
    }
    mbedtls_platform_zeroize(head, sizeof head);
}

static char *hex_of(const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *out = malloc(2 * len + 1);
    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
    return out;
}

/* Text that grows up to TEXT_MAX; what does not fit is cut off. */
struct text {
    char bytes[TEXT_MAX];
    size_t len;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->bytes + t->len, sizeof(t->bytes) - t->len, format, args);
    va_end(args);
    if (n > 0) {
        t->len = size_min(t->len + (size_t)n, sizeof(t->bytes) - 1);
    }
}

static void add_ip(struct text *t, struct slice ip)
{
    struct rd r = rd_slice(ip);
    if (ip.len == 4) {
        uint8_t b[4];
        rd_copy(&r, b, sizeof(b));
        add(t, "IP:%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
        return;
    }
    add(t, "IP");
    while (rd_left(&r) >= 2) {
        add(t, ":%x", rd_be16(&r));
    }
}

static char *san_text(const mbedtls_x509_crt *crt)
{
    struct text t = {.len = 0};
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next) {
        struct slice value = {s->buf.p, s->buf.len};
        if (s->buf.tag != SAN_DNS && s->buf.tag != SAN_IP) {
            continue;
        }
        if (t.len > 0) {
            add(&t, ", ");
        }
        if (s->buf.tag == SAN_IP) {
            add_ip(&t, value);
            continue;
        }
        add(&t, "DNS:");
        for (size_t i = 0; i < value.len; i++) {
            add(&t, "%c", isprint(value.data[i]) ? value.data[i] : '?');
        }
    }
    return strdup(t.bytes);
}

static char *name_text(const mbedtls_x509_name *name)
{
    char text[TEXT_MAX];
    return mbedtls_x509_dn_gets(text, sizeof(text), name) < 0 ? strdup("") : strdup(text);
}

static void time_text(char out[32], const mbedtls_x509_time *t)
{
    snprintf(out, 32, "%04d-%02d-%02d %02d:%02d:%02d", t->year % 10000, t->mon % 100, t->day % 100,
             t->hour % 100, t->min % 100, t->sec % 100);
}

/* The bits of the SubjectPublicKeyInfo that are the key: an EC point, or the RSA modulus. */
static char *public_key_hex(const mbedtls_pk_context *pk)
{
    uint8_t bytes[MBEDTLS_MPI_MAX_SIZE];
    size_t len = 0;
    if (mbedtls_pk_get_type(pk) == MBEDTLS_PK_RSA) {
        const mbedtls_rsa_context *rsa = mbedtls_pk_rsa(*pk);
        len = mbedtls_rsa_get_len(rsa);
        if (len > sizeof(bytes) ||
            mbedtls_rsa_export_raw(rsa, bytes, len, NULL, 0, NULL, 0, NULL, 0, NULL, 0) != 0) {
            return NULL;
        }
        return hex_of(bytes, len);
    }
    const mbedtls_ecp_keypair *ec = mbedtls_pk_ec(*pk);
    if (mbedtls_ecp_point_write_binary(&ec->grp, &ec->Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, bytes,
                                       sizeof(bytes)) != 0) {
        return NULL;
    }
    return hex_of(bytes, len);
}

static bool fill_facts(struct tls_certificate *c)
{
    const mbedtls_x509_crt *crt = &c->chain;
    uint8_t digest[32];
    c->subject = name_text(&crt->subject);
    c->issuer = name_text(&crt->issuer);
    c->san = san_text(crt);
    c->public_key_hex = public_key_hex(&crt->pk);
    time_text(c->not_before, &crt->valid_from);
    time_text(c->not_after, &crt->valid_to);
    if (mbedtls_sha256(crt->raw.p, crt->raw.len, digest, 0) != 0) {
        return false;
    }
    char *hex = hex_of(digest, sizeof(digest));
    if (hex != NULL) {
        snprintf(c->fingerprint, sizeof(c->fingerprint), "%s", hex);
        free(hex);
    }
    return c->subject != NULL && c->issuer != NULL && c->san != NULL && c->public_key_hex != NULL &&
           hex != NULL;
}

static bool fill_kind(struct tls_certificate *c)
{
    const mbedtls_pk_context *pk = &c->chain.pk;
    c->key_bits = (unsigned)mbedtls_pk_get_bitlen(pk);
    if (mbedtls_pk_get_type(pk) == MBEDTLS_PK_RSA) {
        c->kind = TLS_KEY_RSA;
        return c->key_bits >= 2048;
    }
    if (mbedtls_pk_get_type(pk) != MBEDTLS_PK_ECKEY) {
        return false;
    }
    mbedtls_ecp_group_id curve = mbedtls_pk_ec(*pk)->grp.id;
    c->kind = curve == MBEDTLS_ECP_DP_SECP384R1 ? TLS_KEY_P384 : TLS_KEY_P256;
    return curve == MBEDTLS_ECP_DP_SECP256R1 || curve == MBEDTLS_ECP_DP_SECP384R1;
}

static bool load_files(struct tls_certificate *c, const char *chain_file, const char *key_file,
                       char *error, size_t error_size)
{
    if (!tls_file_is_one(chain_file, error, error_size) ||
        !tls_file_is_one(key_file, error, error_size)) {
        return false;
    }
    int ret = mbedtls_x509_crt_parse_file(&c->chain, chain_file);
    if (ret != 0) { /* a positive number: so many of the certificates cannot be read */
        tls_file_error(error, error_size, chain_file, "certificate",
                       ret < 0 ? ret : MBEDTLS_ERR_X509_INVALID_FORMAT);
        return false;
    }
    ret = mbedtls_pk_parse_keyfile(&c->key, key_file, NULL, tls_rng, NULL);
    if (ret != 0) {
        tls_file_error(error, error_size, key_file, "private key", ret);
        return false;
    }
    if (!fill_kind(c)) {
        snprintf(error, error_size, "%s: the key is none of EC P-256, EC P-384, RSA from 2048 bits",
                 chain_file);
        return false;
    }
    if (mbedtls_pk_check_pair(&c->chain.pk, &c->key, tls_rng, NULL) != 0) {
        snprintf(error, error_size, "%s is not the key of %s", key_file, chain_file);
        return false;
    }
    return true;
}

struct tls_certificate *tls_certificate_load(const char *chain_file, const char *key_file,
                                             char *error, size_t error_size)
{
    struct tls_certificate *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    mbedtls_x509_crt_init(&c->chain);
    mbedtls_pk_init(&c->key);
    if (!load_files(c, chain_file, key_file, error, error_size)) {
        tls_certificate_free(c);
        return NULL;
    }
    if (!fill_facts(c)) {
        snprintf(error, error_size, "%s: out of memory", chain_file);
        tls_certificate_free(c);
        return NULL;
    }
    return c;
}

struct tls_certificate *tls_certificate_seen(const mbedtls_x509_crt *crt)
{
    struct tls_certificate *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    mbedtls_x509_crt_init(&c->chain);
    mbedtls_pk_init(&c->key);
    if (mbedtls_x509_crt_parse_der(&c->chain, crt->raw.p, crt->raw.len) != 0 || !fill_facts(c)) {
        tls_certificate_free(c);
        return NULL;
    }
    fill_kind(c); /* a short key is a fact like any other */
    return c;
}

void tls_certificate_free(struct tls_certificate *c)
{
    if (c == NULL) {
        return;
    }
    mbedtls_x509_crt_free(&c->chain);
    mbedtls_pk_free(&c->key);
    free(c->subject);
    free(c->issuer);
    free(c->san);
    free(c->public_key_hex);
    free(c);
}

static bool equal_folded(struct slice a, struct slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (tolower(a.data[i]) != tolower(b.data[i])) {
            return false;
        }
    }
    return true;
}

/* RFC 6125 6.4.3: a wildcard is the whole leftmost label, and stands for exactly one label. */
static bool name_matches(struct slice pattern, struct slice name)
{
    if (equal_folded(pattern, name)) {
        return true;
    }
    if (pattern.len < 3 || pattern.data[0] != '*' || pattern.data[1] != '.') {
        return false;
    }
    size_t label = 0;
    while (label < name.len && name.data[label] != '.') {
        label++;
    }
    struct slice rest = {name.data + label, name.len - label};
    return label > 0 && equal_folded((struct slice){pattern.data + 1, pattern.len - 1}, rest);
}

bool tls_certificate_matches(const struct tls_certificate *c, struct slice name)
{
    for (const mbedtls_x509_sequence *s = &c->chain.subject_alt_names; s != NULL; s = s->next) {
        if (s->buf.tag == SAN_DNS && name_matches((struct slice){s->buf.p, s->buf.len}, name)) {
            return true;
        }
    }
    return false;
}

bool tls_certificate_has_ip(const struct tls_certificate *c, struct slice ip)
{
    for (const mbedtls_x509_sequence *s = &c->chain.subject_alt_names; s != NULL; s = s->next) {
        if (s->buf.tag == SAN_IP && s->buf.len == ip.len &&
            memcmp(s->buf.p, ip.data, ip.len) == 0) {
            return true;
        }
    }
    return false;
}

/* The client can verify a signature by that key (RFC 8446 4.2.3, RFC 5246 7.4.1.4.1, RFC 8422 2). */
static bool suits(const struct tls_certificate *c, const struct tls_offer *offer, uint16_t version)
{
    if (version == TLS_1_2) {
        return c->kind == TLS_KEY_RSA
                   ? offer->suite_rsa && offer->rsa_pkcs1
                   : offer->suite_ecdsa && (offer->ecdsa_p256 || offer->ecdsa_p384);
    }
    switch (c->kind) {
    case TLS_KEY_P256:
        return offer->ecdsa_p256;
    case TLS_KEY_P384:
        return offer->ecdsa_p384;
    case TLS_KEY_RSA:
        return offer->rsa_pss;
    }
    return false;
}

static struct tls_certificate *of_link(struct list *link)
{
    return CONTAINER_OF(link, struct tls_certificate, link);
}

/* The first that fits the name and the client; else the first that fits the name, with which the
 * handshake then fails for the right reason; NULL when the name is nobody's. */
static struct tls_certificate *choose_by_name(const struct list *certificates, struct slice name,
                                              const struct tls_offer *offer, uint16_t version)
{
    struct tls_certificate *named = NULL;
    for (struct list *l = certificates->next; l != certificates; l = l->next) {
        struct tls_certificate *c = of_link(l);
        if (!tls_certificate_matches(c, name)) {
            continue;
        }
        if (suits(c, offer, version)) {
            return c;
        }
        if (named == NULL) {
            named = c;
        }
    }
    return named;
}

struct tls_certificate *tls_certificate_choose(const struct list *certificates,
                                               const struct tls_offer *offer, uint16_t version)
{
    if (list_empty(certificates)) {
        return NULL;
    }
    struct tls_certificate *found = NULL;
    if (offer->sni.len > 0) {
        found = choose_by_name(certificates, offer->sni, offer, version);
    }
    if (found != NULL) {
        return found;
    }
    /* The default: as if the client had asked for the first certificate by its own name. */
    struct tls_certificate *first = of_link(certificates->next);
    for (mbedtls_x509_sequence *s = &first->chain.subject_alt_names; s != NULL; s = s->next) {
        if (s->buf.tag == SAN_DNS) {
            struct slice name = {s->buf.p, s->buf.len};
            found = choose_by_name(certificates, name, offer, version);
            break;
        }
    }
    return found != NULL ? found : first;
}
