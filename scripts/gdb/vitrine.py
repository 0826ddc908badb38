"""Vitrine in gdb: `source scripts/gdb/vitrine.py`, then `help vt`.

Reads the stack's own structures through their debug information: connections, TLS sessions, the
flight recorder, the counters. It calls nothing in the process, so that it works just as well on a
core file, and it changes nothing.

The host is `vitrine_host`, the one that was made last; `set $vt_host = &some_host` chooses another.
"""

import os

import gdb

MANY = 1000000  # no list is longer; a broken one must not hang the debugger

# Numbers for which the program has no enumeration.
ALERTS = {  # RFC 8446 6, RFC 5246 7.2
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow",
    40: "handshake_failure", 42: "bad_certificate", 43: "unsupported_certificate",
    44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
    47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error",
    51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security",
    80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
    100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension",
    112: "unrecognized_name", 115: "unknown_psk_identity", 116: "certificate_required",
    120: "no_application_protocol",
}
SUITES = {
    0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384",
    0x1303: "TLS_CHACHA20_POLY1305_SHA256",
    0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
}
GROUPS = {0x0017: "secp256r1", 0x0018: "secp384r1", 0x001D: "x25519"}
VERSIONS = {0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
OPTS = ("MSS", "WSCALE", "SACK-OK", "TS", "SACK")


# ---- from numbers to words ----

_enums = {}


def enum_words(type_name, prefix):
    """{number: word} of an enumeration; empty when the program does not have it."""
    if type_name not in _enums:
        words = {}
        try:
            for field in gdb.lookup_type(type_name).strip_typedefs().fields():
                if field.name.startswith(prefix):
                    words.setdefault(field.enumval, field.name[len(prefix):])
        except gdb.error:
            pass
        _enums[type_name] = words
    return _enums[type_name]


def word(type_name, prefix, number):
    return enum_words(type_name, prefix).get(number, str(number))


def state_name(number):
    """RFC 9293 3.3.2."""
    name = word("enum tcp_state", "TCP_", number)
    return "SYN-RECEIVED" if name == "SYN_RCVD" else name.replace("_", "-")


def lower_words(type_name, prefix):
    return lambda number: word(type_name, prefix, number).lower().replace("_", " ")


def message_name(number):
    name = word("enum tls_message", "TLS_", number)
    return "".join(part.capitalize() for part in name.split("_"))


def bits(names):
    return lambda number: " ".join(n for i, n in enumerate(names) if number >> i & 1) or "none"


def table(names):
    return lambda number: names.get(number, "0x%04x" % number)


def yes(number):
    return "yes" if number else "no"


def tls_state_name(number):
    return word("mbedtls_ssl_states", "MBEDTLS_SSL_", number)


close_reason = lower_words("enum close_reason", "CLOSE_")
timer_name = lower_words("enum tcp_timer", "TCP_TIMER_")


def span(ns):
    """A span in the unit that suits it."""
    ns = int(ns)
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    for unit, size in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if ns >= size:
            return "%s%.3f %s" % (sign, ns / size, unit)
    return "%s%d ns" % (sign, ns)


def ip_text(addr):
    octets = [int(addr["b"][i]) for i in range(16)]
    if octets[:12] == [0] * 10 + [255, 255]:
        return "%d.%d.%d.%d" % tuple(octets[12:])
    if not any(octets):
        return "*"
    groups = ["%x" % (octets[i] << 8 | octets[i + 1]) for i in range(0, 16, 2)]
    return "[%s]" % ":".join(groups)


def endpoint_text(endpoint):
    return "%s:%d" % (ip_text(endpoint["addr"]), int(endpoint["port"]))


# How a field of an event is shown, by event and field, or by the field alone; others are numbers.
SHOWN = {
    ("drop", "reason"): lambda n: word("enum drop_reason", "DROP_", n),
    ("neighbour", "state"): lower_words("enum neighbour_state", "NEIGHBOUR_"),
    ("tcp_state", "from"): state_name,
    ("tcp_state", "to"): state_name,
    ("tls_message", "type"): message_name,
    ("tls_state", "state"): tls_state_name,
    ("tls_secret", "label"): lambda n: word("enum tls_secret", "TLS_SECRET_", n),
    ("tls_alert", "description"): table(ALERTS),
    ("tls_established", "version"): table(VERSIONS),
    ("tls_established", "suite"): table(SUITES),
    ("tls_established", "group"): table(GROUPS),
    ("http_request", "method"): lambda n: word("enum http_method", "HTTP_", n),
    ("tcp_path_mtu", "why"): lower_words("enum mtu_why", "MTU_"),
    "reason": close_reason,
    "flags": bits(FLAGS),
    "opts": bits(OPTS),
    "timer": timer_name,
    "why": lower_words("enum cwnd_why", "CWND_"),
    "how": lower_words("enum loss_how", "LOSS_"),
    "ethertype": lambda n: "0x%04x" % n,
    "passive": yes,
    "outgoing": yes,
    "encrypted": yes,
    "resumed": yes,
    "retransmission": yes,
}


# Fields that say nothing when they are zero: options that a segment did not have.
QUIET = ("mss", "wscale", "tsval", "tsecr", "retransmission")


# ---- walking the stack's structures ----

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


def connections(host):
    return walk(host["tcp"]["all"], "struct tcp_conn", "all_link")


def timewaits(host):
    return walk(host["tcp"]["timewaits"], "struct tcp_timewait", "link")


def seq(value):
    return int(value["v"])


def seq_diff(a, b):
    return (a - b) & 0xFFFFFFFF


def tls_session(conn):
    """The TLS session that stands on a connection, or None. A session's lower stream points back."""
    app = conn["stream"]["app"]
    if int(app) == 0:
        return None
    try:
        session = app.cast(type_of("struct tls_session").pointer())
        below = int(session["lower"]) == int(conn)  # the stream is a connection's first member
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
        pointer = int(value) if kind == "tcp_conn" else int(value["lower"])
        return gdb.Value(pointer).cast(type_of("struct tcp_conn").pointer()) if pointer else None
    except (ValueError, gdb.error):
        return None


def connection_of(argument):
    """Connection N; without a number that of the frame, else the latest."""
    host = find_host()
    if argument:
        number = int(gdb.parse_and_eval(argument))
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


# ---- the commands ----

class Vt(gdb.Command):
    """Vitrine's state in words.

vt conns            one line for each connection and each TIME-WAIT record
vt conn [N]         the control block of connection N
vt tls [N]          the TLS session of connection N
vt events [N] [ID]  the latest N events (20) of the flight recorder [of connection ID], each with its cause
vt drops            what was refused, by name
vt host             addresses, listeners, pools, timers

Without a number, `vt conn` and `vt tls` take the connection that the selected frame works on."""

    def __init__(self):
        super().__init__("vt", gdb.COMMAND_STATUS, prefix=True)


class Command(gdb.Command):
    def __init__(self):
        super().__init__("vt " + self.name, gdb.COMMAND_STATUS)

    def invoke(self, argument, _from_tty):
        try:
            for line in self.lines(argument.strip()):
                print(line)
        except gdb.error as error:
            raise gdb.GdbError("vt %s: %s" % (self.name, error))


class Conns(Command):
    """One line for each connection: id, state, the other end and our port, who opened it, what is
    acknowledged and sent, the peer's window and ours for congestion, the queues in bytes."""
    name = "conns"
    form = "%4s  %-12s  %-21s  %5s  %-5s  %9s  %9s  %8s  %8s  %8s  %8s"

    def lines(self, _argument):
        host = find_host()
        yield self.form % ("id", "state", "remote", "port", "opens", "snd_una", "snd_nxt", "snd_wnd",
                           "cwnd", "to send", "to read")
        count = 0
        for c in connections(host):
            count += 1
            iss = seq(c["iss"])
            pair = c["entry"]["tuple"]
            yield self.form % (
                int(c["id"]), state_name(int(c["state"])), endpoint_text(pair["remote"]),
                int(pair["local"]["port"]), "they" if c["passive"] else "we",
                "+%d" % seq_diff(seq(c["snd_una"]), iss), "+%d" % seq_diff(seq(c["snd_nxt"]), iss),
                int(c["snd_wnd"]), int(c["cc"]["cwnd"]), int(c["sendq"]["len"]),
                int(c["rcv_queued"]))
        waiting = 0
        for w in timewaits(host):
            waiting += 1
            pair = w["entry"]["tuple"]
            yield "%4d  %-12s  %-21s  %5d  ends in %s" % (
                int(w["id"]), "TIME-WAIT", endpoint_text(pair["remote"]),
                int(pair["local"]["port"]), span(w["ends"] - host["now"]))
        yield "%d connections, %d in TIME-WAIT (snd_una and snd_nxt count from iss)" % (count, waiting)


class Conn(Command):
    """The control block of connection N in words (RFC 9293 3.3.1)."""
    name = "conn"

    def lines(self, argument):
        host, c = connection_of(argument)
        pair = c["entry"]["tuple"]
        yield "connection %d  %s  %s -> %s, %s" % (
            int(c["id"]), state_name(int(c["state"])), endpoint_text(pair["remote"]),
            endpoint_text(pair["local"]),
            "opened by the peer" if c["passive"] else "opened by us (remote -> local)")
        yield from self.sending(c)
        yield from self.receiving(c)
        yield from self.congestion(c)
        yield from self.timers(host, c)
        yield "  flags     %s" % (", ".join(flags_set(c)) or "none")
        story = c["story"]
        yield "  so far    %d bytes in, %d out; %d segments in, %d out, %d of them again" % tuple(
            int(story[f]) for f in ("bytes_in", "bytes_out", "segments_in", "segments_out",
                                    "retransmitted"))

    @staticmethod
    def sending(c):
        iss, una, nxt = seq(c["iss"]), seq(c["snd_una"]), seq(c["snd_nxt"])
        wnd = int(c["snd_wnd"])
        yield "  sending   iss      %10d  0x%08x" % (iss, iss)
        yield "            snd_una  %10d  iss + %d" % (una, seq_diff(una, iss))
        yield "            snd_nxt  %10d  iss + %d, %d outstanding" % (
            nxt, seq_diff(nxt, iss), seq_diff(nxt, una))
        yield "            snd_wnd  %10d  the peer's window; shift %d, at most %d so far" % (
            wnd, int(c["snd_wscale"]), int(c["max_snd_wnd"]))
        yield "            snd_mss  %10d  bytes of payload in a full segment" % int(c["snd_mss"])
        p = c["plpmtu"]
        yield "            mtu      %10d  bytes of packet on the path; search %s%s%s" % (
            int(c["mtu"]), word("enum plpmtu_state", "PLPMTU_", int(p["state"])),
            ", up to %d" % int(p["high"]) if int(p["high"]) else "",
            ", probe of %d under way" % int(p["size"]) if p["probing"] else "")
        yield "            queue    %10d  bytes in %d chunks, sent or not, not acknowledged" % (
            int(c["sendq"]["len"]), int(c["sendq"]["chunk_count"]))

    @staticmethod
    def receiving(c):
        irs, nxt, adv = seq(c["irs"]), seq(c["rcv_nxt"]), seq(c["rcv_adv"])
        yield "  receiving irs      %10d  0x%08x" % (irs, irs)
        yield "            rcv_nxt  %10d  irs + %d" % (nxt, seq_diff(nxt, irs))
        yield "            rcv_wnd  %10d  as last told; shift %d" % (
            seq_diff(adv, nxt), int(c["rcv_wscale"]))
        yield "            queue    %10d  bytes for the application to read" % int(c["rcv_queued"])
        yield "            beyond   %10d  bytes out of order, in %d ranges" % (
            int(c["reassembly"]["bytes"]), int(c["reassembly"]["count"]))

    @staticmethod
    def congestion(c):
        cc, rtt, r = c["cc"], c["rtt"], c["recovery"]
        threshold = int(cc["ssthresh"])
        yield "  congestion cwnd %d, ssthresh %s; %s" % (
            int(cc["cwnd"]), "not set" if threshold >= 0x7FFFFFFF else str(threshold),
            "in fast recovery" if r["active"] else "no loss recovery")
        lost = int(r["board"]["lost_bytes"])
        if lost or int(r["duplicates"]):
            yield "            %d bytes to be sent again, %d duplicate ACKs" % (
                lost, int(r["duplicates"]))
        yield "  round trip srtt %s, rttvar %s, min %s, rto %s, backed off %d times" % (
            span(rtt["srtt"]), span(rtt["rttvar"]), span(rtt["min"]), span(rtt["rto"]),
            int(c["backoff"]))

    @staticmethod
    def timers(host, c):
        never = (1 << 63) - 1
        running = []
        for number, name in sorted(enum_words("enum tcp_timer", "TCP_TIMER_").items()):
            if name != "S" and int(c["due"][number]) != never:
                running.append("%s in %s" % (timer_name(number), span(c["due"][number] - host["now"])))
        yield "  timers    %s" % ("; ".join(running) or "none running")


def flags_set(structure):
    """The names of a structure's one-bit and bool members that are set."""
    target = structure.type.target() if structure.type.code == gdb.TYPE_CODE_PTR else structure.type
    for field in target.fields():
        if field.type.strip_typedefs().code == gdb.TYPE_CODE_BOOL and structure[field.name]:
            yield field.name


class Tls(Command):
    """The TLS session on connection N: where its handshake is, and what was negotiated."""
    name = "tls"

    def lines(self, argument):
        host, conn = connection_of(argument)
        session = tls_session(conn)
        if session is None:
            raise gdb.GdbError("connection %d has no TLS session (yet, or no more)" % int(conn["id"]))
        ssl, lens = session["ssl"], session["lens"]
        yield "connection %d  TLS  %s" % (int(conn["id"]), self.progress(session))
        state = int(member(ssl, "state"))
        yield "  machine   %s (mbedTLS' state %d)" % (tls_state_name(state), state)
        yield "  version   %s" % self.or_not(table(VERSIONS), int(lens["version"]))
        yield "  suite     %s" % self.or_not(table(SUITES), int(lens["suite"]))
        yield "  group     %s" % self.or_not(table(GROUPS), int(lens["group"]))
        yield "  SNI       %s" % text_or(session["sni"], "none")
        yield "  ALPN      %s" % text_or(member(ssl, "alpn_chosen"), "none")
        certificate = session["certificate"]
        if int(certificate):
            yield "  presents  %s" % text_or(certificate["subject"], "?")
        yield "  records   %d bytes in, %d bytes out in the handshake" % (
            int(session["bytes_in"]), int(session["bytes_out"]))
        yield "  flags     %s" % (", ".join(flags_set(session)) or "none")
        yield from self.messages(host, conn)

    @staticmethod
    def progress(session):
        if session["ended"]:
            return "ended: %s" % close_reason(int(session["reason"]))
        if session["established"]:
            took = span(session["finished"] - session["started"])
            resumed = "" if session["lens"]["certificate_seen"] else ", resumed"
            return "established, the handshake took %s%s" % (took, resumed)
        return "in its handshake" if session["begun"] else "waiting for a ClientHello"

    @staticmethod
    def or_not(show, number):
        return show(number) if number else "not chosen yet"

    @staticmethod
    def messages(host, conn):
        """What the flight recorder still has of its messages and secrets."""
        first = True
        for e in recorded(host, MANY):
            name = event_name(e)
            if int(e["conn"]) != int(conn["id"]) or name not in ("tls_message", "tls_secret"):
                continue
            u = e["u"][name]
            if name == "tls_message":
                what = "%s %s, %d bytes%s" % (
                    "-->" if u["outgoing"] else "<--", message_name(int(u["type"])), int(u["len"]),
                    ", encrypted" if u["encrypted"] else "")
            else:
                what = "    secret %s" % SHOWN["tls_secret", "label"](int(u["label"]))
            yield "  %-9s %s" % ("messages" if first else "", what)
            first = False


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


def shown_field(event, field, value):
    kind = field.type
    stripped = kind.strip_typedefs()
    if kind.name == "nsec":
        return span(value)
    if stripped.code == gdb.TYPE_CODE_ARRAY:
        return '"%s"' % value.string(errors="replace")
    if stripped.code == gdb.TYPE_CODE_STRUCT:
        return ip_text(value)
    show = SHOWN.get((event, field.name)) or SHOWN.get(field.name) or str
    return show(int(value))


class Events(Command):
    """vt events [N] [ID]: the latest N events (20) [of connection ID], oldest first, with causes."""
    name = "events"

    def lines(self, argument):
        words = argument.split()
        most = int(gdb.parse_and_eval(words[0])) if words else 20
        only = int(gdb.parse_and_eval(words[1])) if len(words) > 1 else None
        host = find_host()
        events = list(recorded(host, MANY if only is not None else most))
        if only is not None:
            events = [e for e in events if int(e["conn"]) == only][-most:]
        since = None
        for e in events:
            since = int(e["at"]) if since is None else since
            yield self.line(e, since)
        yield "%d events so far; times count from the first line" % int(host["recorder"]["written"])

    @staticmethod
    def line(e, since):
        name = event_name(e)
        record = e["u"][name]
        fields = " ".join("%s=%s" % (f.name, shown_field(name, f, record[f.name]))
                          for f in record.type.fields()
                          if f.name not in QUIET or int(record[f.name]))
        cause = word("enum cause_kind", "CAUSE_", int(e["cause"]["kind"])).lower()
        conn = "conn %d" % int(e["conn"]) if int(e["conn"]) else ""
        return "%12s  %-9s  %-5s %-7d  %-15s %s" % (
            "+" + span(int(e["at"]) - since), conn, cause, int(e["cause"]["number"]), name, fields)


class Drops(Command):
    """What the stack refused so far, by name (stack/trace/drops.def)."""
    name = "drops"

    def lines(self, _argument):
        drops = find_host()["recorder"]["drops"]
        total = 0
        for number, name in sorted(enum_words("enum drop_reason", "DROP_").items()):
            if name != "REASONS" and int(drops[number]):
                total += int(drops[number])
                yield "%10d  %s" % (int(drops[number]), name)
        yield "%10d  refused in all" % total


class Host(Command):
    """Addresses, listeners, pools and timers of the host."""
    name = "host"

    def lines(self, _argument):
        host = find_host()
        for i in range(int(host["iface_count"])):
            iface = host["ifaces"][i]
            yield "interface  %s/%d" % (ip_text(iface["addr"]), int(iface["prefix"]))
        for listener in walk(host["tcp"]["listeners"], "struct tcp_listener", "link"):
            yield "listener   %s  %d open, %d of them half open, backlog %d" % (
                endpoint_text(listener["local"]), int(listener["open"]),
                int(listener["half_open"]), int(listener["backlog"]))
        yield "timers     %d armed" % int(host["wheel"]["armed"])
        for pool in self.pools(host):
            yield "pool       %-14s %7d in use, %7d at the most, limit %d, refused %d times" % (
                (pool["name"].string(),) + tuple(int(pool[f]) for f in
                                                 ("in_use", "peak", "limit", "refused")))

    @staticmethod
    def pools(host):
        slabs = host["pools"]["slabs"]
        for i in range(slabs.type.range()[1] + 1):
            yield slabs[i]
        yield host["pools"]["bufs"]
        for name in ("conn_pool", "timewait_pool", "range_pool"):
            yield host["tcp"][name]


def find_sources():
    """So that stepping into mbedTLS shows its source wherever this directory was moved to."""
    here = os.path.dirname(os.path.abspath(__file__))
    library = os.path.normpath(os.path.join(here, "../../build/mbedtls/src/library"))
    if os.path.isdir(library):
        gdb.execute('directory "%s"' % library, to_string=True)


find_sources()
Vt()
for command in (Conns, Conn, Tls, Events, Drops, Host):
    command()
