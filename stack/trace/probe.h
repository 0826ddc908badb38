/* Each event is a USDT probe as well, `vitrine:NAME`, for whoever looks from outside of the process: gdb, perf,
 * bpftrace, SystemTap (docs/probes.md). Its arguments are the connection's id and the address of the struct event. A
 * probe that nobody uses is a nop. Without <sys/sdt.h> (systemtap-sdt-dev), and for CBMC, there are none.
 */
#ifndef VITRINE_TRACE_PROBE_H
#define VITRINE_TRACE_PROBE_H

#if defined(__has_include) && !defined(__CPROVER__)
#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#endif
#endif

#ifdef DTRACE_PROBE2
#define TRACE_PROBE(name, conn_id, event) DTRACE_PROBE2(vitrine, name, conn_id, event)
#else
#define TRACE_PROBE(name, conn_id, event)
#endif

#endif
