/* `explain tcp`: three segments, and each number in them (RFC 9293 3.5, RFC 6528, RFC 7323); then data and a close.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "apps/explain/capture.h"
#include "apps/explain/chapters.h"
#include "apps/explain/exchange.h"
#include "apps/explain/rungs.h"
#include "apps/explain/segment_seen.h"
#include "apps/explain/wire_seen.h"
#include "stack/tcp/isn.h"

#define PORT 80U

struct lesson {
    struct doc *d;
    struct exchange x;
    struct segment_seen syn, syn_ack, ack, request; /* as they were on the wire */
    nsec data_at, close_at;                         /* when those began */
};

/* The sum of RFC 6528 3 as a host makes it. */
struct isn_terms {
    uint32_t m, f;
};

static struct isn_terms terms_of(const struct lesson *l, unsigned end, nsec at, uint16_t port_plus)
{
    struct tcp_tuple tuple = {.local = l->x.client, .remote = l->x.server};
    tuple.local.port = (uint16_t)(tuple.local.port + port_plus);
    if (end == WORLD_SERVER) {
        struct endpoint client = tuple.local;
        tuple = (struct tcp_tuple){.local = l->x.server, .remote = client};
    }
    return (struct isn_terms){
        .m = (uint32_t)(at / ISN_TICK),
        .f = (uint32_t)demux_hash(&l->x.world->end[end].host.tcp.isn_key, &tuple),
    };
}

/* ---- what was on the wire ---- */

static bool find(struct lesson *l)
{
    const struct world *w = l->x.world;
    struct segment_seen seen[4];
    unsigned n = 0;
    for (size_t i = 0; i < w->frame_count && n < 4; i++) {
        n += segment_see(&w->frames[i], &seen[n]) ? 1 : 0;
    }
    if (n < 4) {
        return false;
    }
    l->syn = seen[0];
    l->syn_ack = seen[1];
    l->ack = seen[2];
    l->request = seen[3];
    l->data_at = l->request.frame->sent;
    l->close_at = NEVER;
    for (size_t i = 0; i < w->event_count && l->close_at == NEVER; i++) {
        const struct event *e = &w->events[i].event;
        if (e->type == EV_tcp_state && e->u.tcp_state.to == TCP_FIN_WAIT_1) {
            l->close_at = e->at;
        }
    }
    return l->close_at != NEVER;
}

/* The three segments say what the RFC wants, and the sum is what the SYN said. Else there is nothing to teach. */
static bool holds(const struct lesson *l)
{
    struct isn_terms c = terms_of(l, WORLD_CLIENT, l->syn.frame->sent, 0);
    struct isn_terms s = terms_of(l, WORLD_SERVER, l->syn_ack.frame->sent, 0);
    return l->syn.flags == TCP_SYN && l->syn_ack.flags == (TCP_SYN | TCP_ACK) &&
           l->ack.flags == TCP_ACK && l->syn.seq == c.m + c.f && l->syn_ack.seq == s.m + s.f &&
           l->syn_ack.ack == l->syn.seq + 1 && l->ack.ack == l->syn_ack.seq + 1;
}

/* ---- the chapter ---- */

static void tell_setting(struct lesson *l)
{
    struct doc *d = l->d;
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];
    doc_say(d,
            "Two hosts, a wire between them that takes 10 ms each way. Both run Vitrine's own TCP; "
            "nothing below is made up: each value was on that wire a moment ago. The client %s "
            "opens a connection to the server %s.",
            endpoint_text(&l->x.client, client), endpoint_text(&l->x.server, server));
    doc_section(d, "Three segments");
    rungs_draw(d, &l->x, RUNGS_SEGMENTS, l->x.syn_at, l->data_at - 1);
    doc_say(d, "The first segment asks, the second answers and asks, the third answers. Each side "
               "now knows two things: the number at which the other begins to count its bytes, and "
               "that the other knows its own. That is why it takes three, and why two would not "
               "do. The client may send after one round trip, the server after one and a half.");
}

static void tell_isn(struct lesson *l, unsigned end, const struct segment_seen *s)
{
    struct doc *d = l->d;
    const struct siphash_key *key = &l->x.world->end[end].host.tcp.isn_key;
    bool client = end == WORLD_CLIENT;
    struct isn_terms t = terms_of(l, end, s->frame->sent, 0);
    struct isn_terms next = terms_of(l, end, s->frame->sent, 1);
    const char *prefix = client ? "client" : "server";
    doc_facts(d);
    doc_fact(d, doc_keep(d, "%s_isn_clock", prefix), "M, the clock",
             !client ? "The server's own clock, when the SYN came."
                     : "It ticks every 4 microseconds: the host's clock divided by 4 us, and of "
                       "that the last 32 bits. Numbers of the same two ends so rise with time, and "
                       "an old segment that is still under way falls behind (RFC 9293 3.4.1).",
             "%" PRIu32, t.m);
    doc_fact(d, doc_keep(d, "%s_isn_hash", prefix), "F, the hash",
             !client ? "The same function, with the server's own key."
                     : "SipHash-2-4 of both addresses and both ports under a secret key of this "
                       "host, its last 32 bits. Whoever lacks the key cannot compute it, and so "
                       "cannot slip a segment into somebody else's connection (RFC 6528 3).",
             "%" PRIu32, t.f);
    doc_fact(d, doc_keep(d, "%s_isn_key", prefix), "the key",
             !client ? "16 bytes that only the server knows."
                     : "16 bytes that this host drew when it began. It lived for this lesson only, "
                       "so it can be shown.",
             "%016" PRIx64 " %016" PRIx64, key->k0, key->k1);
    doc_fact(d, doc_keep(d, "%s_isn", prefix), client ? "client ISN" : "server ISN",
             "M + F modulo 2^32, and the sequence number that was in the segment.",
             "%" PRIu32 " + %" PRIu32 " = %" PRIu32, t.m, t.f, s->seq);
    doc_fact(d, doc_keep(d, "%s_isn_next_port", prefix), "had the port been",
             "The same moment, the client's port one higher: F is another one altogether.",
             "%u: %" PRIu32 " + %" PRIu32 " = %" PRIu32, l->x.client.port + 1U, next.m, next.f,
             next.m + next.f);
}

static void tell_options(struct lesson *l, const struct segment_seen *s, const char *who,
                         const char *id)
{
    struct doc *d = l->d;
    bool first = s == &l->syn;
    if ((s->opts & TCP_OPT_HAS_MSS) != 0) {
        doc_fact(d, doc_keep(d, "%s_mss", id), "option: MSS",
                 !first ? "The most that a segment towards the server may carry."
                        : "The most data that one segment towards this host may carry: what the "
                          "link takes in a packet, 1500 bytes here, less 20 of IP's header and 20 "
                          "of TCP's (RFC 9293 3.7.1).",
                 "%u bytes", s->mss);
    }
    if ((s->opts & TCP_OPT_HAS_WSCALE) != 0) {
        doc_fact(d, doc_keep(d, "%s_wscale", id), "option: window scale",
                 !first ? "Both sides have said one, so both scale."
                        : "The window field has 16 bits, too few for a fast path. From the next "
                          "segment on it counts in this unit; if one side leaves the option out, "
                          "neither scales (RFC 7323 2).",
                 "%u: %s windows will count in units of 2^%u = %u bytes", s->wscale, who, s->wscale,
                 1U << s->wscale);
    }
    if ((s->opts & TCP_OPT_HAS_SACK_OK) != 0) {
        doc_fact(d, doc_keep(d, "%s_sack", id), "option: SACK",
                 !first ? "Both have said so, so both may use it."
                        : "I understand it when you say which bytes behind a hole have come, so "
                          "that only the hole is sent again (RFC 2018).",
                 "yes");
    }
    if ((s->opts & TCP_OPT_HAS_TS) != 0) {
        doc_fact(d, doc_keep(d, "%s_timestamps", id), "option: timestamps",
                 !first ? "The server's clock, and the client's as the SYN brought it."
                        : "This host's clock, in milliseconds from a secret start, and the latest "
                          "of the other's, sent back. The echo measures the round trip, and an "
                          "older stamp gives an old segment away (RFC 7323 3, 5).",
                 "mine %" PRIu32 ", yours %" PRIu32, s->tsval, s->tsecr);
    }
}

static void tell_syn(struct lesson *l)
{
    struct doc *d = l->d;
    doc_section(d, "SYN: the client asks, and says where it begins to count");
    doc_say(d, "TCP numbers every byte, each direction for itself. The client's first byte will "
               "not have the number 1: that would be easy to guess. It chooses an initial sequence "
               "number, the ISN.");
    tell_isn(l, WORLD_CLIENT, &l->syn);
    doc_fact(d, "syn_ack_number", "acknowledgment",
             "The flag ACK is off: nothing has come from the server yet, so there is nothing to "
             "acknowledge.",
             "%" PRIu32 ", without meaning", l->syn.ack);
    doc_fact(d, "syn_window", "window",
             "How many bytes the client has room for. In a SYN it is never scaled (RFC 7323 2.2).",
             "%u bytes", l->syn.wnd);
    tell_options(l, &l->syn, "the client's", "syn");
    segment_bytes(d, &l->syn, true, "The whole frame, byte by byte");
}

static void tell_syn_ack(struct lesson *l)
{
    struct doc *d = l->d;
    doc_section(d, "SYN-ACK: the server agrees, and says where it begins");
    doc_say(d, "One segment does two things. Its ACK answers the client's SYN; its SYN carries the "
               "server's own choice, made with the server's own clock and key.");
    doc_facts(d);
    doc_fact(d, "syn_ack_ack", "acknowledgment",
             "The number of the next byte that the server expects. A SYN takes one number, as if "
             "it were a byte, so that it can be acknowledged like one: therefore ISN + 1.",
             "%" PRIu32 " = %" PRIu32 " + 1", l->syn_ack.ack, l->syn.seq);
    tell_isn(l, WORLD_SERVER, &l->syn_ack);
    doc_fact(d, "syn_ack_window", "window", "Also not scaled: it is a SYN too.", "%u bytes",
             l->syn_ack.wnd);
    tell_options(l, &l->syn_ack, "the server's", "syn_ack");
    segment_bytes(d, &l->syn_ack, false, "TCP's part of the frame");
}

static void tell_ack(struct lesson *l)
{
    struct doc *d = l->d;
    const struct tcp_info *t = &l->x.end[WORLD_CLIENT].tcp;
    char rtt[NSEC_TEXT_MAX];
    doc_section(d, "ACK: the client has heard it, and both are ESTABLISHED");
    doc_facts(d);
    doc_fact(d, "ack_seq", "sequence number",
             "The SYN took the ISN itself; the first byte of data has this one.",
             "%" PRIu32 " = %" PRIu32 " + 1", l->ack.seq, l->syn.seq);
    doc_fact(d, "ack_ack", "acknowledgment", "The server's SYN took one number as well.",
             "%" PRIu32 " = %" PRIu32 " + 1", l->ack.ack, l->syn_ack.seq);
    doc_fact(d, "ack_window", "window",
             "From here on the field is scaled by what the client's SYN said.",
             "%u × 2^%u = %u bytes", l->ack.wnd, l->syn.wscale,
             (unsigned)l->ack.wnd << l->syn.wscale);
    doc_fact(d, "rtt", "round trip",
             "From the SYN to its acknowledgment: twice the wire's 10 ms. From it follows how long "
             "a lost segment is waited for (RFC 6298).",
             "%s", nsec_text(t->syn_ack_at - t->syn_at, rtt));
    segment_bytes(d, &l->ack, false, "TCP's part of the frame");
    doc_say(d, "The connection is established, for the client when it sends this segment, for the "
               "server when it arrives. Both sides can send data.");
}

static void tell_data(struct lesson *l)
{
    struct doc *d = l->d;
    uint32_t len = l->request.frame->payload_len;
    doc_section(d, "Data: every byte has a number");
    rungs_draw(d, &l->x, RUNGS_SEGMENTS, l->data_at, l->close_at - 1);
    doc_facts(d);
    doc_fact(d, "request_seq", "the request",
             "Its first byte has the number ISN + 1, and each further byte the next.",
             "%" PRIu32 " to %" PRIu32 ", %" PRIu32 " bytes", l->request.seq,
             l->request.seq + len - 1, len);
    doc_fact(d, "request_end", "its acknowledgment",
             "The number behind its last byte: all before it has arrived in order.",
             "%" PRIu32 " = %" PRIu32 " + %" PRIu32, l->request.seq + len, l->request.seq, len);
    wire_text(d, l->request.payload, "The payload, as anyone on the way reads it");
}

static const char *why(uint8_t from, uint8_t to)
{
    static const char *const reasons[TCP_STATES] = {
        [TCP_SYN_SENT] = "its application opened; the SYN is on its way",
        [TCP_SYN_RCVD] = "a SYN came; the SYN-ACK answers it",
        [TCP_ESTABLISHED] = "its SYN has been acknowledged",
        [TCP_FIN_WAIT_1] = "its application has said all: the FIN goes out first from here",
        [TCP_FIN_WAIT_2] = "its FIN has been acknowledged; the other may still speak",
        [TCP_CLOSE_WAIT] = "the other's FIN came; its own application may still speak",
        [TCP_LAST_ACK] = "its application has said all too: the second FIN",
        [TCP_CLOSING] = "both FINs crossed on the way",
        [TCP_TIME_WAIT] = "the other's FIN came, and is acknowledged: now wait for stragglers",
        [TCP_CLOSED] = "the acknowledgment of its FIN came: nothing is left",
    };
    return from == TCP_TIME_WAIT ? "two maximum segment lifetimes are over"
           : reasons[to] != NULL ? reasons[to]
                                 : "";
}

static void tell_states(struct lesson *l)
{
    struct doc *d = l->d;
    doc_section(d, "Every state of both sides");
    doc_table(d, 4, (const char *const[]){"time", "host", "state", "because"});
    for (size_t i = 0; i < l->x.world->event_count; i++) {
        const struct world_event *w = &l->x.world->events[i];
        const struct ev_tcp_state *u = &w->event.u.tcp_state;
        char at[NSEC_TEXT_MAX];
        if (w->event.type == EV_tcp_state) {
            doc_row(d, (const char *const[]){
                           nsec_text(w->event.at - l->x.syn_at, at),
                           w->end == WORLD_CLIENT ? "client" : "server",
                           doc_keep(d, "%s → %s", tcp_state_name(u->from), tcp_state_name(u->to)),
                           why(u->from, u->to)});
        }
    }
}

static void tell_close(struct lesson *l)
{
    struct doc *d = l->d;
    char msl[NSEC_TEXT_MAX];
    const struct host *closer = &l->x.world->end[WORLD_SERVER].host;
    doc_section(d, "The close: each direction ends for itself");
    rungs_draw(d, &l->x, RUNGS_SEGMENTS, l->close_at, NEVER);
    doc_say(d, "A FIN says: no more from me. Like a SYN it takes one sequence number, so that it "
               "is acknowledged and, if lost, sent again. Whoever closed first waits in TIME-WAIT, "
               "for two reasons: its last ACK may get lost, and stragglers of this connection must "
               "not be taken for those of the next one with the same two ends (RFC 9293 3.6.1).");
    doc_facts(d);
    doc_fact(d, "time_wait", "TIME-WAIT lasts", "Twice the maximum segment lifetime.", "%s",
             nsec_text(2 * closer->tcp.config.msl, msl));
}

static void tell_end(struct lesson *l)
{
    struct doc *d = l->d;
    doc_section(d, "What TCP has given, and what it has not");
    doc_say(
        d,
        "TCP lives in the transport layer. It gives order and completeness: every byte once, in "
        "its place, or an error. It gives no secrecy: the request above, its cookie included, went "
        "by readable. It gives no proof of who the other is: an unguessable ISN keeps out who "
        "cannot see the segments, and nobody who can. For both there is TLS, on top of exactly "
        "this connection: `vitrine explain tls`, and side by side `vitrine explain compare`.");
}

bool explain_tcp(struct doc *d, const struct explain_options *o, char *error, size_t error_size)
{
    struct lesson l = {.d = d, .x = {.port = PORT}};
    doc_init(d, "tcp", "The TCP handshake: how two hosts agree where to begin to count");
    l.x.world = world_new(o->seed, o->now, NULL);
    if (l.x.world == NULL || !exchange_run(&l.x) || !find(&l) || !holds(&l)) {
        snprintf(error, error_size, "the two hosts did not get through their connection");
        world_free(l.x.world);
        return false;
    }
    tell_setting(&l);
    tell_syn(&l);
    tell_syn_ack(&l);
    tell_ack(&l);
    tell_data(&l);
    tell_close(&l);
    tell_states(&l);
    tell_end(&l);
    bool good = capture_write(o->pcapng, l.x.world, NULL, error, error_size);
    world_free(l.x.world);
    return good;
}
