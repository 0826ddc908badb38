#!/usr/bin/env python3
"""How fast: Vitrine beside nginx on the kernel's TCP, the kernel's TCP alone, lwIP and the ceiling of the TAP, in turn.

    tests/bench/run.py [--rows NAME,…] [--short] [--pairs N] [--out DIR] [--list]

In each row every peer has its turn, PAIRS times; who begins moves on by one each time, so that a noisy machine is noisy for all.
The client is the same program on the kernel's sockets for all of them (tests/bench/client). Prints the medians, their spread,
Vitrine's ratio to each, and whether the bars are reached; where one is not, one more turn is sampled by perf, if there is one. Writes
bench.json, bench.svg, the table of bench.md and flame-ROW.svg after each row.

BENCH=row,row (or short)  only these rows          BENCH_PAIRS=N      pairs [5]
BENCH_SERVE="OPTION…"     more for every `vitrine serve`; BENCH_SERVE_https_aes="…" for those of one row
BENCH_OUT=DIR             where the files go [docs/measurements for a run of everything with at least 5 pairs, else build/bench]
BENCH_PIN=0               leaves it to the scheduler who runs where (else: servers on the first core, the client on the second)

All that it starts has a limit of time and ends with the lab.
"""
import argparse
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import chart, profile, results  # noqa: E402
from harness.lab import ROOT, Failed, Lab  # noqa: E402
from harness.peers import KINDS, make_certificates  # noqa: E402
from harness.rows import ROWS  # noqa: E402

FAILURES = 2  # after so many in a row the rest of a peer's turns is left out


class Turns:
    """All turns of one row."""

    def __init__(self, lab, row, pairs):
        self.lab, self.row, self.pairs = lab, row, pairs
        self.peers, self.missing, self.failures = {}, {}, {}

    def begin(self):
        for name in self.row.peers:
            peer = KINDS[name](self.lab, self.row)
            try:
                if not self.alone(name):
                    peer.start()
                self.peers[name] = peer
            except Failed as e:
                self.missing[name] = str(e).replace(ROOT + "/", "")
        for name in [n for n in self.peers if not self.alone(n)] * self.row.warm:
            try:
                self.turn(name)
            except Failed as e:
                print(f"  {name}, before the first pair: {e}", file=sys.stderr, flush=True)

    def alone(self, name):
        """Shares its TAP with another of the row, so that only one can run at a time; or must be fresh each time."""
        return self.row.fresh or sum(KINDS[n].host == KINDS[name].host for n in self.row.peers if KINDS[n].host) > 1 and name != "nginx"

    def turn(self, name):
        peer = self.peers[name]
        try:
            if self.alone(name):
                peer.start()
            return self.row.turn(self.lab, self.row, peer)
        finally:
            if self.alone(name):
                peer.stop()

    def sampled(self, name):
        """One more turn, which does not count, under perf."""
        peer = self.peers[name]
        try:
            if self.alone(name):
                peer.start()
            samples = profile.Profile(self.lab.dir, peer.pids())
            try:
                self.row.turn(self.lab, self.row, peer)
            finally:
                stacks = samples.end()
            return stacks
        finally:
            if self.alone(name):
                peer.stop()

    def pair(self, number):
        order = list(self.peers)
        got = {}
        for name in order[number % len(order):] + order[:number % len(order)] if order else []:
            if name in self.missing:
                continue
            try:
                got[name] = self.turn(name)
                self.failures[name] = 0
            except Failed as e:
                self.failures[name] = self.failures.get(name, 0) + 1
                print(f"  {name}: {e}", file=sys.stderr, flush=True)
                if self.failures[name] == FAILURES:
                    self.missing[name] = str(e).replace(ROOT + "/", "")
        self.row.close(got)
        return got

    def end(self):
        for peer in self.peers.values():
            peer.stop()


def facts(options):
    """Of the machine and the sources."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "")
    return {"date": time.strftime("%Y-%m-%d", time.gmtime()), "commit": commit, "kernel": os.uname().release.split("-")[0],
            "cpu": cpu, "cores": os.cpu_count(), "pinned": options.pinned, "serve": os.environ.get("BENCH_SERVE", "")}


def measure(lab, row, options, store):
    began, load = time.time(), os.getloadavg()[0]
    turns = Turns(lab, row, options.pairs)
    try:
        turns.begin()
        came = summary(row, turns, [turns.pair(n) for n in range(options.pairs)])
        if profile.available() and results.missed(came):
            try:
                stacks = turns.sampled(row.bars_at)
                if not stacks:
                    raise Failed("perf saw nothing")
                came["profile"], came["system_calls"] = profile.tops(stacks), profile.system_calls(stacks)
                store.put_flame(row.name, profile.flame(stacks, f"{row.title}: {KINDS[row.bars_at].title}"))
            except (Failed, subprocess.SubprocessError) as e:
                print(f"  no profile: {e}", file=sys.stderr, flush=True)
    finally:
        turns.end()
    came["facts"] = {**facts(options), "load": load, "took": round(time.time() - began, 1)}
    return came


def summary(row, turns, pairs):
    return {"name": row.name, "title": row.title, "unit": row.unit, "less": row.less, "of": row.bars_at,
            "peers": {n: KINDS[n].title for n in row.peers}, "missing": turns.missing,
            "bars": [{"peer": b.peer, "factor": b.factor, "key": b.key, "most": b.most, "of": b.of, "text": b.text(row.unit)} for b in row.bars],
            "pairs": pairs}


def estimate(rows, pairs):
    return sum((pairs + r.warm) * sum(r.about for _ in r.peers) + 1.5 for r in rows)


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rows", default=os.environ.get("BENCH", ""))
    p.add_argument("--short", action="store_true", help="ten rows, each kind once")
    p.add_argument("--pairs", type=int, default=int(os.environ.get("BENCH_PAIRS", "5")))
    p.add_argument("--out", default=os.environ.get("BENCH_OUT", ""))
    p.add_argument("--list", action="store_true", help="names the rows")
    o = p.parse_args()
    o.short = o.short or o.rows == "short"
    names = [r.name for r in ROWS]
    wanted = [] if o.rows == "short" else [n for n in o.rows.replace(" ", ",").split(",") if n]
    unknown = [n for n in wanted if n not in names]
    if unknown or o.pairs < 1:
        p.error(f"no such row: {', '.join(unknown)}; there are {', '.join(names)}" if unknown else "at least one pair")
    o.chosen = [r for r in ROWS if (r.name in wanted if wanted else r.short or not o.short)]
    whole = len(o.chosen) == len(ROWS) and o.pairs >= 5
    o.out = os.path.join(ROOT, o.out or ("docs/measurements" if whole else "build/bench"))
    return o


def main():
    options = parse()
    if options.list:
        for row in ROWS:
            print(f"{row.name:<20} {row.title}{'  (short)' if row.short else ''}")
        return
    if "VITRINE_LAB" not in os.environ:
        lab = os.path.join(ROOT, "scripts/lab")
        os.execv(lab, [lab, "--name", f"bench-{os.getpid()}", *sys.argv])
    print(f"{len(options.chosen)} rows, {options.pairs} pairs, about {estimate(options.chosen, options.pairs) / 60:.0f} minutes",
          flush=True)
    store = results.Store(options.out, [r.name for r in ROWS])
    lab = Lab()
    options.pinned = lab.pinned
    try:
        make_certificates(lab, ROWS[0])
        for row in options.chosen:
            came = measure(lab, row, options, store)
            store.put(came, chart.draw)
            print("\n".join(results.lines(came)), flush=True)
    finally:
        lab.close()
    print(f"written: {options.out}/bench.json, bench.svg, bench.md")


if __name__ == "__main__":
    try:
        main()
    except (Failed, KeyboardInterrupt) as e:
        sys.exit(f"bench: {e or 'interrupted'}")
