"""What came out: summaries of the pairs, the table for people, and the file that a later run goes on from."""
import json
import os
import statistics

BEGIN, END = "<!-- the table, written by the run -->", "<!-- end of the table -->"


def values(row, peer, key="value"):
    return [p[peer][key] for p in row["pairs"] if key in p.get(peer, {})]


def ratios(row, peer, key="value", of=None):
    """Of the row's own peer to that one: the median of the pairs' ratios, and the ratio of the medians; None where there is no
    pair."""
    of = of or row["of"]
    pairs = [p[of][key] / p[peer][key] for p in row["pairs"] if key in p.get(of, {}) and p.get(peer, {}).get(key)]
    if not pairs:
        return None
    return statistics.median(pairs), statistics.median(values(row, of, key)) / statistics.median(values(row, peer, key))


def judge(row, bar):
    """(what is held against the bar, whether it is reached), or None without a measurement."""
    if bar["peer"] is None:
        got = values(row, row["of"], bar["key"])
        return (statistics.median(got), statistics.median(got) <= bar["factor"]) if got else None
    both = ratios(row, bar["peer"], bar["key"], bar.get("of"))
    if both is None:
        return None
    return both[0], both[0] <= bar["factor"] if bar["most"] else both[0] >= bar["factor"]


def number(v):
    if v >= 1000:
        return f"{v:,.0f}"
    return f"{v:.0f}" if v >= 100 else f"{v:.3g}"


def show(row, peer, key="value"):
    got = values(row, peer, key)
    if not got:
        return "–"
    return f"{number(statistics.median(got))} ({number(min(got))} to {number(max(got))})"


def lines(row):
    """Of one row, for the terminal."""
    out = [f"{row['name']}: {row['title']}, {row['unit']}"]
    for peer, title in row["peers"].items():
        text = f"  {title:<32} {show(row, peer):<34}"
        both = ratios(row, peer) if peer != row["of"] else None
        if both:
            text += f" ratio {both[0]:5.2f} by pairs, {both[1]:5.2f} of medians"
        if values(row, peer, "p99_us"):
            text += f"  p99 {number(statistics.median(values(row, peer, 'p99_us')))} us"
        if peer in row["missing"]:
            text += "  " + row["missing"][peer]
        out.append(text.rstrip())
    for bar in row["bars"]:
        got = judge(row, bar)
        said = "not measured" if got is None else f"{number(got[0])}: {'reached' if got[1] else 'NOT reached'}"
        out.append(f"  bar: {bar['text']:<27} {said}")
    for key, title in (("bytes_each", "bytes each"), ("open_seconds", "seconds to open all"), ("answered_at_last", "answered at last"),
                       ("failed", "failed")):
        if row["name"] == "many" and values(row, "vitrine", key):
            out.append(f"  {title:<32} {show(row, 'vitrine', key)}")
    return out


def table(rows):
    """The same in Markdown: one line for each peer of each row."""
    out = ["| Row | Who | Median (least to most) | Vitrine to it, by pairs (of medians) | Bar | Reached |", "|---|---|---|---|---|---|"]
    for row in rows:
        first = f"**{row['title']}**, {row['unit']}"
        for peer, title in row["peers"].items():
            both = ratios(row, peer) if peer != row["of"] else None
            ratio = f"{both[0]:.2f} ({both[1]:.2f})" if both else ""
            bars = [b for b in row["bars"] if b["peer"] == peer or (b["peer"] is None and peer == row["of"])]
            got = [judge(row, b) for b in bars]
            said = "<br>".join("not measured" if g is None else ("yes" if g[1] else "**no**") + (f" ({number(g[0])})" if b["key"] != "value" else "")
                               for b, g in zip(bars, got))
            value = show(row, peer) if peer not in row["missing"] else "– " + row["missing"][peer]
            if values(row, peer, "p99_us"):
                value += f"; p99 {number(statistics.median(values(row, peer, 'p99_us')))} µs"
            out.append(f"| {first} | {title} | {value} | {ratio} | {'<br>'.join(b['text'] for b in bars)} | {said} |")
            first = ""
        if row["name"] == "many" and values(row, "vitrine", "opened"):
            facts = ", ".join(f"{show(row, 'vitrine', k)} {t}" for k, t in (
                ("bytes_each", "bytes each"), ("open_seconds", "s to open all"), ("answered_at_last", "answered at last"),
                ("failed", "failed")))
            out.append(f"| | | {facts} | | | |")
    return "\n".join(out)


def machine(rows):
    """When, where and on what it was measured: a line for each that differs."""
    seen = {}
    for row in rows:
        f = row.get("facts", {})
        if f:
            what = (f"{f['date']}, sources {f['commit']}: {f['cpu']}, {f['cores']} cores, Linux {f['kernel']}" +
                    (f", `vitrine serve {f['serve']}`" if f["serve"] else ""))
            seen.setdefault(what, []).append((f["load"], len(row["pairs"])))
    return "\n".join(f"Measured {what}; {len(s)} row{'s' if len(s) > 1 else ''} of {min(p for _, p in s)} pairs or more; load of the machine before "
                     f"each {min(x for x, _ in s):.1f} to {max(x for x, _ in s):.1f}.  " for what, s in seen.items())


def missed(row):
    """Is a bar of it not reached?"""
    return any(got is not None and not got[1] for got in (judge(row, b) for b in row["bars"]))


def profiles(rows):
    """Of the rows with a bar that is not reached: where the server's time went."""
    out = []
    for row in rows:
        if row.get("profile"):
            inside, own = (", ".join(f"{100 * share:.0f} % `{name}`" for share, name in row.get(key, ()))
                           for key in ("system_calls", "profile"))
            out.append(f"- [{row['title']}](flame-{row['name']}.svg). In system calls: {inside or 'nothing'}. In functions: {own}.")
    return "Where the time goes in rows with a bar that is not reached (one more turn, sampled by perf; flame graphs behind the links):\n\n" + \
        "\n".join(out) if out else ""


class Store:
    """bench.json, bench.svg and the table in bench.md of a directory; rows that are not measured now stay as they were."""

    def __init__(self, directory, order):
        self.dir, self.order, self.rows = directory, order, {}
        os.makedirs(directory, exist_ok=True)
        try:
            with open(os.path.join(directory, "bench.json"), encoding="utf-8") as f:
                self.rows = {r["name"]: r for r in json.load(f)["rows"]}
        except (OSError, ValueError, KeyError):
            pass

    def put(self, row, chart):
        self.rows[row["name"]] = row
        flame = os.path.join(self.dir, f"flame-{row['name']}.svg")
        if "profile" not in row and os.path.exists(flame):
            os.remove(flame)  # of a bar that is reached now
        rows = [self.rows[n] for n in self.order if n in self.rows]
        with open(os.path.join(self.dir, "bench.json"), "w", encoding="utf-8") as f:
            f.write('{"rows": [\n' + ",\n".join(json.dumps(r) for r in rows) + "\n]}\n")
        with open(os.path.join(self.dir, "bench.svg"), "w", encoding="utf-8") as f:
            f.write(chart(rows))
        self.write_table("\n\n".join((machine(rows), table(rows), profiles(rows))))

    def put_flame(self, name, picture):
        with open(os.path.join(self.dir, f"flame-{name}.svg"), "w", encoding="utf-8") as f:
            f.write(picture)

    def write_table(self, text):
        """Between its marks in a page that has them, or a page of its own."""
        path = os.path.join(self.dir, "bench.md")
        page = f"{BEGIN}\n{END}\n"
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                page = f.read()
        head, _, rest = page.partition(BEGIN)
        tail = rest.partition(END)[2]
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"{head}{BEGIN}\n\n{text.strip()}\n\n{END}{tail}")
