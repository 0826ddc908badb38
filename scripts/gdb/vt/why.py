"""The chain of causes behind a state, as the flight recorder has it.

Each event names what led to it: a frame, a timer or a call of the application. Behind a frame stands the latest of our segments that
its ACK covers; behind a timer, what armed it.
"""

import gdb

from vt.command import Command
from vt.show import Events
from vt.stack import connection_of, event_name, find_host, recorded
from vt.words import bits, enum_words, FLAGS, span, state_name, timer_name, word

LINKS = 24  # of a chain; longer ones begin in the middle


def cause_of(event):
    return int(event["cause"]["kind"]), int(event["cause"]["number"])


def kind_name(kind):
    return word("enum cause_kind", "CAUSE_", kind).lower()


def covered(out, ack):
    """What we sent lies before the number that the peer acknowledges."""
    flags = int(out["flags"])
    end = int(out["seq"]) + int(out["len"]) + (flags & 1) + (flags >> 1 & 1)  # FIN and SYN count
    return 0 <= (ack - end) & 0xFFFFFFFF < 1 << 31


class Chain:
    def __init__(self, host, conn):
        self.events = [e for e in recorded(host, 1 << 30) if int(e["conn"]) == conn]
        self.names = [event_name(e) for e in self.events]

    def last(self, name, before=None, when=lambda record: True):
        """The index of the latest event of that name [before an index] that fits; None: there is none."""
        for i in range((len(self.events) if before is None else before) - 1, -1, -1):
            if self.names[i] == name and when(self.events[i]["u"][name]):
                return i
        return None

    def of_cause(self, cause, name):
        for i, e in enumerate(self.events):
            if self.names[i] == name and cause_of(e) == cause:
                return i
        return None

    def before(self, index):
        """What led to the event: (how, index of an earlier event), or (how, None) where the chain begins."""
        kind, number = cause = cause_of(self.events[index])
        said = kind_name(kind)
        if said == "frame":
            arrived = self.of_cause(cause, "tcp_in")
            if arrived is None:
                return "frame %d, no longer in the recorder" % number, None
            segment = self.events[arrived]["u"]["tcp_in"]
            text = "frame %d: %s seq %d ack %d, %d bytes" % (
                number, bits(FLAGS)(int(segment["flags"])), int(segment["seq"]), int(segment["ack"]),
                int(segment["len"]))
            if not int(segment["flags"]) >> 4 & 1:
                return text + " (the peer began)", None
            ack = int(segment["ack"])
            return text, self.last("tcp_out", arrived, lambda out: covered(out, ack))
        if said == "timer":
            fired = self.of_cause(cause, "tcp_timer_fired")
            if fired is None:
                return "timer %d, not one of the connection's" % number, None
            timer = int(self.events[fired]["u"]["tcp_timer_fired"]["timer"])
            return "timer %d: %s" % (number, timer_name(timer)), self.last(
                "tcp_timer_armed", fired, lambda armed: int(armed["timer"]) == timer)
        return "the application's call %d" % number if said == "app" else said, None


class Why(Command):
    """vt why [N]: what led to the present state of connection N, link by link, the latest first."""
    name = "why"

    def lines(self, argument):
        host, conn = connection_of(argument)
        number = int(conn["id"])
        chain = Chain(host, number)
        index = chain.last("tcp_state")
        if index is None:
            raise gdb.GdbError("the recorder has no change of state of connection %d any more" % number)
        now = int(host["now"])
        state = chain.events[index]["u"]["tcp_state"]
        yield "connection %d is in %s, and was in %s before" % (
            number, state_name(int(state["to"])), state_name(int(state["from"])))
        for _ in range(LINKS):
            how, earlier = chain.before(index)
            yield "  %12s ago  %-15s because of %s" % (
                span(now - int(chain.events[index]["at"])), chain.names[index], how)
            if earlier is None:
                return
            index = earlier
        yield "  and so on"


COMMANDS = [Why]
