"""Commands that set the process going, and where it stops then. They need a live process; in a replay all but `vt hold` work."""

import gdb

from vt.command import Command
from vt.stack import find_host, type_of
from vt.words import enum_words


def need_process():
    inferior = gdb.selected_inferior()
    link = getattr(inferior, "connection", None)
    if inferior.pid == 0 or (link is not None and link.type == "core"):
        raise gdb.GdbError("this needs a process that can go on, not a core file")


def number_of(type_name, prefix, asked, what):
    wanted = asked.upper().replace("-", "_")
    for number, name in enum_words(type_name, prefix).items():
        if name == wanted:
            return number
    known = ", ".join(n for _, n in sorted(enum_words(type_name, prefix).items()))
    raise gdb.GdbError("no %s is called %s; there are %s" % (what, asked, known))


class CwndDown(gdb.Breakpoint):
    """At the event tcp_cwnd, when the window becomes smaller than it was at the one before."""

    def __init__(self):
        super().__init__("-probe-stap vitrine:tcp_cwnd")
        self.before = {}

    def stop(self):
        event = gdb.parse_and_eval("$_probe_arg1").cast(type_of("struct event").pointer())
        conn, cwnd = int(event["conn"]), int(event["u"]["tcp_cwnd"]["cwnd"])
        smaller = cwnd < self.before.get(conn, 0)
        if smaller:
            print("connection %d: cwnd %d to %d" % (conn, self.before[conn], cwnd))
        self.before[conn] = cwnd
        return smaller


class Break(Command):
    """vt break state S        when a connection enters that state (RFC 9293 3.3.2): vt break state ESTABLISHED
vt break drop REASON    when something is refused for that reason: vt break drop TCP_PAWS
vt break cwnd-down      when a congestion window becomes smaller"""
    name = "break"
    kinds = ("state", "drop", "cwnd-down")

    def complete(self, text, word):
        said = text.split()
        if len(said) < 2 and not text.endswith(" "):
            return [k for k in self.kinds if k.startswith(word)]
        if said[0] == "state":
            return [n for n in enum_words("enum tcp_state", "TCP_").values() if n.startswith(word.upper())]
        if said[0] == "drop":
            return [n for n in enum_words("enum drop_reason", "DROP_").values() if n.startswith(word.upper())]
        return []

    def lines(self, argument):
        words = argument.split()
        if words[:1] == ["cwnd-down"] and len(words) == 1:
            try:
                CwndDown()
            except gdb.error:
                raise gdb.GdbError("this program has no probes (docs/probes.md): it was built without <sys/sdt.h>")
            return
        if len(words) != 2 or words[0] not in self.kinds[:2]:
            raise gdb.GdbError("vt break state S, vt break drop REASON, or vt break cwnd-down")
        if words[0] == "state":
            name = {"SYN-RECEIVED": "SYN_RCVD", "SYN-RCVD": "SYN_RCVD"}.get(words[1].upper(), words[1])
            number = number_of("enum tcp_state", "TCP_", name, "state")
            gdb.Breakpoint("conn_set_state").condition = "to == %d" % number
        else:
            number = number_of("enum drop_reason", "DROP_", words[1], "reason")
            gdb.Breakpoint("trace_drop").condition = "reason == %d" % number
        yield from ()


def go_on_to(where, condition=None):
    """Continues to a place that the process comes to in any case."""
    stop = gdb.Breakpoint(where, internal=True, temporary=True)
    stop.condition = condition
    stop.silent = True
    gdb.execute("continue", to_string=True)


class StepFrame(Command):
    """vt step-frame: goes on to the next frame that comes in, and stops before the stack looks at it."""
    name = "step-frame"

    def lines(self, _argument):
        need_process()
        frame = enum_words("enum cause_kind", "CAUSE_")
        number = next(n for n, name in frame.items() if name == "FRAME")
        go_on_to("recorder_begin", "kind == %d" % number)
        host = find_host()
        gdb.execute("finish", to_string=True)
        yield "frame %d comes in" % int(host["recorder"]["cause"]["number"])


class Hold(Command):
    """vt hold: tells every peer a window of zero and stops once that is sent, before a long look around. What is
on its way is still taken. A peer with something to send asks again and again, and does not give up as long as it is
answered; while the process stands still it is not, so its own limits count (docs/gdb.md)."""
    name = "hold"
    wanted, said = True, "held"

    def lines(self, _argument):
        need_process()
        if self.replaying():
            raise gdb.GdbError("a replay repeats what has happened: there is no peer to be told")
        tcp = find_host()["tcp"]
        if bool(tcp["held"]) == self.wanted:
            yield "every window is %s already" % self.said
            return
        gdb.execute("set var ((struct tcp *)%d)->hold = %d" % (int(tcp.address), self.wanted))
        go_on_to("system_wait")
        if bool(find_host()["tcp"]["held"]) != self.wanted:
            yield "it stopped before: every window is %s once it has gone on" % self.said
            return
        conns = sum(1 for _ in self.open_connections())
        yield "every window is %s: %d connections have been told" % (self.said, conns)

    @staticmethod
    def replaying():
        for source in ("tape.c", "apps/tape/tape.c"):
            try:
                return bool(gdb.parse_and_eval("'%s'::tape.mode == TAPE_REPLAYS_NOW" % source))
            except gdb.error:
                continue
        return False

    @staticmethod
    def open_connections():
        from vt.stack import connections
        established = next(n for n, name in enum_words("enum tcp_state", "TCP_").items() if name == "ESTABLISHED")
        return (c for c in connections(find_host()) if int(c["state"]) >= established)


class Release(Hold):
    """vt release: tells every peer its window again, and stops once that is sent."""
    name = "release"
    wanted, said = False, "open"


COMMANDS = [Break, StepFrame, Hold, Release]
