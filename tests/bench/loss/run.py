#!/usr/bin/env python3
"""The bench of bad links: Linux to Linux, Vitrine to Linux and Linux to Vitrine over `vitrine wire`, in turn.

Runs in a lab (scripts/lab) with one more network namespace. In each namespace a bridge joins the kernel and
Vitrine's TAP with the wire's, so that both stacks take the same way. The sender is always on the left:

    kernel 10.8.0.1  ─┐                                         ┌─  kernel 10.8.0.2
                      br0 ─ wa ═════ vitrine wire ═════ wb ─ br0
    Vitrine 10.8.0.11 ─┘  vl                               vr   └─  Vitrine 10.8.0.12

A cell is a rate, a round trip and a loss (on the way of the data; the queue holds one bandwidth-delay
product, 10 full frames at the least). In each repeat of a cell all pairs of stacks have their turn, with the
same seed of the wire, and each turn begins with a new connection. Goodput is what the receiving
application got within SECONDS from its first byte on, slow start included.

    tests/bench/loss/run.py [--full] [--rates 10m,100m] [--rtts 20] [--losses 0,1] [--repeats N]
        [--seconds S] [--pairs LL,VL,LV] [--out DIR] [--trace RATE,RTT,LOSS]

Everything that it starts has a limit of time and ends with the lab.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import plot  # noqa: E402

VITRINE = os.path.join(ROOT, "build/vitrine")
BULK = os.path.join(ROOT, "build/bench-bulk")
KERNEL = {"left": "10.8.0.1", "right": "10.8.0.2"}
OURS = {"left": "10.8.0.11", "right": "10.8.0.12"}
NAMES = {"LL": "Linux to Linux", "VL": "Vitrine to Linux", "LV": "Linux to Vitrine",
         "VV": "Vitrine to Vitrine"}
BUFFER = 64 << 20  # bytes that either kernel may use for a socket: never the limit here

FULL = {"rates": ["10m", "100m", "1g"], "rtts": [1, 20, 100], "losses": [0, 0.1, 1, 3]}
# The short way: every kind of cell once, in a few minutes.
SHORT = [("10m", 20, 1), ("100m", 1, 1), ("100m", 20, 0), ("100m", 20, 0.1), ("100m", 20, 1),
         ("100m", 20, 3), ("100m", 100, 1)]


def rate_of(text):
    return float(text[:-1]) * {"k": 1e3, "m": 1e6, "g": 1e9}[text[-1]]


class Lab:
    """The two namespaces, their bridges and TAPs."""

    def __init__(self, directory):
        self.dir = directory
        self.far = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        mine = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.far.pid}/ns/net") == mine:
            time.sleep(0.02)
        # Nobody else's load is to change what the wire does: it comes first, and the stacks second.
        able = subprocess.run(["chrt", "-f", "1", "true"], capture_output=True).returncode == 0
        self.first = ["chrt", "-f", "20"] if able else []
        self.second = ["chrt", "-f", "10"] if able else []
        for side, ends in (("left", ("wa", "vl")), ("right", ("wb", "vr"))):
            self.lay(side, ends)

    def there(self, side):
        return ["nsenter", "-t", str(self.far.pid), "--net"] if side == "right" else []

    def sh(self, side, command):
        subprocess.run([*self.there(side), "sh", "-c", command], check=True)

    def lay(self, side, taps):
        quiet = "/proc/sys/net/ipv6/conf/all/disable_ipv6"
        self.sh(side, f"[ ! -e {quiet} ] || echo 1 >{quiet}; ip link set lo up")
        self.sh(side, "ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up && "
                      f"ip address add {KERNEL[side]}/24 dev br0")
        for tap in taps:
            self.sh(side, f"ip tuntap add dev {tap} mode tap && "
                          f"ip link set {tap} master br0 txqueuelen 20000 up")
        for name, value in (("tcp_wmem", f"4096 16384 {BUFFER}"), ("tcp_rmem", f"4096 131072 {BUFFER}"),
                            ("tcp_no_metrics_save", "1")):
            self.sh(side, f"echo {value} >/proc/sys/net/ipv4/{name}")

    def start(self, side, command, name, **more):
        """A program on that side; what it prints is in DIR/NAME.out and DIR/NAME.err."""
        out = more.pop("stdout", None) or open(os.path.join(self.dir, name + ".out"), "w")
        err = open(os.path.join(self.dir, name + ".err"), "w")
        return subprocess.Popen([*self.there(side), *command], stdout=out, stderr=err, **more)

    def output(self, name):
        with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_for(self, name, text, seconds=10):
        end = time.time() + seconds
        while text not in self.output(name):
            if time.time() > end:
                raise RuntimeError(f"{name} never said {text!r}: {self.output(name)}")
            time.sleep(0.005)


def last_json(text):
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    return {}


def ended(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Turn:
    """One transfer over one wire."""

    def __init__(self, lab, pair, cell, seed, seconds, options, trace=None):
        self.lab, self.pair, self.seconds, self.trace = lab, pair, seconds, trace
        self.options = options
        rate, rtt, loss = cell
        self.wire = lab.start("left", [
            *lab.first, VITRINE, "wire", "--a", "wa", "--b", f"wb@{lab.far.pid}", "--rate", rate, "--delay",
            f"{rtt * 500}us", "--queue", "1bdp", "--loss-ab", f"{loss}%", "--seed", str(seed),
            "--json"], "wire")
        lab.wait_for("wire.out", "ready")
        self.running = []

    def nc(self, side, port, name, **more):
        command = [*self.lab.second, VITRINE, "nc", "--tap", "vl" if side == "left" else "vr", "--address",
                   f"{OURS[side]}/24", "--stats"]
        if self.options.tcp:
            command += ["--tcp", self.options.tcp]
        if self.trace and name == "sender":
            command += ["--events", self.trace]
        other = "right" if side == "left" else "left"
        return self.lab.start(side, [*command, KERNEL[other], str(port)], name, **more)

    def bulk(self, side, what, arguments, name, **more):
        command = [*self.lab.second, BULK, what, "--for", str(self.seconds), *arguments]
        if what == "send":
            command += ["--cc", self.options.cc]
            if self.trace:
                command += ["--trace", self.trace]
        return self.lab.start(side, command, name, **more)

    def run(self):
        port = 5001
        if self.pair == "LV":  # our end opens, and the kernel's sends
            sender = self.bulk("left", "send", ["--listen", KERNEL["left"], str(port)], "sender")
            self.lab.wait_for("sender.err", "ready")
            ours = self.nc("right", port, "pipe", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            receiver = self.bulk("right", "receive", ["--stdin"], "receiver", stdin=ours.stdout)
            ours.stdout.close()
            self.running = [ours]
        else:
            receiver = self.bulk("right", "receive", ["--listen", KERNEL["right"], str(port)], "receiver")
            self.lab.wait_for("receiver.err", "ready")
            if self.pair == "VL":
                with open("/dev/zero", "rb") as zeros:
                    sender = self.nc("left", port, "sender", stdin=zeros, stdout=subprocess.DEVNULL)
            else:
                sender = self.bulk("left", "send", ["--connect", KERNEL["right"], str(port)], "sender")
        self.running += [sender, receiver]
        ended(receiver, self.seconds + 30)
        if self.pair == "LV":
            self.running[0].send_signal(signal.SIGTERM)  # nc need not see that its reader has gone
        ended(sender, 3)
        return self.result()

    def result(self):
        for process in self.running:
            ended(process, 2)
        self.wire.send_signal(signal.SIGINT)
        ended(self.wire, 5)
        got = last_json(self.lab.output("receiver.out"))
        sent = last_json(self.lab.output("sender.out") if self.pair != "VL" else self.lab.output("sender.err"))
        wire = last_json(self.lab.output("wire.out"))
        if not got or not wire:
            raise RuntimeError("a turn failed: " + self.lab.output("receiver.err") + self.lab.output("sender.err") +
                               self.lab.output("wire.err"))
        late = wire["ab"]["late_us"]
        return {
            "mbit": got["bytes"] * 8e-6 / self.seconds,
            "mbit_second_half": got["late_bytes"] * 16e-6 / self.seconds,
            "retransmitted": 100 * sent.get("retransmitted", 0) / max(1, sent.get("segments", 0)),
            "lost": wire["ab"]["lost"],
            "queue_full": wire["ab"]["queue_full"],
            "not_taken": wire["ab"]["not_taken"] + wire["ba"]["not_taken"],
            "late_share": 100 * late["more"] / max(1, sum(late.values())),
        }


def median(runs, key="mbit"):
    return statistics.median(r[key] for r in runs)


def spread(runs):
    values = [r["mbit"] for r in runs]
    return f"{min(values):.3g} to {max(values):.3g}"


HEADER = (f"{'rate':>5} {'RTT':>6} {'loss':>5}  {'pair':<19} {'Mbit/s':>8}  {'(spread)':<18} {'resent':>7} "
          f"{'to Linux':>8}")


def show(cell, pair, runs, linux):
    rate, rtt, loss = cell
    ratio = f"{median(runs) / median(linux):8.2f}" if linux and pair != "LL" else " " * 8
    print(f"{rate:>5} {rtt:>3} ms {loss:>4}%  {NAMES[pair]:<19} {median(runs):8.2f}  ({spread(runs)})".ljust(68) +
          f"{median(runs, 'retransmitted'):6.2f}% {ratio}", flush=True)


def measure(lab, options, cells):
    results = []
    print(HEADER)
    for number, cell in enumerate(cells):
        runs = {pair: [] for pair in options.pairs}
        for repeat in range(options.repeats):
            turn = repeat % len(options.pairs)
            for pair in options.pairs[turn:] + options.pairs[:turn]:
                seed = options.seed + 1000 * number + repeat
                runs[pair].append(Turn(lab, pair, cell, seed, options.seconds, options).run())
        for pair in options.pairs:
            show(cell, pair, runs[pair], runs.get("LL"))
        results.append({"rate": cell[0], "rtt_ms": cell[1], "loss_percent": cell[2], "runs": runs})
    return results


def write(options, results, traces):
    os.makedirs(options.out, exist_ok=True)
    facts = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "kernel": os.uname().release.split("-")[0],
             "cores": os.cpu_count(), "seconds": options.seconds, "repeats": options.repeats,
             "seed": options.seed, "linux_cc": options.cc, "vitrine_tcp": options.tcp, "cells": results}
    with open(os.path.join(options.out, "loss.json"), "w", encoding="utf-8") as f:
        json.dump(facts, f, separators=(",", ":"))
        f.write("\n")
    with open(os.path.join(options.out, "loss.tsv"), "w", encoding="utf-8") as f:
        f.write("rate\trtt_ms\tloss_percent\tpair\tmbit_median\tmbit_least\tmbit_most\tresent_percent\tto_linux\n")
        for cell in results:
            for pair, runs in cell["runs"].items():
                linux = cell["runs"].get("LL")
                ratio = f"{median(runs) / median(linux):.3f}" if linux else ""
                values = [r["mbit"] for r in runs]
                f.write(f"{cell['rate']}\t{cell['rtt_ms']}\t{cell['loss_percent']}\t{pair}\t{median(runs):.3f}\t"
                        f"{min(values):.3f}\t{max(values):.3f}\t{median(runs, 'retransmitted'):.3f}\t{ratio}\n")
    with open(os.path.join(options.out, "loss-ratio.svg"), "w", encoding="utf-8") as f:
        f.write(plot.heat_maps(results))
    if traces:
        with open(os.path.join(options.out, "loss-series.svg"), "w", encoding="utf-8") as f:
            f.write(plot.series(traces))
    print(f"written: {options.out}/loss.json, loss.tsv, loss-ratio.svg" + (", loss-series.svg" if traces else ""))


def trace_cell(lab, options):
    """One turn of each sender with its inside written down; not counted, since writing takes time too."""
    rate, rtt, loss = options.trace.split(",")
    cell = (rate, float(rtt), float(loss))
    traces = []
    for pair, read in (("LL", plot.read_linux), ("VL", plot.read_vitrine)):
        if pair in options.pairs:
            if options.keep:
                os.makedirs(options.out, exist_ok=True)
            path = os.path.join(options.out if options.keep else lab.dir, "trace-" + pair)
            Turn(lab, pair, cell, options.seed, options.seconds, options, trace=path).run()
            traces.append((f"{NAMES[pair]}, {rate}bit/s, {rtt} ms, {loss} % lost", read(path)))
    return traces


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--full", action="store_true", default=os.environ.get("LOSS_GRID") == "full")
    p.add_argument("--rates")
    p.add_argument("--rtts", help="ms")
    p.add_argument("--losses", help="percent")
    p.add_argument("--repeats", type=int, default=int(os.environ.get("LOSS_REPEATS", "3")))
    p.add_argument("--seconds", type=float, default=float(os.environ.get("LOSS_SECONDS", "0")))
    p.add_argument("--pairs", default="LL,VL,LV")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--cc", default="cubic", help="of the kernel's senders")
    p.add_argument("--tcp", default=os.environ.get("LOSS_TCP", "send_buffer=32m,receive_buffer=32m"),
                   help="of vitrine nc --tcp")
    p.add_argument("--trace", default="100m,20,1")
    p.add_argument("--keep", action="store_true", help="the traces too, as trace-LL and trace-VL")
    p.add_argument("--out", default=os.path.join(ROOT, "build/bench-loss"))
    o = p.parse_args()
    o.pairs = o.pairs.split(",")
    o.seconds = o.seconds or (8 if o.full else 5)
    return o


def cells_of(o):
    if not (o.full or o.rates or o.rtts or o.losses):
        return SHORT
    rates = o.rates.split(",") if o.rates else FULL["rates"]
    rtts = [float(r) for r in o.rtts.split(",")] if o.rtts else FULL["rtts"]
    losses = [float(x) for x in o.losses.split(",")] if o.losses else FULL["losses"]
    return [(rate, int(rtt) if rtt == int(rtt) else rtt, int(loss) if loss == int(loss) else loss)
            for rate in rates for rtt in rtts for loss in losses]


def main():
    options = parse()
    if "VITRINE_LAB" not in os.environ:
        lab = os.path.join(ROOT, "scripts/lab")
        os.execv(lab, [lab, "--name", f"bench-loss-{os.getpid()}", *sys.argv])
    cells = cells_of(options)
    turns = len(cells) * options.repeats * len(options.pairs)
    print(f"{len(cells)} cells, {turns} turns of {options.seconds:g} s, "
          f"about {turns * (options.seconds + 0.6) / 60:.0f} minutes", flush=True)
    directory = tempfile.mkdtemp(prefix="vitrine-loss.")
    try:
        lab = Lab(directory)
        results = measure(lab, options, cells)
        write(options, results, trace_cell(lab, options) if options.trace else [])
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
