"""Where a server's time goes: samples of perf as shares of functions, and as a flame graph. SVG by hand."""
import collections
import html
import os
import re
import shutil
import signal
import subprocess
import time

RATE = 997  # samples in a second, and not in step with anything
WIDTH, LINE, LEAST = 1200, 16, 0.002  # narrower than this share of the whole is left out
FONT = 'font-family="sans-serif" font-size="11"'


class Profile:
    """Of these processes, from now until `end`."""

    def __init__(self, directory, pids):
        self.file = os.path.join(directory, "perf.data")
        self.process = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(RATE), "--call-graph", "fp", "-o", self.file,
                                         "-p", ",".join(map(str, pids))], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3)

    def end(self):
        """Stacks, outermost first, with how often each was seen."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        text = subprocess.run(["perf", "script", "-i", self.file, "-F", "ip,sym"], capture_output=True, text=True, timeout=120).stdout
        stacks = collections.Counter()
        for sample in re.split(r"\n\s*\n", text):
            names = [line.split(None, 1)[1].strip() if len(line.split(None, 1)) > 1 else "[unknown]"
                     for line in sample.strip().splitlines()]
            if names:
                stacks[tuple(reversed(names))] += 1
        return stacks


def available():
    return shutil.which("perf") is not None


def tops(stacks, number=12):
    """(share, function), by the time spent in it and not in what it calls."""
    own = collections.Counter()
    for stack, count in stacks.items():
        own[stack[-1]] += count
    total = sum(own.values())
    return [(round(count / total, 4), name) for name, count in own.most_common(number)] if total else []


def system_calls(stacks, least=0.02):
    """(share, name): with all that the kernel does in them."""
    total, inside = sum(stacks.values()), collections.Counter()
    for stack, count in stacks.items():
        found = next((m.group(1) for m in map(re.compile(r"__(?:x64|do)_sys_(?:new)?(\w+)").match, stack) if m), None)
        if found:
            inside[found] += count
    return [(round(count / total, 4), name) for name, count in inside.most_common() if count / total >= least]


def colour(name):
    tone = sum(name.encode()) % 60
    return f"rgb({205 + tone % 50},{90 + 2 * tone},{40 + tone})"


def flame(stacks, title):
    """Widths are time, callers below those whom they call."""
    total = sum(stacks.values())
    parts, depth_max = [], 0
    # Those with the same callers lie side by side, in the order of their names.
    open_now = []  # (name, where it began)
    at = 0

    def close(down_to):
        nonlocal depth_max
        while len(open_now) > down_to:
            name, began = open_now.pop()
            if (at - began) / total >= LEAST:
                parts.append((len(open_now), began, at, name))
                depth_max = max(depth_max, len(open_now))
    for stack in sorted(stacks):
        same = 0
        while same < min(len(stack), len(open_now)) and open_now[same][0] == stack[same]:
            same += 1
        close(same)
        open_now += [(name, at) for name in stack[same:]]
        at += stacks[stack]
    close(0)
    height = (depth_max + 1) * LINE + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
           '<rect width="100%" height="100%" fill="white"/>', f'<text x="8" y="20" {FONT} font-weight="bold">{html.escape(title)}</text>']
    for depth, began, ended, name in parts:
        x, width = began / total * WIDTH, (ended - began) / total * WIDTH
        y = height - 8 - (depth + 1) * LINE
        share = f"{100 * (ended - began) / total:.1f} %"
        shown = name if len(name) * 6.2 < width else name[:max(0, int(width / 6.2) - 1)]
        out.append(f'<g><title>{html.escape(name)}, {share}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{LINE - 1}" '
                   f'fill="{colour(name)}"/><text x="{x + 3:.1f}" y="{y + 12}" {FONT}>{html.escape(shown)}</text></g>')
    return "\n".join(out) + "\n</svg>\n"
