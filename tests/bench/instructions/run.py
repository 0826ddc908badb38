#!/usr/bin/env python3
"""How many instructions the server spends on each request, connection, handshake, MiB and segment; counted by callgrind.

    tests/bench/instructions/run.py [--check] [--top N] [NAME…]

A server and a client run in one process, in memory (bench-instructions); only what the server does is counted: the stack, TLS, HTTP
and the functions of the C library that they call, without the TAP and without the kernel. Each number is the difference of a long
run and a short one, so that what happens once does not count. Randomness and clocks of the server are fixed.

Writes docs/measurements/instructions.md. With --check nothing is written: the numbers are held against that page, and the command ends
with status 1 if one has grown by more than TOLERANCE; the page is of one compiler and one C library, and with others its numbers are
others. --top N names the N functions that cost most.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

TOLERANCE = 0.03
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PROGRAM = os.path.join(ROOT, "build/bench-instructions")
PAGE = os.path.join(ROOT, "docs/measurements/instructions.md")
BEGIN, END = "<!-- the table, written by the run -->", "<!-- end of the table -->"

# What, in words; of what there is one count; the short and the long run; whether it is by data segments that the server sends or
# receives.
MEASURES = {
    "request": ("a small answer on an open connection, plain", "request", 50, 250, None),
    "request-tls": ("the same over TLS 1.3, AES-128-GCM", "request", 50, 1050, None),
    "connect": ("a plain connection with one request, from SYN to the last ACK", "connection", 10, 60, None),
    "handshake": ("the same over TLS 1.3: P-256 certificate, X25519", "connection", 2, 8, None),
    "resume": ("the same with a resumed session", "connection", 3, 9, None),
    "download": ("a file over HTTP, offloads", "MiB", 4, 20, None),
    "download-aes": ("a file over HTTPS, AES-128-GCM, offloads", "MiB", 2, 8, None),
    "download-chacha": ("a file over HTTPS, ChaCha20-Poly1305, offloads", "MiB", 2, 8, None),
    "upload-aes": ("an upload over HTTPS, AES-128-GCM, offloads", "MiB", 2, 8, None),
    "out": ("text without end, offloads", "MiB", 4, 20, None),
    "in": ("data that is discarded, offloads", "MiB", 4, 20, None),
    "frames-out": ("text without end, true frames", "segment sent", 4, 20, 0),
    "frames-in": ("data that is discarded, true frames", "segment received", 4, 20, 1),
}


def count(name, times, out="/dev/null"):
    """(instructions, (segments sent, segments received)) of one run."""
    directory = tempfile.mkdtemp(prefix="vitrine-instructions.")
    try:
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=server_turn",
                               "--toggle-collect=server_transmit", PROGRAM, directory, name, str(times)],
                              capture_output=True, text=True, timeout=600)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"bench-instructions {name}: {done.stderr[-500:]}")
    return int(found.group(1)), tuple(int(n) for n in done.stdout.split())


def measure(name):
    _, _, few, many, segments = MEASURES[name]
    low, high = count(name, few), count(name, many)
    units = many - few if segments is None else high[1][segments] - low[1][segments]
    return round((high[0] - low[0]) / units)


def tops(name, number):
    with tempfile.NamedTemporaryFile(suffix=".callgrind") as f:
        count(name, MEASURES[name][3], f.name)
        text = subprocess.run(["callgrind_annotate", "--auto=no", f.name], capture_output=True, text=True).stdout
    lines = re.findall(r"^ *([\d,]+) \(([ \d.]+)%\)  \S*?:(\S+)", text, re.M)
    return [f"    {share.strip():>5} %  {function}" for _, share, function in lines if function != "PROGRAM"][:number]


def compiler():
    with open(os.path.join(ROOT, "build/flags"), encoding="utf-8") as f:
        cc = f.read().split()[0]
    version = subprocess.run([cc, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    libc = os.confstr("CS_GNU_LIBC_VERSION") if "CS_GNU_LIBC_VERSION" in os.confstr_names else ""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        flags = next((line for line in f if line.startswith("flags")), "").split()
    return f"{version}, {libc}, {'with' if 'aes' in flags and 'avx2' in flags else 'without'} AES-NI and AVX2"


def known():
    """name -> instructions, from the page."""
    with open(PAGE, encoding="utf-8") as f:
        return {m.group(1): int(m.group(2).replace(",", ""))
                for m in re.finditer(r"^\| `([\w-]+)` \|[^|]*\|[^|]*\| ([\d,]+) \|", f.read(), re.M)}


def write(numbers):
    with open(PAGE, encoding="utf-8") as f:
        head, _, rest = f.read().partition(BEGIN)
    rows = ["| | What | Of each | Instructions |", "|---|---|---|---|"]
    rows += [f"| `{n}` | {MEASURES[n][0]} | {MEASURES[n][1]} | {numbers[n]:,} |" for n in MEASURES if n in numbers]
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(f"{head}{BEGIN}\n\n" + "\n".join(rows) + f"\n\n{compiler()}.\n\n{END}{rest.partition(END)[2]}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--check", action="store_true")
    p.add_argument("--top", type=int, default=0, metavar="N")
    p.add_argument("names", nargs="*", metavar="NAME")
    o = p.parse_args()
    if any(n not in MEASURES for n in o.names):
        p.error(f"there are {', '.join(MEASURES)}")
    before, numbers = known(), {}
    if o.names and not o.check:
        numbers.update(before)
    grown = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        names = [n for n in MEASURES if n in o.names or not o.names]
        for name, got in zip(names, pool.map(measure, names)):
            change = got / before[name] - 1 if name in before else 0
            numbers[name] = got
            print(f"{name:<16} {got:>14,} for each {MEASURES[name][1]:<18} {100 * change:+6.1f} %", flush=True)
            print("\n".join(tops(name, o.top)), end="\n" if o.top else "")
            if change > TOLERANCE:
                grown.append(f"{name}: {before[name]:,} to {got:,}")
    if not o.check:
        write(numbers)
    elif grown:
        sys.exit("more instructions than docs/measurements/instructions.md says:\n  " + "\n  ".join(grown))


main()
