/* A TCP segment as it was on the wire (RFC 9293 3.1, RFC 791 3.1); see segment_seen.h. */
#include "apps/explain/segment_seen.h"

#include <inttypes.h>

#include "stack/base/cursor.h"

enum { OPT_END = 0, OPT_NOP = 1, OPT_MSS = 2, OPT_WSCALE = 3, OPT_SACK_OK = 4, OPT_TS = 8 };

/* The next option: its kind, and its value as a cursor. false: there are no more. */
static bool next_option(struct rd *r, uint8_t *kind, struct rd *value)
{
    if (rd_left(r) == 0) {
        return false;
    }
    *kind = rd_u8(r);
    *value = (struct rd){0};
    if (*kind != OPT_END && *kind != OPT_NOP) {
        uint8_t len = rd_u8(r);
        *value = rd_sub(r, len >= 2 ? len - 2U : 0);
    }
    return !r->failed;
}

static struct rd options_of(const struct world_frame *f)
{
    return rd_of(f->data + f->tcp + 20, f->payload - f->tcp - 20);
}

static void see_option(struct segment_seen *s, uint8_t kind, struct rd value)
{
    switch (kind) {
    case OPT_MSS:
        s->opts |= TCP_OPT_HAS_MSS;
        s->mss = rd_be16(&value);
        break;
    case OPT_WSCALE:
        s->opts |= TCP_OPT_HAS_WSCALE;
        s->wscale = rd_u8(&value);
        break;
    case OPT_SACK_OK:
        s->opts |= TCP_OPT_HAS_SACK_OK;
        break;
    case OPT_TS:
        s->opts |= TCP_OPT_HAS_TS;
        s->tsval = rd_be32(&value);
        s->tsecr = rd_be32(&value);
        break;
    default:
        break;
    }
}

bool segment_see(const struct world_frame *f, struct segment_seen *out)
{
    if (f->tcp == 0) {
        return false;
    }
    struct rd r = rd_of(f->data + f->tcp, f->payload - f->tcp), options = options_of(f), value;
    uint8_t kind;
    rd_skip(&r, 4);
    *out = (struct segment_seen){.frame = f};
    out->seq = rd_be32(&r);
    out->ack = rd_be32(&r);
    out->flags = rd_be16(&r) & 0x1ffU;
    out->wnd = rd_be16(&r);
    out->payload = (struct slice){f->data + f->payload, f->payload_len};
    while (next_option(&options, &kind, &value)) {
        see_option(out, kind, value);
    }
    return true;
}

/* "SYN ACK" */
static const char *flags_text(const struct segment_seen *s, char out[TCP_FLAGS_TEXT_MAX])
{
    return tcp_flags_text(s->flags, out);
}

/* ---- what each byte means ---- */

static void mark_link(struct doc *d, const uint8_t *b)
{
    struct mac to = {0}, from = {0};
    char text[MAC_TEXT_MAX];
    struct rd r = rd_of(b, 14);
    rd_copy(&r, to.b, sizeof to.b);
    rd_copy(&r, from.b, sizeof from.b);
    doc_mark(d, 0, 6, "Ethernet destination", "%s", mac_text(to, text));
    doc_mark(d, 6, 6, "Ethernet source", "%s", mac_text(from, text));
    doc_mark(d, 12, 2, "EtherType", "0x0800: an IPv4 packet follows");
}

static void mark_ip(struct doc *d, const struct world_frame *f)
{
    char text[IP_TEXT_MAX];
    size_t at = f->ip;
    struct rd r = rd_of(f->data + at, 20);
    uint8_t first = rd_u8(&r);
    rd_skip(&r, 1);
    uint16_t len = rd_be16(&r), id = rd_be16(&r), fragment = rd_be16(&r);
    uint8_t ttl = rd_u8(&r);
    rd_skip(&r, 3);
    uint32_t from = rd_be32(&r), to = rd_be32(&r);
    doc_mark(d, at, 1, "IP version and header length", "%u, and %u words of 4 bytes", first >> 4U,
             first & 15U);
    doc_mark(d, at + 1, 1, "class of service", "the last two bits speak of congestion (ECN)");
    doc_mark(d, at + 2, 2, "length of the packet", "%u bytes", len);
    doc_mark(d, at + 4, 2, "identification", "%u", id);
    doc_mark(d, at + 6, 2, "flags and fragment offset", "%s",
             fragment == 0x4000 ? "Don't Fragment: a router says when it is too big" : "");
    doc_mark(d, at + 8, 1, "time to live", "%u routers more may pass it on", ttl);
    doc_mark(d, at + 9, 1, "protocol", "6: a TCP segment follows");
    doc_mark(d, at + 10, 2, "header checksum", "of these 20 bytes");
    doc_mark(d, at + 12, 4, "source address", "%s", ip_text(ip4_addr(from), text));
    doc_mark(d, at + 16, 4, "destination address", "%s", ip_text(ip4_addr(to), text));
}

static void mark_option(struct doc *d, const struct segment_seen *s, size_t at, size_t len,
                        uint8_t kind)
{
    switch (kind) {
    case OPT_END:
        doc_mark(d, at, len, "end of options", "what follows is padding");
        break;
    case OPT_NOP:
        doc_mark(d, at, len, "no operation", "fills up to a word");
        break;
    case OPT_MSS:
        doc_mark(d, at, len, "option 2, maximum segment size", "%u bytes", s->mss);
        break;
    case OPT_WSCALE:
        doc_mark(d, at, len, "option 3, window scale", "windows count in units of 2^%u = %u bytes",
                 s->wscale, 1U << s->wscale);
        break;
    case OPT_SACK_OK:
        doc_mark(d, at, len, "option 4, SACK permitted", "it has no value");
        break;
    case OPT_TS:
        doc_mark(d, at, len, "option 8, timestamps", "my clock %" PRIu32 ", yours was %" PRIu32,
                 s->tsval, s->tsecr);
        break;
    default:
        doc_mark(d, at, len, "another option", "kind %u", kind);
    }
}

static void mark_options(struct doc *d, const struct segment_seen *s, size_t base)
{
    struct rd r = options_of(s->frame), value;
    const uint8_t *from = r.pos;
    uint8_t kind;
    while (next_option(&r, &kind, &value)) {
        mark_option(d, s, (size_t)(from - s->frame->data) - base, (size_t)(r.pos - from), kind);
        from = r.pos;
    }
}

static void mark_tcp(struct doc *d, const struct segment_seen *s, size_t base)
{
    const struct world_frame *f = s->frame;
    struct rd r = rd_of(f->data + f->tcp, 20);
    char flags[TCP_FLAGS_TEXT_MAX];
    size_t at = f->tcp - base;
    doc_mark(d, at, 2, "source port", "%u", rd_be16(&r));
    doc_mark(d, at + 2, 2, "destination port", "%u", rd_be16(&r));
    doc_mark(d, at + 4, 4, "sequence number", "%" PRIu32, s->seq);
    doc_mark(d, at + 8, 4, "acknowledgment number", "%" PRIu32 "%s", s->ack,
             (s->flags & TCP_ACK) != 0 ? "" : ", means nothing without the flag ACK");
    doc_mark(d, at + 12, 2, "header length and flags", "%u bytes, %s", f->payload - f->tcp,
             flags_text(s, flags));
    doc_mark(d, at + 14, 2, "window", "%u", s->wnd);
    doc_mark(d, at + 16, 2, "checksum", "over header, payload and both addresses");
    doc_mark(d, at + 18, 2, "urgent pointer", "means nothing without the flag URG");
    mark_options(d, s, base);
}

void segment_bytes(struct doc *d, const struct segment_seen *s, bool whole, const char *caption)
{
    const struct world_frame *f = s->frame;
    size_t base = whole ? 0 : f->tcp;
    doc_bytes(d, f->data + base, f->len - base, "%s", caption);
    if (whole) {
        mark_link(d, f->data);
        mark_ip(d, f);
    }
    mark_tcp(d, s, base);
    if (f->payload_len > 0) {
        doc_mark(d, f->payload - base, f->payload_len, "payload", "%u bytes", f->payload_len);
    }
}
