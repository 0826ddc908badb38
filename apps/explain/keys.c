/* `explain keys`: what a pair of keys does (RFC 8017 for RSA, FIPS 186-5 for ECDSA), all computed by mbedTLS; and why
 * the bulk of the data goes by a symmetric key.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mbedtls/ecdsa.h>
#include <mbedtls/error.h>
#include <mbedtls/gcm.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>

#include "apps/explain/chapters.h"
#include "stack/base/random.h"

#define RSA_BITS 2048U
#define RSA_BYTES 256U
#define OAEP_MOST 190U            /* bytes of message: RSA_BYTES - 2 * 32 - 2 (RFC 8017 7.1.1) */
#define RECORD 16384U             /* bytes: what TLS encrypts at once, at most */
#define MEASURE (150 * NS_PER_MS) /* each thing is measured for so long */

struct lesson {
    struct doc *d;
    struct random random;
    mbedtls_rsa_context rsa;   /* Bob's */
    mbedtls_ecp_keypair ec;    /* Bob's too */
    uint8_t cipher[RSA_BYTES]; /* what Alice has sent */
};

/* mbedTLS' f_rng */
static int draw(void *arg, unsigned char *out, size_t len)
{
    random_bytes(arg, out, len);
    return 0;
}

static const char *fault(struct doc *d, int ret)
{
    char text[128];
    mbedtls_strerror(ret, text, sizeof text);
    return doc_keep(d, "%s (-0x%04x)", text, (unsigned)-ret);
}

static const char *number(struct doc *d, const mbedtls_mpi *n)
{
    uint8_t bytes[RSA_BYTES];
    size_t len = mbedtls_mpi_size(n);
    if (len > sizeof bytes || mbedtls_mpi_write_binary(n, bytes, len) != 0) {
        d->failed = true;
        return "";
    }
    return doc_hex(d, bytes, len);
}

/* ---- the pair ---- */

static int make_keys(struct lesson *l)
{
    int ret = mbedtls_rsa_gen_key(&l->rsa, draw, &l->random, RSA_BITS, 65537);
    if (ret == 0) {
        ret = mbedtls_rsa_set_padding(&l->rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
    }
    if (ret == 0) {
        ret = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, &l->ec, draw, &l->random);
    }
    return ret;
}

static int tell_pair(struct lesson *l)
{
    struct doc *d = l->d;
    mbedtls_mpi n, e;
    mbedtls_mpi_init(&n);
    mbedtls_mpi_init(&e);
    int ret = mbedtls_rsa_export(&l->rsa, &n, NULL, NULL, NULL, &e);
    doc_section(d, "A pair of keys");
    doc_say(d, "Bob makes two keys that belong together. The public key he gives to everybody: it "
               "may be copied, printed, sent in the clear. The private key he keeps to himself. "
               "What one of them does, only the other undoes or checks.");
    doc_facts(d);
    if (ret == 0) {
        doc_fact(d, "rsa_modulus", "RSA, the modulus n",
                 "Public. The product of two primes that only Bob knows; nobody knows how to find "
                 "them from it in any useful time.",
                 "%s", number(d, &n));
        doc_fact(d, "rsa_exponent", "the exponent e",
                 "Public too, and nearly everybody has the same.", "%s = 65537", number(d, &e));
        doc_fact(d, "rsa_private", "the exponent d",
                 "Private. It follows from the two primes. It is not shown here, and it never "
                 "travels: what Bob proves, he proves by using it.",
                 "%zu bits, Bob's alone", mbedtls_mpi_bitlen(&n));
    }
    mbedtls_mpi_free(&n);
    mbedtls_mpi_free(&e);
    return ret;
}

/* ---- encryption ---- */

static int encrypt(struct lesson *l, const char *message, uint8_t out[RSA_BYTES])
{
    return mbedtls_rsa_rsaes_oaep_encrypt(&l->rsa, draw, &l->random, NULL, 0, strlen(message),
                                          (const uint8_t *)message, out);
}

/* Eve has every byte that went by, and a private key, only not Bob's. */
static int let_eve_try(struct lesson *l)
{
    mbedtls_rsa_context eve;
    uint8_t plain[RSA_BYTES];
    size_t len;
    mbedtls_rsa_init(&eve);
    int ret = mbedtls_rsa_gen_key(&eve, draw, &l->random, RSA_BITS, 65537);
    if (ret == 0) {
        ret = mbedtls_rsa_set_padding(&eve, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
    }
    if (ret == 0) {
        ret = mbedtls_rsa_rsaes_oaep_decrypt(&eve, draw, &l->random, NULL, 0, &len, l->cipher,
                                             plain, sizeof plain);
        doc_fact(l->d, "eve_decrypts", "Eve's private key",
                 "It is a good key, only not the one that belongs to Bob's public key.", "%s",
                 ret == 0 ? "opens it" : fault(l->d, ret));
        ret = ret == 0 ? -1 : 0;
    }
    mbedtls_rsa_free(&eve);
    return ret;
}

static int tell_encryption(struct lesson *l)
{
    static const char message[] = "Dear Bob, the key is under the third flowerpot.";
    struct doc *d = l->d;
    uint8_t again[RSA_BYTES], plain[RSA_BYTES], big[OAEP_MOST + 1] = {0};
    size_t len = 0;
    int ret = encrypt(l, message, l->cipher);
    if (ret == 0) {
        ret = encrypt(l, message, again);
    }
    if (ret == 0) {
        ret = mbedtls_rsa_rsaes_oaep_decrypt(&l->rsa, draw, &l->random, NULL, 0, &len, l->cipher,
                                             plain, sizeof plain);
    }
    if (ret != 0 || len != strlen(message) || memcmp(plain, message, len) != 0) {
        return ret != 0 ? ret : -1;
    }
    doc_section(d, "Encryption: Alice writes, only Bob can read");
    doc_say(d, "Alice takes Bob's public key and encrypts. The result goes over any wire. Bob "
               "takes his private key and decrypts (RSA with OAEP padding, RFC 8017 7.1).");
    doc_facts(d);
    doc_fact(d, "message", "Alice's message", "", "%s", message);
    doc_fact(d, "ciphertext", "what travels",
             "With Bob's public key: 256 bytes, whatever the message's length.", "%s",
             doc_hex(d, l->cipher, RSA_BYTES));
    doc_fact(d, "ciphertext_again", "the same once more",
             "The padding is random, so the same message never looks the same: who guesses it "
             "cannot check the guess.",
             "%s…", doc_hex(d, again, 24));
    doc_fact(d, "decrypted", "Bob reads", "With his private key.", "%.*s", (int)len,
             (const char *)plain);
    ret = let_eve_try(l);
    l->cipher[100] ^= 1U;
    int damaged = mbedtls_rsa_rsaes_oaep_decrypt(&l->rsa, draw, &l->random, NULL, 0, &len,
                                                 l->cipher, plain, sizeof plain);
    doc_fact(d, "damaged_decrypts", "one bit changed",
             "On the way, in byte 100. Even Bob gets nothing from it.", "%s",
             damaged == 0 ? "opens" : fault(d, damaged));
    int too_long =
        mbedtls_rsa_rsaes_oaep_encrypt(&l->rsa, draw, &l->random, NULL, 0, sizeof big, big, again);
    doc_fact(d, "too_long", "a longer message",
             "One operation takes 190 bytes and no more: 256 less two hashes and two. For more "
             "there is a better way: see below.",
             "%zu bytes: %s", sizeof big, too_long == 0 ? "taken" : fault(d, too_long));
    return ret != 0 || damaged == 0 || too_long == 0 ? -1 : 0;
}

/* ---- signatures ---- */

/* One way to sign: RSA or ECDSA. */
struct signer {
    const char *id, *name;
    int (*sign)(struct lesson *l, const uint8_t digest[32], uint8_t *out, size_t *len);
    int (*verify)(struct lesson *l, const uint8_t digest[32], const uint8_t *signature, size_t len);
};

static int rsa_sign(struct lesson *l, const uint8_t digest[32], uint8_t *out, size_t *len)
{
    *len = RSA_BYTES;
    return mbedtls_rsa_rsassa_pss_sign(&l->rsa, draw, &l->random, MBEDTLS_MD_SHA256, 32, digest,
                                       out);
}

static int rsa_verify(struct lesson *l, const uint8_t digest[32], const uint8_t *signature,
                      size_t len)
{
    (void)len;
    return mbedtls_rsa_rsassa_pss_verify(&l->rsa, MBEDTLS_MD_SHA256, 32, digest, signature);
}

static int ec_sign(struct lesson *l, const uint8_t digest[32], uint8_t *out, size_t *len)
{
    return mbedtls_ecdsa_write_signature(&l->ec, MBEDTLS_MD_SHA256, digest, 32, out, RSA_BYTES, len,
                                         draw, &l->random);
}

static int ec_verify(struct lesson *l, const uint8_t digest[32], const uint8_t *signature,
                     size_t len)
{
    return mbedtls_ecdsa_read_signature(&l->ec, digest, 32, signature, len);
}

static const struct signer signers[] = {
    {"rsa", "RSA", rsa_sign, rsa_verify},
    {"ecdsa", "ECDSA", ec_sign, ec_verify},
};

static const char *verdict(struct doc *d, int ret)
{
    return ret == 0 ? "good" : fault(d, ret);
}

static int tell_signature(struct lesson *l, const struct signer *s)
{
    static const char message[] = "I owe Alice 100 crowns. Bob",
                      forged[] = "I owe Alice 900 crowns. Bob";
    struct doc *d = l->d;
    uint8_t digest[32], other[32], signature[RSA_BYTES];
    size_t len;
    int ret = mbedtls_sha256((const uint8_t *)message, strlen(message), digest, 0);
    ret = ret == 0 ? mbedtls_sha256((const uint8_t *)forged, strlen(forged), other, 0) : ret;
    ret = ret == 0 ? s->sign(l, digest, signature, &len) : ret;
    if (ret != 0) {
        return ret;
    }
    int good = s->verify(l, digest, signature, len), changed = s->verify(l, other, signature, len);
    doc_facts(d);
    doc_fact(d, doc_keep(d, "%s_message", s->id), "Bob's message",
             "It travels as it is: a signature hides nothing.", "%s", message);
    doc_fact(d, doc_keep(d, "%s_digest", s->id), "its SHA-256",
             "32 bytes that stand for the whole message.", "%s", doc_hex(d, digest, sizeof digest));
    doc_fact(d, doc_keep(d, "%s_signature", s->id), doc_keep(d, "%s signature", s->name),
             doc_keep(d, "Made of the hash with Bob's private key: %zu bytes.", len), "%s",
             doc_hex(d, signature, len));
    doc_fact(d, doc_keep(d, "%s_verified", s->id), "Alice verifies",
             "With Bob's public key, and the hash that she computes herself.", "%s",
             verdict(d, good));
    doc_fact(d, doc_keep(d, "%s_changed", s->id), "one byte changed",
             doc_keep(d, "\"%s\": another hash, so the signature is not for it.", forged), "%s",
             verdict(d, changed));
    signature[len - 1] ^= 1U;
    int damaged = s->verify(l, digest, signature, len);
    doc_fact(d, doc_keep(d, "%s_damaged", s->id), "the signature changed", "The last bit of it.",
             "%s", verdict(d, damaged));
    return good != 0 || changed == 0 || damaged == 0 ? -1 : 0;
}

static int tell_signatures(struct lesson *l)
{
    struct doc *d = l->d;
    uint8_t point[65];
    size_t len;
    doc_section(d, "Signatures: Bob signs, everybody can check");
    doc_say(d, "The other way round. Bob uses the private key to sign; whoever has his public key "
               "can check that the signer had the private one, and that not a byte has changed "
               "since. First RSA with PSS padding (RFC 8017 8.1):");
    int ret = tell_signature(l, &signers[0]);
    ret = ret == 0 ? mbedtls_ecp_write_public_key(&l->ec, MBEDTLS_ECP_PF_UNCOMPRESSED, &len, point,
                                                  sizeof point)
                   : ret;
    if (ret != 0) {
        return ret;
    }
    doc_say(
        d,
        "The same with an elliptic curve, ECDSA on P-256. Such keys sign and do not encrypt; they "
        "are much shorter for the same strength. Bob's public key is now a point on the curve: %s.",
        doc_hex(d, point, len));
    return tell_signature(l, &signers[1]);
}

/* ---- bulk ---- */

static nsec clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (nsec)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* Nanoseconds that one call takes, over MEASURE; 0: it failed. */
static double time_of(int (*work)(struct lesson *l, void *arg), struct lesson *l, void *arg)
{
    nsec began = clock_now(), took;
    unsigned n = 0;
    do {
        if (work(l, arg) != 0) {
            return 0;
        }
        n++;
        took = clock_now() - began;
    } while (took < MEASURE);
    return (double)took / n;
}

static int do_rsa_public(struct lesson *l, void *arg)
{
    uint8_t out[RSA_BYTES];
    return mbedtls_rsa_rsaes_oaep_encrypt(&l->rsa, draw, &l->random, NULL, 0, OAEP_MOST, arg, out);
}

static int do_rsa_private(struct lesson *l, void *arg)
{
    uint8_t out[RSA_BYTES];
    size_t len;
    return mbedtls_rsa_rsaes_oaep_decrypt(&l->rsa, draw, &l->random, NULL, 0, &len, arg, out,
                                          sizeof out);
}

struct bulk {
    mbedtls_gcm_context gcm;
    uint8_t data[RECORD], iv[12], tag[16];
};

static int do_gcm(struct lesson *l, void *arg)
{
    struct bulk *b = arg;
    (void)l;
    return mbedtls_gcm_crypt_and_tag(&b->gcm, MBEDTLS_GCM_ENCRYPT, sizeof b->data, b->iv,
                                     sizeof b->iv, NULL, 0, b->data, b->data, sizeof b->tag,
                                     b->tag);
}

/* "12,000": two digits that count. */
static const char *about(struct doc *d, double v)
{
    double unit = 1;
    while (v / unit >= 100) {
        unit *= 10;
    }
    double rounded = (double)(long)(v / unit + 0.5) * unit;
    long n = (long)rounded;
    if (v < 10) {
        return doc_keep(d, "%.1f", v);
    }
    return n >= 1000 ? doc_keep(d, "%ld,%03ld", n / 1000, n % 1000) : doc_keep(d, "%ld", n);
}

static int tell_bulk(struct lesson *l)
{
    static struct bulk b; /* 16 KiB, and used once */
    struct doc *d = l->d;
    uint8_t key[16], plain[OAEP_MOST], cipher[RSA_BYTES];
    random_bytes(&l->random, key, sizeof key);
    random_bytes(&l->random, plain, sizeof plain);
    mbedtls_gcm_init(&b.gcm);
    int ret = mbedtls_gcm_setkey(&b.gcm, MBEDTLS_CIPHER_ID_AES, key, 128);
    ret = ret == 0 ? mbedtls_rsa_rsaes_oaep_encrypt(&l->rsa, draw, &l->random, NULL, 0, OAEP_MOST,
                                                    plain, cipher)
                   : ret;
    double gcm = ret == 0 ? time_of(do_gcm, l, &b) / RECORD : 0;
    double public = ret == 0 ? time_of(do_rsa_public, l, plain) / OAEP_MOST : 0;
    double private = ret == 0 ? time_of(do_rsa_private, l, cipher) / OAEP_MOST : 0;
    mbedtls_gcm_free(&b.gcm);
    if (gcm <= 0 || public <= 0 || private <= 0) {
        return ret != 0 ? ret : -1;
    }
    doc_section(d, "Why the bulk goes by a symmetric key");
    doc_say(d, "With a symmetric key both sides use the same secret, here AES-128-GCM. It is far "
               "faster, it adds 16 bytes to 16,384 instead of 66 to 190, and it notices a changed "
               "byte. Measured on this machine a moment ago, for each byte of the message:");
    doc_facts(d);
    doc_measured(d, "ratio_public", "RSA to encrypt", "with the public key, 190 bytes at a time",
                 "about %s times as long as AES", about(d, public / gcm));
    doc_measured(d, "ratio_private", "RSA to decrypt", "with the private key",
                 "about %s times as long as AES", about(d, private / gcm));
    doc_measured(d, "gcm_rate", "AES-128-GCM", "on one core", "about %s MB/s",
                 about(d, 1000 / gcm));
    doc_say(d, "So both are used, each for what it does best: public keys to find out who is who "
               "and to agree on a secret, a symmetric key made of that secret for all the data.");
    return 0;
}

static void tell_tls(struct lesson *l)
{
    struct doc *d = l->d;
    doc_section(d, "What TLS makes of it");
    doc_say(d, "It is often said that the client encrypts something with the server's public key. "
               "That was one way in TLS 1.2 and before, RSA key exchange (RFC 5246 7.4.7.1): the "
               "client chose a secret and encrypted it so. Whoever recorded that and came by the "
               "private key years later could read everything. TLS 1.3 has dropped it (RFC 8446 "
               "1.2), and this program refuses it in TLS 1.2 too.");
    doc_say(
        d,
        "Today both sides make a fresh pair of keys for each connection and agree by "
        "Diffie-Hellman. The server's public key, the one in its certificate, encrypts nothing: "
        "with it the client verifies the server's signature over the handshake. `vitrine explain "
        "tls` shows it, `vitrine explain certificate` how the client comes to trust that key.");
}

bool explain_keys(struct doc *d, const struct explain_options *o, char *error, size_t error_size)
{
    struct lesson l = {.d = d};
    doc_init(d, "keys", "Public and private keys: what each does, and what neither should");
    random_init(&l.random, o->seed);
    mbedtls_rsa_init(&l.rsa);
    mbedtls_ecp_keypair_init(&l.ec);
    int ret = make_keys(&l);
    ret = ret == 0 ? tell_pair(&l) : ret;
    ret = ret == 0 ? tell_encryption(&l) : ret;
    ret = ret == 0 ? tell_signatures(&l) : ret;
    ret = ret == 0 ? tell_bulk(&l) : ret;
    tell_tls(&l);
    mbedtls_rsa_free(&l.rsa);
    mbedtls_ecp_keypair_free(&l.ec);
    if (ret != 0) {
        snprintf(error, error_size, "the keys did not do what they should: -0x%04x",
                 (unsigned)-ret);
    }
    return ret == 0;
}
