/* Events gathered by their causes; see narrate.h. */
#include "apps/narrate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct account_open {
    nsec at;
    enum account_kind kind;
    uint64_t number;
    struct cause cause;
    uint32_t conn;
    uint64_t first_out, last_out; /* frames that it led to; 0: none yet */
    struct text head, effects;
    char head_text[NARRATE_HEAD];
    char effects_text[NARRATE_TEXT];
};

const char *account_kind_name(enum account_kind kind)
{
    static const char *const names[ACCOUNT_KINDS] = {[ACCOUNT_IN] = "frame",
                                                     [ACCOUNT_OUT] = "out",
                                                     [ACCOUNT_TIMER] = "timer",
                                                     [ACCOUNT_APP] = "app",
                                                     [ACCOUNT_OTHER] = "start"};
    return (unsigned)kind < ACCOUNT_KINDS ? names[kind] : "?";
}

size_t account_line(const struct account *a, nsec since, char *out, size_t cap)
{
    struct text t = text_of(out, cap);
    nsec after = nsec_max(a->at - since, 0);
    char conn[16] = "";
    if (a->conn != 0) {
        snprintf(conn, sizeof conn, "#%" PRIu32, a->conn);
    }
    text_addf(&t, "%5" PRId64 ".%06" PRId64 "  %-5s ", after / NS_PER_SEC,
              after % NS_PER_SEC / 1000, conn);
    text_addf(&t, "%s%s %-6" PRIu64 "  ", a->kind == ACCOUNT_OUT ? "  " : "",
              account_kind_name(a->kind), a->number);
    text_add(&t, a->text);
    return t.len;
}

static enum account_kind kind_of(struct cause cause)
{
    switch ((enum cause_kind)cause.kind) {
    case CAUSE_FRAME:
        return ACCOUNT_IN;
    case CAUSE_TIMER:
        return ACCOUNT_TIMER;
    case CAUSE_APP:
        return ACCOUNT_APP;
    case CAUSE_NONE:
        break;
    }
    return ACCOUNT_OTHER;
}

static bool same_cause(struct cause a, struct cause b)
{
    return a.kind == b.kind && a.number == b.number;
}

/* ---- giving ---- */

static void add_leads(struct text *t, const struct account_open *o)
{
    if (o->first_out == 0) {
        return;
    }
    text_addf(t, "%sleads to out %" PRIu64, t->len > 0 ? "; " : "", o->first_out);
    if (o->last_out > o->first_out) {
        text_addf(t, " … %" PRIu64, o->last_out);
    }
}

static void give_oldest(struct narrator *n)
{
    struct account_open *o = &n->open[n->first];
    char all[NARRATE_HEAD + NARRATE_TEXT + 64], leads[64];
    struct text t = text_of(all, sizeof all);
    struct text l = text_of(leads, sizeof leads);
    add_leads(&l, o);
    text_add(&t, o->head_text);
    text_add(&t, o->head.len > 0 && (o->effects.len > 0 || l.len > 0) ? ": " : "");
    text_add(&t, o->effects_text);
    text_add(&t, o->effects.full ? "; …" : "");
    text_add(&t, o->effects.len > 0 && l.len > 0 ? "; " : "");
    text_add(&t, leads);
    n->first = (n->first + 1) % NARRATE_OPEN;
    n->count--;
    if (n->latest == o) {
        n->latest = NULL;
    }
    n->tell(n->arg, &(struct account){.at = o->at,
                                      .kind = o->kind,
                                      .number = o->number,
                                      .conn = o->conn,
                                      .text = all,
                                      .len = t.len});
}

static struct account_open *begin(struct narrator *n, const struct event *e, enum account_kind kind,
                                  uint64_t number)
{
    if (n->count == NARRATE_OPEN) {
        give_oldest(n);
    }
    struct account_open *o = &n->open[(n->first + n->count++) % NARRATE_OPEN];
    o->at = e->at;
    o->kind = kind;
    o->number = number;
    o->cause = e->cause;
    o->conn = e->conn;
    o->first_out = o->last_out = 0;
    o->head = text_of(o->head_text, sizeof o->head_text);
    o->effects = text_of(o->effects_text, sizeof o->effects_text);
    return o;
}

/* ---- gathering ---- */

/* The account of a cause that is still open; NULL: there is none. */
static struct account_open *find(struct narrator *n, struct cause cause)
{
    if (n->latest != NULL && same_cause(n->latest->cause, cause)) {
        return n->latest;
    }
    for (uint32_t i = n->count; i > 0; i--) {
        struct account_open *o = &n->open[(n->first + i - 1) % NARRATE_OPEN];
        if (o->kind != ACCOUNT_OUT && same_cause(o->cause, cause)) {
            return o;
        }
    }
    return NULL;
}

/* For what nothing else says better: a frame's account begins without its arrival when it goes on. */
static const char *first_words(enum account_kind kind)
{
    static const char *const words[ACCOUNT_KINDS] = {
        [ACCOUNT_IN] = "goes on",
        [ACCOUNT_TIMER] = "a timer outside of TCP fires",
        [ACCOUNT_APP] = "the application acts",
        [ACCOUNT_OTHER] = "at the start",
    };
    return words[kind];
}

static struct account_open *account_of(struct narrator *n, const struct event *e)
{
    struct account_open *o = find(n, e->cause);
    if (o == NULL) {
        o = begin(n, e, kind_of(e->cause), e->cause.number);
        text_add(&o->head, first_words(o->kind));
    }
    n->latest = o;
    if (o->conn == 0) {
        o->conn = e->conn;
    }
    return o;
}

/* What a later event knows better takes the place of what was known before. */
static void take_head(struct account_open *o, const struct event *e)
{
    char head[NARRATE_HEAD];
    struct text t = text_of(head, sizeof head);
    narrate_head(&t, e);
    if (t.len > 0) {
        o->head = text_of(o->head_text, sizeof o->head_text);
        text_add(&o->head, head);
    }
}

static void take_effect(struct account_open *o, const struct event *e)
{
    char effect[NARRATE_TEXT];
    struct text t = text_of(effect, sizeof effect);
    narrate_effect(&t, e);
    if (t.len > 0) {
        text_addf(&o->effects, "%s%s", o->effects.len > 0 ? "; " : "", effect);
    }
}

/* ---- what goes out ---- */

static void note_leaving(struct narrator *n, const struct event *e)
{
    struct text t = text_of(n->leaving, sizeof n->leaving);
    narrate_head(&t, e);
    n->leaving_cause = e->cause;
    n->leaving_conn = e->conn;
    n->leaving_known = true;
    n->leaving_used = false;
}

static void add_cause(struct text *t, struct narrator *n, const struct event *e)
{
    const struct account_open *why = find(n, e->cause);
    text_addf(t, "because of %s %" PRIu64, account_kind_name(kind_of(e->cause)),
              (uint64_t)e->cause.number);
    if (why != NULL &&
        why->head.len > 0) { /* a segment's window and options are not needed again */
        const char *window = strstr(why->head_text, " win ");
        size_t len = window != NULL ? (size_t)(window - why->head_text) : why->head.len;
        text_addf(t, ", %.*s", (int)len, why->head_text);
    }
}

static void on_frame_out(struct narrator *n, const struct event *e)
{
    const struct ev_frame_out *u = &e->u.frame_out;
    struct account_open *why = account_of(n, e);
    why->first_out = why->first_out != 0 ? why->first_out : u->number;
    why->last_out = u->number;
    struct account_open *o = begin(n, e, ACCOUNT_OUT, u->number);
    bool known = n->leaving_known && same_cause(n->leaving_cause, e->cause);
    o->conn = known ? n->leaving_conn : 0;
    if (known) {
        text_addf(&o->head, "%s%s", n->leaving_used ? "the next part of " : "", n->leaving);
        n->leaving_used = true;
    } else {
        text_addf(&o->head, "%" PRIu32 " B that had waited for the neighbour's address", u->len);
    }
    add_cause(&o->effects, n, e);
}

static bool is_leaving(const struct event *e)
{
    return e->type == EV_tcp_out || e->type == EV_udp_out || e->type == EV_icmp_out ||
           e->type == EV_arp_out;
}

static void on_event(void *arg, const struct event *e)
{
    struct narrator *n = arg;
    if (is_leaving(e)) {
        note_leaving(n, e);
        struct account_open *o = account_of(n, e);
        if (e->type == EV_tcp_out && e->u.tcp_out.retransmission != 0) {
            take_effect(o, e);
        }
    } else if (e->type == EV_frame_out) {
        on_frame_out(n, e);
    } else {
        struct account_open *o = account_of(n, e);
        take_head(o, e);
        take_effect(o, e);
    }
}

static void on_remark(void *arg, const char *text)
{
    struct narrator *n = arg;
    if (n->latest != NULL && n->latest->effects.len > 0) {
        text_addf(&n->latest->effects, " (%s)", text);
    }
}

static void on_settled(void *arg)
{
    struct narrator *n = arg;
    while (n->count > 0) {
        give_oldest(n);
    }
    n->leaving_known = false;
}

bool narrator_init(struct narrator *n, void (*tell)(void *arg, const struct account *a), void *arg)
{
    *n = (struct narrator){
        .listener = {.on_event = on_event,
                     .on_settled = on_settled,
                     .on_remark = on_remark,
                     .arg = n},
        .tell = tell,
        .arg = arg,
        .open = calloc(NARRATE_OPEN, sizeof(struct account_open)),
    };
    return n->open != NULL;
}

void narrator_done(struct narrator *n)
{
    if (n->open != NULL) {
        on_settled(n);
    }
    free(n->open);
    n->open = NULL;
}
