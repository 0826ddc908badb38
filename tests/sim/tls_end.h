/* TLS on top of a world's connections, the same at every run: a server's session is tls/ as it is, a
 * client's a plain mbedTLS client shown as a stream.
 *
 * mbedTLS draws from the system's entropy and asks the system's clock. A program that links this file
 * with -Wl,--wrap for the functions in SIM_WRAPPED (Makefile) has both replaced while a world runs.
 */
#ifndef VITRINE_SIM_TLS_END_H
#define VITRINE_SIM_TLS_END_H

#include "stack/base/stream.h"
#include "stack/trace/trace.h"

/* A world with this seed begins, and ends. */
void sim_tls_begin(uint64_t seed);
void sim_tls_end(void);
/* Each takes over `lower`, and is a stream like it. NULL: no memory, or no certificates. A client must
 * not be aborted inside its own events. */
struct stream *sim_tls_client(struct stream *lower, const struct stream_events *events, void *app);
/* The application has read or written outside of an event: what follows from that is told. */
void sim_tls_client_run(struct stream *s);
struct stream *sim_tls_server(struct stream *lower, struct recorder *recorder, uint32_t conn,
                              const struct stream_events *events, void *app);

#endif
