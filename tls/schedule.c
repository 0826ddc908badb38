/* The key schedule of a connection, step by step; see schedule.h. */
#include "tls/schedule.h"

#include <stdio.h>
#include <string.h>

#include <mbedtls/platform_util.h>

#include "stack/base/cursor.h"

#define MADE_MAX 160U
#define KEY_BLOCK_MAX 88U /* bytes: two keys of 32 and two IVs of 12 */

static const struct slice nothing = {NULL, 0};

static enum tls_check compare(const struct tls_value *ours, const struct tls_value *theirs)
{
    if (ours->len == 0 || theirs->len == 0) {
        return TLS_UNCHECKED;
    }
    return ours->len == theirs->len && memcmp(ours->data, theirs->data, ours->len) == 0
               ? TLS_AGREES
               : TLS_DIFFERS;
}

/* Tells of a value that was made. `theirs` is the library's own, or NULL. */
static void tell(const struct tls_schedule *s, const char *name, const char *made,
                 struct slice context, const struct tls_value *value,
                 const struct tls_value *theirs)
{
    struct tls_step step = {
        .name = name,
        .made = made,
        .context = context,
        .len = value->len,
        .value = tls_value_slice(value),
        .check = theirs != NULL ? compare(value, theirs) : TLS_UNCHECKED,
    };
    if (value->len > 0) {
        s->told(s->arg, &step);
    }
}

/* ---- TLS 1.3 ---- */

/* Derive-Secret(Secret, Label, Messages) of RFC 8446 7.1. */
static void derive(const struct tls_schedule *s, const struct tls_value *secret, const char *label,
                   struct slice hash, struct tls_value *out)
{
    tls_hkdf_expand_label(&s->suite, secret, label, hash, s->suite.hash_len, out);
}

/* The salt of the next extraction. */
static void derive_salt(const struct tls_schedule *s, const struct tls_value *secret,
                        const char *made, struct tls_value *out)
{
    struct tls_value empty;
    tls_hash(&s->suite, nothing, &empty);
    derive(s, secret, "derived", tls_value_slice(&empty), out);
    tell(s, "derived", made, tls_value_slice(&empty), out, NULL);
}

/* RFC 8446 7.3 and 4.4.4: what a traffic secret is for. */
static void tell_keys(const struct tls_schedule *s, bool by_client, const char *secret_name,
                      const struct tls_value *secret, bool with_finished)
{
    char name[32], made[MADE_MAX];
    const char *side = by_client ? "client" : "server";
    struct tls_keys keys;
    struct tls_value finished;
    tls_schedule_keys(s, secret, by_client, &keys);
    snprintf(name, sizeof(name), "%s_write_key", side);
    snprintf(made, sizeof(made), "HKDF-Expand-Label(%s, \"key\", \"\", %u)", secret_name,
             s->suite.key_len);
    tell(s, name, made, nothing, &keys.key, NULL);
    snprintf(name, sizeof(name), "%s_write_iv", side);
    snprintf(made, sizeof(made), "HKDF-Expand-Label(%s, \"iv\", \"\", %u)", secret_name,
             s->suite.iv_len);
    tell(s, name, made, nothing, &keys.iv, NULL);
    if (with_finished) {
        tls_hkdf_expand_label(&s->suite, secret, "finished", nothing, s->suite.hash_len, &finished);
        snprintf(name, sizeof(name), "%s finished_key", side);
        snprintf(made, sizeof(made), "HKDF-Expand-Label(%s, \"finished\", \"\", %u)", secret_name,
                 s->suite.hash_len);
        tell(s, name, made, nothing, &finished, NULL);
        mbedtls_platform_zeroize(&finished, sizeof(finished));
    }
    mbedtls_platform_zeroize(&keys, sizeof(keys));
}

/* One of the four traffic secrets. When what it is made of is not known, the library's has to do. */
static void make_traffic(struct tls_schedule *s, enum tls_secret which,
                         const struct tls_value *from, const char *label, const char *name,
                         const char *made, struct slice hash)
{
    struct tls_value *out = &s->made[which];
    derive(s, from, label, hash, out);
    if (out->len == 0) {
        *out = s->exported[which];
        tell(s, name, made, hash, out, NULL);
        return;
    }
    tell(s, name, made, hash, out, &s->exported[which]);
}

static void make_early(struct tls_schedule *s)
{
    if (!s->psk_used) {
        tls_hkdf_extract(&s->suite, nothing, nothing, &s->early);
        tell(s, "Early Secret", "HKDF-Extract(salt 0, IKM 0): there is no PSK", nothing, &s->early,
             NULL);
    } else if (s->psk.len > 0) {
        tls_hkdf_extract(&s->suite, nothing, tls_value_slice(&s->psk), &s->early);
        tell(s, "Early Secret", "HKDF-Extract(salt 0, IKM PSK)", nothing, &s->early, NULL);
    }
}

/* RFC 8446 4.2.11.2: that the client's binder comes out right shows that this is the key. */
static void make_binder(struct tls_schedule *s)
{
    struct tls_value empty, key, finished, binder;
    if (!s->psk_used || s->early.len == 0 || s->binder.len == 0) {
        return;
    }
    tls_hash(&s->suite, nothing, &empty);
    derive(s, &s->early, s->psk_external ? "ext binder" : "res binder", tls_value_slice(&empty),
           &key);
    tell(s, "binder_key",
         s->psk_external ? "Derive-Secret(Early Secret, \"ext binder\", \"\")"
                         : "Derive-Secret(Early Secret, \"res binder\", \"\")",
         tls_value_slice(&empty), &key, NULL);
    tls_hkdf_expand_label(&s->suite, &key, "finished", nothing, s->suite.hash_len, &finished);
    tls_hmac(&s->suite, tls_value_slice(&finished), tls_value_slice(&s->binder_hash), &binder);
    tell(s, "binder",
         "HMAC(HKDF-Expand-Label(binder_key, \"finished\", \"\", Hash.length), ClientHello up to "
         "its "
         "binders)",
         tls_value_slice(&s->binder_hash), &binder, &s->binder);
    mbedtls_platform_zeroize(&key, sizeof(key));
    mbedtls_platform_zeroize(&finished, sizeof(finished));
}

static void make_handshake(struct tls_schedule *s)
{
    struct tls_value salt = {.len = 0};
    derive_salt(s, &s->early, "Derive-Secret(Early Secret, \"derived\", \"\")", &salt);
    s->handshake = s->library_handshake;
    if (s->shared.len > 0 && salt.len > 0) {
        tell(s, "(EC)DHE", "the shared secret of both key shares", nothing, &s->shared, NULL);
        tls_hkdf_extract(&s->suite, tls_value_slice(&salt), tls_value_slice(&s->shared),
                         &s->handshake);
    }
    tell(s, "Handshake Secret", "HKDF-Extract(salt derived, IKM (EC)DHE)", nothing, &s->handshake,
         s->shared.len > 0 ? &s->library_handshake : NULL);
    mbedtls_platform_zeroize(&salt, sizeof(salt));
}

void tls_schedule_handshake(struct tls_schedule *s, struct slice hash)
{
    make_early(s);
    make_binder(s);
    make_handshake(s);
    make_traffic(s, TLS_SECRET_CLIENT_HANDSHAKE, &s->handshake, "c hs traffic",
                 "client_handshake_traffic_secret",
                 "Derive-Secret(Handshake Secret, \"c hs traffic\", ClientHello..ServerHello)",
                 hash);
    make_traffic(s, TLS_SECRET_SERVER_HANDSHAKE, &s->handshake, "s hs traffic",
                 "server_handshake_traffic_secret",
                 "Derive-Secret(Handshake Secret, \"s hs traffic\", ClientHello..ServerHello)",
                 hash);
    tell_keys(s, false, "server_handshake_traffic_secret", &s->made[TLS_SECRET_SERVER_HANDSHAKE],
              true);
    tell_keys(s, true, "client_handshake_traffic_secret", &s->made[TLS_SECRET_CLIENT_HANDSHAKE],
              true);
}

void tls_schedule_application(struct tls_schedule *s, struct slice hash)
{
    struct tls_value salt = {.len = 0};
    derive_salt(s, &s->handshake, "Derive-Secret(Handshake Secret, \"derived\", \"\")", &salt);
    if (salt.len > 0) {
        tls_hkdf_extract(&s->suite, tls_value_slice(&salt), nothing, &s->master);
        tell(s, "Master Secret", "HKDF-Extract(salt derived, IKM 0)", nothing, &s->master, NULL);
    }
    make_traffic(s, TLS_SECRET_CLIENT_TRAFFIC, &s->master, "c ap traffic",
                 "client_application_traffic_secret_0",
                 "Derive-Secret(Master Secret, \"c ap traffic\", ClientHello..server Finished)",
                 hash);
    make_traffic(s, TLS_SECRET_SERVER_TRAFFIC, &s->master, "s ap traffic",
                 "server_application_traffic_secret_0",
                 "Derive-Secret(Master Secret, \"s ap traffic\", ClientHello..server Finished)",
                 hash);
    derive(s, &s->master, "exp master", hash, &s->exporter);
    tell(s, "exporter_master_secret",
         "Derive-Secret(Master Secret, \"exp master\", ClientHello..server Finished)", hash,
         &s->exporter, NULL);
    tell_keys(s, false, "server_application_traffic_secret_0", &s->made[TLS_SECRET_SERVER_TRAFFIC],
              false);
    tell_keys(s, true, "client_application_traffic_secret_0", &s->made[TLS_SECRET_CLIENT_TRAFFIC],
              false);
    mbedtls_platform_zeroize(&salt, sizeof(salt));
}

void tls_schedule_resumption(struct tls_schedule *s, struct slice hash)
{
    derive(s, &s->master, "res master", hash, &s->resumption);
    tell(s, "resumption_master_secret",
         "Derive-Secret(Master Secret, \"res master\", ClientHello..client Finished)", hash,
         &s->resumption, NULL);
}

/* RFC 8446 4.6.1. */
void tls_schedule_ticket(struct tls_schedule *s, struct slice nonce)
{
    struct tls_value psk;
    tls_hkdf_expand_label(&s->suite, &s->resumption, "resumption", nonce, s->suite.hash_len, &psk);
    tell(s, "PSK of the ticket",
         "HKDF-Expand-Label(resumption_master_secret, \"resumption\", ticket_nonce, Hash.length)",
         nonce, &psk, NULL);
    mbedtls_platform_zeroize(&psk, sizeof(psk));
}

/* ---- TLS 1.2 ---- */

/* RFC 5246 6.3. An AEAD has no MAC keys, so these four are all. */
struct key_block {
    struct tls_value client_key, server_key, client_iv, server_iv;
};

static bool make_key_block(const struct tls_schedule *s, const struct tls_value *master,
                           struct key_block *out)
{
    uint8_t block[KEY_BLOCK_MAX], seed[64];
    struct tls_value *const parts[] = {&out->client_key, &out->server_key, &out->client_iv,
                                       &out->server_iv};
    size_t len = 2U * s->suite.key_len + 2U * s->suite.iv_len;
    *out = (struct key_block){.client_key.len = 0};
    memcpy(seed, s->server_random, 32);
    memcpy(seed + 32, s->client_random, 32);
    if (!tls_prf(&s->suite, master, "key expansion", (struct slice){seed, sizeof(seed)}, block,
                 len)) {
        return false;
    }
    struct rd r = rd_of(block, len);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        parts[i]->len = i < 2 ? s->suite.key_len : s->suite.iv_len;
        rd_copy(&r, parts[i]->data, parts[i]->len);
    }
    mbedtls_platform_zeroize(block, sizeof(block));
    return true;
}

/* RFC 5246 8.1; RFC 7627 4 puts the session hash in the place of the randoms. */
static void make_master_1_2(struct tls_schedule *s, struct slice hash)
{
    uint8_t seed[64], out[48];
    bool extended = hash.len > 0;
    memcpy(seed, s->client_random, 32);
    memcpy(seed + 32, s->server_random, 32);
    if (tls_prf(&s->suite, &s->shared, extended ? "extended master secret" : "master secret",
                extended ? hash : (struct slice){seed, sizeof(seed)}, out, sizeof(out))) {
        tls_value_set(&s->master, out, sizeof(out));
    }
    mbedtls_platform_zeroize(out, sizeof(out));
}

void tls_schedule_1_2(struct tls_schedule *s, struct slice hash, bool resumed)
{
    static const char how[] = "of key_block = PRF(master_secret, \"key expansion\", "
                              "server_random + client_random)";
    const struct tls_value *theirs = &s->exported[TLS_SECRET_MASTER];
    struct key_block block;
    if (resumed || s->shared.len == 0) {
        s->master = *theirs;
        tell(s, "master_secret", resumed ? "that of the session that is resumed" : "by the library",
             nothing, &s->master, NULL);
    } else {
        tell(s, "pre_master_secret", "the shared secret of both ECDHE keys", nothing, &s->shared,
             NULL);
        make_master_1_2(s, hash);
        tell(s, "master_secret",
             hash.len > 0 ? "PRF(pre_master_secret, \"extended master secret\", session_hash)"
                          : "PRF(pre_master_secret, \"master secret\", client_random + "
                            "server_random)",
             hash, &s->master, theirs);
    }
    if (make_key_block(s, &s->master, &block)) {
        tell(s, "client_write_key", how, nothing, &block.client_key, NULL);
        tell(s, "server_write_key", how, nothing, &block.server_key, NULL);
        tell(s, "client_write_IV", how, nothing, &block.client_iv, NULL);
        tell(s, "server_write_IV", how, nothing, &block.server_iv, NULL);
    }
    mbedtls_platform_zeroize(&block, sizeof(block));
}

/* ---- both ---- */

void tls_schedule_keys(const struct tls_schedule *s, const struct tls_value *secret, bool by_client,
                       struct tls_keys *out)
{
    struct key_block block;
    if (!s->suite.old) {
        tls_hkdf_expand_label(&s->suite, secret, "key", nothing, s->suite.key_len, &out->key);
        tls_hkdf_expand_label(&s->suite, secret, "iv", nothing, s->suite.iv_len, &out->iv);
        return;
    }
    make_key_block(s, secret, &block);
    out->key = by_client ? block.client_key : block.server_key;
    out->iv = by_client ? block.client_iv : block.server_iv;
    mbedtls_platform_zeroize(&block, sizeof(block));
}

void tls_schedule_finished(const struct tls_schedule *s, bool by_client, struct slice hash,
                           struct tls_value *out)
{
    struct tls_value key;
    out->len = 0;
    if (s->suite.old) {
        if (tls_prf(&s->suite, &s->master, by_client ? "client finished" : "server finished", hash,
                    out->data, TLS_VERIFY_DATA_1_2)) {
            out->len = TLS_VERIFY_DATA_1_2;
        }
        return;
    }
    tls_hkdf_expand_label(
        &s->suite, &s->made[by_client ? TLS_SECRET_CLIENT_HANDSHAKE : TLS_SECRET_SERVER_HANDSHAKE],
        "finished", nothing, s->suite.hash_len, &key);
    if (key.len > 0) {
        tls_hmac(&s->suite, tls_value_slice(&key), hash, out);
    }
    mbedtls_platform_zeroize(&key, sizeof(key));
}
