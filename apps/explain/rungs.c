/* The ladder of an exchange; see rungs.h. */
#include "apps/explain/rungs.h"

#include <inttypes.h>
#include <stdio.h>

#include "stack/trace/names.h"

struct rungs {
    struct doc *d;
    const struct exchange *x;
    unsigned of;
    bool isn_known[2];
    uint32_t isn[2];
    bool established[2]; /* TLS, so that what follows is encrypted */
};

static enum rung_side side_of(unsigned end)
{
    return end == WORLD_CLIENT ? RUNG_LEFT : RUNG_RIGHT;
}

static void put_options(struct rungs *r, unsigned end, const struct ev_tcp_out *u)
{
    char wscale[24] = "";
    if ((u->opts & TCP_OPT_HAS_WSCALE) != 0) {
        snprintf(wscale, sizeof wscale, ", window scale %u", u->wscale);
    }
    doc_note(r->d, side_of(end), DOC_FAINT, "window %" PRIu32 ", MSS %u%s%s%s", u->wnd, u->mss,
             wscale, (u->opts & TCP_OPT_HAS_SACK_OK) != 0 ? ", SACK" : "",
             (u->opts & TCP_OPT_HAS_TS) != 0 ? ", timestamps" : "");
}

static void on_segment(struct rungs *r, unsigned end, nsec at, const struct ev_tcp_out *u)
{
    char flags[TCP_FLAGS_TEXT_MAX], ack[48] = "", len[24] = "";
    bool syn = (u->flags & TCP_SYN) != 0;
    if ((u->flags & TCP_ACK) != 0) {
        bool first = r->isn_known[1 - end] && u->ack == r->isn[1 - end] + 1;
        snprintf(ack, sizeof ack, "  ack %" PRIu32 "%s", u->ack, first ? " = ISN + 1" : "");
    }
    if (u->len > 0) {
        snprintf(len, sizeof len, "  %" PRIu32 " B", u->len);
    }
    doc_arrow(r->d, at, side_of(end), false, (u->flags & TCP_RST) != 0 ? DOC_BAD : DOC_PLAIN,
              "%s  seq %" PRIu32 "%s%s", tcp_flags_text(u->flags, flags), u->seq, ack, len);
    if (syn) {
        r->isn_known[end] = true;
        r->isn[end] = u->seq;
        put_options(r, end, u);
    }
}

static void on_state(struct rungs *r, unsigned end, const struct ev_tcp_state *u)
{
    doc_note(r->d, side_of(end), u->to == TCP_ESTABLISHED ? DOC_GOOD : DOC_FAINT, "%s → %s",
             tcp_state_name(u->from), tcp_state_name(u->to));
}

static void on_message(struct rungs *r, unsigned end, nsec at, const struct ev_tls_message *u)
{
    char len[24] = "";
    if (u->outgoing == 0) {
        return;
    }
    if (u->len > 0) {
        snprintf(len, sizeof len, "  %" PRIu32 " B", u->len);
    }
    doc_arrow(r->d, at, side_of(end), u->encrypted != 0, u->encrypted != 0 ? DOC_SECRET : DOC_PLAIN,
              "%s%s", tls_message_name(u->type), len);
}

static void on_tls(struct rungs *r, unsigned end, nsec at, const struct event *e)
{
    switch (e->type) {
    case EV_tls_message:
        on_message(r, end, at, &e->u.tls_message);
        break;
    case EV_tls_secret:
        if ((r->of & RUNGS_SECRETS) == 0) {
            break;
        }
        doc_note(r->d, side_of(end), DOC_FAINT, "secret: %s",
                 e->u.tls_secret.label == TLS_SECRET_MASTER
                     ? "master secret"
                     : tls_secret_name(e->u.tls_secret.label));
        break;
    case EV_tls_established:
        r->established[end] = true;
        doc_note(r->d, side_of(end), DOC_GOOD, "%s is established",
                 tls_version_name(e->u.tls_established.version));
        break;
    case EV_tls_alert:
        if (e->u.tls_alert.outgoing != 0) {
            doc_arrow(r->d, at, side_of(end), r->established[end],
                      e->u.tls_alert.level == 2 ? DOC_BAD : DOC_FAINT, "alert: %s%s",
                      tls_alert_name(e->u.tls_alert.description),
                      e->u.tls_alert.level == 2 ? " (fatal)" : "");
        }
        break;
    default:
        break;
    }
}

static void draw(struct rungs *r, const struct world_event *e)
{
    nsec at = e->event.at - r->x->syn_at;
    if ((r->of & RUNGS_MESSAGES) != 0) {
        on_tls(r, e->end, at, &e->event);
    }
    if ((r->of & RUNGS_SEGMENTS) == 0) {
        return;
    }
    if (e->event.type == EV_tcp_out) {
        on_segment(r, e->end, at, &e->event.u.tcp_out);
    } else if (e->event.type == EV_tcp_state) {
        on_state(r, e->end, &e->event.u.tcp_state);
    }
}

void rungs_draw(struct doc *d, const struct exchange *x, unsigned of, nsec from, nsec to)
{
    struct rungs r = {.d = d, .x = x, .of = of};
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];
    doc_ladder(d, doc_keep(d, "client %s", endpoint_text(&x->client, client)),
               doc_keep(d, "%s server", endpoint_text(&x->server, server)));
    for (size_t i = 0; i < x->world->event_count; i++) {
        const struct world_event *e = &x->world->events[i];
        if (e->event.at >= from && e->event.at <= to) {
            draw(&r, e);
        }
    }
}
