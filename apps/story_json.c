/* The story of one connection as JSON (RFC 8259); see story.h. Times are in nanoseconds, sizes in
 * bytes; a name that ends in `_ns` or `_hex` says so. */
#include <inttypes.h>

#include "apps/story.h"

static void endpoint_json(struct draft *out, const char *name, const struct endpoint *e)
{
    char address[IP_TEXT_MAX];
    draft_addf(out, "\"%s\":{\"address\":\"%s\",\"port\":%u}", name, ip_text(e->addr, address),
               e->port);
}

static void string_json(struct draft *out, const char *name, const char *value)
{
    draft_addf(out, ",\"%s\":", name);
    draft_json(out, value != NULL && value[0] != '\0' ? value : NULL);
}

static void bool_json(struct draft *out, const char *name, bool value)
{
    draft_addf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

static void number_json(struct draft *out, const char *name, uint64_t value)
{
    draft_addf(out, ",\"%s\":%" PRIu64, name, value);
}

static void span_json(struct draft *out, const char *name, nsec value)
{
    draft_addf(out, ",\"%s\":%" PRId64, name, value);
}

static void isn_json(struct draft *out, const char *who, uint32_t isn)
{
    draft_addf(out, ",\"%s_isn\":%" PRIu32 ",\"%s_isn_hex\":\"0x%08" PRIx32 "\"", who, isn, who,
               isn);
}

static void segments_json(struct draft *out, const struct story *s)
{
    struct story_segment segment[STORY_SEGMENTS];
    unsigned count = story_segments(s, segment);
    draft_add(out, ",\"handshake\":[");
    for (unsigned i = 0; i < count; i++) {
        const struct story_segment *g = &segment[i];
        draft_addf(out, "%s{\"from\":\"%s\",\"flags\":\"%s\",\"seq\":%" PRIu32, i == 0 ? "" : ",",
                   g->from, g->flags, g->seq);
        if (g->has_ack) {
            number_json(out, "ack", g->ack);
        } else {
            draft_add(out, ",\"ack\":null");
        }
        number_json(out, "window", g->window);
        number_json(out, "len", g->len);
        span_json(out, "at_ns", g->at);
        string_json(out, "options", g->options);
        draft_add(out, "}");
    }
    draft_add(out, "]");
}

static void tcp_json(struct draft *out, const struct story *s)
{
    const struct tcp_info *t = &s->tcp;
    draft_addf(out, ",\"tcp\":{\"state\":\"%s\"", tcp_state_name(t->state));
    isn_json(out, "client", t->passive ? t->irs : t->iss);
    isn_json(out, "server", t->passive ? t->iss : t->irs);
    segments_json(out, s);
    if (t->ack_at != 0) {
        span_json(out, "took_ns", t->ack_at - t->syn_at);
    } else { /* the request came with the SYN */
        draft_add(out, ",\"took_ns\":null");
    }
    number_json(out, "syn_bytes", t->syn_bytes);
    number_json(out, "mss_in", t->mss_in);
    number_json(out, "mss_out", t->mss_out);
    number_json(out, "snd_mss", t->snd_mss);
    number_json(out, "mtu", t->mtu);
    string_json(out, "mtu_search", plpmtu_state_name(t->mtu_search));
    number_json(out, "mtu_probe", t->mtu_probe);
    bool_json(out, "window_scale", t->wscale_ok);
    number_json(out, "snd_wscale", t->snd_wscale);
    number_json(out, "rcv_wscale", t->rcv_wscale);
    bool_json(out, "sack", t->sack_ok);
    bool_json(out, "timestamps", t->ts_ok);
    span_json(out, "srtt_ns", t->srtt);
    span_json(out, "rttvar_ns", t->rttvar);
    span_json(out, "rtt_min_ns", t->rtt_min);
    span_json(out, "rto_ns", t->rto);
    number_json(out, "snd_wnd", t->snd_wnd);
    number_json(out, "rcv_wnd", t->rcv_wnd);
    number_json(out, "cwnd", t->cwnd);
    number_json(out, "ssthresh", t->ssthresh);
    number_json(out, "bytes_in", t->bytes_in);
    number_json(out, "bytes_out", t->bytes_out);
    number_json(out, "segments_in", t->segments_in);
    number_json(out, "segments_out", t->segments_out);
    number_json(out, "retransmitted", t->retransmitted);
    draft_add(out, "}");
}

static void certificate_json(struct draft *out, const struct tls_info *t)
{
    if (t->certificate_subject == NULL || t->certificate_subject[0] == '\0') {
        draft_add(out, ",\"certificate\":null");
        return;
    }
    draft_add(out, ",\"certificate\":{\"subject\":");
    draft_json(out, t->certificate_subject);
    string_json(out, "issuer", t->certificate_issuer);
    string_json(out, "san", t->certificate_san);
    string_json(out, "not_before", t->certificate_not_before);
    string_json(out, "not_after", t->certificate_not_after);
    string_json(out, "key_type", t->key_type);
    number_json(out, "key_bits", t->key_bits);
    string_json(out, "public_key_hex", t->public_key_hex);
    string_json(out, "sha256_hex", t->fingerprint_sha256);
    draft_add(out, "}");
}

static void client_json(struct draft *out, const struct tls_info *t)
{
    bool_json(out, "client_certificate_asked", t->certificate_asked);
    if (t->client_subject == NULL || t->client_subject[0] == '\0') {
        draft_add(out, ",\"client_certificate\":null");
        return;
    }
    draft_add(out, ",\"client_certificate\":{\"subject\":");
    draft_json(out, t->client_subject);
    string_json(out, "issuer", t->client_issuer);
    string_json(out, "san", t->client_san);
    string_json(out, "not_before", t->client_not_before);
    string_json(out, "not_after", t->client_not_after);
    string_json(out, "sha256_hex", t->client_fingerprint_sha256);
    bool_json(out, "verified", t->client_fault == NULL || t->client_fault[0] == '\0');
    draft_add(out, "}");
}

static void tls_json(struct draft *out, const struct story *s)
{
    const struct tls_info *t = &s->tls;
    if (!s->over_tls) {
        draft_add(out, ",\"tls\":null");
        return;
    }
    draft_addf(out, ",\"tls\":{\"version\":\"%s\"", tls_version_name(t->version));
    string_json(out, "suite", t->suite_name);
    draft_addf(out, ",\"suite_hex\":\"0x%04x\"", t->suite);
    string_json(out, "group", t->group_name);
    string_json(out, "signature_algorithm", t->signature_algorithm);
    string_json(out, "alpn", t->alpn);
    string_json(out, "sni", t->sni);
    bool_json(out, "resumed", t->resumed);
    string_json(out, "proof", tls_proof_name(t->proof));
    string_json(out, "psk_identity", t->psk_identity);
    string_json(out, "early_data", tls_early_name(t->early));
    span_json(out, "took_ns", t->finished - t->started);
    number_json(out, "handshake_bytes_in", t->handshake_bytes_in);
    number_json(out, "handshake_bytes_out", t->handshake_bytes_out);
    certificate_json(out, t);
    client_json(out, t);
    draft_add(out, "}");
}

void story_json(const struct story *s, struct draft *out)
{
    draft_addf(out, "{\"connection\":%" PRIu32 ",", s->tcp.id);
    endpoint_json(out, "client", s->tcp.passive ? &s->tcp.remote : &s->tcp.local);
    draft_add(out, ",");
    endpoint_json(out, "server", s->tcp.passive ? &s->tcp.local : &s->tcp.remote);
    tcp_json(out, s);
    tls_json(out, s);
    draft_add(out, "}\n");
}
