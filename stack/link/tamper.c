/* Tampering with exactly the segments that a rule matches. */
#include "stack/link/tamper.h"

#include "stack/trace/names.h"

bool tamper_init(struct tamper *t, const struct tamper_rule *rules, unsigned count)
{
    *t = (struct tamper){.rules = rules, .count = count};
    if (count > TAMPER_RULES) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (rules[i].delay < 0 || (rules[i].action == TAMPER_REWRITE && rules[i].rewrite == NULL)) {
            return false;
        }
    }
    return true;
}

/* Whether an octet of the segment lies in the rule's range. All of it modulo 2^32, so that a range
 * or a segment may lie across the wrap. */
static bool in_range(const struct tamper *t, const struct tamper_rule *r,
                     const struct frame_facts *f)
{
    if (!t->has_first) {
        return false;
    }
    uint32_t start = f->seq - t->first;
    bool begins_inside = start - r->seq_from < r->seq_to - r->seq_from;
    bool reaches_in = r->seq_from != r->seq_to && r->seq_from - start < frame_span(f);
    return begins_inside || reaches_in;
}

static bool matches(const struct tamper *t, const struct tamper_rule *r,
                    const struct frame_facts *f)
{
    if ((f->flags & r->flags_mask) != r->flags_value) {
        return false;
    }
    if (r->by_len && (f->len < r->len_min || f->len > r->len_max)) {
        return false;
    }
    return !r->by_seq || in_range(t, r, f);
}

/* `match` is the number of this match of the rule, from 1. */
static bool acts_on(const struct tamper_rule *r, uint64_t match)
{
    uint64_t nth = u32_max(r->nth, 1);
    return match >= nth && (r->times == 0 || match < nth + r->times);
}

static void act(const struct tamper_rule *r, struct buf *frame, const struct frame_facts *f,
                struct tamper_verdict *v)
{
    v->acted++;
    switch (r->action) {
    case TAMPER_DROP:
        v->drop = true;
        return;
    case TAMPER_DELAY:
        v->delay += r->delay;
        return;
    case TAMPER_DUPLICATE:
        v->copy = true;
        v->copy_delay = nsec_max(v->copy_delay, r->delay);
        return;
    case TAMPER_REWRITE:
        if (!r->rewrite(r->arg, frame, f)) {
            v->drop = true;
        }
        return;
    }
}

struct tamper_verdict tamper_judge(struct tamper *t, struct buf *frame)
{
    struct tamper_verdict v = {0};
    struct frame_facts f;
    frame_look(buf_slice(frame), &f);
    if (!f.is_tcp) {
        return v;
    }
    if (!t->has_first && (f.flags & TCP_SYN) != 0) {
        t->has_first = true;
        t->first = f.seq;
    }
    for (unsigned i = 0; i < t->count; i++) {
        const struct tamper_rule *r = &t->rules[i];
        if (matches(t, r, &f)) {
            t->matched[i]++;
            if (acts_on(r, t->matched[i])) {
                act(r, frame, &f, &v);
            }
        }
    }
    return v;
}
