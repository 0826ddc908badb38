/* See provenance.h. */
#include "apps/provenance.h"

#include <stdlib.h>
#include <string.h>

#include "stack/trace/names.h"

/* ---- learning ---- */

/* Offsets in the stream count from ISN + 1. They are 64 bits wide and sequence numbers 32: of all offsets that fit, the
 * one that is nearest to what was sent last. */
static uint64_t offset_of(const struct provenance *p, uint32_t seq)
{
    uint64_t near = p->frame_count > 0 ? p->frames[p->frame_count - 1].stream_at : 0;
    uint32_t low = seq - p->isn - 1;
    int32_t step = (int32_t)(low - (uint32_t)near);
    return near + (uint64_t)(int64_t)step;
}

static void on_tcp_out(struct provenance *p, const struct event *e)
{
    const struct ev_tcp_out *u = &e->u.tcp_out;
    p->leaving = false;
    if ((u->flags & TCP_SYN) != 0) {
        p->isn = u->seq;
        p->isn_known = true;
    }
    if (u->len == 0 || !p->isn_known) {
        return;
    }
    if (p->frame_count == PROVENANCE_FRAMES) {
        p->cut = true;
        return;
    }
    struct provenance_frame f = {.stream_at = offset_of(p, u->seq),
                                 .seq = u->seq,
                                 .len = u->len,
                                 .at = e->at,
                                 .cause = e->cause,
                                 .again = u->retransmission != 0};
    p->frames[p->frame_count++] = f;
    p->leaving = true;
}

static void on_record(struct provenance *p, const struct event *e)
{
    const struct ev_tls_record *u = &e->u.tls_record;
    p->tls = true;
    if (p->record_count == PROVENANCE_RECORDS) {
        p->cut = true;
        return;
    }
    p->records[p->record_count++] = (struct provenance_record){.number = u->number,
                                                               .text_at = u->text_at,
                                                               .stream_at = u->stream_at,
                                                               .text_len = u->text_len,
                                                               .len = u->len};
}

static void on_answer(struct provenance *p, const struct event *e)
{
    const struct ev_http_response *u = &e->u.http_response;
    if (p->answer_count == PROVENANCE_ANSWERS) {
        p->cut = true;
        return;
    }
    p->answers[p->answer_count++] =
        (struct provenance_answer){.at = u->at, .length = u->length, .status = u->status};
}

static void on_lost(struct provenance *p, const struct event *e)
{
    const struct ev_tcp_lost *u = &e->u.tcp_lost;
    uint64_t from = offset_of(p, u->seq);
    for (uint32_t i = 0; i < p->frame_count; i++) {
        struct provenance_frame *f = &p->frames[i];
        f->lost = f->lost || (f->stream_at >= from && f->stream_at + f->len <= from + u->len);
    }
}

static void on_ack(struct provenance *p, const struct event *e)
{
    const struct ev_tcp_passed *u = &e->u.tcp_passed;
    if (p->isn_known && u->check == 5 && u->state > TCP_SYN_RCVD) {
        uint64_t una = offset_of(p, p->heard);
        p->acked = una > p->acked && una < UINT64_MAX / 2 ? una : p->acked;
    }
}

static void forget(struct provenance *p)
{
    p->tls = p->isn_known = p->leaving = false;
    p->record_count = p->frame_count = p->answer_count = 0;
    p->acked = 0;
}

static bool begins_frame(const struct event *e)
{
    return e->type == EV_tcp_out || e->type == EV_udp_out || e->type == EV_icmp_out ||
           e->type == EV_arp_out;
}

static void on_event(void *arg, const struct event *e)
{
    struct provenance *p = arg;
    if (e->type == EV_frame_out) {
        if (p->leaving) {
            p->frames[p->frame_count - 1].number = e->u.frame_out.number;
        }
        p->leaving = false;
        return;
    }
    if (e->conn != p->conn) {
        p->leaving = p->leaving && !begins_frame(e); /* ours waits for its neighbour's address */
        return;
    }
    switch (e->type) {
    case EV_tcp_open:
        forget(p);
        break;
    case EV_tcp_out:
        on_tcp_out(p, e);
        break;
    case EV_tcp_in:
        p->heard = e->u.tcp_in.ack;
        break;
    case EV_tcp_passed:
        on_ack(p, e);
        break;
    case EV_tcp_lost:
        on_lost(p, e);
        break;
    case EV_tls_record:
        on_record(p, e);
        break;
    case EV_http_response:
        on_answer(p, e);
        break;
    case EV_tcp_closed:
        p->ended = e->at;
        break;
    default:
        break;
    }
}

bool provenance_init(struct provenance *p, uint32_t conn)
{
    *p = (struct provenance){
        .listener = {.on_event = on_event, .arg = p},
        .conn = conn,
        .records = calloc(PROVENANCE_RECORDS, sizeof *p->records),
        .frames = calloc(PROVENANCE_FRAMES, sizeof *p->frames),
        .answers = calloc(PROVENANCE_ANSWERS, sizeof *p->answers),
    };
    if (p->records == NULL || p->frames == NULL || p->answers == NULL) {
        provenance_done(p);
        return false;
    }
    return true;
}

void provenance_done(struct provenance *p)
{
    free(p->records);
    free(p->frames);
    free(p->answers);
    p->records = NULL;
    p->frames = NULL;
    p->answers = NULL;
    forget(p);
}

/* ---- asking ---- */

/* The last answer that begins at or before the byte. */
static const struct provenance_answer *answer_of(const struct provenance *p, uint64_t byte)
{
    const struct provenance_answer *found = NULL;
    for (uint32_t i = 0; i < p->answer_count && p->answers[i].at <= byte; i++) {
        found = &p->answers[i];
    }
    return found;
}

static uint64_t sent_end(const struct provenance *p)
{
    uint64_t end = 0;
    for (uint32_t i = 0; i < p->frame_count; i++) {
        uint64_t e = p->frames[i].stream_at + p->frames[i].len;
        end = e > end ? e : end;
    }
    return end;
}

bool provenance_of_byte(const struct provenance *p, uint64_t byte, struct provenance_way *out)
{
    *out = (struct provenance_way){.answer = answer_of(p, byte),
                                   .stream_at = byte,
                                   .seq = p->isn + 1 + (uint32_t)byte,
                                   .len = 1};
    if (!p->tls) {
        return byte < sent_end(p);
    }
    for (uint32_t i = 0; i < p->record_count; i++) {
        const struct provenance_record *r = &p->records[i];
        if (byte >= r->text_at && byte - r->text_at < r->text_len) {
            out->record = r;
            out->stream_at = r->stream_at;
            out->seq = p->isn + 1 + (uint32_t)r->stream_at;
            out->len = r->len;
            return r->stream_at < sent_end(p);
        }
    }
    return false;
}

const struct provenance_frame *provenance_frame(const struct provenance *p, uint64_t number)
{
    for (uint32_t i = 0; i < p->frame_count; i++) {
        if (p->frames[i].number == number) {
            return &p->frames[i];
        }
    }
    return NULL;
}

bool provenance_carries(const struct provenance_frame *f, uint64_t stream_at, uint64_t len)
{
    return f->stream_at < stream_at + len && stream_at < f->stream_at + f->len;
}

bool provenance_bytes_in(const struct provenance *p, uint64_t stream_at, uint64_t len,
                         uint64_t *from, uint64_t *to)
{
    if (!p->tls) {
        *from = stream_at;
        *to = stream_at + len;
        return len > 0;
    }
    *from = UINT64_MAX;
    *to = 0;
    for (uint32_t i = 0; i < p->record_count; i++) {
        const struct provenance_record *r = &p->records[i];
        if (r->stream_at < stream_at + len && stream_at < r->stream_at + r->len) {
            *from = r->text_at < *from ? r->text_at : *from;
            *to = r->text_at + r->text_len;
        }
    }
    return *from < *to;
}
