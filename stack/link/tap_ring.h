/* Frames to a TAP and from it in batches, by one system call for many: io_uring. Only tap.c uses it. */
#ifndef VITRINE_LINK_TAP_RING_H
#define VITRINE_LINK_TAP_RING_H

#include "stack/base/types.h"

struct tap_ring;
struct iovec;

#define TAP_RING_FRAMES 64U      /* in one batch */
#define TAP_RING_FRAME_MAX 2048U /* bytes of a frame that is gathered, its header included */

/* Over a TAP's descriptor, which stays the caller's and must outlive it. NULL: the kernel has no io_uring, or none for
 * us, or the program was built without; errno tells. */
struct tap_ring *tap_ring_new(int fd);
void tap_ring_free(struct tap_ring *r); /* NULL: nothing; frames that still wait are lost */
/* Copies a frame, to be written by the next tap_ring_write. false: it is too large for that, or the batch is full. */
bool tap_ring_gather(struct tap_ring *r, const struct iovec *parts, int count);
/* Writes what was gathered, in that order. Returns how many frames the device did not take. */
unsigned tap_ring_write(struct tap_ring *r);
/* Reads into `count` buffers (at most TAP_RING_FRAMES) of `size` bytes at once, and waits for none: how many are filled,
 * the first ones in order, with the length of each in `len`, or a negative errno. */
int tap_ring_read(struct tap_ring *r, uint8_t *const *buffers, unsigned count, size_t size,
                  uint32_t *len);

#endif
