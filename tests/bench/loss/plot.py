"""Pictures of the bench of bad links: heat maps of ratios, and what went on inside two senders. SVG by hand."""
import json

FONT = 'font-family="sans-serif" font-size="12"'


def text(x, y, what, anchor="middle", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {FONT} {more}>{what}</text>'


def document(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">\n<rect width="100%" height="100%" fill="white"/>\n' +
            "\n".join(parts) + "\n</svg>\n")


# ---- heat maps ----

def colour(ratio):
    """Red below one, white at one, green above; full at a factor of two."""
    amount = min(1.0, abs(ratio - 1) if ratio >= 1 else 1 / max(ratio, 0.01) - 1)
    fade = int(255 - 150 * amount)
    return f"rgb({fade},255,{fade})" if ratio >= 1 else f"rgb(255,{fade},{fade})"


def middle(runs):
    values = sorted(r["mbit"] for r in runs)
    n = len(values)
    return values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) / 2


def heat_map(results, pair, title, left, top):
    losses = sorted({c["loss_percent"] for c in results})
    rows = []
    for c in results:
        if (c["rate"], c["rtt_ms"]) not in rows:
            rows.append((c["rate"], c["rtt_ms"]))
    parts = [text(left + 110 + 35 * len(losses), top + 16, title, more='font-weight="bold"')]
    for j, loss in enumerate(losses):
        parts.append(text(left + 145 + 70 * j, top + 36, f"{loss} % lost"))
    for i, (rate, rtt) in enumerate(rows):
        y = top + 44 + 30 * i
        parts.append(text(left + 104, y + 19, f"{rate}bit/s, {rtt} ms", "end"))
        for c in results:
            if (c["rate"], c["rtt_ms"]) != (rate, rtt) or pair not in c["runs"] or "LL" not in c["runs"]:
                continue
            x = left + 110 + 70 * losses.index(c["loss_percent"])
            ratio = middle(c["runs"][pair]) / middle(c["runs"]["LL"])
            parts.append(f'<rect x="{x}" y="{y}" width="70" height="30" fill="{colour(ratio)}" stroke="#888"/>')
            parts.append(text(x + 35, y + 19, f"{ratio:.2f}"))
    return parts, 120 + 70 * len(losses), 44 + 30 * len(rows)


def heat_maps(results):
    a, width, height = heat_map(results, "VL", "Vitrine sends: goodput as a multiple of Linux's", 10, 10)
    b, _, _ = heat_map(results, "LV", "Vitrine receives: the same", 50 + width, 10)
    return document(2 * width + 70, height + 30, a + b)


# ---- series ----

def read_linux(path):
    """bulk --trace: seconds, cwnd, ssthresh, in flight, round trip (us), segments sent again."""
    series = {"cwnd": [], "ssthresh": [], "in flight": [], "RTT": []}
    with open(path, encoding="utf-8") as f:
        for line in f:
            at, cwnd, ssthresh, flight, rtt, _ = (float(v) for v in line.split("\t"))
            series["cwnd"].append((at, cwnd))
            if ssthresh >= 0:
                series["ssthresh"].append((at, ssthresh))
            series["in flight"].append((at, flight))
            series["RTT"].append((at, rtt / 1e3))
    return series


def read_vitrine(path):
    """Events of `vitrine nc --events`."""
    series = {"cwnd": [], "ssthresh": [], "in flight": [], "RTT": []}
    began = None
    with open(path, encoding="utf-8") as f:
        for line in f:
            e = json.loads(line)
            if e["event"] == "tcp_established":
                began = e["at"]
            if began is None or e["event"] not in ("tcp_cwnd", "tcp_rtt"):
                continue
            at = (e["at"] - began) / 1e9
            if e["event"] == "tcp_rtt":
                series["RTT"].append((at, e["srtt"] / 1e6))
                continue
            series["cwnd"].append((at, e["cwnd"]))
            series["in flight"].append((at, e["in_flight"]))
            if e["ssthresh"] < 1 << 30:
                series["ssthresh"].append((at, e["ssthresh"]))
    return series


COLOURS = {"cwnd": "#1f5fbf", "ssthresh": "#c03030", "in flight": "#30a050", "RTT": "#8040a0"}


def thin(points, most=1500):
    """No more points than can be seen; the last of each stretch stays."""
    step = max(1, len(points) // most)
    return points[step - 1::step]


def curve(points, x, y, name):
    path = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in thin(points))
    return f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="1.2"/>'


def panel(series, names, unit, scale, left, top, size, span, high):
    width, height = size
    x = lambda t: left + width * min(t, span) / span  # noqa: E731
    y = lambda v: top + height - height * min(v / scale, high) / high  # noqa: E731
    parts = [f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#888"/>']
    for i in range(5):
        parts.append(text(left - 4, top + height - height * i / 4 + 4, f"{high * i / 4:.3g}", "end"))
        parts.append(text(left + width * i / 4, top + height + 14, f"{span * i / 4:.3g} s"))
    for k, name in enumerate(names):
        if series[name]:
            parts.append(curve(series[name], x, y, name))
        parts.append(text(left + 8 + 90 * k, top + 14, f"{name}, {unit}", "start", f'fill="{COLOURS[name]}"'))
    return parts


def series(traces):
    """traces: (title, series). One column each: windows above, the round trip below, on the same scales."""
    parts = []
    windows = ("cwnd", "ssthresh", "in flight")
    span = max(p[-1][0] for _, s in traces for p in s.values() if p)
    flights = sorted(v for _, s in traces for n in ("cwnd", "in flight") for t, v in s[n] if t > span / 10)
    high = max(1, flights[int(len(flights) * 0.995)] * 1.15 / 1e3) if flights else 1
    rtts = sorted(v for _, s in traces for _, v in s["RTT"])
    rtt_high = max(1, rtts[int(len(rtts) * 0.995)] * 1.15) if rtts else 1
    for i, (title, s) in enumerate(traces):
        left = 60 + 560 * i
        parts.append(text(left + 240, 24, title, more='font-weight="bold"'))
        parts += panel(s, windows, "kB", 1e3, left, 36, (480, 220), span, high)
        parts += panel(s, ("RTT",), "ms", 1, left, 296, (480, 120), span, rtt_high)
    return document(60 + 560 * len(traces), 446, parts)
