/* A frame in a line, for people: the addresses, and what ARP, ICMP, UDP or TCP in it says. */
#ifndef VITRINE_APPS_FRAME_TEXT_H
#define VITRINE_APPS_FRAME_TEXT_H

#include "apps/draft.h"

/* `bytes`: the frame from its Ethernet header on, or only its beginning; `len`: bytes of all of it. */
void frame_text(struct slice bytes, size_t len, struct draft *out);

#endif
