/* Super-segments in the middle of their way: one frame that stands for many TCP segments is split into
 * these, as a device would (TSO), and segments in a row become one frame again, as a receiver would
 * join them (GRO).
 *
 * IPv4 without options of its own and without fragments; everything else goes on as it is.
 */
#ifndef VITRINE_LINK_OFFLOAD_H
#define VITRINE_LINK_OFFLOAD_H

#include "stack/link/packet.h"

/* Puts at the end of `out` the frames for which `frame` stands; itself, when it is no super-segment.
 * Takes ownership. Their TCP checksums stay unfinished (CSUM_PARTIAL). false: it is no whole TCP
 * segment, or no buffer was left: it is lost, and nothing was put there. */
bool offload_split(struct buf *frame, struct slab_pools *pools, struct list *out);

/* Takes the first frame off `frames` (bufs, not empty), and with it those behind it that go on in its
 * stream and differ in nothing else: same addresses, ACK, window and options, no flags but ACK and
 * PSH, checksums right, all of one length but the last. They are put at the end of `held`, and `out` is
 * the one frame that stands for them, and points into them. */
void offload_join(struct list *frames, struct packet *out, struct list *held);

#endif
