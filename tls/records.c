/* Record buffers, lent to sessions while they are at work.
 *
 * mbedTLS gives each session two buffers of a full record (RFC 8446 5.1), about 33 KiB, for life. A
 * session that waits needs nothing of them but the number of the next incoming record, which mbedTLS
 * keeps in front of the buffer. So between two records they go back to the context, and the next
 * session that has something to do takes them.
 */
#include "tls/internal.h"

#include <mbedtls/platform.h>
#include <string.h>

#define BUFFER_BYTES                                                                               \
    (16384U + 2048U)  /* at least what mbedTLS takes: a record with any protection */
#define OFFSET_MAX 64 /* bytes: where mbedTLS' pointers are when a record is done */

static void pointers(mbedtls_ssl_context *ssl, unsigned char **p[TLS_RECORD_POINTERS])
{
    unsigned char **all[TLS_RECORD_POINTERS] = {
        &ssl->in_ctr,  &ssl->in_hdr,  &ssl->in_len,  &ssl->in_iv,  &ssl->in_msg,
        &ssl->out_ctr, &ssl->out_hdr, &ssl->out_len, &ssl->out_iv, &ssl->out_msg,
    };
    memcpy(p, all, sizeof(all));
}

static unsigned char *buffer_of(const mbedtls_ssl_context *ssl, int i)
{
    return i < TLS_RECORD_POINTERS / 2 ? ssl->in_buf : ssl->out_buf;
}

/* No byte in the buffers matters: no part of a record, no message, no plaintext. */
static bool is_at_rest(const struct tls_session *t)
{
    const mbedtls_ssl_context *ssl = t->ssl;
    return ssl != NULL && t->open && ssl->in_buf != NULL &&
           ssl->state == MBEDTLS_SSL_HANDSHAKE_OVER && ssl->in_left == 0 && ssl->in_offt == NULL &&
           ssl->out_left == 0 && t->unsent == 0 && ssl->badmac_seen_or_in_hsfraglen == 0 &&
           !mbedtls_ssl_check_pending(ssl);
}

void tls_records_rest(struct tls_session *t)
{
    mbedtls_ssl_context *ssl = t->ssl;
    struct tls_context *c = t->context;
    unsigned char **p[TLS_RECORD_POINTERS];
    if (!is_at_rest(t)) {
        return;
    }
    pointers(ssl, p);
    for (int i = 0; i < TLS_RECORD_POINTERS; i++) {
        ptrdiff_t offset = *p[i] - buffer_of(ssl, i);
        if (offset < 0 || offset > OFFSET_MAX) {
            return;
        }
        t->offsets[i] = (uint8_t)offset;
    }
    memcpy(t->in_counter, ssl->in_ctr, sizeof(t->in_counter));
    for (int i = 0; i < TLS_RECORD_POINTERS; i++) {
        *p[i] = NULL;
    }
    if (c->spare_count < TLS_SPARE_MAX) {
        c->spare[c->spare_count++] = (struct tls_records){ssl->in_buf, ssl->out_buf};
    } else {
        mbedtls_free(ssl->in_buf);
        mbedtls_free(ssl->out_buf);
    }
    ssl->in_buf = NULL;
    ssl->out_buf = NULL;
}

bool tls_records_take(struct tls_session *t)
{
    mbedtls_ssl_context *ssl = t->ssl;
    struct tls_context *c = t->context;
    unsigned char **p[TLS_RECORD_POINTERS];
    if (ssl->in_buf != NULL) {
        return true;
    }
    struct tls_records r;
    if (c->spare_count > 0) {
        r = c->spare[--c->spare_count];
    } else {
        r = (struct tls_records){mbedtls_calloc(1, BUFFER_BYTES), mbedtls_calloc(1, BUFFER_BYTES)};
    }
    if (r.in == NULL || r.out == NULL) {
        mbedtls_free(r.in);
        mbedtls_free(r.out);
        return false;
    }
    ssl->in_buf = r.in;
    ssl->out_buf = r.out;
    pointers(ssl, p);
    for (int i = 0; i < TLS_RECORD_POINTERS; i++) {
        *p[i] = buffer_of(ssl, i) + t->offsets[i];
    }
    memcpy(ssl->in_ctr, t->in_counter, sizeof(t->in_counter));
    return true;
}

void tls_records_done(struct tls_context *c)
{
    while (c->spare_count > 0) {
        struct tls_records r = c->spare[--c->spare_count];
        mbedtls_free(r.in);
        mbedtls_free(r.out);
    }
}
