#!/usr/bin/env python3
"""Measures what a flusher gives a program that stores rows in a database, beside the same statements in a plain loop on one thread.

usage: bench/flusher.py [--rounds N] MEASURE FOLDER

MEASURE is the program `bench/flusher-measure` of a build folder (`ninja -C build bench/flusher-measure`). Runs each setting N times (5), all
in turns, with SQLite and with PostgreSQL, for which it starts a server of its own in a folder of its own, with the newest programs in
/usr/lib/postgresql. Writes the medians to FOLDER/flusher.md, and FOLDER/flusher.svg. Exit status: 0 done, 1 failed, 2 bad usage.
"""

import argparse
import itertools
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import plots  # noqa: E402

DATABASES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
BATCHES = (1, 10, 100, 1000, 10000)
LINGERS = (0, 1, 10, 100)
PACE = 5000  # rows a second
COLOURS = {("sqlite", "flusher"): "#c0392b", ("sqlite", "plain"): "#e6a89f", ("postgres", "flusher"): "#2471a3",
           ("postgres", "plain"): "#a3c4dc"}


def settings():
    """Arguments of the program, by what they are for. Those that differ only in the way stand beside each other."""
    for database in DATABASES:
        for batch in BATCHES:
            for way in ("flusher", "plain"):
                yield ("full speed", database, way, batch), (way, batch, 100, 0, 400)
        for batch in (batch for batch in BATCHES if batch >= 10):  # with fewer, neither keeps the pace on every disk
            for way in ("flusher", "plain"):
                yield ("paced", database, way, batch), (way, batch, 10, PACE, 600)
        for linger in LINGERS:
            yield ("linger", database, "flusher", linger), ("flusher", 10000, linger, PACE, 600)


class Server:
    """A PostgreSQL server while the block lasts."""

    def __enter__(self):
        versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: float(p.parts[-3]))
        if not versions:
            sys.exit("PostgreSQL's server is not installed")
        programs = versions[-1].parent
        self.folder = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
        account = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if account:
            shutil.chown(self.folder, "postgres", "postgres")
        self.place = f"host={self.folder} port=5432 user=bench dbname=postgres"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.folder, **account}
        subprocess.run([programs / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", "bench", "-E", "UTF8",
                        "--locale", "C"], check=True, **quiet)
        self.process = subprocess.Popen([programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-p", "5432",
                                         "-c", "listen_addresses="], **quiet)
        while subprocess.run([programs / "pg_isready", "-h", self.folder, "-p", "5432"], **quiet).returncode != 0:
            if self.process.poll() is not None:
                sys.exit("PostgreSQL does not start")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        shutil.rmtree(self.folder)


def measure(program, rounds):
    """The median of each figure of each setting, and of the speed of a flusher over that of the plain loop right before or after it."""
    runs = {}
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        places = {"sqlite": f"{folder}/db", "postgres": server.place}
        together = [list(group) for _, group in itertools.groupby(settings(), lambda one: (one[0][:2], one[0][3]))]
        for _ in range(rounds):
            random.shuffle(together)
            for group in together:
                random.shuffle(group)
                for key, arguments in group:
                    command = [program, key[1], places[key[1]], *map(str, arguments)]
                    said = subprocess.run(command, capture_output=True, text=True)
                    if said.returncode != 0:
                        sys.exit(f"{' '.join(map(str, command))}: {said.stderr}")
                    runs.setdefault(key, []).append(json.loads(said.stdout))
    found = {key: {figure: statistics.median(run[figure] for run in all_of) for figure in all_of[0]}
             for key, all_of in runs.items()}
    for kind, database, way, at in runs:
        if kind == "full speed" and way == "flusher":
            plain = runs[kind, database, "plain", at]
            ratios = [one["rows"] / other["rows"] for one, other in zip(runs[kind, database, way, at], plain)]
            found[kind, database, way, at]["ratio"] = statistics.median(ratios)
    return found


def ms(ns):
    return f"{ns / 1e6:.3g}" if ns < 1e9 else f"{ns / 1e6:.0f}"


def ages(found, *key):
    its = found.get(key)
    return f"{ms(its['p50'])} / {ms(its['p99'])}" if its else "–"


def enough(found, database):
    """From how many rows in a batch on more of them give less than a tenth."""
    speeds = [found["full speed", database, "flusher", batch]["rows"] for batch in BATCHES]
    least = next(batch for batch, speed in zip(BATCHES, speeds) if speed * 1.1 >= max(speeds))
    return f"grows up to the largest batches ({least})" if least == BATCHES[-1] else f"hardly grows beyond batches of {least}"


def written(found, rounds):
    lines = [
        "# Flushers that store rows in databases", "",
        f"Written by `bench/flusher.py`, {rounds} rounds in turns, on {os.cpu_count()} CPUs of a shared virtual machine "
        f"({platform.machine()}) whose speed and disk wander: compare within this page only. Each figure is the median of the rounds.", "",
        "Each batch is one transaction that is synced to the disk, with its number in it. *Plain* is the same statements by the thread that "
        "makes the rows, and the ratio is that of runs right after each other. An age is the time from when a row was to be made until it is committed, in milliseconds: median / 99th "
        "percentile.", "",
        "## As many rows as are taken", "",
        "Thousands of rows a second, and their ages behind a full queue of 4000.", "",
        "| batch | " + " | ".join(f"{name}, {what}" for name in DATABASES.values()
                                  for what in ("flusher", "plain", "ratio", "age, flusher")) + " |",
        "|---" * (1 + 4 * len(DATABASES)) + "|",
    ]
    for batch in BATCHES:
        cells = [str(batch)]
        for database in DATABASES:
            by = {way: found["full speed", database, way, batch]["rows"] for way in ("flusher", "plain")}
            cells += [f"{by['flusher'] / 1e3:.3g}", f"{by['plain'] / 1e3:.3g}", f"{found['full speed', database, 'flusher', batch]['ratio']:.2f}",
                      ages(found, "full speed", database, "flusher", batch)]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"## {PACE} rows a second", "", "Ages by the most rows in a batch, with a linger of 10 ms. Plain waits for its batch to be "
              "full, however long that takes.", "",
              "| batch | " + " | ".join(f"{name}, {way}" for name in DATABASES.values() for way in ("flusher", "plain")) + " |",
              "|---" * (1 + 2 * len(DATABASES)) + "|"]
    for batch in (b for b in BATCHES if b >= 10):
        cells = [ages(found, "paced", database, way, batch) for database in DATABASES for way in ("flusher", "plain")]
        lines.append(f"| {batch} | " + " | ".join(cells) + " |")
    lines += ["", "Ages by the linger, with at most 10 000 rows in a batch.", "",
              "| linger, ms | " + " | ".join(DATABASES.values()) + " |", "|---" * (1 + len(DATABASES)) + "|"]
    for linger in LINGERS:
        lines.append(f"| {linger} | " + " | ".join(ages(found, "linger", d, "flusher", linger) for d in DATABASES) + " |")
    lines += ["", "![Rows a second and ages by batch, and ages by linger](flusher.svg)", "",
              "In this run the flusher's speed " +
              " and ".join(f"{enough(found, database)} with {name}" for database, name in DATABASES.items()) + ".", "",
              "What does not depend on the machine: at full speed both ways wait for the same commits, so that a flusher gains no more than the "
              "time that making the rows takes, which is nearly none here, and pays for handing them to another thread. What it gives is the "
              "age at a pace: in a plain loop half of the time that it takes to fill a batch, in a flusher half of the linger and a commit, "
              "however large batches may be. So let batches be large, and choose the linger by the age that is wanted."]
    return "\n".join(lines) + "\n"


def panel(found, kind, figure, across, title, label, left):
    """One of the plots beside each other: a curve for each database and way."""
    right, top, bottom = left + 330, 84, 380
    curves = {}
    for database, way in COLOURS:
        points = [(i, found[kind, database, way, at][figure]) for i, at in enumerate(across)
                  if (kind, database, way, at) in found]
        if points:
            curves[database, way] = points
    axis = plots.LogAxis([value for points in curves.values() for _, value in points], bottom, top, label)
    yield from axis.lines(left, right)
    yield plots.text((left + right) / 2, top - 10, title, size=13)
    step = (right - left - 30) / (len(across) - 1)
    for i, at in enumerate(across):
        yield plots.text(left + 15 + step * i, bottom + 18, at, size=11)
    for key, points in curves.items():
        path = " ".join(f"{left + 15 + step * i:.1f},{axis.at(value):.1f}" for i, value in points)
        yield (f'<polyline points="{path}" fill="none" stroke="{COLOURS[key]}" '
               f'stroke-width="{3 if key[1] == "flusher" else 1.8}"/>')


def drawn(found):
    names = {f"{DATABASES[database]}, {way}": colour for (database, way), colour in COLOURS.items()}
    parts = list(plots.legend(names, 380, 46, step=150, colours=names))
    paced = [batch for batch in BATCHES if batch >= 10]
    parts += panel(found, "full speed", "rows", BATCHES, "rows a second, by batch", lambda rows: f"{rows:,}", 80)
    parts += panel(found, "paced", "p99", paced, f"age of 99 % at {PACE} rows a second, by batch", plots.duration, 500)
    parts += panel(found, "linger", "p99", LINGERS, "the same, by linger in ms", plots.duration, 920)
    return plots.page(1270, 420, "Rows stored by a flusher, and plainly", parts)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("measure", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with the server ended
    found = measure(options.measure.resolve(), options.rounds)
    options.folder.mkdir(exist_ok=True)
    (options.folder / "flusher.md").write_text(written(found, options.rounds))
    (options.folder / "flusher.svg").write_text(drawn(found))


if __name__ == "__main__":
    main()
