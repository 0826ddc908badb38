"""The other end of a connection, for what no ordinary client does: `peer.py COMMAND [ARGUMENT…]`.

Each command prints its result, or one line that says what was wrong and exits with status 1.
Only Python's own library is used. A function's text says what its command is for.
"""

import hashlib
import json
import os
import random
import select
import socket
import ssl
import struct
import sys
import threading
import time

STACK = "10.9.0.2"
NAME = "vitrine.test"
PATIENCE = 20  # seconds; a stack that is silent for so long has failed


class Wrong(Exception):
    """What should have happened did not."""


def connect(port, local_port=0, address=STACK, source=None):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(PATIENCE)
    if local_port or source:
        sock.bind((source or "", local_port))
    sock.connect((address, port))
    return sock


def read_all(sock):
    """Everything up to the peer's FIN, and how it ended."""
    data = b""
    try:
        while True:
            part = sock.recv(65536)
            if not part:
                return data, "fin"
            data += part
    except ConnectionResetError:
        return data, "reset"
    except socket.timeout:
        return data, "nothing"


def reset(sock):
    """Ends a connection by RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def client_hello(version=None):
    """The bytes of a real ClientHello record."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    out = ssl.MemoryBIO()
    session = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=NAME)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def alert_of(data):
    """The description of the alert record (RFC 8446 6) that ends what the server sent."""
    if len(data) >= 7 and data[-7] == 21:
        return data[-1]
    raise Wrong("no alert at the end of: %s" % data[-20:].hex())


# ---- commands ----

def story(port, local_port="0"):
    """The story of one plain connection, from before its SYN to its end, with the times around it.
    The server closes first."""
    before = time.monotonic_ns()
    sock = connect(int(port), int(local_port))
    after = time.monotonic_ns()
    sock.sendall(b"GET /?json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    data, how = read_all(sock)
    sock.close()
    if how != "fin" or b"\r\n\r\n" not in data:
        raise Wrong("the answer ended by %s: %r" % (how, data[:200]))
    return {"before": before, "after": after, "story": json.loads(data.split(b"\r\n\r\n", 1)[1])}


def isns_of_one_tuple(port, count):
    """ISNs of one four-tuple grow with the clock of RFC 9293 3.4.1: a step for every 4 microseconds.
    The times around each SYN bound what may lie between."""
    stories = []
    for _ in range(int(count)):
        stories.append(story(port, 40404))
        time.sleep(0.6)
    for a, b in zip(stories, stories[1:]):
        isn = [s["story"]["tcp"]["server_isn"] for s in (a, b)]
        steps = (isn[1] - isn[0]) & 0xFFFFFFFF
        least, most = (b["before"] - a["after"]) / 4000 - 1, (b["after"] - a["before"]) / 4000 + 1
        if not least <= steps <= most:
            raise Wrong("%d steps of the ISN clock, but the time was for %d to %d" %
                        (steps, least, most))
    return "%d ISNs" % len(stories)


def isns_of_many_tuples(port, count):
    """Of connections that follow each other closely, no ISN tells the next: the steps are neither all
    small nor the same."""
    isns = [story(port, 41000 + i)["story"]["tcp"]["server_isn"] for i in range(int(count))]
    steps = [(b - a) & 0xFFFFFFFF for a, b in zip(isns, isns[1:])]
    if len(set(isns)) != len(isns):
        raise Wrong("the same ISN twice: %s" % sorted(isns))
    if sum(1 for s in steps if 2**24 < s < 2**32 - 2**24) < len(steps) * 3 // 4:
        raise Wrong("ISNs of different connections lie close together: %s" % isns)
    return "%d ISNs" % len(isns)


def garbage(port):
    """Bytes that are no TLS at all: the server ends the connection, by an alert or at once."""
    sock = connect(int(port))
    try:
        sock.sendall(random.Random(2).randbytes(4096))
    except ConnectionError:
        pass
    _, how = read_all(sock)
    sock.close()
    if how == "nothing":
        raise Wrong("the connection is still open after %d s" % PATIENCE)
    return how


def plain_request(port):
    """An HTTP request on the TLS port."""
    sock = connect(int(port))
    sock.sendall(b"GET / HTTP/1.1\r\nHost: vitrine.test\r\n\r\n")
    data, how = read_all(sock)
    sock.close()
    if how == "nothing":
        raise Wrong("the connection is still open after %d s" % PATIENCE)
    if not data:
        raise Wrong("no alert before the %s" % how)
    return "alert %d, then %s" % (alert_of(data), how)


def half_hello(port):
    """Half a ClientHello, then our FIN: the server sends decode_error and ends as well."""
    sock = connect(int(port))
    hello = client_hello()
    sock.sendall(hello[:len(hello) // 2])
    sock.shutdown(socket.SHUT_WR)
    data, how = read_all(sock)
    sock.close()
    if how != "fin" or alert_of(data) != 50:
        raise Wrong("%s after %s" % (how, data.hex()))
    return "decode_error"


def slow_hello(port):
    """A ClientHello in single bytes, each a segment of its own, is answered like a whole one."""
    sock = connect(int(port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in client_hello():
        sock.send(bytes([byte]))
    first = sock.recv(1)
    reset(sock)
    if first != b"\x16":
        raise Wrong("the answer begins with %r" % first)
    return "ServerHello"


def old_version(port):
    """TLS 1.1 is refused with protocol_version. The record is written by hand: no library here still
    speaks it."""
    suites = struct.pack(">HHH", 4, 0xC02B, 0xC02F)
    body = b"\x03\x02" + bytes(32) + b"\x00" + suites + b"\x01\x00"
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    sock = connect(int(port))
    sock.sendall(b"\x16\x03\x01" + struct.pack(">H", len(message)) + message)
    data, how = read_all(sock)
    sock.close()
    if alert_of(data) != 70:
        raise Wrong("alert %d, then %s" % (alert_of(data), how))
    return "protocol_version"


def truncated(port, ca):
    """A FIN without close_notify after a request (RFC 8446 6.1)."""
    context = ssl.create_default_context(cafile=ca)
    raw = connect(int(port))
    sock = context.wrap_socket(raw, server_hostname=NAME)
    sock.sendall(b"GET /")
    raw = socket.socket(fileno=sock.detach())
    raw.settimeout(PATIENCE)
    raw.shutdown(socket.SHUT_WR)
    _, how = read_all(raw)
    raw.close()
    if how == "nothing":
        raise Wrong("the connection is still open")
    return how


def aborted(port, ca=None):
    """A download that is cut off by RST after its first bytes."""
    sock = connect(int(port))
    if ca:
        sock = ssl.create_default_context(cafile=ca).wrap_socket(sock, server_hostname=NAME)
    sock.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    if not sock.recv(1000).startswith(b"HTTP/1.1 200 "):
        raise Wrong("no file /big")
    reset(sock)
    return "reset"


def half_handshake(port):
    """A client that goes away between the two flights of its handshake."""
    sock = connect(int(port))
    sock.sendall(client_hello())
    sock.recv(100)
    reset(sock)
    return "reset"


def serve_once(port, mode):
    """A server of the kernel's, for one connection from the stack. echo-late: reads to the FIN, then
    answers with all that it read. stream: sends 8 MiB while it reads. reset: RST after one read."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("10.9.0.1", int(port)))
    server.listen()
    server.settimeout(PATIENCE)
    print("ready", flush=True)
    sock, _ = server.accept()
    sock.settimeout(PATIENCE)
    if mode == "reset":
        sock.recv(1)
        reset(sock)
    elif mode == "echo-late":
        data, how = read_all(sock)
        if how != "fin":
            raise Wrong("the input ended by %s" % how)
        sock.sendall(data)
        sock.close()
    elif mode == "stream":
        writer = threading.Thread(target=sock.sendall, args=(bytes(range(256)) * 32768,))
        writer.start()
        _, how = read_all(sock)
        writer.join()
        sock.close()
        if how != "fin":
            raise Wrong("the input ended by %s" % how)
    return "served"


def slow_reader(port, ca):
    """Reads nothing for a while, so that the window shuts, then all: the file must be whole."""
    sock = socket.socket()
    sock.settimeout(PATIENCE)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    sock.connect((STACK, int(port)))
    if ca != "-":
        sock = ssl.create_default_context(cafile=ca).wrap_socket(sock, server_hostname=NAME)
    sock.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    time.sleep(2)
    data, how = read_all(sock)
    body = data.split(b"\r\n\r\n", 1)[1]
    return "%s %s" % (hashlib.sha256(body).hexdigest(), how)


def pause_writer(port):
    """Sends to the echo service and reads nothing until its window is shut, then reads all."""
    sock = connect(int(port))
    sent = received = 0
    block = bytes(range(256)) * 256
    sock.setblocking(False)
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 1:  # until nobody takes any more
        try:
            sent += sock.send(block[sent % 256:])
            quiet_since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.02)
    sock.setblocking(True)
    sock.settimeout(PATIENCE)
    sock.shutdown(socket.SHUT_WR)
    while True:
        part = sock.recv(65536)
        if not part:
            break
        for i in (0, len(part) - 1):
            if part[i] != (received + i) % 256:
                raise Wrong("byte %d is %d" % (received + i, part[i]))
        received += len(part)
    if received != sent:
        raise Wrong("%d bytes sent, %d came back" % (sent, received))
    return "%d bytes" % sent


class Ghost:
    """A station on the TAP that only exists as frames: it answers ARP and sends what it is told to,
    and never acknowledges."""

    MAC = bytes.fromhex("02000a090063")
    ADDRESS = socket.inet_aton("10.9.0.99")

    def __init__(self):
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind(("vt0", 0))
        self.stack = None

    def arp(self, operation, target_mac, target):
        head = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
        to = b"\xff" * 6 if operation == 1 else target_mac
        self.sock.send(to + self.MAC + b"\x08\x06" + head + self.MAC + self.ADDRESS + target_mac +
                       target)

    def frames(self, seconds):
        """What the stack sends to us; ARP requests are answered on the way."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.sock], [], [], left)[0]:
                return
            frame, how = self.sock.recvfrom(65536)
            if how[2] == socket.PACKET_OUTGOING:
                continue
            if frame[12:14] == b"\x08\x06" and frame[38:42] == self.ADDRESS:
                if frame[20:22] == b"\x00\x01":
                    self.arp(2, frame[22:28], frame[28:32])
                self.stack = frame[22:28]
            elif frame[:6] == self.MAC:
                yield frame

    def find_stack(self):
        self.arp(1, bytes(6), socket.inet_aton(STACK))
        for _ in self.frames(0.5):
            pass
        if self.stack is None:
            raise Wrong("no answer to ARP")

    @staticmethod
    def checksum(data):
        data += b"\x00" * (len(data) % 2)
        total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        return ~total & 0xFFFF

    def segment(self, source_port, port, seq, ack, flags):
        tcp = struct.pack(">HHIIBBHHH", source_port, port, seq, ack, 5 << 4, flags, 64240, 0, 0)
        pseudo = self.ADDRESS + socket.inet_aton(STACK) + struct.pack(">HH", 6, len(tcp))
        tcp = tcp[:16] + struct.pack(">H", self.checksum(pseudo + tcp)) + tcp[18:]
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0)
        head += self.ADDRESS + socket.inet_aton(STACK)
        head = head[:10] + struct.pack(">H", self.checksum(head)) + head[12:]
        self.sock.send(self.stack + self.MAC + b"\x08\x00" + head + tcp)


def half_open(port):
    """A SYN from somebody who is never heard of again. With a user timeout of 5 s the SYN-ACK comes
    again after 1 and 2 more seconds (RFC 6298 2, 5.5), each time the same; then the listener forgets
    it without a word."""
    ghost = Ghost()
    ghost.find_stack()
    ghost.segment(50505, int(port), 1000, 0, 0x02)
    seen = []
    for frame in ghost.frames(9):
        if frame[23] == 6:
            seen.append((time.monotonic(), frame[47], frame[38:42], frame[42:46]))
    flags = [s[1] for s in seen]
    if flags != [0x12, 0x12, 0x12]:
        raise Wrong("flags of what came: %s" % ["0x%02x" % f for f in flags])
    if len({s[2] for s in seen}) != 1 or any(s[3] != struct.pack(">I", 1001) for s in seen):
        raise Wrong("sequence or acknowledgment numbers differ")
    gaps = [b[0] - a[0] for a, b in zip(seen, seen[1:])]
    if any(not expected - 0.1 < gap < expected + 0.5 for gap, expected in zip(gaps, (1, 2))):
        raise Wrong("the gaps were %s" % gaps)
    return "again after 1 s and 2 s"


COMMANDS = {f.__name__.replace("_", "-"): f for f in (
    story, isns_of_one_tuple, isns_of_many_tuples, garbage, plain_request, half_hello, slow_hello,
    old_version, truncated, aborted, half_handshake, serve_once, slow_reader, pause_writer, half_open)}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit("usage: peer.py %s [ARGUMENT…]" % "|".join(COMMANDS))
    try:
        result = COMMANDS[sys.argv[1]](*sys.argv[2:])
    except (Wrong, OSError) as wrong:
        sys.exit("%s: %s" % (sys.argv[1], wrong or type(wrong).__name__))
    print(result if isinstance(result, str) else json.dumps(result))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
