"""The table as a picture: for each row how Vitrine stands to each peer, on a logarithmic scale, with the bars. SVG by hand."""
import html
import math

from harness import results

FONT = 'font-family="sans-serif" font-size="12"'
LEFT, WIDTH, LINE = 240, 560, 18
LOW, HIGH = 0.25, 16  # ratios at the edges
COLOURS = {"vitrine-coalesced": "#f57900", "kernel": "#3465a4", "nginx": "#3465a4", "iperf3": "#8fb0d8", "lwip": "#75507b", "ceiling": "#888a85",
           "vitrine-busy-poll": "#c4a000", "without-events": "#555753"}


def text(x, y, what, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {FONT} {more}>{html.escape(what)}</text>'


def place(ratio):
    ratio = min(max(ratio, LOW), HIGH)
    return LEFT + WIDTH * math.log(ratio / LOW) / math.log(HIGH / LOW)


def comparisons(row):
    """(peer, how many times better Vitrine is, the bars). Better is less where less is better."""
    for peer in row["peers"]:
        both = results.ratios(row, peer) if peer != row["of"] else None
        if both:
            bars = [b["factor"] for b in row["bars"] if b["peer"] == peer and b["key"] == "value" and not b.get("of")]
            yield peer, 1 / both[0] if row["less"] else both[0], bars


def draw(rows):
    parts, y = [], 40
    for row in rows:
        found = list(comparisons(row))
        if not found:
            continue
        parts.append(text(8, y + 13, row["title"], more='font-weight="bold"'))
        y += LINE
        for peer, ratio, bars in found:
            good = all(ratio >= b for b in bars)
            left, right = sorted((place(1), place(ratio)))
            parts.append(text(LEFT - 8, y + 13, row["peers"][peer], "end"))
            parts.append(f'<rect x="{left:.1f}" y="{y + 3}" width="{max(1, right - left):.1f}" height="{LINE - 6}" '
                         f'fill="{COLOURS.get(peer, "#888")}" fill-opacity="{1 if good else 0.45}"/>')
            parts.append(text(LEFT + WIDTH + 8, y + 13, f"{ratio:.2f}" + ("" if good else "  below the bar")))
            parts += [f'<line x1="{place(b):.1f}" x2="{place(b):.1f}" y1="{y}" y2="{y + LINE}" stroke="#cc0000" stroke-width="2"/>'
                      for b in bars]
            y += LINE
        y += 6
    grid = [text(8, 20, "How many times better Vitrine is than each peer (red: the bar; pale: below it)", more='font-weight="bold"')]
    ratio = LOW
    while ratio <= HIGH:
        x = place(ratio)
        grid.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="34" y2="{y}" stroke="{"#000" if ratio == 1 else "#ddd"}"/>')
        grid.append(text(x, y + 16, f"{ratio:g}", "middle"))
        ratio *= 2
    width, height = LEFT + WIDTH + 130, y + 28
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
            '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(grid + parts) + "\n</svg>\n")
