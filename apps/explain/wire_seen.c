/* What went over the wire; see wire_seen.h. */
#include "apps/explain/wire_seen.h"

#include <string.h>

#include "apps/explain/exchange.h"

#define RECORD_HEADER 5U /* bytes (RFC 8446 5.1) */
#define AEAD_TAG 16U     /* bytes: every suite that we have */
#define GCM_NONCE 8U     /* bytes in a record of TLS 1.2 (RFC 5288 3) */

void wire_text(struct doc *d, struct slice text, const char *caption)
{
    const char *s = (const char *)text.data;
    doc_bytes(d, text.data, text.len, "%s", caption);
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(s + at, '\n', text.len - at);
        size_t n = end != NULL ? (size_t)(end - (s + at)) + 1 : text.len - at;
        const char *line = doc_keep(d, "%.*s", (int)n, s + at);
        int shown = (int)strcspn(line, "\r\n");
        doc_mark(d, at, n, shown > 0 ? doc_keep(d, "%.*s", shown, line) : "an empty line", "%s",
                 "");
        at += n;
    }
}

void wire_record(struct doc *d, const struct record *r, uint16_t version, const char *caption)
{
    bool modern = version == TLS_1_3;
    size_t nonce = modern ? 0 : GCM_NONCE, from = RECORD_HEADER + nonce;
    doc_bytes(d, r->whole.data, r->whole.len, "%s", caption);
    doc_mark(d, 0, 1, "type", "%u, %s", r->type, record_name(r->type));
    doc_mark(d, 1, 2, "version", "0x%04x%s", r->version,
             modern ? ", as ever: the true one is known by now" : "");
    doc_mark(d, 3, 2, "length", "%zu bytes", r->fragment.len);
    if (!modern) {
        doc_mark(d, RECORD_HEADER, nonce, "explicit nonce",
                 "part of it; no two records have the same");
    }
    doc_mark(d, from, r->whole.len - from - AEAD_TAG, "ciphertext",
             modern ? "as long as the plaintext, and one byte for the true type"
                    : "as long as the plaintext");
    doc_mark(d, r->whole.len - AEAD_TAG, AEAD_TAG, "authentication tag",
             "a changed bit anywhere, and the receiver refuses the record");
}

bool wire_request(const struct eavesdropper *e, struct record *out)
{
    struct rd stream = rd_of(e->stream[WORLD_CLIENT], e->len[WORLD_CLIENT]);
    while (record_next(&stream, out)) {
        if (out->type == RECORD_DATA && out->fragment.len >= strlen(EXCHANGE_REQUEST) + AEAD_TAG) {
            return true;
        }
    }
    return false;
}

void wire_layers(struct doc *d, const struct world_frame *f, const char *caption)
{
    doc_bytes(d, f->data, f->len, "%s", caption);
    doc_mark(d, 0, f->ip, "link: Ethernet", "from this card to the next one");
    doc_mark(d, f->ip, f->tcp - f->ip, "network: IP", "from host to host");
    doc_mark(d, f->tcp, f->payload - f->tcp, "transport: TCP",
             "from program to program, in order, complete");
    doc_mark(d, f->payload, RECORD_HEADER, "TLS", "the record's header");
    doc_mark(d, f->payload + RECORD_HEADER, f->payload_len - RECORD_HEADER, "application: HTTP",
             "inside the record, encrypted");
}
