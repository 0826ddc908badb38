/* Frames in a file that Wireshark and tshark read: pcapng (draft-ietf-opsawg-pcapng), one section, an
 * interface per station, and for each frame its time in nanoseconds and its direction.
 */
#ifndef VITRINE_SIM_PCAPNG_H
#define VITRINE_SIM_PCAPNG_H

#include "stack/base/types.h"

struct pcapng;

/* NULL: the file cannot be made. */
struct pcapng *pcapng_open(const char *path);
/* false: not everything could be written. NULL is allowed. */
bool pcapng_close(struct pcapng *p);
/* All interfaces come before the first frame. Their number, from 0. */
int pcapng_interface(struct pcapng *p, const char *name);
void pcapng_frame(struct pcapng *p, unsigned interface, bool out, nsec at, struct slice frame);

#endif
