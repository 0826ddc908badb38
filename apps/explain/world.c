/* Two hosts and a wire in memory; see world.h. */
#include "apps/explain/world.h"

#include <stdlib.h>
#include <string.h>

#include "stack/link/frame_facts.h"

#define NETWORK 0x0a070000U /* 10.7.0.0/24 */

void *array_more(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) {
        return array;
    }
    size_t more = *cap == 0 ? 64 : 2 * *cap;
    void *grown = realloc(array, more * size);
    if (grown != NULL) {
        *cap = more;
    }
    return grown;
}

static void on_event(void *arg, const struct event *e)
{
    struct world_end *end = arg;
    struct world *w = end->world;
    void *grown = array_more(w->events, w->event_count, &w->event_cap, sizeof *w->events);
    if (grown == NULL) {
        w->failed = true;
        return;
    }
    w->events = grown;
    w->events[w->event_count++] = (struct world_event){.end = end->index, .event = *e};
}

static void keep_frame(struct world *w, unsigned from, const struct buf *buf)
{
    struct slice bytes = {buf_data(buf), buf->len};
    struct frame_facts facts;
    void *grown = array_more(w->frames, w->frame_count, &w->frame_cap, sizeof *w->frames);
    uint8_t *data = malloc(bytes.len + 1);
    w->frames = grown != NULL ? grown : w->frames;
    if (grown == NULL || data == NULL) {
        free(data);
        w->failed = true;
        return;
    }
    memcpy(data, bytes.data, bytes.len);
    frame_look(bytes, &facts);
    struct world_frame *f = &w->frames[w->frame_count++];
    *f = (struct world_frame){
        .sent = w->now, .from = from, .data = data, .len = (uint32_t)bytes.len};
    if (facts.is_tcp) {
        f->ip = facts.ip;
        f->tcp = facts.tcp;
        f->payload = facts.payload;
        f->payload_len = facts.len;
    }
}

static void see(void *arg, const struct wire_sight *s)
{
    if (s->what == WIRE_SENT) {
        keep_frame(arg, s->from, s->frame->buf);
    }
}

static void deliver(void *arg, struct list *frames, nsec now)
{
    struct world_end *end = arg;
    host_input(&end->host, end->iface, frames, now);
}

static bool end_begin(struct world *w, unsigned i, struct random *random)
{
    struct world_end *end = &w->end[i];
    struct host_config config = {.recorder_events = 64};
    random_bytes(random, config.seed, sizeof config.seed);
    end->world = w;
    end->index = i;
    end->addr = ip4_addr(NETWORK + 1 + i);
    if (!host_init(&end->host, &config, w->now)) {
        return false;
    }
    wire_connect(&w->wire, i, &end->host.pools, deliver, end);
    end->iface = host_attach(&end->host, &w->wire.end[i].dev, end->addr, 24);
    end->listener = (struct listener){.on_event = on_event, .arg = end};
    recorder_listen(&end->host.recorder, &end->listener);
    return end->iface != NULL;
}

/* As if they had talked before: each knows the other's link address, so that no ARP comes between. */
static bool introduce(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        if (neighbour_heard(&w->end[i].iface->neighbours, w->end[1 - i].addr,
                            w->wire.end[1 - i].dev.mac, true, w->now) == NULL) {
            return false;
        }
    }
    return true;
}

struct world *world_new(const uint8_t seed[32], nsec now, const struct tamper_rule *attack)
{
    struct world *w = calloc(1, sizeof *w);
    const struct wire_node_config nodes[] = {
        {.kind = WIRE_DELAY, .delay = {.base = WORLD_DELAY}},
        {.kind = WIRE_TAMPER, .tamper = {.rules = attack, .count = attack != NULL ? 1 : 0}},
    };
    struct wire_config config = {
        .way = {{.nodes = nodes, .count = 1}, {.nodes = nodes, .count = attack != NULL ? 2 : 1}},
        .mac = {{{2, 0, 10, 7, 0, 1}}, {{2, 0, 10, 7, 0, 2}}},
    };
    struct random random;
    if (w == NULL) {
        return NULL;
    }
    random_init(&random, seed);
    random_bytes(&random, config.seed, sizeof config.seed);
    w->began = now;
    w->now = now;
    if (!wire_init(&w->wire, &config, now)) {
        free(w);
        return NULL;
    }
    w->wire.watch = see;
    w->wire.watch_arg = w;
    bool good = true;
    for (unsigned i = 0; i < 2 && good; i++) {
        good = end_begin(w, i, &random);
    }
    if (!good || !introduce(w)) {
        world_free(w);
        return NULL;
    }
    return w;
}

void world_free(struct world *w)
{
    if (w == NULL) {
        return;
    }
    wire_done(&w->wire);
    for (unsigned i = 0; i < 2; i++) {
        if (w->end[i].world != NULL) {
            host_done(&w->end[i].host);
        }
    }
    for (size_t i = 0; i < w->frame_count; i++) {
        free(w->frames[i].data);
    }
    free(w->frames);
    free(w->events);
    free(w);
}

/* Lets both hosts say what their applications have asked for at this moment. */
static void flush(struct world *w)
{
    w->wire.now = w->now;
    for (unsigned i = 0; i < 2; i++) {
        host_flush(&w->end[i].host, w->now);
    }
}

static nsec next_event(const struct world *w)
{
    nsec next = wire_deadline(&w->wire);
    for (unsigned i = 0; i < 2; i++) {
        next = nsec_min(next, host_deadline(&w->end[i].host));
    }
    return next;
}

bool world_run(struct world *w, nsec until)
{
    nsec next;
    flush(w);
    while ((next = next_event(w)) <= until && next != NEVER && !w->failed) {
        w->now = nsec_max(w->now, next);
        wire_advance(&w->wire, w->now);
        for (unsigned i = 0; i < 2; i++) {
            host_advance(&w->end[i].host, w->now);
        }
        flush(w);
    }
    return !w->failed;
}
