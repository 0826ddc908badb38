/* One event in words; see narrate.h. */
#include "apps/narrate.h"

#include <inttypes.h>
#include <string.h>

#include "apps/draft.h"
#include "apps/http/parser.h"
#include "stack/link/ethernet.h"
#include "stack/link/arp.h"
#include "stack/trace/line.h"
#include "stack/trace/names.h"
#include "tls/tls.h"

/* ---- what it was ---- */

/* Both segment events have these fields. */
struct segment {
    uint32_t seq, ack, wnd, len;
    uint16_t mss, flags; /* enum tcp_flag */
    uint8_t wscale, opts, ecn;
};

static void add_syn_options(struct text *t, const struct segment *s)
{
    if ((s->opts & TCP_OPT_HAS_MSS) != 0) {
        text_addf(t, ", mss %u", s->mss);
    }
    if ((s->opts & TCP_OPT_HAS_WSCALE) != 0) {
        text_addf(t, ", wscale %u", s->wscale);
    }
    if ((s->opts & TCP_OPT_HAS_SACK_OK) != 0) {
        text_add(t, ", SACK permitted");
    }
    if ((s->opts & TCP_OPT_HAS_FAST_OPEN) != 0) {
        text_add(t, ", Fast Open");
    }
}

static void add_segment(struct text *t, const struct segment *s)
{
    char flags[TCP_FLAGS_TEXT_MAX];
    text_addf(t, "%s seq %" PRIu32, s->flags != 0 ? tcp_flags_text(s->flags, flags) : "no flags",
              s->seq);
    if ((s->flags & TCP_ACK) != 0) {
        text_addf(t, " ack %" PRIu32, s->ack);
    }
    text_addf(t, " win %" PRIu32, s->wnd);
    if (s->len > 0) {
        text_addf(t, ", %" PRIu32 " B", s->len);
    }
    if ((s->flags & TCP_SYN) != 0) {
        add_syn_options(t, s);
    }
    if ((s->opts & TCP_OPT_HAS_SACK) != 0) {
        text_add(t, ", SACK blocks");
    }
    if (s->ecn == IP_ECN_CE) {
        text_add(t, ", marked CE");
    }
}

static void head_tcp_in(struct text *t, const struct event *e)
{
    const struct ev_tcp_in *u = &e->u.tcp_in;
    add_segment(t, &(struct segment){.seq = u->seq,
                                     .ack = u->ack,
                                     .wnd = u->wnd,
                                     .len = u->len,
                                     .mss = u->mss,
                                     .flags = u->flags,
                                     .wscale = u->wscale,
                                     .opts = u->opts,
                                     .ecn = u->ecn});
}

static void head_tcp_out(struct text *t, const struct event *e)
{
    const struct ev_tcp_out *u = &e->u.tcp_out;
    add_segment(t, &(struct segment){.seq = u->seq,
                                     .ack = u->ack,
                                     .wnd = u->wnd,
                                     .len = u->len,
                                     .mss = u->mss,
                                     .flags = u->flags,
                                     .wscale = u->wscale,
                                     .opts = u->opts,
                                     .ecn = u->ecn});
    text_add(t, u->retransmission != 0 ? ", again" : "");
}

static void head_tcp_stray(struct text *t, const struct event *e)
{
    const struct ev_tcp_stray *u = &e->u.tcp_stray;
    char flags[TCP_FLAGS_TEXT_MAX], from[ENDPOINT_TEXT_MAX];
    text_addf(t, "%s seq %" PRIu32, tcp_flags_text(u->flags, flags), u->seq);
    if ((u->flags & TCP_ACK) != 0) {
        text_addf(t, " ack %" PRIu32, u->ack);
    }
    if (u->len > 0) {
        text_addf(t, ", %" PRIu32 " B", u->len);
    }
    text_addf(t, " from %s to port %u",
              endpoint_text(&(struct endpoint){u->from, u->from_port}, from), u->to_port);
}

static void head_frame_in(struct text *t, const struct event *e)
{
    const struct ev_frame_in *u = &e->u.frame_in;
    if (u->ethertype == ETHERTYPE_IPV4) {
        text_addf(t, "IPv4 in %" PRIu32 " B", u->len);
    } else if (u->ethertype == ETHERTYPE_ARP) {
        text_addf(t, "ARP in %" PRIu32 " B", u->len);
    } else {
        text_addf(t, "EtherType 0x%04x in %" PRIu32 " B", u->ethertype, u->len);
    }
}

static void add_arp(struct text *t, unsigned operation, struct ip_addr sender,
                    struct ip_addr target)
{
    char a[IP_TEXT_MAX], b[IP_TEXT_MAX];
    if (operation == ARP_REPLY) {
        text_addf(t, "ARP reply: %s tells %s its link address", ip_text(sender, a),
                  ip_text(target, b));
    } else if (ip_equal(sender, target)) {
        text_addf(t, "ARP announcement of %s", ip_text(sender, a));
    } else {
        text_addf(t, "ARP request: %s asks who has %s", ip_text(sender, a), ip_text(target, b));
    }
}

static void head_arp_in(struct text *t, const struct event *e)
{
    add_arp(t, e->u.arp_in.operation, e->u.arp_in.sender, e->u.arp_in.target);
}

static void head_arp_out(struct text *t, const struct event *e)
{
    add_arp(t, e->u.arp_out.operation, e->u.arp_out.sender, e->u.arp_out.target);
}

static void head_icmp_in(struct text *t, const struct event *e)
{
    char from[IP_TEXT_MAX];
    text_addf(t, "ICMP type %u code %u from %s", e->u.icmp_in.type, e->u.icmp_in.code,
              ip_text(e->u.icmp_in.from, from));
}

static void head_icmp_out(struct text *t, const struct event *e)
{
    char to[IP_TEXT_MAX];
    text_addf(t, "ICMP type %u code %u to %s", e->u.icmp_out.type, e->u.icmp_out.code,
              ip_text(e->u.icmp_out.to, to));
}

static void head_udp_in(struct text *t, const struct event *e)
{
    const struct ev_udp_in *u = &e->u.udp_in;
    char from[ENDPOINT_TEXT_MAX];
    text_addf(t, "UDP from %s to port %u, %" PRIu32 " B",
              endpoint_text(&(struct endpoint){u->from, u->from_port}, from), u->to_port, u->len);
}

static void head_udp_out(struct text *t, const struct event *e)
{
    const struct ev_udp_out *u = &e->u.udp_out;
    char to[ENDPOINT_TEXT_MAX];
    text_addf(t, "UDP from port %u to %s, %" PRIu32 " B", u->from_port,
              endpoint_text(&(struct endpoint){u->to, u->to_port}, to), u->len);
}

static void head_timer_fired(struct text *t, const struct event *e)
{
    const struct ev_tcp_timer_fired *u = &e->u.tcp_timer_fired;
    text_addf(t, "%s timer fires", tcp_timer_name(u->timer));
    if (u->shots > 0) {
        text_addf(t, ", for the %uth time in a row", u->shots + 1U);
    }
}

/* ---- what came of it ---- */

static const char *passed_clause(const struct ev_tcp_passed *u)
{
    switch (u->state) {
    case TCP_LISTEN:
        return "RFC 9293 3.10.7.2";
    case TCP_SYN_SENT:
        return "RFC 9293 3.10.7.3";
    default:
        return "RFC 9293 3.10.7.4";
    }
}

static void add_sequence_check(struct text *t, const struct ev_tcp_passed *u)
{
    text_addf(t, "first: seq in the window of %" PRIu32 " from RCV.NXT %" PRIu32, u->rcv_wnd,
              u->rcv_nxt);
}

static void effect_passed(struct text *t, const struct event *e)
{
    const struct ev_tcp_passed *u = &e->u.tcp_passed;
    text_addf(t, "passes %s in %s (", passed_clause(u), tcp_state_name(u->state));
    if (u->state == TCP_LISTEN) {
        text_add(t, "first: no RST, second: no ACK, third: a SYN");
    } else if (u->state == TCP_SYN_SENT) {
        text_addf(t, "first: acknowledges our SYN if anything, SND.NXT %" PRIu32 ", second: %s",
                  u->snd_nxt, u->check == 2 ? "RST" : "no RST, fourth: a SYN");
    } else {
        add_sequence_check(t, u);
        if (u->check == 2) {
            text_add(t, ", second: RST at RCV.NXT");
        } else {
            text_addf(t,
                      ", second: no RST, fourth: no SYN, fifth: ack not beyond SND.NXT %" PRIu32
                      ", SND.UNA is %" PRIu32,
                      u->snd_nxt, u->snd_una);
        }
    }
    text_add(t, ")");
}

static void effect_drop(struct text *t, const struct event *e)
{
    const struct ev_drop *u = &e->u.drop;
    text_addf(t, "refused, %s: %s (%s)", drop_name(u->reason), drop_text(u->reason),
              drop_clause(u->reason));
}

static void effect_paused(struct text *t, const struct event *e)
{
    nsec took = e->u.paused.took;
    text_addf(t,
              "the process stood still for %" PRId64 ".%03" PRId64 " s, which the clock leaves out",
              took / NS_PER_SEC, took % NS_PER_SEC / NS_PER_MS);
}

static void effect_open(struct text *t, const struct event *e)
{
    const struct ev_tcp_open *u = &e->u.tcp_open;
    char local[ENDPOINT_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];
    endpoint_text(&(struct endpoint){u->local, u->local_port}, local);
    endpoint_text(&(struct endpoint){u->remote, u->remote_port}, remote);
    text_addf(t, "connection #%" PRIu32 " %s %s %s", e->conn, u->passive != 0 ? remote : local, "→",
              u->passive != 0 ? local : remote);
}

static void effect_out_again(struct text *t, const struct event *e)
{
    text_addf(t, "seq %" PRIu32 " goes again, %" PRIu32 " B", e->u.tcp_out.seq, e->u.tcp_out.len);
}

static void effect_state(struct text *t, const struct event *e)
{
    text_addf(t, "%s → %s", tcp_state_name(e->u.tcp_state.from), tcp_state_name(e->u.tcp_state.to));
}

static void effect_established(struct text *t, const struct event *e)
{
    const struct ev_tcp_established *u = &e->u.tcp_established;
    char took[NSEC_TEXT_MAX], rtt[NSEC_TEXT_MAX];
    text_addf(t, "handshake complete in %s, round trip %s, %u B a segment",
              nsec_text(u->took, took), nsec_text(u->rtt, rtt), u->snd_mss);
}

static void effect_rtt(struct text *t, const struct event *e)
{
    const struct ev_tcp_rtt *u = &e->u.tcp_rtt;
    char sample[NSEC_TEXT_MAX], srtt[NSEC_TEXT_MAX], rto[NSEC_TEXT_MAX];
    text_addf(t, "round trip %s: SRTT %s, RTO %s", nsec_text(u->sample, sample),
              nsec_text(u->srtt, srtt), nsec_text(u->rto, rto));
}

static void effect_window(struct text *t, const struct event *e)
{
    text_addf(t, "the peer's window is %" PRIu32, e->u.tcp_window.wnd);
}

static void effect_cwnd(struct text *t, const struct event *e)
{
    const struct ev_tcp_cwnd *u = &e->u.tcp_cwnd;
    text_addf(t, "cwnd %" PRIu32 " (%s)", u->cwnd, cwnd_why_name(u->why));
    if (u->ssthresh < UINT32_MAX / 2) {
        text_addf(t, ", ssthresh %" PRIu32, u->ssthresh);
    }
    text_addf(t, ", %" PRIu32 " in flight", u->in_flight);
}

static void effect_cc_state(struct text *t, const struct event *e)
{
    text_addf(t, "congestion control: %s → %s", cc_state_name(e->u.tcp_cc_state.from),
              cc_state_name(e->u.tcp_cc_state.to));
}

static void effect_lost(struct text *t, const struct event *e)
{
    const struct ev_tcp_lost *u = &e->u.tcp_lost;
    text_addf(t, "%" PRIu32 " B from seq %" PRIu32 " count as lost (%s)", u->len, u->seq,
              loss_how_name(u->how));
}

static void effect_fast_open(struct text *t, const struct event *e)
{
    static const char *const words[FAST_OPENS] = {
        [FAST_OPEN_ASKED] = "our SYN asks for a cookie",
        [FAST_OPEN_GIVEN] = "our SYN-ACK brings the cookie of the client's address",
        [FAST_OPEN_LEARNT] = "the peer has given a cookie, for the next time",
        [FAST_OPEN_SENT] = "our SYN has a cookie and",
        [FAST_OPEN_ACCEPTED] = "the cookie is good: taken from the SYN are",
        [FAST_OPEN_INVALID] = "the cookie is none of ours, or too old: left in the SYN are",
        [FAST_OPEN_FULL] = "the cookie is good, but too many handshakes wait: left in the SYN are",
        [FAST_OPEN_IGNORED] = "the peer has not taken from our SYN",
        [FAST_OPEN_UNHEARD] = "our SYN goes again without its cookie, and without",
        [FAST_OPEN_PAUSED] = "not tried: it has failed on this way lately",
    };
    const struct ev_tcp_fast_open *u = &e->u.tcp_fast_open;
    bool counts = u->what != FAST_OPEN_ASKED && u->what != FAST_OPEN_GIVEN &&
                  u->what != FAST_OPEN_LEARNT && u->what != FAST_OPEN_PAUSED;
    if (u->what < FAST_OPENS) {
        text_addf(t, "Fast Open: %s", words[u->what]);
    }
    if (counts) {
        text_addf(t, " %" PRIu32 " B", u->len);
    }
}

static void effect_queued(struct text *t, const struct event *e)
{
    text_addf(t, "%" PRIu32 " B from seq %" PRIu32 " kept beyond a hole", e->u.tcp_queued.len,
              e->u.tcp_queued.seq);
}

static void effect_armed(struct text *t, const struct event *e)
{
    char in[NSEC_TEXT_MAX];
    text_addf(t, "%s timer set to %s", tcp_timer_name(e->u.tcp_timer_armed.timer),
              nsec_text(e->u.tcp_timer_armed.in, in));
}

static void effect_soft_error(struct text *t, const struct event *e)
{
    const struct ev_tcp_soft_error *u = &e->u.tcp_soft_error;
    if (u->type == 0) {
        text_add(t, "no answer so far, the application is told (RFC 9293 3.8.3, R1)");
    } else {
        text_addf(t, "ICMP error type %u code %u, the application is told", u->type, u->code);
    }
}

static void effect_closed(struct text *t, const struct event *e)
{
    text_addf(t, "the connection ends: %s", close_reason_name(e->u.tcp_closed.reason));
}

static void effect_neighbour(struct text *t, const struct event *e)
{
    char addr[IP_TEXT_MAX];
    text_addf(t, "neighbour %s is %s", ip_text(e->u.neighbour.addr, addr),
              neighbour_state_name(e->u.neighbour.state));
}

static void effect_tls_message(struct text *t, const struct event *e)
{
    const struct ev_tls_message *u = &e->u.tls_message;
    text_addf(t, "TLS: %s %s",
              u->outgoing != 0 ? "we say" : "whole now:", tls_message_name(u->type));
    if (u->len > 0) {
        text_addf(t, ", %" PRIu32 " B", u->len);
    }
    text_add(t, u->encrypted != 0 ? ", encrypted" : "");
}

static void effect_tls_secret(struct text *t, const struct event *e)
{
    text_addf(t, "TLS: secret %s installed", tls_secret_name(e->u.tls_secret.label));
}

static void effect_tls_alert(struct text *t, const struct event *e)
{
    const struct ev_tls_alert *u = &e->u.tls_alert;
    text_addf(t, "TLS: %s alert %s%s", u->outgoing != 0 ? "we send" : "the peer sends",
              tls_alert_name(u->description), u->level == 2 ? ", fatal" : "");
}

static void effect_tls_client(struct text *t, const struct event *e)
{
    const struct ev_tls_client *u = &e->u.tls_client;
    char faults[TLS_FAULTS_TEXT_MAX];
    text_addf(t, "TLS: the client's certificate %.*s%s%s", (int)sizeof u->subject, u->subject,
              u->subject[0] != '\0' ? ": " : "",
              u->faults != 0 ? tls_faults_text(u->faults, true, faults) : "verified");
}

static void effect_tls_established(struct text *t, const struct event *e)
{
    const struct ev_tls_established *u = &e->u.tls_established;
    char took[NSEC_TEXT_MAX];
    text_addf(t, "TLS: handshake complete in %s, %s, %s%s", nsec_text(u->took, took),
              tls_version_name(u->version), tls_suite_name(u->suite),
              u->proof == PROOF_TICKET ? ", resumed"
              : u->proof == PROOF_PSK  ? ", on a pre-shared key"
                                       : "");
    if (u->early != EARLY_NONE) {
        text_addf(t, ", early data %s", tls_early_name(u->early));
    }
}

static void effect_tls_record(struct text *t, const struct event *e)
{
    const struct ev_tls_record *u = &e->u.tls_record;
    text_addf(t, "TLS: record %" PRIu64 " takes %" PRIu32 " B of data", u->number, u->text_len);
}

static void effect_tls_closed(struct text *t, const struct event *e)
{
    text_addf(t, "TLS: the stream ends: %s", close_reason_name(e->u.tls_closed.reason));
}

static void effect_http_request(struct text *t, const struct event *e)
{
    const struct ev_http_request *u = &e->u.http_request;
    text_addf(t, "HTTP: request %s %.*s", http_method_name(u->method), (int)sizeof u->target,
              u->target);
}

static void effect_http_response(struct text *t, const struct event *e)
{
    text_addf(t, "HTTP: response %u, %" PRIu64 " B", e->u.http_response.status,
              e->u.http_response.length);
}

static void no_effect(struct text *t, const struct event *e)
{
    (void)t;
    (void)e;
}

typedef void words(struct text *t, const struct event *e);

static words *const heads[EVENT_TYPES] = {
    [EV_frame_in] = head_frame_in,
    [EV_arp_in] = head_arp_in,
    [EV_arp_out] = head_arp_out,
    [EV_icmp_in] = head_icmp_in,
    [EV_icmp_out] = head_icmp_out,
    [EV_udp_in] = head_udp_in,
    [EV_udp_out] = head_udp_out,
    [EV_tcp_in] = head_tcp_in,
    [EV_tcp_stray] = head_tcp_stray,
    [EV_tcp_out] = head_tcp_out,
    [EV_tcp_timer_fired] = head_timer_fired,
};

static words *const effects[EVENT_TYPES] = {
    [EV_paused] = effect_paused,
    [EV_drop] = effect_drop,
    [EV_neighbour] = effect_neighbour,
    [EV_tcp_open] = effect_open,
    [EV_tcp_passed] = effect_passed,
    [EV_tcp_out] = effect_out_again,
    [EV_tcp_state] = effect_state,
    [EV_tcp_established] = effect_established,
    [EV_tcp_rtt] = effect_rtt,
    [EV_tcp_window] = effect_window,
    [EV_tcp_cwnd] = effect_cwnd,
    [EV_tcp_cc_state] = effect_cc_state,
    [EV_tcp_lost] = effect_lost,
    [EV_tcp_fast_open] = effect_fast_open,
    [EV_tcp_queued] = effect_queued,
    [EV_tcp_timer_armed] = effect_armed,
    [EV_tcp_soft_error] = effect_soft_error,
    [EV_tcp_closed] = effect_closed,
    [EV_tls_message] = effect_tls_message,
    [EV_tls_state] = no_effect, /* of mbedTLS' machine: the messages say more */
    [EV_tls_secret] = effect_tls_secret,
    [EV_tls_alert] = effect_tls_alert,
    [EV_tls_client] = effect_tls_client,
    [EV_tls_established] = effect_tls_established,
    [EV_tls_record] = effect_tls_record,
    [EV_tls_closed] = effect_tls_closed,
    [EV_http_request] = effect_http_request,
    [EV_http_response] = effect_http_response,
};

void narrate_head(struct text *t, const struct event *e)
{
    if (e->type < EVENT_TYPES && heads[e->type] != NULL) {
        heads[e->type](t, e);
    }
}

void narrate_effect(struct text *t, const struct event *e)
{
    if (e->type >= EVENT_TYPES) {
        return;
    }
    if (effects[e->type] != NULL) {
        effects[e->type](t, e);
    } else if (heads[e->type] == NULL) { /* an event that has no words of its own */
        char fields[EVENT_LINE_MAX];
        event_fields_line(e, fields, sizeof fields);
        text_addf(t, "%s%s", event_name((enum event_type)e->type), fields);
    }
}
