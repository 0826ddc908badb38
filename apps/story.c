/* The story of one connection: the facts and the text; see story.h. The facts are TCP's (RFC 9293,
 * RFC 7323, RFC 2018, RFC 6528) and TLS' (RFC 8446, RFC 5246). */
#include "apps/story.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 96U
#define NAME_COLUMN 20U /* where values begin */

void story_collect(struct stream *s, nsec now, struct story *out)
{
    *out = (struct story){.now = now};
    struct tls_session *tls = tls_of_stream(s);
    if (tls != NULL) {
        out->over_tls = true;
        tls_get_info(tls, &out->tls);
        s = tls_lower(tls);
    }
    if (s != NULL) {
        tcp_get_info(s, &out->tcp);
    }
}

/* ---- facts ---- */

__attribute__((format(printf, 4, 5))) static void fact(struct story_facts *f, const char *name,
                                                       const char *note, const char *format, ...)
{
    if (f->count == STORY_FACTS) {
        return;
    }
    struct story_fact *one = &f->fact[f->count++];
    one->name = name;
    one->note = note;
    va_list args;
    va_start(args, format);
    vsnprintf(one->value, sizeof one->value, format, args);
    va_end(args);
}

static void segment_options(const struct tcp_info *t, uint16_t mss, unsigned wscale, char *out,
                            size_t size)
{
    char mss_text[16] = "", wscale_text[20] = "";
    if (mss != 0) {
        snprintf(mss_text, sizeof mss_text, ", mss %u", mss);
    }
    if (t->wscale_ok) {
        snprintf(wscale_text, sizeof wscale_text, ", wscale %u", wscale);
    }
    char all[64];
    snprintf(all, sizeof all, "%s%s%s%s", mss_text, wscale_text, t->sack_ok ? ", SACK" : "",
             t->ts_ok ? ", timestamps" : "");
    snprintf(out, size, "%s", all[0] != '\0' ? all + 2 : "");
}

/* The peer opens a passive connection; an active one we opened ourselves. */
unsigned story_segments(const struct story *s, struct story_segment out[STORY_SEGMENTS])
{
    const struct tcp_info *t = &s->tcp;
    uint32_t client = t->passive ? t->irs : t->iss;
    uint32_t server = t->passive ? t->iss : t->irs;
    const char *opener = t->passive ? "client" : "vitrine";
    const char *other = t->passive ? "vitrine" : "server";
    uint32_t next = client + 1 + t->syn_bytes;
    out[0] = (struct story_segment){
        .from = opener, .flags = "SYN", .seq = client, .window = t->syn_wnd, .len = t->syn_bytes};
    out[1] = (struct story_segment){.from = other,
                                    .flags = "SYN ACK",
                                    .at = t->syn_ack_at - t->syn_at,
                                    .seq = server,
                                    .ack = next,
                                    .has_ack = true,
                                    .window = t->syn_ack_wnd};
    out[2] = (struct story_segment){.from = opener,
                                    .flags = "ACK",
                                    .at = t->ack_at - t->syn_at,
                                    .seq = next,
                                    .ack = server + 1,
                                    .has_ack = true,
                                    .window = t->ack_wnd};
    unsigned peer = t->passive ? 0 : 1;
    segment_options(t, t->mss_in, t->snd_wscale, out[peer].options, sizeof out[0].options);
    segment_options(t, t->mss_out, t->rcv_wscale, out[1 - peer].options, sizeof out[0].options);
    if (t->ts_ok) {
        snprintf(out[2].options, sizeof out[2].options, "timestamps");
    }
    return t->ack_at != 0 ? 3 : t->syn_ack_at != 0 ? 2 : 1;
}

static void isn_facts(const struct tcp_info *t, struct story_facts *f)
{
    uint32_t client = t->passive ? t->irs : t->iss;
    uint32_t server = t->passive ? t->iss : t->irs;
    fact(f, "client ISN",
         "initial sequence number, chosen by the client: its first byte is this + 1",
         "%-10u  0x%08" PRIx32, client, client);
    fact(f, "server ISN", "a keyed hash of both ends, plus a clock: not to be guessed (RFC 6528)",
         "%-10u  0x%08" PRIx32, server, server);
}

static void option_facts(const struct tcp_info *t, struct story_facts *f)
{
    fact(f, "segment size", "each side's MSS: the most that one segment may carry towards it",
         "client takes %u B, we take %u B; ours now carry %u B", t->mss_in, t->mss_out, t->snd_mss);
    if (t->wscale_ok) {
        fact(f, "window scale", "so that 16 bits can offer more than 64 KiB (RFC 7323 2)",
             "client x%u, vitrine x%u", 1U << t->snd_wscale, 1U << t->rcv_wscale);
    } else {
        fact(f, "window scale", "one side did not offer it: no window beyond 64 KiB", "off");
    }
    fact(f, "SACK", "a receiver can say which bytes came behind a hole (RFC 2018)", "%s",
         t->sack_ok ? "on" : "off");
    fact(f, "timestamps", "measure each round trip and tell old segments (RFC 7323 3, 5)", "%s",
         t->ts_ok ? "on" : "off");
}

/* Bytes of TCP options in a segment of the handshake, rounded up to words as the header is. */
static unsigned option_bytes(const struct tcp_info *t, bool syn, uint16_t mss)
{
    unsigned n = t->ts_ok ? 10 : 0;
    if (syn) {
        n += (mss != 0 ? 4U : 0) + (t->wscale_ok ? 3U : 0) + (t->sack_ok ? 2U : 0);
    }
    return (n + 3) / 4 * 4;
}

/* What the three segments take with their headers; only the options that both sides use count. */
static unsigned handshake_bytes(const struct tcp_info *t)
{
    unsigned ip = ip_is_v4(t->remote.addr) ? 20 : 40;
    return 3 * (ip + 20) + option_bytes(t, true, t->mss_in) + option_bytes(t, true, t->mss_out) +
           option_bytes(t, false, 0);
}

void story_tcp_facts(const struct story *s, struct story_facts *out)
{
    const struct tcp_info *t = &s->tcp;
    char srtt[NSEC_TEXT_MAX], least[NSEC_TEXT_MAX], rto[NSEC_TEXT_MAX], took[NSEC_TEXT_MAX];
    char in[BYTES_TEXT_MAX], got[BYTES_TEXT_MAX];
    out->count = 0;
    isn_facts(t, out);
    option_facts(t, out);
    if (t->srtt == 0) {
        fact(out, "round trip", "from our segment to its acknowledgment (RFC 6298)",
             "not measured yet; we retransmit after %s", nsec_text(t->rto, rto));
    } else {
        fact(out, "round trip", "from our segment to its acknowledgment (RFC 6298)",
             "%s smoothed, %s at least; we retransmit after %s", nsec_text(t->srtt, srtt),
             nsec_text(t->rtt_min, least), nsec_text(t->rto, rto));
    }
    fact(out, "so far", "payload in both directions", "%s in, %s out, %" PRIu64 " retransmitted",
         bytes_text(t->bytes_in, in), bytes_text(t->bytes_out, got), t->retransmitted);
    if (t->ack_at == 0) {
        fact(out, "handshake", "the SYN brought a cookie of ours, and this request (RFC 7413)",
             "not over yet: %" PRIu32 " bytes of data came with its first segment", t->syn_bytes);
    } else if (t->syn_bytes > 0) {
        fact(out, "handshake took", "one and a half round trips, and data in the first (RFC 7413)",
             "%s, %u bytes of headers, %" PRIu32 " of data", nsec_text(t->ack_at - t->syn_at, took),
             handshake_bytes(t), t->syn_bytes);
    } else {
        fact(out, "handshake took", "one and a half round trips, and nothing said yet",
             "%s, %u bytes of headers, no data", nsec_text(t->ack_at - t->syn_at, took),
             handshake_bytes(t));
    }
}

static const char *or_none(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : "none";
}

static void certificate_facts(const struct tls_info *t, struct story_facts *f)
{
    if (t->proof == PROOF_PSK) {
        fact(f, "certificate",
             "a secret that both had beforehand, from outside of TLS, proves both sides",
             "none was sent: both know the key of '%s'", or_none(t->psk_identity));
        return;
    }
    if (t->resumed) {
        fact(f, "certificate",
             "a secret from that earlier session, kept in a ticket, proves both sides",
             "none was sent: this session resumes an earlier one");
        return;
    }
    fact(f, "certificate", "", "%s", or_none(t->certificate_subject));
    fact(f, "issued by", "you checked this authority's signature on the certificate", "%s",
         or_none(t->certificate_issuer));
    fact(f, "valid for", "the name that you asked for must be one of these", "%s",
         or_none(t->certificate_san));
    fact(f, "valid", "", "%s to %s UTC", or_none(t->certificate_not_before),
         or_none(t->certificate_not_after));
    fact(f, "public key", "it encrypts nothing here: with it you verified the signature below",
         "%s, %u bits", or_none(t->key_type), t->key_bits);
    fact(f, "SHA-256", "", "%s", or_none(t->fingerprint_sha256));
    fact(f, "signature", "made by the private key over this handshake: only its owner could", "%s",
         or_none(t->signature_algorithm));
}

static void client_facts(const struct tls_info *t, struct story_facts *f)
{
    if (!t->certificate_asked) {
        return;
    }
    if (t->client_subject[0] == '\0') {
        fact(f, "your certificate", "this server asked for one, and does without", "none");
        return;
    }
    fact(f, "your certificate", "its key signed this handshake: so we know who you are", "%s",
         t->client_subject);
    fact(f, "  issued by", "an authority that this server trusts for its clients (--client-ca)",
         "%s", or_none(t->client_issuer));
    fact(f, "  valid", "", "%s to %s UTC", or_none(t->client_not_before),
         or_none(t->client_not_after));
    fact(f, "  SHA-256", "", "%s", or_none(t->client_fingerprint_sha256));
}

void story_tls_facts(const struct story *s, struct story_facts *out)
{
    const struct tls_info *t = &s->tls;
    char took[NSEC_TEXT_MAX];
    out->count = 0;
    if (!s->over_tls) {
        return;
    }
    bool key_exchange = t->group_name != NULL && t->group_name[0] != '\0';
    fact(out, "version", "", "%s", tls_version_name(t->version));
    fact(out, "cipher suite", "how records are encrypted and authenticated from here on",
         "%s (0x%04x)", or_none(t->suite_name), t->suite);
    fact(out, "key exchange",
         key_exchange ? "each side sent a fresh public share; the secret they make never travels"
                      : "no fresh shares: the keys come from the resumed session",
         "%s", or_none(t->group_name));
    certificate_facts(t, out);
    client_facts(t, out);
    fact(out, "server name (SNI)", "said in the clear, so that we could choose a certificate", "%s",
         or_none(t->sni));
    fact(out, "protocol (ALPN)", "", "%s", or_none(t->alpn));
    if (t->early != EARLY_NONE) {
        fact(out, "early data",
             "what came before the handshake was done; who saw it can send it again", "%s",
             tls_early_name(t->early));
    }
    fact(out, "resumed", "", "%s", t->resumed ? "yes" : "no");
    fact(out, "handshake took", "from the ClientHello to both Finished",
         "%s, %" PRIu32 " bytes in, %" PRIu32 " bytes out",
         nsec_text(t->finished - t->started, took), t->handshake_bytes_in, t->handshake_bytes_out);
}

/* ---- text ---- */

static void heading(struct draft *out, const char *title, const char *right)
{
    size_t used = strlen(title) + strlen(right);
    draft_addf(out, "\n%s", title);
    draft_fill(out, ' ', used + 1 < COLUMNS ? COLUMNS - used : 1);
    draft_addf(out, "%s\n", right);
    draft_fill(out, '-', COLUMNS);
    draft_add(out, "\n");
}

/* A value, wrapped at spaces or anywhere to the columns that are left. */
static void value_text(struct draft *out, const char *value)
{
    const size_t width = COLUMNS - NAME_COLUMN - 2;
    while (strlen(value) > width) {
        size_t n = width;
        while (n > 0 && value[n] != ' ') {
            n--;
        }
        bool at_space = n > 0;
        n = at_space ? n : width;
        draft_bytes(out, value, n);
        draft_add(out, "\n");
        draft_fill(out, ' ', NAME_COLUMN + 2);
        value += n + (at_space ? 1 : 0);
    }
    draft_addf(out, "%s\n", value);
}

static void facts_text(struct draft *out, const struct story_facts *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        const struct story_fact *one = &f->fact[i];
        draft_addf(out, "  %-*s", (int)NAME_COLUMN, one->name);
        value_text(out, one->value);
        if (one->note[0] != '\0') {
            draft_addf(out, "  %*s· %s\n", (int)NAME_COLUMN, "", one->note);
        }
    }
}

static void segments_text(struct draft *out, const struct story *s)
{
    struct story_segment segment[STORY_SEGMENTS];
    unsigned count = story_segments(s, segment);
    draft_addf(out, "  %-11s%-9s%-9s%-12s%-12s%-9s%s\n", "time", "from", "flags", "seq", "ack",
               "window", "options");
    for (unsigned i = 0; i < count; i++) {
        const struct story_segment *g = &segment[i];
        char at[NSEC_TEXT_MAX], ack[16] = "-";
        if (g->has_ack) {
            snprintf(ack, sizeof ack, "%" PRIu32, g->ack);
        }
        draft_addf(out, "  %-11s%-9s%-9s%-12" PRIu32 "%-12s%-9" PRIu32 "%s\n",
                   i == 0 ? "0" : nsec_text(g->at, at), g->from, g->flags, g->seq, ack, g->window,
                   g->options);
    }
    draft_add(out, "\n");
}

static void public_key_text(struct draft *out, const struct tls_info *t)
{
    const char *hex = t->public_key_hex;
    if (t->proof != PROOF_CERTIFICATE || hex == NULL || hex[0] == '\0') {
        return;
    }
    draft_add(out, "\n  The public key itself, as anyone may see it:\n");
    for (size_t left = strlen(hex); left > 0;) {
        size_t n = size_min(left, 88);
        draft_addf(out, "    %.*s\n", (int)n, hex);
        hex += n;
        left -= n;
    }
}

static void intro_text(struct draft *out, const struct story *s)
{
    char local[ENDPOINT_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];
    draft_addf(out,
               "The story of this connection, told by the server at its other end\n\n"
               "  You are %s, this is %s, connection %" PRIu32 " (%s).\n"
               "  Every byte of it went through Vitrine's own TCP%s: no socket of the kernel's was "
               "used.\n",
               endpoint_text(&s->tcp.remote, remote), endpoint_text(&s->tcp.local, local),
               s->tcp.id, tcp_state_name(s->tcp.state), s->over_tls ? ", below TLS" : "");
}

static void no_tls_text(struct draft *out)
{
    heading(out, "2. No TLS", "plain HTTP");
    draft_add(
        out,
        "  TCP promises order and completeness, and nothing else. This text, your request and any\n"
        "  password in it can be read, and changed, by everyone on the way. Whether this is the "
        "server\n"
        "  that you meant, nobody has proved. Ask again with https:// to see the second "
        "handshake.\n");
}

/* What it is left with: of a resumed session of TLS 1.2 there are no shares, and without certificates nothing hides them. */
static void eavesdropper_text(struct draft *out, const struct tls_info *t)
{
    bool shares = t->group_name != NULL && t->group_name[0] != '\0';
    bool named = t->sni != NULL && t->sni[0] != '\0';
    draft_add(out, shares ? "\n  An eavesdropper has seen both public shares, and can compute "
                            "nothing from them. What it can\n"
                          : "\n  An eavesdropper has seen nothing of the secret that the keys are "
                            "made of. What it can\n");
    draft_addf(out, "  still see: addresses, sizes, times%s.", named ? ", and the name above" : "");
    if (t->proof == PROOF_CERTIFICATE && !t->resumed) {
        draft_add(out, t->version == TLS_1_3 ? " The certificate went by encrypted."
                                             : " In TLS 1.2 the certificate too.");
    }
    draft_add(out, "\n");
}

static void tls_text(struct draft *out, const struct story *s)
{
    struct story_facts facts;
    bool modern = s->tls.version == TLS_1_3;
    story_tls_facts(s, &facts);
    heading(out, "2. TLS: a secret for two, and proof of who the server is",
            modern ? "RFC 8446" : "RFC 5246");
    facts_text(out, &facts);
    public_key_text(out, &s->tls);
    eavesdropper_text(out, &s->tls);
}

void story_so_far(const struct story *s, struct draft *out)
{
    struct story_facts facts;
    intro_text(out, s);
    heading(out, "1. TCP: three segments, and both sides know where the other begins to count",
            "RFC 9293 3.5");
    segments_text(out, s);
    story_tcp_facts(s, &facts);
    facts_text(out, &facts);
    if (s->over_tls && s->tls.established) {
        tls_text(out, s);
    }
}

void story_text(const struct story *s, struct draft *out)
{
    story_so_far(s, out);
    if (!s->over_tls) {
        no_tls_text(out);
    }
    draft_add(out, "\n  The same as JSON: curl -H 'Accept: application/json', or /?json\n");
}
