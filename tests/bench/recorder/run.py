#!/usr/bin/env python3
"""What the recorder costs when nobody listens: each measure of build/ beside that of build/notrace/, which has no events.

  instructions   of a bulk transfer in memory, counted by callgrind: exact, and the same on every machine
  memory         the time of that transfer: no system calls, so that the share of the events is largest
  TAP            a plain download of `vitrine serve` by a reader of the kernel, in a lab

The two builds take turns, so that a noisy machine is noisy for both. Prints medians with their spread, and the median of the
ratios pair by pair. Ends with status 1 when events cost more than LIMIT of the throughput over the TAP or of the
instructions.

PAIRS (15), MEGABYTES (1000 in memory), DOWNLOAD (400 megabytes) change how much is done.
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

LIMIT = 0.03
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILDS = ("build", "build/notrace")
PAIRS = int(os.environ.get("PAIRS", "15"))
MEGABYTES = os.environ.get("MEGABYTES", "1000")
DOWNLOAD = int(os.environ.get("DOWNLOAD", "400")) * 1000000


def instructions(build, megabytes):
    out = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                          build + "/bench-recorder", str(megabytes)], capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", out.stderr).group(1))


def memory(build):
    """Seconds for a gigabyte."""
    out = subprocess.run([build + "/bench-recorder", MEGABYTES], capture_output=True, text=True, check=True)
    return int(out.stdout) / 1e6


def download(build, directory):
    """Seconds for a gigabyte."""
    log = open(directory + "/log", "w+")
    service = subprocess.Popen([build + "/vitrine", "serve", "--tap", "vt0", "--quiet", "--port", "0", "--root", directory,
                                "--msl", "0.1"], stdout=log, stderr=subprocess.STDOUT)
    try:
        while "ready" not in open(directory + "/log").read():
            if service.poll() is not None:
                sys.exit(open(directory + "/log").read())
            time.sleep(0.05)
        out = subprocess.run(["curl", "-so", "/dev/null", "-w", "%{speed_download}", "--max-time", "120",
                              "http://10.9.0.2/big"], capture_output=True, text=True, check=True)
        return 1e9 / float(out.stdout)
    finally:
        service.send_signal(signal.SIGINT)
        service.wait()


def in_turn(measure):
    """PAIRS values of each build; who goes first alternates."""
    values = {b: [] for b in BUILDS}
    for i in range(PAIRS):
        for b in BUILDS if i % 2 == 0 else reversed(BUILDS):
            values[b].append(measure(b))
    return values


def show(name, unit, values):
    def spread(v):
        return "%.3f (%.3f to %.3f)" % (statistics.median(v), min(v), max(v))
    ratios = sorted(a / b for a, b in zip(values[BUILDS[0]], values[BUILDS[1]]))
    quarter = len(ratios) // 4
    cost = statistics.median(ratios) - 1
    print("%-12s %-28s %-28s %+.1f %% (half of the pairs %+.1f to %+.1f)" % (
        name, spread(values[BUILDS[0]]) + unit, spread(values[BUILDS[1]]) + unit, 100 * cost,
        100 * (ratios[quarter] - 1), 100 * (ratios[-1 - quarter] - 1)), flush=True)
    return cost


def main():
    os.chdir(ROOT)
    if "VITRINE_LAB" not in os.environ:
        os.execv("scripts/lab", ["scripts/lab", os.path.abspath(__file__)])
    directory = tempfile.mkdtemp(prefix="vitrine-bench.", dir="/dev/shm")
    try:
        with open(directory + "/big", "wb") as big:
            big.truncate(DOWNLOAD)
        print("%-12s %-28s %-28s %s" % ("", "with events", "without", "cost"))
        costs = []
        if shutil.which("valgrind"):
            # The difference of two lengths: what happens once does not count.
            few, many = ({b: instructions(b, n) for b in BUILDS} for n in (20, 60))
            counted = {b: [(many[b] - few[b]) / 40 * 1e-6] for b in BUILDS}
            costs.append(show("instructions", " M/MB", counted))
        else:
            print("%-12s %s" % ("instructions", "not counted: there is no valgrind"))
        show("memory", " s/GB", in_turn(memory))
        costs.append(show("TAP", " s/GB", in_turn(lambda b: download(b, directory))))
    finally:
        shutil.rmtree(directory)
    if max(costs) > LIMIT:
        sys.exit("events cost more than %.0f %%" % (100 * LIMIT))


main()
