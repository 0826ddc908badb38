/* The ladder of both handshakes; see ladder.h. */
#include "apps/ladder.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "apps/http/parser.h"
#include "apps/rung.h"
#include "tls/tls.h"

#define WIRE 74U /* columns between the two bars */
#define LABEL_MAX 256U
#define CLOSE_NOTIFY 0U /* the alert (RFC 8446 6.1) */

enum look { PLAIN, FAINT, GOOD, BAD, SECRET };

static const char *const looks[] = {[PLAIN] = "",
                                    [FAINT] = "\033[2m",
                                    [GOOD] = "\033[32m",
                                    [BAD] = "\033[31m",
                                    [SECRET] = "\033[36m"};

/* ---- drawing ---- */

static void put(struct ladder *l)
{
    draft_add(&l->line, "\n");
    if (!l->line.failed) {
        l->write(l->arg, l->line.data, l->line.len);
    }
}

/* A connection may draw so many lines; false: it has. */
static bool may_draw(struct ladder_conn *c)
{
    if (c->lines >= LADDER_LINES) {
        c->unsaid++;
        return false;
    }
    c->lines++;
    return true;
}

static void begin(struct ladder *l, const struct ladder_conn *c, const char *time, enum look look)
{
    l->line.len = 0;
    l->line.failed = false;
    draft_addf(&l->line, "#%-4" PRIu32 "%10s ", c->id, time);
    draft_add(&l->line, l->colour ? looks[look] : "");
}

static void end(struct ladder *l, enum look look)
{
    draft_add(&l->line, l->colour && look != PLAIN ? "\033[0m" : "");
    put(l);
}

/* Text between the bars: at the peer's side, in the middle, or at ours. */
static void draw_note(struct ladder *l, struct ladder_conn *c, enum rung_side side, enum look look,
                      const char *label)
{
    if (may_draw(c)) {
        begin(l, c, "", look);
        rung_note(&l->line, WIRE, false, side, label);
        end(l, look);
    }
}

/* Something that crosses the wire. */
static void draw_arrow(struct ladder *l, struct ladder_conn *c, nsec at, bool outgoing,
                       bool encrypted, enum look look, const char *label)
{
    char time[NSEC_TEXT_MAX];
    if (may_draw(c)) {
        begin(l, c, nsec_text(at - c->began, time), look);
        rung_arrow(&l->line, WIRE, false, (struct rung_arrow){outgoing, encrypted}, label);
        end(l, look);
    }
}

__attribute__((format(printf, 5, 6))) static void note(struct ladder *l, struct ladder_conn *c,
                                                       enum rung_side side, enum look look,
                                                       const char *format, ...)
{
    char label[LABEL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(label, sizeof label, format, args);
    va_end(args);
    draw_note(l, c, side, look, label);
}

static void free_line(struct ladder *l, const char *label)
{
    l->line.len = 0;
    l->line.failed = false;
    draft_add(&l->line, label);
    put(l);
}

/* ---- which connections are shown ---- */

static struct ladder_conn *find(struct ladder *l, uint32_t id)
{
    for (unsigned i = 0; i < LADDER_CONNS; i++) {
        if (l->conns[i].id == id) {
            return &l->conns[i];
        }
    }
    return NULL;
}

bool ladder_shows(const struct ladder *l, uint32_t conn)
{
    for (unsigned i = 0; i < LADDER_CONNS; i++) {
        if (conn != 0 && l->conns[i].id == conn) {
            return true;
        }
    }
    return false;
}

void ladder_detail(struct ladder *l, uint32_t conn, const char *text)
{
    const struct ladder_conn *c = find(l, conn);
    if (c != NULL) {
        begin(l, c, "", FAINT);
        draft_addf(&l->line, "│   %s", text);
        end(l, FAINT);
    }
}

static void tell_skipped(struct ladder *l)
{
    char label[LABEL_MAX];
    if (l->skipped > 0) {
        snprintf(label, sizeof label,
                 "      … %" PRIu64 " more connections came meanwhile and are not shown "
                 "(%u at once, %u a second)",
                 l->skipped, LADDER_CONNS, LADDER_PER_SECOND);
        l->skipped = 0;
        free_line(l, label);
    }
}

static void summarise(struct ladder *l, struct ladder_conn *c);

/* A free place, or that of the connection that was quiet for the longest. */
static struct ladder_conn *find_place(struct ladder *l, nsec now)
{
    struct ladder_conn *quiet = &l->conns[0];
    for (unsigned i = 0; i < LADDER_CONNS; i++) {
        struct ladder_conn *c = &l->conns[i];
        if (c->id == 0) {
            return c;
        }
        quiet = c->last < quiet->last ? c : quiet;
    }
    if (now - quiet->last < LADDER_IDLE) {
        return NULL;
    }
    summarise(l, quiet);
    note(l, quiet, RUNG_MIDDLE, FAINT, "open, but not shown any more");
    return quiet;
}

static struct ladder_conn *take_place(struct ladder *l, nsec now)
{
    if (now - l->second >= NS_PER_SEC) {
        l->second = now;
        l->this_second = 0;
        tell_skipped(l);
    }
    struct ladder_conn *c = l->this_second < LADDER_PER_SECOND ? find_place(l, now) : NULL;
    if (c == NULL) {
        l->skipped++;
        return NULL;
    }
    l->this_second++;
    return c;
}

/* ---- tcp ---- */

static void on_open(struct ladder *l, const struct event *e)
{
    const struct ev_tcp_open *u = &e->u.tcp_open;
    struct ladder_conn *c = take_place(l, e->at);
    if (c == NULL) {
        return;
    }
    *c = (struct ladder_conn){
        .id = e->conn, .began = e->at, .last = e->at, .passive = u->passive != 0};
    char local[ENDPOINT_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];
    endpoint_text(&(struct endpoint){u->local, u->local_port}, local);
    endpoint_text(&(struct endpoint){u->remote, u->remote_port}, remote);
    free_line(l, "");
    begin(l, c, "", FAINT);
    const char *peer = c->passive ? "client" : "server";
    size_t used =
        text_columns(peer) + text_columns(remote) + text_columns(local) + strlen("vitrine") + 3;
    draft_addf(&l->line, "  %s %s", peer, remote);
    draft_fill(&l->line, ' ', used < WIRE ? WIRE - used : 1);
    draft_addf(&l->line, " %s vitrine", local);
    end(l, FAINT);
}

/* "mss 1460, wscale 7, SACK, timestamps" */
static void options_label(uint8_t opts, unsigned mss, unsigned wscale, char out[LABEL_MAX])
{
    char mss_text[16] = "", wscale_text[20] = "";
    if ((opts & TCP_OPT_HAS_MSS) != 0) {
        snprintf(mss_text, sizeof mss_text, ", mss %u", mss);
    }
    if ((opts & TCP_OPT_HAS_WSCALE) != 0) {
        snprintf(wscale_text, sizeof wscale_text, ", wscale %u", wscale);
    }
    char all[64];
    snprintf(all, sizeof all, "%s%s%s%s%s", mss_text, wscale_text,
             (opts & TCP_OPT_HAS_SACK_OK) != 0 ? ", SACK" : "",
             (opts & TCP_OPT_HAS_TS) != 0 ? ", timestamps" : "",
             (opts & TCP_OPT_HAS_FAST_OPEN) != 0 ? ", Fast Open" : "");
    snprintf(out, LABEL_MAX, "%s", all[0] != '\0' ? all + 2 : "no options");
}

/* Both segment events have the same fields. */
struct segment {
    uint32_t seq, ack, wnd, len;
    uint16_t mss, urgent;
    uint16_t flags; /* enum tcp_flag */
    uint8_t wscale, opts;
    bool outgoing, retransmission;
};

static void count_segment(struct ladder_conn *c, const struct segment *s)
{
    struct ladder_count *count = s->outgoing ? &c->out : &c->in;
    count->segments += s->len > 0 ? 1 : 0; /* an ACK alone carries none of the bytes */
    count->bytes += s->len;
    c->retransmitted += s->retransmission ? 1 : 0;
}

static void segment_label(const struct ladder_conn *c, const struct segment *s, char out[LABEL_MAX])
{
    char flags[TCP_FLAGS_TEXT_MAX], ack[48] = "", len[24] = "", urgent[24] = "";
    bool acked_known = s->outgoing ? c->peer_isn_known : c->our_isn_known;
    uint32_t acked = s->outgoing ? c->peer_isn : c->our_isn;
    if ((s->flags & TCP_ACK) != 0) {
        snprintf(ack, sizeof ack, "  ack %" PRIu32 "%s", s->ack,
                 acked_known && s->ack == acked + 1 ? " = ISN + 1" : "");
    }
    if (s->len > 0) {
        snprintf(len, sizeof len, "  %" PRIu32 " B", s->len);
    }
    if ((s->flags & TCP_URG) != 0) {
        snprintf(urgent, sizeof urgent, "  urgent +%u", (unsigned)s->urgent);
    }
    snprintf(out, LABEL_MAX, "%s  seq %" PRIu32 "%s  win %" PRIu32 "%s%s%s",
             tcp_flags_text(s->flags, flags), s->seq, ack, s->wnd, urgent, len,
             s->retransmission ? "  again" : "");
}

static void learn_isn(struct ladder_conn *c, const struct segment *s)
{
    if ((s->flags & TCP_SYN) == 0) {
        return;
    }
    if (s->outgoing) {
        c->our_isn = s->seq;
        c->our_isn_known = true;
    } else {
        c->peer_isn = s->seq;
        c->peer_isn_known = true;
    }
}

static void on_segment(struct ladder *l, struct ladder_conn *c, nsec at, const struct segment *s)
{
    char label[LABEL_MAX];
    bool syn = (s->flags & TCP_SYN) != 0;
    bool ends = (s->flags & (TCP_FIN | TCP_RST)) != 0;
    if (!syn && !ends && c->third_shown) {
        count_segment(c, s);
        return;
    }
    if (ends) {
        summarise(l, c);
        c->peer_ended = c->peer_ended || ((s->flags & TCP_FIN) != 0 && !s->outgoing);
    }
    learn_isn(c, s);
    segment_label(c, s, label);
    draw_arrow(l, c, at, s->outgoing, false, (s->flags & TCP_RST) != 0 ? BAD : PLAIN, label);
    if (syn) {
        options_label(s->opts, s->mss, s->wscale, label);
        draw_note(l, c, s->outgoing ? RUNG_RIGHT : RUNG_LEFT, FAINT, label);
    } else {
        c->third_shown = true;
    }
}

static void on_tcp_in(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tcp_in *u = &e->u.tcp_in;
    on_segment(l, c, e->at,
               &(struct segment){.seq = u->seq,
                                 .ack = u->ack,
                                 .wnd = u->wnd,
                                 .len = u->len,
                                 .mss = u->mss,
                                 .urgent = u->urgent,
                                 .flags = u->flags,
                                 .wscale = u->wscale,
                                 .opts = u->opts});
}

static void on_tcp_out(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tcp_out *u = &e->u.tcp_out;
    on_segment(l, c, e->at,
               &(struct segment){.seq = u->seq,
                                 .ack = u->ack,
                                 .wnd = u->wnd,
                                 .len = u->len,
                                 .mss = u->mss,
                                 .urgent = u->urgent,
                                 .flags = u->flags,
                                 .wscale = u->wscale,
                                 .opts = u->opts,
                                 .outgoing = true,
                                 .retransmission = u->retransmission != 0});
}

static void on_tcp_state(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tcp_state *u = &e->u.tcp_state;
    note(l, c, RUNG_RIGHT, FAINT, "%s → %s", tcp_state_name(u->from), tcp_state_name(u->to));
}

static void on_tcp_established(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tcp_established *u = &e->u.tcp_established;
    char took[NSEC_TEXT_MAX], rtt[NSEC_TEXT_MAX];
    note(l, c, RUNG_MIDDLE, GOOD, "TCP is established: %s, round trip %s, %u B a segment",
         nsec_text(u->took, took), nsec_text(u->rtt, rtt), u->snd_mss);
}

/* Data since the last summary, in one line. */
static void summarise(struct ladder *l, struct ladder_conn *c)
{
    char in[BYTES_TEXT_MAX], out[BYTES_TEXT_MAX], again[48] = "";
    if (c->in.bytes == 0 && c->out.bytes == 0 && c->retransmitted == 0) {
        return; /* acknowledgments alone are not worth a line */
    }
    if (c->retransmitted > 0) {
        snprintf(again, sizeof again, ", %u again", c->retransmitted);
    }
    c->lines -= c->lines >= LADDER_LINES ? 1 : 0; /* this line is always worth it */
    note(l, c, RUNG_MIDDLE, FAINT, "data ─▶ %s in %" PRIu64 " segment%s   ◀─ %s in %" PRIu64 "%s",
         bytes_text(c->in.bytes, in), c->in.segments, c->in.segments == 1 ? "" : "s",
         bytes_text(c->out.bytes, out), c->out.segments, again);
    c->in = c->out = (struct ladder_count){0};
    c->retransmitted = 0;
}

static void on_tcp_closed(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    summarise(l, c);
    enum close_reason reason = e->u.tcp_closed.reason;
    c->lines -= c->lines >= LADDER_LINES ? 1 : 0;
    if (c->unsaid > 0) {
        note(l, c, RUNG_MIDDLE, FAINT, "%u lines left out", c->unsaid);
        c->lines -= c->lines >= LADDER_LINES ? 1 : 0;
    }
    /* Whoever has closed its socket answers our last words with a reset: no harm is done. */
    bool harmless = reason == CLOSE_RESET && c->peer_ended;
    note(l, c, RUNG_MIDDLE, reason == CLOSE_NORMAL || harmless ? GOOD : BAD, "the end: %s%s",
         close_reason_name(reason), harmless ? ", which had closed before" : "");
    c->id = 0;
}

static void on_drop(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_drop *u = &e->u.drop;
    note(l, c, RUNG_RIGHT, BAD, "refused, %s", drop_name(u->reason));
}

static void on_tcp_urgent(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tcp_urgent *u = &e->u.tcp_urgent;
    note(l, c, u->outgoing != 0 ? RUNG_RIGHT : RUNG_LEFT, FAINT,
         "urgent up to seq %" PRIu32 ", %" PRIu32 " B", u->up, u->ahead);
}

/* Type 0 is none that ICMP has for errors: the peer is silent (R1). */
static void on_soft_error(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tcp_soft_error *u = &e->u.tcp_soft_error;
    if (u->type == 0) {
        note(l, c, RUNG_RIGHT, BAD, "no answer so far");
    } else {
        note(l, c, RUNG_MIDDLE, BAD, "ICMP error: type %u, code %u", u->type, u->code);
    }
}

static void on_lost(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tcp_lost *u = &e->u.tcp_lost;
    note(l, c, RUNG_RIGHT, BAD, "%" PRIu32 " bytes from %" PRIu32 " on count as lost (%s)", u->len,
         u->seq, loss_how_name(u->how));
}

static void on_fast_open(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tcp_fast_open *u = &e->u.tcp_fast_open;
    bool bad = u->what == FAST_OPEN_INVALID || u->what == FAST_OPEN_FULL ||
               u->what == FAST_OPEN_IGNORED || u->what == FAST_OPEN_UNHEARD;
    if (u->len > 0) {
        note(l, c, RUNG_RIGHT, bad ? BAD : FAINT, "Fast Open: %s, %" PRIu32 " bytes",
             fast_open_name(u->what), u->len);
    } else {
        note(l, c, RUNG_RIGHT, bad ? BAD : FAINT, "Fast Open: %s", fast_open_name(u->what));
    }
}

/* ---- tls ---- */

static void on_tls_message(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tls_message *u = &e->u.tls_message;
    char label[LABEL_MAX];
    if (u->len > 0) {
        snprintf(label, sizeof label, "%s  %" PRIu32 " B", tls_message_name(u->type), u->len);
    } else {
        snprintf(label, sizeof label, "%s", tls_message_name(u->type));
    }
    draw_arrow(l, c, e->at, u->outgoing != 0, u->encrypted != 0, u->encrypted != 0 ? SECRET : PLAIN,
               label);
}

static void on_tls_secret(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    note(l, c, RUNG_RIGHT, FAINT, "secret: %s", tls_secret_name(e->u.tls_secret.label));
}

static void on_tls_alert(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tls_alert *u = &e->u.tls_alert;
    char label[LABEL_MAX];
    bool fatal = u->level == 2;
    c->peer_ended = c->peer_ended || (u->outgoing == 0 && u->description == CLOSE_NOTIFY);
    snprintf(label, sizeof label, "alert: %s%s", tls_alert_name(u->description),
             fatal ? " (fatal)" : "");
    draw_arrow(l, c, e->at, u->outgoing != 0, c->encrypted, fatal ? BAD : FAINT, label);
}

static void on_tls_client(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tls_client *u = &e->u.tls_client;
    char faults[TLS_FAULTS_TEXT_MAX];
    note(l, c, RUNG_RIGHT, u->faults != 0 ? BAD : GOOD, "the client's certificate: %.*s%s%s",
         (int)sizeof u->subject, u->subject, u->subject[0] != '\0' ? ", " : "",
         u->faults != 0 ? tls_faults_text(u->faults, true, faults) : "verified");
}

static void on_tls_established(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_tls_established *u = &e->u.tls_established;
    char took[NSEC_TEXT_MAX], in[BYTES_TEXT_MAX], out[BYTES_TEXT_MAX];
    c->encrypted = true;
    summarise(l, c);
    note(l, c, RUNG_MIDDLE, GOOD, "TLS is established: %s, %s in, %s out", nsec_text(u->took, took),
         bytes_text(u->bytes_in, in), bytes_text(u->bytes_out, out));
    note(l, c, RUNG_MIDDLE, GOOD, "%s, %s, %s%s", tls_version_name(u->version),
         tls_suite_name(u->suite), u->group != 0 ? tls_group_name(u->group) : "no key exchange",
         u->proof == PROOF_TICKET ? ", resumed"
         : u->proof == PROOF_PSK  ? ", pre-shared key"
                                  : "");
    if (u->early != EARLY_NONE) {
        note(l, c, RUNG_MIDDLE, u->early == EARLY_ACCEPTED ? GOOD : BAD, "early data: %s",
             tls_early_name(u->early));
    }
}

/* ---- http ---- */

static void on_http_request(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_http_request *u = &e->u.http_request;
    char label[LABEL_MAX];
    snprintf(label, sizeof label, "%s %.*s", http_method_name(u->method), (int)sizeof u->target,
             u->target);
    draw_arrow(l, c, e->at, !c->passive, c->encrypted, c->encrypted ? SECRET : PLAIN, label);
}

static void on_http_response(struct ladder *l, struct ladder_conn *c, const struct event *e)
{
    const struct ev_http_response *u = &e->u.http_response;
    char label[LABEL_MAX], length[BYTES_TEXT_MAX];
    snprintf(label, sizeof label, "%u  %s", u->status, bytes_text(u->length, length));
    draw_arrow(l, c, e->at, c->passive, c->encrypted, c->encrypted ? SECRET : PLAIN, label);
}

/* ---- events ---- */

typedef void on_kind(struct ladder *l, struct ladder_conn *c, const struct event *e);

static on_kind *const on_kinds[EVENT_TYPES] = {
    [EV_tcp_in] = on_tcp_in,
    [EV_tcp_out] = on_tcp_out,
    [EV_tcp_state] = on_tcp_state,
    [EV_tcp_established] = on_tcp_established,
    [EV_tcp_closed] = on_tcp_closed,
    [EV_tcp_urgent] = on_tcp_urgent,
    [EV_tcp_soft_error] = on_soft_error,
    [EV_tcp_lost] = on_lost,
    [EV_tcp_fast_open] = on_fast_open,
    [EV_drop] = on_drop,
    [EV_tls_message] = on_tls_message,
    [EV_tls_secret] = on_tls_secret,
    [EV_tls_alert] = on_tls_alert,
    [EV_tls_client] = on_tls_client,
    [EV_tls_established] = on_tls_established,
    [EV_http_request] = on_http_request,
    [EV_http_response] = on_http_response,
};

static void on_event(void *arg, const struct event *e)
{
    struct ladder *l = arg;
    if (l->skipped > 0 && e->at - l->second >= NS_PER_SEC) {
        tell_skipped(l);
    }
    if (e->type == EV_tcp_open) {
        on_open(l, e);
        return;
    }
    on_kind *kind = e->type < EVENT_TYPES ? on_kinds[e->type] : NULL;
    struct ladder_conn *c = kind != NULL && e->conn != 0 ? find(l, e->conn) : NULL;
    if (c != NULL) {
        c->last = e->at;
        kind(l, c, e);
    }
}

void ladder_init(struct ladder *l, void (*write)(void *arg, const char *line, size_t len),
                 void *arg, bool colour)
{
    *l = (struct ladder){
        .listener = {.on_event = on_event, .arg = l}, .write = write, .arg = arg, .colour = colour};
    draft_init(&l->line, 2048);
}

void ladder_done(struct ladder *l)
{
    tell_skipped(l);
    draft_done(&l->line);
}
