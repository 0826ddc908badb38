"""Who is measured: Vitrine, and whom it is compared with. Each starts and stops a server and says where it is found."""
import json
import os
import shlex
import subprocess
import time

from harness.lab import BUILD, Failed, run, stop

CIPHERS = {"aes": "TLS_AES_128_GCM_SHA256", "chacha": "TLS_CHACHA20_POLY1305_SHA256"}


class Peer:
    name = title = host = ""
    ports = {"http": 80, "https": 443, "discard": 9, "chargen": 19}

    def __init__(self, lab, row):
        self.lab, self.row, self.processes = lab, row, []

    def start(self):
        raise NotImplementedError

    def stop(self):
        for process in self.processes:
            stop(process)
        self.processes = []

    def pids(self):
        """With the children: nginx' worker is one."""
        found = [p.pid for p in self.processes]
        for pid in found:
            try:
                with open(f"/proc/{pid}/task/{pid}/children") as f:
                    found += [int(c) for c in f.read().split()]
            except OSError:
                pass
        return found

    def client(self, mode, service, *options, **more):
        return self.lab.client(mode, self.host, self.ports[service], *options, **more)


def serve_help():
    return run([os.path.join(BUILD, "vitrine"), "serve", "--help"])


class Vitrine(Peer):
    name, title, host = "vitrine", "Vitrine", "10.9.0.2"
    build, options = "", ()

    def start(self):
        ca = os.path.join(self.lab.dir, "ca")
        wire = ["--wire", "true-frames"] if self.row.frames else []
        # BENCH_SERVE is for every row, BENCH_SERVE_ROW (https_aes) for one.
        extra = [os.environ.get("BENCH_SERVE", ""), os.environ.get("BENCH_SERVE_" + self.row.name.replace("-", "_"), "")]
        command = [os.path.join(BUILD, self.build, "vitrine"), "serve", "--tap", "vt0", "--fast", "--quiet", "--ca-dir", ca,
                   "--root", self.lab.root, "--msl", "1", "--chargen-port", "19", "--max-connections",
                   str(self.row.connections_max), "--idle-timeout", "3600", *wire, *self.options,
                   *shlex.split(" ".join(extra))]
        self.processes = [self.lab.start(command, self.name, "ready")]


class VitrineSpinning(Vitrine):
    name, title, options = "vitrine-busy-poll", "Vitrine --busy-poll", ("--busy-poll",)

    def start(self):
        if "--busy-poll" not in serve_help():
            raise Failed("this build has no --busy-poll")
        super().start()


class VitrineCoalesced(Vitrine):
    """True frames that the kernel joins before its TCP sees them."""
    name, title, options = "vitrine-coalesced", "Vitrine --wire coalesced", ("--wire", "coalesced")

    def start(self):
        if "coalesced" not in serve_help():
            raise Failed("this build has no --wire coalesced")
        super().start()


class VitrineWithoutEvents(Vitrine):
    name, title, build = "without-events", "Vitrine without events", "notrace"


class Nginx(Peer):
    """nginx on the kernel's TCP: one worker, OpenSSL, the same files, certificate and cipher."""
    name, title = "nginx", "nginx on the kernel's TCP"

    @property
    def host(self):
        return "10.8.1.2" if self.row.frames else "10.8.0.2"

    def start(self):
        d, ca = self.lab.dir, os.path.join(self.lab.dir, "ca")
        temporary = "".join(f"    {n}_temp_path {d}/nginx-{n};\n" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(d + "/nginx.conf", "w") as f:
            f.write(f"""worker_processes 1;
worker_rlimit_nofile 20000;
pid {d}/nginx.pid;
error_log {d}/nginx.err;
daemon off;
user root;
events {{ worker_connections 18000; }}
http {{
{temporary}
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    root {self.lab.root};
    ssl_certificate {ca}/server.pem;
    ssl_certificate_key {ca}/server.key;
    ssl_protocols TLSv1.3;
    ssl_ecdh_curve X25519;
    server {{
        listen 80 backlog=8192;
        listen 443 ssl backlog=8192;
        location = /discard {{ return 204; }}
    }}
}}
""")
        self.processes = [self.lab.start([*self.lab.there, "nginx", "-c", d + "/nginx.conf"], self.name)]
        end = time.time() + 10
        while True:
            try:
                self.client("get", "http", "--path", "/small", seconds=5)
                return
            except Failed as e:
                if time.time() > end or self.processes[0].poll() is not None:
                    self.stop()
                    raise Failed(f"nginx does not start: {self.lab.log(self.name).strip()[-200:]}") from e
                time.sleep(0.05)


class Kernel(Peer):
    """The kernel's TCP with nothing above it: discard and text without end, as Vitrine's."""
    name, title = "kernel", "the kernel's TCP"

    @property
    def host(self):
        return "10.8.1.2" if self.row.frames else "10.8.0.2"

    def start(self):
        self.processes = [self.lab.start([*self.lab.there, os.path.join(BUILD, "bench-kernel"), self.host], self.name, "ready")]


class Iperf3(Kernel):
    """A second opinion on the same: iperf3 on both sides."""
    name, title = "iperf3", "the kernel's TCP, by iperf3"

    def start(self):
        self.processes = [self.lab.start([*self.lab.there, "iperf3", "-s", "-B", self.host, "--forceflush"], self.name, "listening")]

    def client(self, mode, service, *options, **more):
        seconds = options[options.index("--seconds") + 1]
        command = [*self.lab.on_client, "iperf3", "-c", self.host, "-J", "-t", str(max(1, round(float(seconds))))]
        sent = json.loads(run(command + (["-R"] if mode == "receive" else []), 60))
        return {"gbit": sent["end"]["sum_received"]["bits_per_second"] / 1e9}


class Lwip(Peer):
    """lwIP as Debian packages it, under a small server of its raw API."""
    name, title, host = "lwip", "lwIP", "10.9.1.2"

    def start(self):
        program = os.path.join(BUILD, "bench-lwip")
        if not os.path.exists(program):
            raise Failed("no lwIP on this machine (liblwip-dev)")
        ca = os.path.join(self.lab.dir, "ca")
        command = [program, "lw0", self.host, self.lab.root, ca + "/server.pem", ca + "/server.key"]
        self.processes = [self.lab.start(command, self.name, "ready")]


class Ceiling(Peer):
    """What a TAP carries when nobody does any TCP: tests/bench/peers/ceiling.c."""
    name, title, host = "ceiling", "the TAP's ceiling", "10.9.2.2"

    def start(self):
        self.processes = [self.lab.start([os.path.join(BUILD, "bench-ceiling"), "ce0", self.host], self.name, "ready")]


def make_certificates(lab, row):
    """Vitrine makes its development CA when it first starts; the others take the same."""
    vitrine = Vitrine(lab, row)
    vitrine.start()
    vitrine.stop()


KINDS = {k.name: k for k in (Vitrine, VitrineSpinning, VitrineCoalesced, VitrineWithoutEvents, Nginx, Kernel, Iperf3, Lwip, Ceiling)}
