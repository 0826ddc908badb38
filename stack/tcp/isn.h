/* Initial sequence numbers (RFC 9293 3.4.1, RFC 6528). */
#ifndef VITRINE_TCP_ISN_H
#define VITRINE_TCP_ISN_H

#include "stack/tcp/demux.h"
#include "stack/tcp/seq.h"

#define ISN_TICK (4 * NS_PER_US) /* MUST-8: the clock steps every 4 microseconds */

/* M + F(local, remote, secret): M the clock, F SipHash with a secret of this host (SHLD-1). */
tcp_seq isn_choose(const struct tcp *t, const struct tcp_tuple *tuple, nsec now);

#endif
