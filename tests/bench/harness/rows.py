"""The rows of the table: what is measured, with whom, and the bar."""
import dataclasses
import json
import subprocess
import time
import typing

from harness.lab import FRAMES_SIZE, SIZE, SOURCES, Failed, cpu_seconds, pss, slab, stop
from harness.peers import CIPHERS

SECONDS = 2.0  # of a turn that has no end of its own
IDLE = 10000
MANY = 100000


@dataclasses.dataclass
class Bar:
    """`factor` times the peer's value (of `key`) for Vitrine, or an absolute value where there is no peer."""
    peer: typing.Optional[str]
    factor: float
    key: str = "value"
    most: bool = False  # the factor is an upper bound
    of: typing.Optional[str] = None  # whose value it is held against, if not the row's `bars_at`

    def text(self, unit):
        if self.peer is None:
            return f"at most {self.factor:g} {unit}"
        what = "" if self.key == "value" else self.key.replace("_us", "") + " "
        who = self.of.replace("vitrine-", "") + " " if self.of else ""
        return f"{who}{what}{'at most ' if self.most else ''}{self.factor:g} × {self.peer}"


@dataclasses.dataclass
class Row:
    name: str
    title: str
    unit: str
    peers: tuple
    turn: typing.Callable  # (lab, row, peer) -> {"value": …, …}
    bars: tuple = ()
    about: float = SECONDS + 0.5  # seconds that a turn takes, for the estimate
    less: bool = False  # the smaller the better
    frames: bool = False  # nobody has offloads
    fresh: bool = False  # each turn has a server of its own
    connections_max: int = 16384
    warm: int = 0  # turns before the first that counts: caches of files fill
    bars_at: str = "vitrine"  # whose value is held against the bars
    short: bool = False  # in the short way

    def close(self, results):
        """Completes the results of a pair, once everybody had their turn."""


def bulk(mode):
    def turn(lab, row, peer):
        service = "chargen" if mode == "receive" else "discard"
        return {"value": peer.client(mode, service, "--seconds", SECONDS)["gbit"]}
    return turn


def transfer(mode, cipher=None):
    def turn(lab, row, peer):
        options = ["--cipher", CIPHERS[cipher]] if cipher else []
        service = "https" if cipher else "http"
        if mode == "get":
            options += ["--path", "/quarter" if row.frames else "/big"]
        else:
            options += ["--path", "/discard", "--bytes", FRAMES_SIZE if row.frames else SIZE]
        got = peer.client(mode, service, *options, seconds=90)
        return {"value": got["gbit"]}
    return turn


def requests(connections, cipher=None, *more):
    """Answers in a second, and how long they took."""
    def turn(lab, row, peer):
        options = ["--cipher", CIPHERS[cipher]] if cipher else []
        before = cpu_seconds(peer.pids())
        got = peer.client("requests", "https" if cipher else "http", "--path", "/small", "--connections", connections,
                          "--seconds", SECONDS, *options, *more, sources=SOURCES)
        if "--resume" in more and got["resumed"] < 0.99 * got["opened"]:
            raise Failed(f"only {got['resumed']} of {got['opened']} sessions were resumed")
        if "--resume" not in more and got["resumed"] > 0:
            raise Failed(f"{got['resumed']} sessions were resumed")
        if got["failed"] > got["answers"] / 1000:
            raise Failed(f"{got['failed']} connections failed beside {got['answers']} answers")
        return {"value": got["rate"], "p50_us": got["p50_us"], "p99_us": got["p99_us"], "failed": got["failed"],
                "server_us": 1e6 * (cpu_seconds(peer.pids()) - before) / max(1, got["answers"])}
    return turn


ROWS = [
    Row("tcp-out", "plain TCP, stack to client, bulk", "Gbit/s", ("vitrine", "kernel", "iperf3", "lwip", "ceiling"),
        bulk("receive"), (Bar("kernel", 1.1), Bar("ceiling", 0.85)), short=True),
    Row("tcp-in", "plain TCP, client to stack, bulk", "Gbit/s", ("vitrine", "kernel", "iperf3", "lwip", "ceiling"),
        bulk("send"), (Bar("kernel", 1.0), Bar("ceiling", 0.85)), short=True),
    Row("http", "HTTP download of 1 GiB", "Gbit/s", ("vitrine", "nginx", "lwip"), transfer("get"), (Bar("nginx", 1.3),),
        short=True, warm=2),
    Row("https-aes", "HTTPS download of 1 GiB, AES-128-GCM", "Gbit/s", ("vitrine", "nginx", "lwip"), transfer("get", "aes"),
        (Bar("nginx", 2.5),), about=5, short=True, warm=2),
    Row("https-chacha", "HTTPS download of 1 GiB, ChaCha20-Poly1305", "Gbit/s", ("vitrine", "nginx"),
        transfer("get", "chacha"), (Bar("nginx", 2.5),), about=5, warm=2),
    Row("https-up", "HTTPS upload of 1 GiB, AES-128-GCM", "Gbit/s", ("vitrine", "nginx"), transfer("put", "aes"),
        (Bar("nginx", 1.5),), about=5),
]


# ---- small answers ----

def small(name, connections, cipher, bars, title, about=SECONDS + 0.7, peers=None, short=False):
    over = "TLS 1.3" if cipher else "plain"
    peers = peers or ("vitrine", "nginx", "lwip")
    return Row(name, f"{title}, {over}", "requests/s", peers, requests(connections, cipher), bars, about=about, short=short)


def connects(name, title, unit, peers, bars, cipher=None, *more, short=False):
    return Row(name, title, unit, peers, requests(64, cipher, "--close", *more), bars, about=SECONDS + 0.7, short=short)


SPIN = ("vitrine", "vitrine-busy-poll", "nginx")
TWICE = (Bar("nginx", 2), Bar("nginx", 2, of="vitrine-busy-poll"))
ROWS += [
    small("small-64", 64, None, (Bar("nginx", 2.5), Bar("lwip", 1.3), Bar("nginx", 1, "p99_us", True)),
          "small answers, 64 connections", short=True),
    small("small-64-tls", 64, "aes", (Bar("nginx", 2.5), Bar("lwip", 1.5), Bar("nginx", 1, "p99_us", True)),
          "small answers, 64 connections", short=True),
    small("small-1", 1, None, TWICE, "small answers, 1 connection", peers=SPIN + ("lwip",)),
    small("small-1-tls", 1, "aes", TWICE, "small answers, 1 connection", peers=SPIN),
    small("small-1000", 1000, None, TWICE, "small answers, 1,000 connections", peers=SPIN + ("lwip",)),
    small("small-1000-tls", 1000, "aes", TWICE, "small answers, 1,000 connections", peers=SPIN, about=6),
    connects("connect", "new plain connections, one request each", "connections/s", ("vitrine", "nginx", "lwip"),
             (Bar("nginx", 2.5), Bar("lwip", 1.2)), short=True),
    connects("handshake", "full TLS 1.3 handshakes (P-256 certificate, X25519)", "handshakes/s", ("vitrine", "nginx", "lwip"),
             (Bar("nginx", 1.3),), "aes", short=True),
    connects("resume", "resumed TLS 1.3 handshakes (X25519)", "handshakes/s", ("vitrine", "nginx"), (Bar("nginx", 2),), "aes",
             "--resume"),
]


# ---- memory ----

class Holder:
    """A client that opens connections and keeps them until it is told to go on."""

    def __init__(self, lab, peer, cipher, connections, *more):
        options = ["--cipher", CIPHERS[cipher]] if cipher else []
        command = lab.client_command("hold", peer.host, peer.ports["https" if cipher else "http"], "--path", "/small",
                                     "--connections", connections, *options, *more, sources=SOURCES)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise Failed("the client that holds connections has gone")
        return json.loads(text)

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        stop(self.process)
        self.process.stdout.close()


def idle(cipher):
    def turn(lab, row, peer):
        peer.client("get", "https" if cipher else "http", "--path", "/small", *(["--cipher", CIPHERS[cipher]] if cipher else []))
        memory, kernel = pss(peer.pids()), slab()
        holder = Holder(lab, peer, cipher, IDLE)
        try:
            opened = holder.line()
            if opened["opened"] != IDLE or opened["failed"]:
                raise Failed(f"{opened['opened']} opened, {opened['failed']} failed")
            time.sleep(0.5)  # what is freed late, is freed
            return {"value": (pss(peer.pids()) - memory) / IDLE, "kernel": (slab() - kernel) / IDLE, "seconds": opened["seconds"]}
        finally:
            holder.end()
    return turn


class IdleRow(Row):
    """Vitrine's run shows what the client costs the kernel; what the kernel needs beyond that is the server's."""

    def close(self, results):
        clients = results.get("vitrine", {}).get("kernel")
        nginx = results.get("nginx", {})
        if clients is not None and "kernel" in nginx:
            nginx["process"] = nginx["value"]
            nginx["value"] += max(0, nginx["kernel"] - clients)


ROWS += [
    IdleRow("idle", "memory of each of 10,000 idle connections, plain", "bytes", ("vitrine", "nginx", "lwip"), idle(None),
            (Bar(None, 640),), about=4, less=True, fresh=True),
    IdleRow("idle-tls", "memory of each of 10,000 idle connections, TLS 1.3", "bytes", ("vitrine", "nginx", "lwip"), idle("aes"),
            (Bar(None, 2048),), about=15, less=True, fresh=True),
]


# ---- very many ----

def many(lab, row, peer):
    """100,000 connections, held by several clients (a process may have 20,000 descriptors); 1 % of them ask without pause."""
    memory = pss(peer.pids())
    clients, each = 10, MANY // 10
    holders = []
    try:
        began = time.time()
        for _ in range(clients):
            holders.append(Holder(lab, peer, None, each, "--active", each // 100, "--seconds", 5))
        opened = [h.line() for h in holders]
        took = time.time() - began
        failed = sum(o["failed"] for o in opened)
        held = (pss(peer.pids()) - memory) / MANY
        for h in holders:
            h.go_on()
        active = [h.line() for h in holders]
        last = [h.line() for h in holders]
        return {"value": sum(a["rate"] for a in active), "p99_us": max(a["p99_us"] for a in active),
                "opened": sum(o["opened"] for o in opened), "failed": failed, "answered_at_last": sum(x["answers"] for x in last),
                "open_seconds": took, "bytes_each": held}
    finally:
        for h in holders:
            h.end()


ROWS += [
    Row("many", "100,000 open connections, 1 % of them active", "requests/s", ("vitrine",), many, about=25, fresh=True,
        connections_max=120000),
]


# ---- events ----

RECORDED = ("vitrine", "without-events")
ROWS += [
    Row("recorder", "the recorder: bulk, stack to client", "Gbit/s", RECORDED, bulk("receive"), (Bar("without-events", 0.97),)),
    Row("recorder-small", "the recorder: small answers, 64 connections", "requests/s", RECORDED, requests(64),
        (Bar("without-events", 0.97),)),
]


# ---- true frames ----

def frames(name, title, turn, peers, **more):
    """1.5 times lwIP, and the kernel without offload."""
    bars = tuple(Bar(p, 1.5 if p == "lwip" else 1, of=who) for p in peers if p in ("lwip", "kernel", "nginx")
                 for who in (None, "vitrine-coalesced") if who is None or who in peers)
    return Row(name, title + ", true frames", "Gbit/s", peers, turn, bars, frames=True, **more)


ROWS += [
    frames("frames-tcp-out", "plain TCP, stack to client", bulk("receive"), ("vitrine", "vitrine-coalesced", "kernel", "lwip"),
           short=True),
    frames("frames-tcp-in", "plain TCP, client to stack", bulk("send"), ("vitrine", "kernel", "lwip"), short=True),
    frames("frames-http", "HTTP download of 256 MiB", transfer("get"), ("vitrine", "vitrine-coalesced", "nginx", "lwip")),
    frames("frames-https", "HTTPS download of 256 MiB, AES-128-GCM", transfer("get", "aes"), ("vitrine", "nginx", "lwip")),
    frames("frames-https-chacha", "HTTPS download of 256 MiB, ChaCha20-Poly1305", transfer("get", "chacha"), ("vitrine", "nginx")),
    frames("frames-https-up", "HTTPS upload of 256 MiB, AES-128-GCM", transfer("put", "aes"), ("vitrine", "nginx", "lwip")),
]
