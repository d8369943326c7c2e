"""Plots, as SVG, and those of compare.py: round trips by percentile, and the time a message takes by cell."""

import math
import statistics
from xml.sax.saxutils import escape

COLOURS = {"inquest": "#c0392b", "crossbeam": "#2471a3", "flume": "#5dade2", "std-sync": "#76448a", "tbb": "#1e8449",
           "moodycamel": "#d68910", "mutex-deque": "#7f8c8d", "boost": "#b2babb", "tokio": "#117a65", "go": "#34495e"}


def text(x, y, what, anchor="middle", size=12, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {more}>{escape(str(what))}</text>'


def page(width, height, title, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="sans-serif" fill="#222"><rect width="{width}" height="{height}" fill="#fff"/>\n' +
            text(width / 2, 22, title, size=15) + "\n" + "\n".join(parts) + "\n</svg>\n")


def duration(ns):
    for unit, factor in (("ms", 1e6), ("µs", 1e3)):
        if ns >= factor:
            return f"{ns / factor:g} {unit}"
    return f"{ns:g} ns"


class LogAxis:
    """Upwards, from `bottom` to `top` on the page, with `label` of each power of ten."""

    def __init__(self, values, bottom, top, label=duration):
        self.low = math.floor(math.log10(max(min(values), 1)))
        self.high = max(math.ceil(math.log10(max(values))), self.low + 1)
        self.bottom, self.top, self.label = bottom, top, label

    def at(self, value):
        part = (math.log10(max(value, 1)) - self.low) / (self.high - self.low)
        return self.bottom - part * (self.bottom - self.top)

    def lines(self, left, right):
        for power in range(self.low, self.high + 1):
            y = self.at(10 ** power)
            yield f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
            yield text(left - 6, y + 4, self.label(10 ** power), "end", 11)


def legend(names, left, top, step=118, columns=7, colours=COLOURS):
    for i, name in enumerate(names):
        x, y = left + step * (i % columns), top + 18 * (i // columns)
        yield f'<rect x="{x}" y="{y - 9}" width="11" height="11" fill="{colours.get(name, "#000")}"/>'
        yield text(x + 16, y + 1, name, "start")


def latency(result):
    trips = next((s for s in result["samples"] if s["arguments"][0] == "round_trip" and not s["prefix"]), None)
    if not trips:
        return None
    points = ("p50", "p90", "p99", "p999", "max")
    curves = {queue: [statistics.median(runs[p]) for p in points] for queue, runs in trips["runs"].items()}
    left, right, top, bottom = 80, 860, 74, 400
    axis = LogAxis([v for curve in curves.values() for v in curve], bottom, top)
    across = [left + 40 + (right - left - 80) * i / (len(points) - 1) for i in range(len(points))]
    parts = list(legend(curves, left, 44)) + list(axis.lines(left, right))
    for x, label in zip(across, ("50 %", "90 %", "99 %", "99.9 %", "all")):
        parts.append(text(x, bottom + 20, label))
    for queue, curve in sorted(curves.items(), key=lambda item: item[0] == "inquest"):
        path = " ".join(f"{x:.1f},{axis.at(v):.1f}" for x, v in zip(across, curve))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS.get(queue, "#000")}" '
                     f'stroke-width="{3.5 if queue == "inquest" else 1.8}"/>')
    parts.append(text((left + right) / 2, bottom + 42, "so many of the round trips took at most so long"))
    return page(900, 455, "Round trip through two channels of capacity 1", parts)


def throughput(result):
    rows = [row for row in result["rows"] if row["measure"] == "throughput" and "all" in row and row["cell"].endswith(" 8 B")]
    if not rows:
        return None
    names = [q for q in result["queues"] if any(q in row["all"] for row in rows)]
    wide = max(60, 9 * len(names) + 14)
    left, top, bottom = 80, 74, 400
    right = left + wide * len(rows)
    axis = LogAxis([v for row in rows for v in row["all"].values()], bottom, top)
    parts = list(legend(names, left, 44)) + list(axis.lines(left, right))
    for i, row in enumerate(rows):
        shape, capacity, _ = row["cell"].split(", ")
        parts.append(text(left + wide * (i + 0.5), bottom + 18, shape))
        parts.append(text(left + wide * (i + 0.5), bottom + 34, capacity.replace("capacity", "cap."), size=11))
        for j, queue in enumerate(names):
            if queue in row["all"]:
                y = axis.at(row["all"][queue])
                parts.append(f'<rect x="{left + wide * i + 7 + 9 * j}" y="{y:.1f}" width="8" height="{bottom - y:.1f}" '
                             f'fill="{COLOURS.get(queue, "#000")}"/>')
    return page(max(right + 30, 940), 450, "Time a message of 8 bytes takes, producers:consumers (less is better)", parts)


def write(result, folder):
    for name, made in (("latency.svg", latency(result)), ("throughput.svg", throughput(result))):
        if made:
            (folder / name).write_text(made)
