/* A TCP segment as it was on the wire: read from the frame's bytes alone, as an eavesdropper would. */
#ifndef VITRINE_APPS_EXPLAIN_SEGMENT_SEEN_H
#define VITRINE_APPS_EXPLAIN_SEGMENT_SEEN_H

#include "apps/explain/doc.h"
#include "apps/explain/world.h"
#include "stack/trace/names.h"

struct segment_seen {
    const struct world_frame *frame;
    uint32_t seq, ack;
    uint16_t flags; /* enum tcp_flag */
    uint16_t wnd;   /* the field, unscaled */
    uint8_t opts;   /* enum tcp_opts */
    uint16_t mss;
    uint8_t wscale;
    uint32_t tsval, tsecr;
    struct slice payload;
};

/* false: the frame holds no TCP segment. */
bool segment_see(const struct world_frame *f, struct segment_seen *out);

/* Begins a block of bytes with each field marked: the whole frame, or TCP's part alone. */
void segment_bytes(struct doc *d, const struct segment_seen *s, bool whole, const char *caption);

#endif
