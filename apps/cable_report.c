/* What a cable did; see cable_report.h. */
#include "apps/cable_report.h"

#include <inttypes.h>

const nsec cable_late_below[CABLE_LATE] = {20 * NS_PER_US,  50 * NS_PER_US, 100 * NS_PER_US,
                                           200 * NS_PER_US, NS_PER_MS,      NEVER};

/* What all nodes of a kind did together. */
static struct wire_effects effects(const struct wire *w, unsigned way, enum wire_node_kind kind)
{
    struct wire_effects sum = {0};
    for (unsigned i = 0; i < w->end[way].node_count; i++) {
        const struct wire_node *n = &w->end[way].nodes[i];
        if (n->config.kind == kind) {
            sum.dropped += n->effects.dropped;
            sum.marked += n->effects.marked;
            sum.corrupted += n->effects.corrupted;
            sum.duplicated += n->effects.duplicated;
            sum.reordered += n->effects.reordered;
            sum.held_most += n->effects.held_most;
        }
    }
    return sum;
}

#define FIELDS 24U

struct field {
    const char *name; /* for people */
    const char *key;  /* for programs */
    uint64_t value;
};

static unsigned fields_of(const struct cable_report *r, unsigned way, struct field f[FIELDS])
{
    const struct wire *w = r->wire;
    const struct cable_count *c = &r->count[way];
    struct wire_stats s = wire_stats(w, way);
    const struct field all[] = {
        {"frames in", "frames_in", s.sent},
        {"bytes in", "bytes_in", s.sent_bytes},
        {"frames out", "frames_out", s.delivered - c->not_taken},
        {"bytes out", "bytes_out", s.delivered_bytes},
        {"on their way", "in_flight", w->end[way].in_flight},
        {"lost: by chance", "lost", effects(w, way, WIRE_LOSS).dropped},
        {"lost: in bursts", "lost_in_bursts", effects(w, way, WIRE_BURST).dropped},
        {"lost: queue full", "queue_full", effects(w, way, WIRE_QUEUE).dropped},
        {"lost: above the MTU", "too_big", effects(w, way, WIRE_MTU).dropped},
        {"lost: by the wire itself", "lost_itself", s.refused + c->broken + c->no_buffer},
        {"lost: far TAP took it not", "not_taken", c->not_taken},
        {"queue, most bytes held", "queue_most", effects(w, way, WIRE_RATE).held_most},
        {"marked (CE)", "marked", s.marked},
        {"reordered", "reordered", s.reordered},
        {"duplicated", "duplicated", s.copied},
        {"corrupted", "corrupted", s.corrupted},
        {"super-segments split", "supers", c->supers},
        {"writes", "writes", c->writes},
        {"latest, us", "late_most_us", (uint64_t)(c->late_most / NS_PER_US)},
    };
    for (unsigned i = 0; i < COUNT_OF(all); i++) {
        f[i] = all[i];
    }
    return COUNT_OF(all);
}

static double late_share(const struct cable_count *c, unsigned upto)
{
    uint64_t all = 0, some = 0;
    for (unsigned i = 0; i < CABLE_LATE; i++) {
        all += c->late[i];
        some += i <= upto ? c->late[i] : 0;
    }
    return all > 0 ? 100.0 * (double)some / (double)all : 100;
}

void cable_report_text(FILE *out, const struct cable_report *r)
{
    struct field ab[FIELDS], ba[FIELDS];
    unsigned n = fields_of(r, 0, ab);
    fields_of(r, 1, ba);
    fprintf(out, "after %.3f s, seed %" PRIu64 "\n", (double)r->lasted / 1e9, r->seed);
    fprintf(out, "%-26s %8s to %-8s %8s to %-8s\n", "", r->tap[0], r->tap[1], r->tap[1], r->tap[0]);
    for (unsigned i = 0; i < n; i++) {
        fprintf(out, "%-26s %16" PRIu64 "     %16" PRIu64 "\n", ab[i].name, ab[i].value,
                ba[i].value);
    }
    for (unsigned i = 0; i + 1 < CABLE_LATE; i++) {
        fprintf(out, "let go within %4.0f us      %15.2f%%     %15.2f%%\n",
                (double)cable_late_below[i] / 1e3, late_share(&r->count[0], i),
                late_share(&r->count[1], i));
    }
    fflush(out);
}

void cable_report_json(FILE *out, const struct cable_report *r)
{
    fprintf(out, "{\"seconds\": %.6f, \"seed\": %" PRIu64, (double)r->lasted / 1e9, r->seed);
    for (unsigned way = 0; way < 2; way++) {
        struct field f[FIELDS];
        unsigned n = fields_of(r, way, f);
        fprintf(out, ", \"%s\": {", way == 0 ? "ab" : "ba");
        for (unsigned i = 0; i < n; i++) {
            fprintf(out, "\"%s\": %" PRIu64 ", ", f[i].key, f[i].value);
        }
        fprintf(out, "\"late_us\": {");
        for (unsigned i = 0; i < CABLE_LATE; i++) {
            if (i + 1 < CABLE_LATE) {
                fprintf(out, "\"%" PRId64 "\": ", cable_late_below[i] / NS_PER_US);
            } else {
                fprintf(out, "\"more\": ");
            }
            fprintf(out, "%" PRIu64 "%s", r->count[way].late[i], i + 1 < CABLE_LATE ? ", " : "");
        }
        fprintf(out, "}}");
    }
    fprintf(out, "}\n");
    fflush(out);
}
