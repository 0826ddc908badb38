/* The keys that seal tickets; see ticket_keys.h. */
#include "tls/ticket_keys.h"

#include <string.h>

#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>

#include "stack/base/cursor.h"

#define KEY_BYTES 32U

void ticket_keys_init(struct ticket_keys *k, nsec lifetime,
                      int (*rng)(void *arg, unsigned char *out, size_t len))
{
    *k = (struct ticket_keys){.lifetime = lifetime, .rng = rng};
    mbedtls_gcm_init(&k->key[0].gcm);
    mbedtls_gcm_init(&k->key[1].gcm);
}

static void wipe(struct ticket_key *key)
{
    mbedtls_gcm_free(&key->gcm);
    mbedtls_platform_zeroize(key, sizeof(*key));
    mbedtls_gcm_init(&key->gcm);
}

void ticket_keys_done(struct ticket_keys *k)
{
    wipe(&k->key[0]);
    wipe(&k->key[1]);
}

void ticket_keys_turn(struct ticket_keys *k, nsec now)
{
    const struct ticket_key *newest = &k->key[k->newest];
    if (newest->live && now - newest->made >= k->lifetime) {
        k->newest = 1 - k->newest;
        wipe(&k->key[k->newest]);
    }
    struct ticket_key *older = &k->key[1 - k->newest];
    if (older->live && now - older->made >= 2 * k->lifetime) {
        wipe(older);
    }
}

void ticket_keys_share(struct ticket_keys *k, const uint8_t secret[TICKET_SECRET])
{
    k->secret = secret;
}

/* Name and key of the lifetime that begins at `start`, as HMAC-SHA-256 of what they are for. */
static int derive(const struct ticket_keys *k, nsec start, uint8_t *name, uint8_t *secret)
{
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
    uint8_t text[9], digest[32];
    struct wr w = wr_of(text, sizeof text);
    wr_u8(&w, 'n');
    wr_be64(&w, (uint64_t)start);
    int ret = mbedtls_md_hmac(sha256, k->secret, TICKET_SECRET, text, sizeof text, digest);
    memcpy(name, digest, TICKET_NAME);
    text[0] = 'k';
    return ret != 0 ? ret
                    : mbedtls_md_hmac(sha256, k->secret, TICKET_SECRET, text, sizeof text, secret);
}

/* The key that seals in the lifetime that begins at `made`. */
static int make(struct ticket_keys *k, struct ticket_key *key, nsec made)
{
    uint8_t secret[KEY_BYTES];
    int ret;
    if (k->secret != NULL) {
        ret = derive(k, made, key->name, secret);
    } else {
        ret = k->rng(NULL, key->name, sizeof(key->name));
        ret = ret != 0 ? ret : k->rng(NULL, secret, sizeof(secret));
    }
    if (ret == 0) {
        ret = mbedtls_gcm_setkey(&key->gcm, MBEDTLS_CIPHER_ID_AES, secret, 8 * sizeof(secret));
    }
    mbedtls_platform_zeroize(secret, sizeof(secret));
    key->live = ret == 0;
    key->made = made;
    return ret;
}

/* Of shared keys, those of now and of the lifetime before are there, whoever has made them first. */
static int make_due(struct ticket_keys *k, nsec now)
{
    struct ticket_key *newest = &k->key[k->newest], *older = &k->key[1 - k->newest];
    nsec start = k->secret != NULL ? now - now % k->lifetime : now;
    int ret = newest->live ? 0 : make(k, newest, start);
    if (ret == 0 && k->secret != NULL && !older->live && start >= k->lifetime) {
        ret = make(k, older, start - k->lifetime);
    }
    return ret;
}

int ticket_keys_seal(struct ticket_keys *k, nsec now, uint8_t *ticket, size_t len)
{
    uint8_t *nonce = ticket + TICKET_NAME;
    uint8_t *text = nonce + TICKET_NONCE;
    struct wr issued = wr_of(text, TICKET_ISSUED);
    ticket_keys_turn(k, now);
    struct ticket_key *key = &k->key[k->newest];
    int ret = make_due(k, now);
    if (ret == 0) {
        ret = k->rng(NULL, nonce, TICKET_NONCE);
    }
    if (ret != 0) {
        return ret;
    }
    memcpy(ticket, key->name, TICKET_NAME);
    wr_be64(&issued, (uint64_t)now);
    len += TICKET_ISSUED;
    return mbedtls_gcm_crypt_and_tag(&key->gcm, MBEDTLS_GCM_ENCRYPT, len, nonce, TICKET_NONCE,
                                     ticket, TICKET_NAME, text, text, TICKET_TAG, text + len);
}

static struct ticket_key *find(struct ticket_keys *k, const uint8_t *name)
{
    for (size_t i = 0; i < COUNT_OF(k->key); i++) {
        if (k->key[i].live && memcmp(k->key[i].name, name, TICKET_NAME) == 0) {
            return &k->key[i];
        }
    }
    return NULL;
}

enum ticket_verdict ticket_keys_open(struct ticket_keys *k, nsec now, uint8_t *ticket, size_t len,
                                     struct slice *plain, nsec *issued)
{
    ticket_keys_turn(k, now);
    if (k->secret != NULL && make_due(k, now) != 0) {
        return TICKET_STRANGE;
    }
    struct ticket_key *key = len >= TICKET_OVERHEAD ? find(k, ticket) : NULL;
    if (key == NULL) {
        return TICKET_STRANGE;
    }
    uint8_t *text = ticket + TICKET_NAME + TICKET_NONCE;
    size_t sealed = len - TICKET_NAME - TICKET_NONCE - TICKET_TAG;
    if (mbedtls_gcm_auth_decrypt(&key->gcm, sealed, ticket + TICKET_NAME, TICKET_NONCE, ticket,
                                 TICKET_NAME, text + sealed, TICKET_TAG, text, text) != 0) {
        return TICKET_FORGED;
    }
    struct rd r = rd_of(text, sealed);
    *issued = (nsec)rd_be64(&r);
    *plain = rd_take(&r, rd_left(&r));
    return *issued <= now && now - *issued < k->lifetime ? TICKET_GOOD : TICKET_OLD;
}
