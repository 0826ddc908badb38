/* Issuing certificates (RFC 5280), with what strict verifiers ask for: key identifiers, key usage,
 * names and addresses as subjectAltName, a serial number nobody can guess.
 */
#include "tls/internal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>

#include "tls/ca.h"
#include "tls/ca_files.h"

#define PEM_MAX 8192U /* bytes: an RSA key of 2048 bits takes 1.7 KiB */
#define SAN_MAX 64U   /* names and addresses in one certificate */
#define KEY_ID 20U    /* bytes of a key identifier */
#define DAY 86400

struct ca {
    mbedtls_x509_crt crt;
    mbedtls_pk_context key;
};

static bool say(char *error, size_t size, const char *what, int ret)
{
    if (ret != 0) {
        tls_error(error, size, what, ret);
    }
    return ret == 0;
}

static int64_t now_or(int64_t now)
{
    return now != 0 ? now : tls_system_now->seconds();
}

static int64_t end_of(const mbedtls_x509_crt *crt)
{
    struct tm tm = {
        .tm_year = crt->valid_to.year - 1900,
        .tm_mon = crt->valid_to.mon - 1,
        .tm_mday = crt->valid_to.day,
        .tm_hour = crt->valid_to.hour,
        .tm_min = crt->valid_to.min,
        .tm_sec = crt->valid_to.sec,
    };
    return (int64_t)timegm(&tm);
}

static int make_key(mbedtls_pk_context *key, enum ca_key kind)
{
    bool rsa = kind == CA_KEY_RSA;
    int ret =
        mbedtls_pk_setup(key, mbedtls_pk_info_from_type(rsa ? MBEDTLS_PK_RSA : MBEDTLS_PK_ECKEY));
    if (ret != 0) {
        return ret;
    }
    if (rsa) {
        return mbedtls_rsa_gen_key(mbedtls_pk_rsa(*key), tls_rng, NULL, 2048, 65537);
    }
    return mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), tls_rng, NULL);
}

/* ---- extensions ---- */

/* RFC 7093 2, method 1: the leftmost 160 bits of the SHA-256 of the public key's bits. */
static int key_id(const mbedtls_pk_context *key, uint8_t id[KEY_ID])
{
    uint8_t der[1024], digest[32];
    uint8_t *start = der + sizeof(der); /* mbedTLS writes DER from the end */
    int len = mbedtls_pk_write_pubkey(&start, der, key);
    if (len < 0) {
        return len;
    }
    int ret = mbedtls_sha256(start, (size_t)len, digest, 0);
    memcpy(id, digest, KEY_ID);
    return ret;
}

/* RFC 5280 4.2.1.1 and 4.2.1.2. mbedTLS' own functions want SHA-1. */
static int put_key_ids(mbedtls_x509write_cert *w, const mbedtls_pk_context *subject,
                       const mbedtls_pk_context *issuer)
{
    uint8_t own[2 + KEY_ID] = {MBEDTLS_ASN1_OCTET_STRING, KEY_ID};
    uint8_t authority[4 + KEY_ID] = {MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, 2 + KEY_ID,
                                     MBEDTLS_ASN1_CONTEXT_SPECIFIC, KEY_ID};
    int ret = key_id(subject, own + 2);
    if (ret == 0) {
        ret = key_id(issuer, authority + 4);
    }
    if (ret == 0) {
        ret = mbedtls_x509write_crt_set_extension(
            w, MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER,
            MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER), 0, own, sizeof(own));
    }
    if (ret == 0) {
        ret = mbedtls_x509write_crt_set_extension(
            w, MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER,
            MBEDTLS_OID_SIZE(MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER), 0, authority,
            sizeof(authority));
    }
    return ret;
}

static int put_serial(mbedtls_x509write_cert *w)
{
    uint8_t serial[16];
    int ret = tls_rng(NULL, serial, sizeof(serial));
    serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40); /* positive, and of full length */
    return ret != 0 ? ret : mbedtls_x509write_crt_set_serial_raw(w, serial, sizeof(serial));
}

static int put_validity(mbedtls_x509write_cert *w, int64_t from, int64_t to)
{
    char text[2][16]; /* YYYYMMDDhhmmss */
    const int64_t when[2] = {from, to};
    for (int i = 0; i < 2; i++) {
        time_t t = (time_t)when[i];
        struct tm tm;
        if (gmtime_r(&t, &tm) == NULL ||
            strftime(text[i], sizeof(text[i]), "%Y%m%d%H%M%S", &tm) == 0) {
            return MBEDTLS_ERR_X509_BAD_INPUT_DATA;
        }
    }
    return mbedtls_x509write_crt_set_validity(w, text[0], text[1]);
}

/* ---- subject alternative names ---- */

struct san {
    mbedtls_x509_san_list entries[SAN_MAX];
    uint8_t addresses[SAN_MAX][16];
    unsigned count;
};

/* RFC 5280 4.2.1.6, RFC 1034 3.5, and a wildcard as the first label. */
static bool is_dns_name(const char *name)
{
    size_t len = strlen(name), label = 0;
    const char *p = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
    for (; *p != '\0'; p++) {
        if (*p == '.') {
            if (label == 0) {
                return false;
            }
            label = 0;
        } else if ((!isalnum((unsigned char)*p) && *p != '-' && *p != '_') || ++label > 63) {
            return false;
        }
    }
    return len > 0 && len <= 253 && label > 0;
}

/* 4 or 16 bytes in `out`; 0: not an address. */
static size_t parse_ip(const char *text, uint8_t out[16])
{
    if (inet_pton(AF_INET, text, out) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

/* Each entry goes before the ones so far, since mbedTLS writes the list back to front. */
static void san_add(struct san *s, int type, const void *data, size_t len)
{
    mbedtls_x509_san_list *e = &s->entries[s->count];
    e->node.type = type;
    e->node.san.unstructured_name.p = (unsigned char *)(uintptr_t)data;
    e->node.san.unstructured_name.len = len;
    e->next = s->count > 0 ? &s->entries[s->count - 1] : NULL;
    s->count++;
}

static bool san_fill(struct san *s, const struct ca_request *r, char *error, size_t size)
{
    memset(s, 0, sizeof(*s));
    for (const char *const *n = r->names; n != NULL && *n != NULL; n++) {
        if (!is_dns_name(*n) || s->count == SAN_MAX) {
            snprintf(error, size, "%s: not a DNS name, or one too many", *n);
            return false;
        }
        san_add(s, MBEDTLS_X509_SAN_DNS_NAME, *n, strlen(*n));
    }
    for (const char *const *ip = r->ips; ip != NULL && *ip != NULL; ip++) {
        uint8_t *address = s->addresses[s->count % SAN_MAX];
        size_t len = parse_ip(*ip, address);
        if (len == 0 || s->count == SAN_MAX) {
            snprintf(error, size, "%s: not an IP address, or one too many", *ip);
            return false;
        }
        san_add(s, MBEDTLS_X509_SAN_IP_ADDRESS, address, len);
    }
    if (s->count == 0) {
        snprintf(error, size, "a certificate needs at least one name or address");
    }
    return s->count > 0;
}

/* ---- writing ---- */

static bool save_key(const char *dir, const char *name, const mbedtls_pk_context *key, char *error,
                     size_t size)
{
    uint8_t pem[PEM_MAX];
    bool ok = say(error, size, "key", mbedtls_pk_write_key_pem(key, pem, sizeof(pem))) &&
              ca_file_write(dir, name, ".key", (const char *)pem, 0600, error, size);
    mbedtls_platform_zeroize(pem, sizeof(pem));
    return ok;
}

static bool save_certificate(const char *dir, const char *name, mbedtls_x509write_cert *w,
                             char *error, size_t size)
{
    uint8_t pem[PEM_MAX];
    return say(error, size, "certificate",
               mbedtls_x509write_crt_pem(w, pem, sizeof(pem), tls_rng, NULL)) &&
           ca_file_write(dir, name, ".pem", (const char *)pem, 0644, error, size);
}

static int ca_contents(mbedtls_x509write_cert *w, mbedtls_pk_context *key, int64_t now)
{
    uint8_t mark[4]; /* tells one development CA from another in a list of trusted ones */
    char name[80];
    int ret = tls_rng(NULL, mark, sizeof(mark));
    snprintf(name, sizeof(name), "O=Vitrine,CN=Vitrine development CA %02x%02x%02x%02x", mark[0],
             mark[1], mark[2], mark[3]);
    mbedtls_x509write_crt_set_md_alg(w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(w, key);
    mbedtls_x509write_crt_set_issuer_key(w, key);
    ret = ret != 0 ? ret : put_serial(w);
    ret = ret != 0 ? ret : put_validity(w, now - DAY, now + (int64_t)CA_DAYS * DAY);
    ret = ret != 0 ? ret : mbedtls_x509write_crt_set_subject_name(w, name);
    ret = ret != 0 ? ret : mbedtls_x509write_crt_set_issuer_name(w, name);
    ret = ret != 0 ? ret : mbedtls_x509write_crt_set_basic_constraints(w, 1, 0);
    ret = ret != 0 ? ret
                   : mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_KEY_CERT_SIGN |
                                                                MBEDTLS_X509_KU_CRL_SIGN);
    return ret != 0 ? ret : put_key_ids(w, key, key);
}

static bool create(const char *dir, int64_t now, char *error, size_t size)
{
    mbedtls_pk_context key;
    mbedtls_x509write_cert w;
    mbedtls_pk_init(&key);
    mbedtls_x509write_crt_init(&w);
    bool ok = say(error, size, "random numbers", tls_rng_start()) &&
              say(error, size, "CA key", make_key(&key, CA_KEY_EC)) &&
              say(error, size, "CA certificate", ca_contents(&w, &key, now)) &&
              save_key(dir, "ca", &key, error, size) &&
              save_certificate(dir, "ca", &w, error, size);
    mbedtls_x509write_crt_free(&w);
    mbedtls_pk_free(&key);
    return ok;
}

/* RFC 5280 4.2.1.12, 4.2.1.3. */
static int put_usage(mbedtls_x509write_cert *w, bool client)
{
    mbedtls_asn1_sequence purpose = {.buf.tag = MBEDTLS_ASN1_OID};
    const char *oid = client ? MBEDTLS_OID_CLIENT_AUTH : MBEDTLS_OID_SERVER_AUTH;
    purpose.buf.p = (unsigned char *)(uintptr_t)oid;
    purpose.buf.len = MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH); /* both have the same length */
    int ret = mbedtls_x509write_crt_set_basic_constraints(w, 0, -1);
    ret = ret != 0 ? ret : mbedtls_x509write_crt_set_ext_key_usage(w, &purpose);
    return ret != 0 ? ret
                    : mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
}

static int leaf_contents(mbedtls_x509write_cert *w, struct ca *ca, mbedtls_pk_context *key,
                         const struct ca_request *r, const struct san *san)
{
    char issuer[256], subject[96];
    const char *first = r->names != NULL && r->names[0] != NULL ? r->names[0] : r->ips[0];
    int64_t now = now_or(r->now), hour = 3600; /* clocks differ */
    int64_t end = now + (int64_t)(r->days != 0 ? r->days : CA_LEAF_DAYS) * DAY;
    int64_t ca_end = end_of(&ca->crt);
    int len = mbedtls_x509_dn_gets(issuer, sizeof(issuer), &ca->crt.subject);
    /* RFC 5280 A.1: a common name has 64 characters at the most. */
    snprintf(subject, sizeof(subject), "CN=%s", strlen(first) <= 64 ? first : "vitrine");
    mbedtls_x509write_crt_set_md_alg(w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(w, key);
    mbedtls_x509write_crt_set_issuer_key(w, &ca->key);
    int ret = len < 0 ? len : put_serial(w);
    ret = ret != 0 ? ret : put_validity(w, now - hour, end < ca_end ? end : ca_end);
    ret = ret != 0 ? ret : mbedtls_x509write_crt_set_issuer_name(w, issuer);
    ret = ret != 0 ? ret : mbedtls_x509write_crt_set_subject_name(w, subject);
    ret =
        ret != 0
            ? ret
            : mbedtls_x509write_crt_set_subject_alternative_name(w, &san->entries[san->count - 1]);
    ret = ret != 0 ? ret : put_usage(w, r->client);
    return ret != 0 ? ret : put_key_ids(w, key, &ca->key);
}

static bool issue(struct ca *ca, const char *dir, const char *out, const struct ca_request *r,
                  char *error, size_t size)
{
    mbedtls_pk_context key;
    mbedtls_x509write_cert w;
    struct san san;
    if (!san_fill(&san, r, error, size)) {
        return false;
    }
    mbedtls_pk_init(&key);
    mbedtls_x509write_crt_init(&w);
    bool ok = say(error, size, "key", make_key(&key, r->key)) &&
              say(error, size, "certificate", leaf_contents(&w, ca, &key, r, &san)) &&
              save_key(dir, out, &key, error, size) && save_certificate(dir, out, &w, error, size);
    mbedtls_x509write_crt_free(&w);
    mbedtls_pk_free(&key);
    return ok;
}

/* ---- what is there ---- */

static void ca_free(struct ca *ca)
{
    mbedtls_x509_crt_free(&ca->crt);
    mbedtls_pk_free(&ca->key);
}

static bool ca_load(struct ca *ca, const char *dir, char *error, size_t size)
{
    char pem[CA_PATH_MAX], key[CA_PATH_MAX];
    mbedtls_x509_crt_init(&ca->crt);
    mbedtls_pk_init(&ca->key);
    if (!say(error, size, "random numbers", tls_rng_start()) ||
        !ca_path(pem, dir, "ca", ".pem", error, size) ||
        !ca_path(key, dir, "ca", ".key", error, size) ||
        !say(error, size, pem, mbedtls_x509_crt_parse_file(&ca->crt, pem)) ||
        !say(error, size, key, mbedtls_pk_parse_keyfile(&ca->key, key, NULL, tls_rng, NULL))) {
        ca_free(ca);
        return false;
    }
    if (mbedtls_pk_check_pair(&ca->crt.pk, &ca->key, tls_rng, NULL) != 0) {
        snprintf(error, size, "%s is not the key of %s", key, pem);
        ca_free(ca);
        return false;
    }
    return true;
}

static bool ends_soon(const mbedtls_x509_crt *crt)
{
    return end_of(crt) < now_or(0) + (int64_t)CA_RENEW_DAYS * DAY;
}

static bool covers(const struct tls_certificate *c, const struct ca_request *r)
{
    for (const char *const *n = r->names; n != NULL && *n != NULL; n++) {
        struct slice name = {(const uint8_t *)*n, strlen(*n)};
        if (!tls_certificate_matches(c, name)) {
            return false;
        }
    }
    for (const char *const *ip = r->ips; ip != NULL && *ip != NULL; ip++) {
        uint8_t address[16];
        size_t len = parse_ip(*ip, address);
        if (!tls_certificate_has_ip(c, (struct slice){address, len})) {
            return false;
        }
    }
    return true;
}

static bool is_good(struct ca *ca, const char *dir, const char *name, const struct ca_request *r)
{
    char pem[CA_PATH_MAX], key[CA_PATH_MAX], ignored[256];
    uint32_t flags = 0;
    if (!ca_path(pem, dir, name, ".pem", ignored, sizeof(ignored)) ||
        !ca_path(key, dir, name, ".key", ignored, sizeof(ignored))) {
        return false;
    }
    struct tls_certificate *c = tls_certificate_load(pem, key, ignored, sizeof(ignored));
    if (c == NULL) {
        return false;
    }
    bool good = (c->kind == TLS_KEY_RSA) == (r->key == CA_KEY_RSA) && !ends_soon(&c->chain) &&
                mbedtls_x509_crt_verify(&c->chain, &ca->crt, NULL, NULL, &flags, NULL, NULL) == 0 &&
                covers(c, r);
    tls_certificate_free(c);
    return good;
}

/* ---- */

bool ca_create(const char *dir, char *error, size_t error_size)
{
    int lock = ca_lock(dir, true, error, error_size);
    if (lock < 0) {
        return false;
    }
    bool ok = !ca_file_exists(dir, "ca", ".pem") && !ca_file_exists(dir, "ca", ".key");
    if (!ok) {
        snprintf(error, error_size, "%s: there is a CA already", dir);
    }
    ok = ok && create(dir, now_or(0), error, error_size);
    ca_unlock(lock);
    return ok;
}

bool ca_issue(const char *dir, const char *out, const struct ca_request *request, char *error,
              size_t error_size)
{
    struct ca ca;
    if (strcmp(out, "ca") == 0 || out[0] == '.' || out[0] == '\0' || strchr(out, '/') != NULL) {
        snprintf(error, error_size, "%s: not a name for a certificate's files", out);
        return false;
    }
    int lock = ca_lock(dir, false, error, error_size);
    if (lock < 0) {
        return false;
    }
    bool ok = ca_load(&ca, dir, error, error_size);
    if (ok) {
        ok = issue(&ca, dir, out, request, error, error_size);
        ca_free(&ca);
    }
    ca_unlock(lock);
    return ok;
}

static bool ensure(const char *dir, const char *const *names, const char *const *ips, char *error,
                   size_t size)
{
    static const char *const outs[] = {[CA_KEY_EC] = "server", [CA_KEY_RSA] = "server-rsa"};
    struct ca ca;
    bool have = ca_load(&ca, dir, error, size);
    if (have && ends_soon(&ca.crt)) {
        ca_free(&ca);
        have = false;
    }
    if (!have && !(create(dir, now_or(0), error, size) && ca_load(&ca, dir, error, size))) {
        return false;
    }
    bool ok = true;
    for (int i = 0; ok && i < 2; i++) {
        struct ca_request r = {.names = names, .ips = ips, .key = (enum ca_key)i};
        ok = is_good(&ca, dir, outs[i], &r) || issue(&ca, dir, outs[i], &r, error, size);
    }
    ca_free(&ca);
    return ok;
}

bool ca_ensure(const char *dir, const char *const *names, const char *const *ips, char *error,
               size_t error_size)
{
    int lock = ca_lock(dir, true, error, error_size);
    if (lock < 0) {
        return false;
    }
    bool ok = ensure(dir, names, ips, error, error_size);
    ca_unlock(lock);
    return ok;
}
