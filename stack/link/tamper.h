/* Tampering: rules that act on exactly the TCP segments that match, of one direction of a wire.
 *
 * Every rule looks at every segment as it came and counts its own matches; what the rules that act
 * want is then joined: rewrites in the order of the rules, delays added, one copy at the most, and
 * a drop above all.
 */
#ifndef VITRINE_LINK_TAMPER_H
#define VITRINE_LINK_TAMPER_H

#include "stack/base/buf.h"
#include "stack/link/frame_facts.h"

#define TAMPER_RULES 16U /* rules of one node */

enum tamper_action {
    TAMPER_DROP,
    TAMPER_DELAY,     /* by `delay` */
    TAMPER_DUPLICATE, /* the copy comes `delay` after the segment */
    TAMPER_REWRITE,   /* through `rewrite` */
};

/* A segment matches when all conditions hold; one that is left zero always does. */
struct tamper_rule {
    uint8_t flags_mask, flags_value; /* flags & flags_mask == flags_value (enum tcp_flag) */
    /* Some octet of it, or its sequence number if it has none, lies in seq_from <= seq < seq_to,
     * counted from the first SYN of this direction: that SYN is 0, the first byte of data 1. Nothing
     * matches before that SYN. */
    bool by_seq;
    uint32_t seq_from, seq_to;
    bool by_len;
    uint32_t len_min, len_max; /* payload bytes, both included */

    uint32_t nth;   /* acts from the nth match on; 0 and 1: from the first */
    uint32_t times; /* on so many matches; 0: on all that follow */

    enum tamper_action action;
    nsec delay;
    /* Changes the frame's bytes in place, and its length within its slab. `facts` are of the frame
     * as it came. Checksums stay as they are unless it calls frame_fix_checksums. false: drops it. */
    bool (*rewrite)(void *arg, struct buf *frame, const struct frame_facts *facts);
    void *arg;
};

struct tamper {
    const struct tamper_rule *rules; /* the owner's, for as long as the wire lives */
    unsigned count;
    bool has_first; /* a SYN was seen */
    uint32_t first; /* its sequence number */
    uint64_t matched[TAMPER_RULES];
};

struct tamper_verdict {
    unsigned acted; /* rules */
    bool drop, copy;
    nsec delay;      /* of the segment */
    nsec copy_delay; /* of the copy, from when the segment goes on */
};

/* false: more than TAMPER_RULES, a delay below zero, or a rewrite without a function. */
bool tamper_init(struct tamper *t, const struct tamper_rule *rules, unsigned count);
/* The frame's slab must be held by it alone. */
struct tamper_verdict tamper_judge(struct tamper *t, struct buf *frame);

#endif
