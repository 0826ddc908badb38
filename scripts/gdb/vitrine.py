"""Vitrine in gdb: `source scripts/gdb/vitrine.py`, then `help vt`.

Reads the stack's own structures through their debug information: connections, TLS sessions, the flight recorder, the
counters. What shows calls nothing in the process and changes nothing, so it works just as well on a core file.

The host is `vitrine_host`, the one that was made last; `set $vt_host = &some_host` chooses another.
"""

import os
import sys

import gdb

HERE = os.path.dirname(os.path.abspath(__file__))
if HERE not in sys.path:
    sys.path.insert(0, HERE)
for name in [n for n in sys.modules if n == "vt" or n.startswith("vt.")]:
    del sys.modules[name]  # sourced again: with what has changed

from vt import printers, show, stop, why  # noqa: E402


class Vt(gdb.Command):
    """Vitrine's state in words, and places to stop at.

vt conns            one line for each connection and each TIME-WAIT record
vt conn [N]         the control block of connection N
vt sack [N]         what is outstanding and what lies beyond a hole, run by run
vt timers [N]       what is due, when, and what it will do
vt tls [N] [--reveal]  the TLS session of connection N [and its secrets]
vt events [N] [ID]  the latest N events (20) of the flight recorder [of connection ID], each with its cause
vt why [N]          what led to the present state of connection N
vt drops            what was refused, by name
vt host             addresses, listeners, pools, timers
vt break state S | drop REASON | cwnd-down
vt step-frame       goes on to the next frame that comes in
vt hold, vt release every peer is told a window of zero, or no longer

Without a number, the commands of a connection take the one that the selected frame works on."""

    def __init__(self):
        super().__init__("vt", gdb.COMMAND_STATUS, prefix=True)


def find_sources():
    """So that stepping into mbedTLS shows its source wherever this directory was moved to."""
    library = os.path.normpath(os.path.join(HERE, "../../build/mbedtls/src/library"))
    if os.path.isdir(library):
        gdb.execute('directory "%s"' % library, to_string=True)


find_sources()
Vt()
for command in show.COMMANDS + why.COMMANDS + stop.COMMANDS:
    command()
printers.register()
