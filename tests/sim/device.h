/* What a device does between a host and the wire: it cuts super-segments and finishes checksums (TSO), and makes
 * one of segments that arrive together (GRO). Cutting is written from the RFCs and shares no code with the stack but
 * the cursor, so that the observer judges what a true device would have put on the wire.
 */
#ifndef VITRINE_SIM_DEVICE_H
#define VITRINE_SIM_DEVICE_H

#include "stack/link/packet.h"

/* Puts the frames for which `frame` stands at the end of `out`, with whole checksums; takes ownership. NULL: all is
 * well; otherwise what no device could do anything with, or that no buffer was left. */
const char *sim_device_cut(struct buf *frame, struct slab_pools *pools, struct list *out);
/* Joins what of `frames` (bufs, all taken off) goes on in one stream, in buffers of `pools`; what finds none stays as
 * it came. In their order at the end of `out`. How many were made of several. */
unsigned sim_device_join(struct list *frames, struct slab_pools *pools, struct list *out);

#endif
