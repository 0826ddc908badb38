/* The input path of TCP, told in the order of RFC 9293 3.10.7. */
#ifndef VITRINE_TCP_INPUT_H
#define VITRINE_TCP_INPUT_H

#include "stack/tcp/tcp.h"

/* For ip_register; `arg` is the struct tcp. */
void input_segment(void *arg, struct ip_packet *p);
void input_error(void *arg, const struct ip_error *e);

#endif
