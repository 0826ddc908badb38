/* Vitrine: the one header that an embedding program includes.
 *
 * A program makes a `struct host`, attaches a device (a TAP, or its own `struct netdev`), listens or
 * connects, and drives the host with host_input, host_advance and host_flush, or lets loop_run do it.
 * See docs/architecture.md.
 */
#ifndef VITRINE_VITRINE_H
#define VITRINE_VITRINE_H

#include "stack/base/stream.h"
#include "stack/host.h"
#include "stack/link/tap.h"
#include "stack/loop.h"
#include "stack/tcp/info.h"
#include "stack/tcp/tcp.h"
#include "stack/trace/trace.h"

#endif
