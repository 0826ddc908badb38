"""Pretty-printers: what `print` and backtraces show of the stack's small types."""

import gdb
import gdb.printing

from vt.stack import frame_connection, seq_diff
from vt.words import ip_text

BYTES = 16  # of a slice or buffer that are shown


def hex_of(pointer, length):
    shown = min(length, BYTES)
    try:
        data = bytes(gdb.selected_inferior().read_memory(int(pointer), shown)) if shown else b""
    except gdb.MemoryError:
        return "not readable"
    return data.hex(" ") + (" …" if length > shown else "")


class Seq:
    """A sequence number, and how far it is behind the ISNs of the connection at hand."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        number = int(self.value["v"])
        conn = frame_connection()
        if conn is None:
            return str(number)
        ours, theirs = (seq_diff(number, int(conn[name]["v"])) for name in ("iss", "irs"))
        near = min(("iss", ours), ("irs", theirs), key=lambda pair: pair[1])
        return "%d (%s + %d)" % ((number,) + near) if near[1] < 1 << 31 else str(number)


class Address:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return ip_text(self.value)


class Mac:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return ":".join("%02x" % int(self.value["b"][i]) for i in range(6))


class Endpoint:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        return "%s:%d" % (ip_text(self.value["addr"]), int(self.value["port"]))


class Slice:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        length = int(self.value["len"])
        return "%d bytes: %s" % (length, hex_of(self.value["data"], length))


class Buf:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        slab, length = self.value["slab"], int(self.value["len"])
        if int(slab) == 0:
            return "no slab"
        return "%d bytes at %d of a slab of %d, held by %d: %s" % (
            length, int(self.value["off"]), int(slab["cap"]), int(slab["refs"]),
            hex_of(int(slab["bytes"].address) + int(self.value["off"]), length))


class Range:
    """A stretch of sequence space: a SACK block, a range beyond a hole, a run of the scoreboard."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        start, end = (Seq(self.value[name]).to_string() for name in ("start", "end"))
        return "[%s, %s)" % (start, end)


def register():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("vitrine")
    for name, printer in (("tcp_seq", Seq), ("ip_addr", Address), ("mac", Mac), ("endpoint", Endpoint),
                          ("slice", Slice), ("buf", Buf), ("tcp_sack_block", Range), ("tcp_range", Range),
                          ("tcp_sent", Range)):
        printers.add_printer(name, "^%s$" % name, printer)
    gdb.printing.register_pretty_printer(None, printers, replace=True)
