/* See capture.h. */
#include "apps/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stack/base/checksum.h"
#include "stack/base/cursor.h"

/* A frame that waits for its account. */
struct held {
    struct list link;
    bool out;
    uint64_t number;
    nsec at;
    size_t len;
    uint8_t bytes[];
};

static struct held *held_of(struct list *node)
{
    return CONTAINER_OF(node, struct held, link);
}

/* ---- frames come ---- */

/* What a device finishes later is finished here, so that the file shows no checksum as wrong. */
static void finish_checksum(struct held *h, const struct offload *o)
{
    size_t field = (size_t)o->csum_start + o->csum_offset;
    if (o->csum == CSUM_PARTIAL && field + 2 <= h->len) {
        uint64_t sum = csum_add(0, h->bytes + o->csum_start, h->len - o->csum_start);
        struct wr w = wr_of(h->bytes + field, 2);
        wr_be16(&w, csum_finish(sum));
    }
}

static void on_frame(void *arg, const struct frame_sight *s)
{
    struct capture *c = arg;
    size_t len = packet_len(s->frame);
    struct held *h = malloc(sizeof *h + len);
    if (h == NULL) {
        pcapng_file_missed(&c->file);
        return;
    }
    *h = (struct held){.out = s->out, .number = s->number, .at = s->at, .len = len};
    struct slice header = packet_header(s->frame);
    uint8_t *at = h->bytes;
    memcpy(at, header.data, header.len);
    at += header.len;
    for (uint32_t i = 0; i < s->frame->slices; i++) {
        memcpy(at, s->frame->payload[i].data, s->frame->payload[i].len);
        at += s->frame->payload[i].len;
    }
    finish_checksum(h, &s->frame->offload);
    list_push_back(&c->held, &h->link);
}

/* ---- and go, with their accounts ---- */

static void write_secrets(struct capture *c)
{
    if (c->secrets.len > 0 && pcapng_file_secrets(&c->file, c->secrets.data, c->secrets.len)) {
        c->secrets.len = 0;
        c->secrets.failed = false;
    }
}

static void write_frame(struct capture *c, const struct held *h, const char *remark)
{
    struct slice data = {h->bytes, h->len};
    struct pcapng_frame f = {.out = h->out, .at = c->wall + h->at, .data = &data, .slices = 1};
    f.comments[0] = remark;
    f.comments[1] = c->remarks.len > 0 ? c->remarks.data : NULL;
    write_secrets(c);
    pcapng_file_frame(&c->file, &f);
    c->remarks.len = 0;
    c->remarks.failed = false;
}

/* A remark begins with the number by which others name the frame: those of the file are Wireshark's. */
static void on_account(void *arg, const struct account *a)
{
    struct capture *c = arg;
    char remark[ACCOUNT_LINE_MAX];
    struct text t = text_of(remark, sizeof remark);
    text_addf(&t, "%s %" PRIu64, account_kind_name(a->kind), a->number);
    if (a->conn != 0) {
        text_addf(&t, ", #%" PRIu32, a->conn);
    }
    text_addf(&t, ": %s", a->text);
    if (a->kind != ACCOUNT_IN && a->kind != ACCOUNT_OUT) {
        draft_addf(&c->remarks, "%s%s", c->remarks.len > 0 ? "\n" : "", remark);
        return;
    }
    struct held *h = list_empty(&c->held) ? NULL : held_of(c->held.next);
    if (h != NULL && h->out == (a->kind == ACCOUNT_OUT) && h->number == a->number) {
        list_remove(&h->link);
        write_frame(c, h, remark);
        free(h);
    }
}

static void stop(struct capture *c)
{
    recorder_unlisten(c->recorder, &c->listener);
    c->iface->watch = NULL;
    struct list *n;
    while ((n = list_pop_front(&c->held)) != NULL) {
        free(held_of(n));
    }
    c->open = false;
    narrator_done(&c->narrator);
    pcapng_file_close(&c->file);
    draft_done(&c->secrets);
    draft_done(&c->remarks);
}

static void on_event(void *arg, const struct event *e)
{
    struct capture *c = arg;
    c->narrator.listener.on_event(&c->narrator, e);
}

static void on_settled(void *arg)
{
    struct capture *c = arg;
    c->narrator.listener.on_settled(&c->narrator);
    pcapng_file_flush(&c->file);
    if (!pcapng_file_works(&c->file)) {
        stop(c);
    }
}

static void on_remark(void *arg, const char *text)
{
    struct capture *c = arg;
    c->narrator.listener.on_remark(&c->narrator, text);
}

/* ---- life ---- */

void capture_key_line(void *arg, const char *line, size_t len)
{
    struct capture *c = arg;
    if (c->open) {
        draft_bytes(&c->secrets, line, len);
    }
}

static nsec clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (nsec)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* Read past the stack's clock: what only the view needs is no input of the host, and in no recording of it. */
static nsec wall_clock(void)
{
    return clock_of(CLOCK_REALTIME) - clock_of(CLOCK_MONOTONIC);
}

bool capture_open(struct capture *c, const struct pcapng_file_options *o, struct iface *iface,
                  const char *name, struct recorder *r)
{
    *c = (struct capture){
        .listener = {.on_event = on_event,
                     .on_settled = on_settled,
                     .on_remark = on_remark,
                     .arg = c},
        .watch = {.on_frame = on_frame, .arg = c},
        .recorder = r,
        .iface = iface,
        .wall = wall_clock(),
    };
    list_init(&c->held);
    draft_init(&c->secrets, CAPTURE_SECRETS);
    draft_init(&c->remarks, CAPTURE_REMARKS);
    if (!narrator_init(&c->narrator, on_account, c)) {
        fprintf(stderr, "vitrine: --pcapng %s: no memory\n", o->name);
        return false;
    }
    if (!pcapng_file_open(&c->file, o, name)) {
        narrator_done(&c->narrator);
        return false;
    }
    recorder_listen(r, &c->listener);
    iface->watch = &c->watch;
    c->open = true;
    return true;
}

void capture_close(struct capture *c)
{
    if (c->open) {
        on_settled(c);
    }
    if (c->open) {
        stop(c);
    }
}
