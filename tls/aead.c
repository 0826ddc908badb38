/* The list of engines, and messages in parts with any of them; see aead.h. */
#include "tls/aead.h"

#include <string.h>

#include <mbedtls/platform_util.h>

#include "stack/base/cursor.h"
#include "tls/aead_engines.h"

/* The fastest first. */
static const struct aead_engine *const engines[] = {
#ifdef AEAD_IPSEC_MB
    &aead_ipsec_mb,
#endif
#ifdef AEAD_LIBCRYPTO
    &aead_libcrypto,
#endif
    &aead_mbedtls,
};

const struct aead_engine *aead_engine(unsigned nth)
{
    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        bool usable = engines[i]->usable == NULL || engines[i]->usable();
        if (usable && nth-- == 0) {
            return engines[i];
        }
    }
    return NULL;
}

const struct aead_engine *aead_engine_named(const char *name)
{
    const struct aead_engine *e;
    for (unsigned i = 0; (e = aead_engine(i)) != NULL; i++) {
        if (strcmp(e->name, name) == 0) {
            return e;
        }
    }
    return NULL;
}

bool aead_seal(const struct aead_engine *e, struct aead *k, const uint8_t nonce[AEAD_NONCE],
               struct slice additional, const struct slice *parts, unsigned count, uint8_t *out)
{
    size_t done = 0;
    bool good = e->begin(k, true, nonce, additional);
    for (unsigned i = 0; good && i < count; i++) {
        good = parts[i].len == 0 || e->update(k, true, parts[i], out + done);
        done += parts[i].len;
    }
    return good && e->finish(k, true, out + done);
}

bool aead_open(const struct aead_engine *e, struct aead *k, const uint8_t nonce[AEAD_NONCE],
               struct slice additional, const struct slice *parts, unsigned count, uint8_t *out)
{
    uint8_t sent[AEAD_TAG];
    struct wr tag = wr_of(sent, AEAD_TAG);
    size_t len = 0, done = 0;
    for (unsigned i = 0; i < count; i++) {
        len += parts[i].len;
    }
    if (len < AEAD_TAG) {
        return false;
    }
    len -= AEAD_TAG;
    bool good = e->begin(k, false, nonce, additional);
    for (unsigned i = 0; good && i < count; i++) {
        struct rd r = rd_slice(parts[i]);
        struct slice text = rd_take(&r, size_min(parts[i].len, len - done));
        struct slice rest = rd_take(&r, rd_left(&r));
        good = text.len == 0 || e->update(k, false, text, out + done);
        done += text.len;
        wr_bytes(&tag, rest.data, rest.len);
    }
    good = good && e->finish(k, false, sent);
    if (!good) {
        mbedtls_platform_zeroize(out, len);
    }
    return good;
}
