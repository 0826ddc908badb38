"""Commands that show: they read, call nothing and change nothing, so that they work on a core file as well."""

import gdb

from vt.command import Command
from vt.stack import *  # noqa: F401,F403
from vt.words import *  # noqa: F401,F403


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
            rests = isinstance(c, Resting)
            pair = c["handle"]["entry"]["tuple"]
            yield self.form % (
                int(c["id"]), state_name(int(c["state"])), endpoint_text(pair["remote"]),
                int(pair["local"]["port"]), "they" if c["passive"] else "we",
                "+%d" % seq_diff(seq(c["snd_una"]), iss), "+%d" % seq_diff(seq(c["snd_nxt"]), iss),
                int(c["snd_wnd"]), int(c["cwnd"] if rests else c["cc"]["cwnd"]),
                "at rest" if rests else int(c["sendq"]["len"]), "" if rests else int(c["rcv_queued"]))
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
        pair = c["handle"]["entry"]["tuple"]
        yield "connection %d  %s  %s -> %s, %s" % (
            int(c["id"]), state_name(int(c["state"])), endpoint_text(pair["remote"]),
            endpoint_text(pair["local"]),
            "opened by the peer" if c["passive"] else "opened by us (remote -> local)")
        if isinstance(c, Resting):
            yield from self.resting(host, c)
            return
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
    def resting(host, c):
        yield "  at rest   since an RTO after %s ago; no control block (stack/tcp/rest.h)" % span(
            int(host["now"]) - max(int(c["last_heard"]), int(c["last_sent"])))
        yield "  sequence  snd_nxt +%d, peer's window %d bytes; rcv_nxt +%d" % (
            seq_diff(seq(c["snd_nxt"]), seq(c["iss"])), int(c["snd_wnd"]),
            seq_diff(seq(c["rcv_nxt"]), seq(c["irs"])))
        yield "  path      cwnd %d, srtt %s, rttvar %s, rto %s, %d bytes of IP packet" % (
            int(c["cwnd"]), span(c["srtt"]), span(c["rttvar"]), span(c["rto"]), int(c["mtu"]))
        yield "  flags     %s" % (", ".join(flags_set(c.record)) or "none")
        yield "  so far    %d bytes in, %d out; %d segments in, %d out, %d of them again" % tuple(
            int(c[f]) for f in ("bytes_in", "bytes_out", "segments_in", "segments_out", "retransmitted"))

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
    """vt tls [N] [--reveal]: the TLS session on connection N: where its handshake is, and what was negotiated. With
--reveal the secrets from which its keys follow, too."""
    name = "tls"

    def lines(self, argument):
        words = argument.split()
        reveal = "--reveal" in words
        host, conn = connection_of(" ".join(w for w in words if w != "--reveal"))
        session = tls_session(conn)
        if session is None:
            raise gdb.GdbError("connection %d has no TLS session (yet, or no more)" % int(conn["id"]))
        lens = session["lens"]
        yield "connection %d  TLS  %s" % (int(conn["id"]), self.progress(session))
        if self.taken(session) is not None:
            yield "  machine   is gone: the session protects its records by itself"
        else:
            state = int(member(session["ssl"].dereference(), "state"))
            yield "  machine   %s (mbedTLS' state %d)" % (tls_state_name(state), state)
        yield "  version   %s" % self.or_not(table(VERSIONS), int(lens["version"]))
        yield "  suite     %s" % self.or_not(table(SUITES), int(lens["suite"]))
        yield "  group     %s" % self.or_not(table(GROUPS), int(lens["group"]))
        yield "  SNI       %s" % text_or(session["sni"], "none")
        yield "  ALPN      %s" % text_or(self.alpn(session), "none")
        certificate = session["certificate"]
        if int(certificate):
            yield "  presents  %s" % text_or(certificate["subject"], "?")
        yield "  records   %d bytes in, %d bytes out in the handshake" % (
            int(session["bytes_in"]), int(session["bytes_out"]))
        yield "  flags     %s" % (", ".join(flags_set(session)) or "none")
        if reveal:
            yield from self.secrets(session, int(lens["version"]), int(lens["suite"]))
        yield from self.messages(host, conn)

    @staticmethod
    def taken(session):
        """What took the records over from mbedTLS, which is gone then; None: it is not."""
        traffic = session["traffic"]
        return traffic if int(traffic) and traffic["active"] else None

    def alpn(self, session):
        traffic = self.taken(session)
        return traffic["alpn"] if traffic is not None else member(session["ssl"].dereference(), "alpn_chosen")

    def secrets(self, session, version, suite):
        """RFC 8446 7.1, RFC 5246 8.1; as the library holds them."""
        yield "  SECRETS   whoever has these can read, and forge, all that this connection carries"
        traffic = self.taken(session)
        if traffic is not None:
            for name, side in (("CLIENT", "in"), ("SERVER", "out")):
                secret, size = traffic["secret_" + side], int(traffic["secret_" + side]["len"])
                if size:
                    yield "            %-29s %s" % (
                        "%s_TRAFFIC_SECRET_%d" % (name, int(traffic["updates_" + side])),
                        bytes(int(secret["data"][i]) for i in range(size)).hex())
            return
        ssl = session["ssl"].dereference()
        pointer = member(ssl, "session")
        if int(pointer) == 0:
            pointer = member(ssl, "session_negotiate")
        if int(pointer) == 0:
            yield "            none yet"
            return
        if version == 0x0304:
            size = 48 if suite == 0x1302 else 32  # bytes of its hash
            secrets = member(pointer.dereference(), "app_secrets")
            shown = [(name, secrets[field]) for name, field in (
                ("CLIENT_TRAFFIC_SECRET_0", "client_application_traffic_secret_N"),
                ("SERVER_TRAFFIC_SECRET_0", "server_application_traffic_secret_N"),
                ("EXPORTER_SECRET", "exporter_master_secret"),
                ("resumption secret", "resumption_master_secret"))]
        else:
            size, shown = 48, [("CLIENT_RANDOM's master secret", member(pointer.dereference(), "master"))]
        for name, value in shown:
            octets = bytes(int(value[i]) for i in range(size))
            if any(octets):
                yield "            %-29s %s" % (name, octets.hex())

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
        for name in ("handle_pool", "conn_pool", "rest_pool", "timewait_pool", "range_pool"):
            yield host["tcp"][name]


class Sack(Command):
    """vt sack [N]: what connection N has outstanding, run by run as the scoreboard has it (RFC 6675 3), and
    what it has received beyond a hole, range by range (RFC 2018)."""
    name = "sack"

    def lines(self, argument):
        host, c = connection_of(argument)
        if isinstance(c, Resting):
            yield "connection %d  at rest: nothing is outstanding, and nothing was received beyond a hole" % int(c["id"])
            return
        iss, irs = seq(c["iss"]), seq(c["irs"])
        board, reassembly = c["recovery"]["board"], c["reassembly"]
        yield "connection %d  sent and not acknowledged: %d bytes in %d runs, %d lost, %d SACKed (numbers count from iss)" % (
            int(c["id"]), seq_diff(seq(c["snd_nxt"]), seq(c["snd_una"])), int(board["count"]),
            int(board["lost_bytes"]), int(board["sacked_bytes"]))
        for run in walk(board["runs"], "struct tcp_sent", "link"):
            yield "  %9d to %9d  %-6s  sent %s ago%s" % (
                seq_diff(seq(run["start"]), iss), seq_diff(seq(run["end"]), iss),
                word("enum sent_state", "SENT_", int(run["state"])).lower(),
                span(host["now"] - run["sent_at"]), ", again" if run["again"] else "")
        yield "received beyond a hole: %d bytes in %d ranges (numbers count from irs; rcv_nxt is %d)" % (
            int(reassembly["bytes"]), int(reassembly["count"]), seq_diff(seq(c["rcv_nxt"]), irs))
        for held in walk(reassembly["ranges"], "struct tcp_range", "link"):
            yield "  %9d to %9d" % (seq_diff(seq(held["start"]), irs), seq_diff(seq(held["end"]), irs))


class Timers(Command):
    """vt timers [N]: what is due on connection N, when, and what it will do; without connections, of all."""
    name = "timers"
    does = {
        "rto": "sends again what was sent longest ago and not acknowledged (RFC 6298)",
        "persist": "asks the peer whether its window is still shut (RFC 9293 3.8.6.1)",
        "delack": "acknowledges what came (RFC 9293 3.8.6.3)",
        "keepalive": "asks whether the peer is still there (RFC 9293 3.8.4)",
        "fin wait": "ends, if the peer's FIN has not come",
        "reorder": "takes for lost what RACK has waited for (RFC 8985 6.2)",
        "probe": "sends something again, to have an answer (RFC 8985 7)",
        "pace": "sends what the rate allows by then",
        "retry": "does what its application has asked for, if there is memory then",
    }

    def lines(self, argument):
        host = find_host()
        chosen = [connection_of(argument)[1]] if argument else [
            c for c in connections(host) if not isinstance(c, Resting) or self.resting(c)]
        yield "%d timers in the host's wheel; the host's clock stands at %s" % (
            int(host["wheel"]["armed"]), span(host["now"]))
        for c in chosen:
            due = self.resting(c) if isinstance(c, Resting) else self.running(c)
            for at, name in due:
                yield "  conn %-4d  %-10s in %12s  %s" % (
                    int(c["id"]), name, span(at - int(host["now"])), self.does.get(name, ""))
            if not due:
                yield "  conn %-4d  none" % int(c["id"])

    @staticmethod
    def running(c):
        never = (1 << 63) - 1
        return sorted((int(c["due"][number]), timer_name(number))
                      for number, name in enum_words("enum tcp_timer", "TCP_TIMER_").items()
                      if name != "S" and int(c["due"][number]) != never)

    @staticmethod
    def resting(c):
        """The wheel has its handle for keep-alive, or because there was no memory for what its application has asked for."""
        timer = c.handle["timer"]
        if not int(timer["link"]["next"]):
            return []
        return [(int(timer["due"]), "retry" if int(c["owed"]) else "keepalive")]


COMMANDS = [Conns, Conn, Tls, Sack, Timers, Events, Drops, Host]
