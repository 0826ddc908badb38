/* The lens on TLS (tls/lens.c): what goes by in either direction, whole and cut into pieces. What the
 * lens says of the peer's bytes must not depend on how they were cut. The reader of a ClientHello gets
 * the bytes as well. The session is watched: which messages the watcher gets must not depend on the cuts either, and what
 * it gets is whole.
 *
 * Of the input the first byte says which direction and what has gone before, eight more the lengths of
 * the pieces.
 */
#include "tests/fuzz/fuzz.h"
#include "tls/internal.h"

#include <stdlib.h>
#include <string.h>

#define CUTS 8U
#define RING 64U

struct sight {
    struct tls_context context;
    struct tls_session session;
    mbedtls_ssl_context ssl; /* its own, as until records are taken over */
    struct recorder recorder;
    struct tls_watcher watcher;
    unsigned messages, steps;
    size_t bytes; /* of all messages */
};

static void on_message(void *arg, uint32_t conn, const struct tls_message_view *m)
{
    struct sight *s = arg;
    char line[TLS_SUMMARY_MAX];
    struct rd r = rd_slice(m->bytes);
    (void)conn;
    s->messages++;
    s->bytes += m->bytes.len;
    if (m->bytes.len > 1) {
        rd_skip(&r, 1);
        uint32_t len = rd_be24(&r);
        FUZZ_CHECK(!r.failed && rd_left(&r) == len);
    }
    tls_message_summary(m, line);
}

static void on_step(void *arg, uint32_t conn, const struct tls_step *step)
{
    struct sight *s = arg;
    (void)conn;
    FUZZ_CHECK(step->len > 0 && step->value.len == 0);
    s->steps++;
}

static void watch(struct sight *s, bool has_secrets)
{
    static const uint8_t secret[48] = {1};
    list_init(&s->context.watchers);
    s->watcher = (struct tls_watcher){.message = on_message, .step = on_step, .arg = s};
    list_push_back(&s->context.watchers, &s->watcher.link);
    s->session.sight = tls_sight_new(&s->session);
    FUZZ_CHECK(s->session.sight != NULL);
    for (enum tls_secret i = 0; has_secrets && i < TLS_SECRETS; i++) {
        tls_sight_secret(&s->session, i, (struct slice){secret, i == TLS_SECRET_MASTER ? 48 : 32});
    }
}

static struct sight *begin(uint8_t how)
{
    struct sight *s = calloc(1, sizeof(*s));
    FUZZ_CHECK(s != NULL && recorder_init(&s->recorder, RING));
    s->context.client = (how & 128U) != 0;
    s->session.context = &s->context;
    s->session.recorder = &s->recorder;
    s->session.ssl = &s->ssl;
    s->session.lens.writer = -1;
    s->session.lens.stepping = how >> 4;
    s->session.lens.version = (how & 2U) != 0 ? TLS_1_2 : (how & 4U) != 0 ? TLS_1_3 : 0;
    s->session.established = (how & 8U) != 0;
    watch(s, (how & 64U) != 0);
    return s;
}

static void end(struct sight *s)
{
    tls_sight_free(s->session.sight);
    recorder_done(&s->recorder);
    free(s);
}

static void see(struct sight *s, bool out, const uint8_t *data, size_t len)
{
    uint8_t *piece = fuzz_copy(data, len);
    (out ? tls_lens_out : tls_lens_in)(&s->session, piece, len);
    free(piece);
}

static void check_side(const struct tls_lens_side *side)
{
    FUZZ_CHECK(side->header_len <= sizeof(side->header));
    FUZZ_CHECK(side->record_left <= side->record_len);
    FUZZ_CHECK(side->message_header <= sizeof(side->message));
}

static bool same_side(const struct tls_lens_side *a, const struct tls_lens_side *b)
{
    return memcmp(a->header, b->header, sizeof(a->header)) == 0 && a->header_len == b->header_len &&
           a->record_len == b->record_len && a->record_left == b->record_left &&
           memcmp(a->message, b->message, sizeof(a->message)) == 0 &&
           a->message_header == b->message_header && a->message_left == b->message_left &&
           a->alert_level == b->alert_level && a->ciphered == b->ciphered;
}

static void check_same(const struct sight *a, const struct sight *b)
{
    FUZZ_CHECK(same_side(&a->session.lens.in, &b->session.lens.in));
    FUZZ_CHECK(a->recorder.written == b->recorder.written);
    FUZZ_CHECK(a->session.bytes_in == b->session.bytes_in);
    FUZZ_CHECK(a->session.lens.fatal_in == b->session.lens.fatal_in);
    FUZZ_CHECK(a->messages == b->messages && a->bytes == b->bytes && a->steps == b->steps);
}

static void hello(const uint8_t *data, size_t len)
{
    struct tls_offer offer;
    uint8_t *body = fuzz_copy(data, len);
    if (tls_lens_client_hello((struct slice){body, len}, &offer) && offer.sni.len > 0) {
        FUZZ_CHECK(offer.sni.len <= 255 && offer.sni.data >= body &&
                   offer.sni.data + offer.sni.len <= body + len);
    }
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + CUTS) {
        return -1;
    }
    const uint8_t *text = data + 1 + CUTS;
    size_t len = size - 1 - CUTS;
    bool out = (data[0] & 1U) != 0;
    struct sight *whole = begin(data[0]);
    struct sight *cut = begin(data[0]);
    see(whole, out, text, len);
    for (size_t at = 0, i = 0; at < len; i++) {
        size_t n = size_min(len - at, 1U + data[1 + i % CUTS]);
        see(cut, out, text + at, n);
        at += n;
        check_side(out ? &cut->session.lens.out : &cut->session.lens.in);
    }
    tls_sight_end(&whole->session);
    tls_sight_end(&cut->session);
    if (!out) {
        check_same(whole, cut);
    }
    hello(text, len);
    end(whole);
    end(cut);
    return 0;
}
