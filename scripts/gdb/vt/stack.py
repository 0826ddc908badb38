"""Finding the stack's structures in the process, or in a core file."""

import gdb

from vt.words import span, word

MANY = 1000000  # no list is longer; a broken one must not hang the debugger


def type_of(name):
    return gdb.lookup_type(name)


def container(pointer, type_name, member):
    """CONTAINER_OF: the structure that has this node in it."""
    kind = type_of(type_name)
    offset = next(f.bitpos // 8 for f in kind.fields() if f.name == member)
    return gdb.Value(int(pointer) - offset).cast(kind.pointer())


def walk(head, type_name, member):
    """The structures on an intrusive list (stack/base/list.h)."""
    end = int(head.address)
    node = head["next"]
    for _ in range(MANY):
        if int(node) in (0, end):
            return
        yield container(node, type_name, member)
        node = node["next"]


def find_host():
    chosen = gdb.convenience_variable("vt_host")
    if chosen is not None and chosen.type.code == gdb.TYPE_CODE_PTR:
        return chosen.dereference()
    symbol = gdb.lookup_global_symbol("vitrine_host")
    if symbol is None:
        raise gdb.GdbError("no vitrine_host in this program; `set $vt_host = &your_host`")
    try:
        host = symbol.value()
        if int(host) == 0:
            raise gdb.GdbError("there is no host yet: the program has not called host_init")
        return host.dereference()
    except gdb.MemoryError:
        raise gdb.GdbError("the program is not running, and this is no core file")


class Resting:
    """A connection at rest (stack/tcp/rest.h): it has no control block, only a record beside its handle."""

    def __init__(self, handle):
        self.handle, self.record = handle, handle["rest"]

    def __getitem__(self, name):
        if name == "handle":
            return self.handle
        if name == "state":
            return gdb.parse_and_eval("TCP_ESTABLISHED")
        if name == "snd_una":
            return self.record["snd_nxt"]
        try:
            return self.record[name]
        except gdb.error:
            raise gdb.GdbError("connection %d is at rest: it has no %s" % (int(self.record["id"]), name))


def connections(host):
    """All but TIME-WAIT, in the order of opening: a control block, or Resting."""
    for handle in walk(host["tcp"]["all"], "struct tcp_handle", "all_link"):
        yield handle["conn"] if int(handle["conn"]) else Resting(handle)


def timewaits(host):
    return walk(host["tcp"]["timewaits"], "struct tcp_timewait", "link")


def seq(value):
    return int(value["v"])


def seq_diff(a, b):
    return (a - b) & 0xFFFFFFFF


def tls_session(conn):
    """The TLS session that stands on a connection, or None. A session's lower stream points back."""
    app = conn["handle"]["stream"]["app"]
    if int(app) == 0:
        return None
    try:
        session = app.cast(type_of("struct tls_session").pointer())
        below = int(session["lower"]) == int(conn["handle"])  # the stream is a handle's first member
        ours = int(session["conn_id"]) == int(conn["id"])
        return session if below and ours else None
    except gdb.error:
        return None


def frame_connection():
    """The connection that the selected frame, or the nearest one above it, works on."""
    try:
        frame = gdb.selected_frame()
    except gdb.error:
        return None
    while frame is not None and frame.is_valid():
        for name, kind in (("c", "tcp_conn"), ("t", "tls_session")):
            found = frame_pointer(frame, name, kind)
            if found is not None:
                return found
        frame = frame.older()
    return None


def frame_pointer(frame, name, kind):
    try:
        value = frame.read_var(name)
        target = value.type.strip_typedefs()
        if value.is_optimized_out or target.code != gdb.TYPE_CODE_PTR or int(value) == 0:
            return None
        if target.target().unqualified().strip_typedefs().tag != kind:
            return None
        if kind == "tcp_conn":
            return value
        lower = value["lower"].cast(type_of("struct tcp_handle").pointer())
        if not int(lower):
            return None
        return lower["conn"] if int(lower["conn"]) else Resting(lower)
    except (ValueError, gdb.error):
        return None


def connection_of(argument):
    """Connection N; without a number that of the frame, else the latest."""
    host = find_host()
    if argument:
        try:
            number = int(gdb.parse_and_eval(argument))
        except (gdb.error, ValueError):
            raise gdb.GdbError("'%s' is no number of a connection; `vt conns` lists them" % argument)
        for conn in connections(host):
            if int(conn["id"]) == number:
                return host, conn
        for record in timewaits(host):
            if int(record["id"]) == number:
                left = span(record["ends"] - host["now"])
                raise gdb.GdbError("connection %d is in TIME-WAIT for another %s; its control "
                                   "block is gone (`vt conns`, `vt events`)" % (number, left))
        raise gdb.GdbError("no connection %d now; `vt conns` lists them" % number)
    conn = frame_connection()
    if conn is None:
        for conn in connections(host):
            pass
    if conn is None:
        raise gdb.GdbError("there is no connection now")
    return host, conn


def member(ssl, name):
    """A member of mbedTLS' session: other programs know it as private."""
    names = [f.name for f in ssl.type.strip_typedefs().fields()]
    return ssl[name if name in names else "private_" + name]


def text_or(pointer, nothing):
    return pointer.string(errors="replace") if int(pointer) else nothing


def recorded(host, most):
    """The latest events, at most `most`, oldest first."""
    recorder = host["recorder"]
    written, mask = int(recorder["written"]), int(recorder["mask"])
    for i in range(max(0, written - min(most, mask + 1)), written):
        yield recorder["ring"][i & mask]


def event_name(event):
    return word("enum event_type", "EV_", int(event["type"]))
