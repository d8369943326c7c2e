#!/usr/bin/env python3
"""Compares inquest with other channels, in one run on this machine.

usage: bench/compare.py [--quick] FOLDER

Builds what is there (C++ peers with meson, Rust ones with Debian's cargo and its registry folder, Go), in FOLDER/build,
says what is missing, and runs ours and theirs in turns. Writes to FOLDER:

  results.json    `rows`: an object a cell, with `measure`, `cell`, `ours`, `best_peer`, `peer`, `ratio`, `interval`;
                  `samples`: what each run of each queue has printed
  results.md      the ratios as a table
  latency.svg     round trips by percentile
  throughput.svg  time a message takes, by cell

A ratio is our median over the best peer's, so less than 1 is better for us; the interval holds it with 95 %.
--quick takes few runs of few cells, in 50 seconds once built. Exit status: 0 whatever the ratios are, 1 where a queue
lost or doubled a message or a measurement failed, 2 for bad usage.
"""

import itertools
import json
import os
import pathlib
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import plots  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
OURS, WORKER = "inquest", "inquest-worker"
THREADS = ("crossbeam", "flume", "std-sync", "tbb", "moodycamel", "mutex-deque")  # blocking, on threads of the system
MISSING = {
    "tbb": "libtbb-dev", "moodycamel": "libreaderwriterqueue-dev", "boost": "libboost-thread-dev",
    "crossbeam": "cargo librust-crossbeam-channel-dev librust-flume-dev librust-tokio+full-dev librust-libc-dev",
    "go": "golang-go",
}
REGISTRY = "/usr/share/cargo/registry"


class Cell:
    """One thing measured of all queues: `peers` are those that ours is compared with, `field` what of the output."""

    def __init__(self, measure, name, arguments, field="ns", peers=THREADS, quick=False, prefix=(), ours=None, us=OURS):
        self.measure, self.name, self.arguments = measure, name, arguments
        self.field, self.peers, self.quick = field, peers, quick
        self.ours = ours or self.arguments  # where they differ from the peers'
        self.us = us  # the queue that is compared with the peers
        self.prefix = list(prefix)

    def takes(self, queue, quick):
        """Whether `queue` is measured for it."""
        if queue == self.us or queue in self.peers:
            return True
        return self.us == OURS and queue != WORKER and (not quick or queue in ("go", "tokio"))


def cells(quick):
    """All of them, in the order of the tables."""
    ms = 60 if quick else 120
    trip = f"ms={ms}"
    yield Cell("round trip, p50", "capacity 1", ["round_trip", trip], quick=True)
    yield Cell("round trip, p50, mutex", "capacity 1", ["round_trip", trip], peers=("mutex-deque",), quick=True)
    shapes = {"1:1": (1, 1), "4:1": (4, 1), "1:4": (1, 4), "4:4": (4, 4)}
    telling = {("1:1", 1, 8), ("1:1", 16, 8), ("1:1", 1024, 8), ("4:4", 16, 8), ("4:4", 1024, 8), ("1:1", 1024, 256)}
    for payload, capacity, (shape, (p, c)) in itertools.product((8, 64, 256), (1, 16, 1024), shapes.items()):
        yield Cell("throughput", f"{shape}, capacity {capacity}, {payload} B",
                   ["throughput", f"capacity={capacity}", f"producers={p}", f"consumers={c}", f"payload={payload}", f"ms={ms}"],
                   quick=(shape, capacity, payload) in telling)
    single = ["throughput", "capacity=1024", f"ms={ms}"]
    yield Cell("ranges of 64 against single", "1:1, capacity 1024, 8 B", single, ours=single + ["batch=64"], quick=True)
    yield Cell("ranges of 64 against a peer's own", "1:1, capacity 1024, 8 B", single + ["batch=64"], peers=("flume",))
    yield Cell("cost of knowing why", "ends and a worker against a bare channel, 1:1, capacity 1024, 8 B", single, us=WORKER,
               peers=(OURS,))
    for parked, early in ((1, 0), (0, 0), (1, 1), (0, 1)):
        name = ("parked" if parked else "running") + (", at once" if early else ", joined")
        arguments = ["cause", f"parked={parked}", f"rounds={60 if quick else 200}"]
        yield Cell("failure to cause, p50", name, arguments, ours=arguments + [f"early={early}"], peers=("crossbeam",),
                   quick=not early)
    for rate in (1_000, 10_000, 100_000):
        arguments = ["paced", "capacity=1024", f"rate={rate}", f"ms={300 if quick else 1000}"] # a percentile wants many
        for field, what in (("p50", "p50"), ("p99", "p99")):
            yield Cell(f"paced one way, {what}", f"{rate} a second", arguments, field=field,
                       quick=rate == 10_000 and field == "p50")
        yield Cell("paced, CPU", f"{rate} a second", arguments, field="cpu", peers=("mutex-deque",))
    cpu = str(min(os.sched_getaffinity(0)))
    yield Cell("one CPU, round trip, p50", "capacity 1", ["round_trip", trip], prefix=("taskset", "-c", cpu), quick=True)
    for capacity in (1, 1024):
        yield Cell("one CPU, throughput", f"1:1, capacity {capacity}, 8 B", ["throughput", f"capacity={capacity}", f"ms={ms}"],
                   prefix=("taskset", "-c", cpu))
    for capacity in (16, 1024):
        yield Cell("many threads", f"32:32, capacity {capacity}, 8 B",
                   ["throughput", f"capacity={capacity}", "producers=32", "consumers=32", f"ms={ms}"])


def say(text, end="\n"):
    print(text, end=end, file=sys.stderr, flush=True)


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def built(what, command, **more):
    """Whether `command` succeeds; says so if it does not."""
    try:
        done = run(command, **more)
    except OSError as e:
        say(f"  {what}: {e.strerror}: {command[0]}")
        return False
    if done.returncode == 0:
        return True
    say(f"  {what}: not built: " + ((done.stderr or done.stdout).strip().splitlines() or ["no reason given"])[-1])
    return False


def build(into):
    """The programs there are, by queue."""
    say("building:")
    programs = []
    cpp = into / "cpp"
    ready = (cpp / "build.ninja").exists() or built(
        "C++", ["meson", "setup", cpp, HERE.parent, "--buildtype=release", "-Dtests=disabled", "-Dexamples=disabled",
                "-Dbenchmarks=enabled", "-Dspdlog=disabled", "-Ddefault_library=static"])
    if not ready or not built("C++", ["ninja", "-C", cpp, "bench/measure"]):
        sys.exit(1)
    programs.append(cpp / "bench/measure")
    cargo = "/usr/bin/cargo" if os.path.exists("/usr/bin/cargo") else "cargo"
    rust = into / "rust"
    shutil.copytree(HERE / "peers/rust", rust / "source", dirs_exist_ok=True)
    surroundings = dict(os.environ, CARGO_TARGET_DIR=str(rust / "target"), CARGO_HOME=str(rust / "home"))
    if os.path.exists("/usr/bin/rustc"):
        surroundings["RUSTC"] = "/usr/bin/rustc"  # the one that the packages are for
    if built("Rust", [cargo, "build", "--release", "--offline", "--config", 'source.crates-io.replace-with="debian"',
                      "--config", f'source.debian.directory="{REGISTRY}"'], cwd=rust / "source", env=surroundings):
        programs.append(rust / "target/release/measure-rust")
    go = into / "measure-go"
    if built("Go", ["go", "build", "-o", go, "."], cwd=HERE / "peers/go",
             env=dict(os.environ, GOCACHE=str(into / "gocache"), GOPROXY="off", GOFLAGS="-mod=mod")):
        programs.append(go)
    queues = {}
    for program in programs:
        for name in run([program, "--list"]).stdout.split():
            queues[name] = str(program)
    say("  there are: " + ", ".join(queues))
    for name, packages in MISSING.items():
        if name not in queues:
            say(f"  missing: {name} (Debian packages: {packages})")
    return queues


class Failed(Exception):
    pass


def measure(program, queue, arguments, prefix):
    """What one run prints, or None if the queue has no such thing."""
    command = [*prefix, program, queue, *arguments]
    try:
        done = run(command, timeout=120)
    except subprocess.TimeoutExpired:
        raise Failed("has not ended after 120 s: " + " ".join(command)) from None
    if done.returncode == 3:
        return None
    if done.returncode == 1:
        raise Failed("a message was lost or doubled: " + " ".join(command))
    if done.returncode != 0:
        raise Failed(f"exit status {done.returncode}: " + " ".join(command) + "\n" + done.stderr)
    return json.loads(done.stdout)


def interval(ours, theirs, rounds=2000):
    """Of the ratio of medians, with 95 %: by the bootstrap (Efron 1979), runs drawn again with replacement."""
    chance = random.Random(1)
    ratios = sorted(statistics.median(chance.choices(ours, k=len(ours))) /
                    max(statistics.median(chance.choices(theirs, k=len(theirs))), 1e-9) for _ in range(rounds))
    return [round(ratios[int(rounds * 0.025)], 3), round(ratios[int(rounds * 0.975) - 1], 3)]


def compared(cell, samples):
    """A row of the result. `samples` holds the runs of each queue."""
    row = {"measure": cell.measure, "cell": cell.name, "ours": None, "best_peer": None, "peer": None, "ratio": None,
           "interval": None}
    values = {queue: [one[cell.field] for one in runs] for queue, runs in samples.items() if runs}
    if cell.us not in values:
        return row
    row["ours"] = round(statistics.median(values[cell.us]), 2)
    row["all"] = {queue: round(statistics.median(v), 2) for queue, v in values.items()}
    peers = [queue for queue in cell.peers if queue in values]
    if not peers:
        return row
    row["peer"] = min(peers, key=lambda queue: statistics.median(values[queue]))
    theirs = values[row["peer"]]
    row["best_peer"] = round(statistics.median(theirs), 2)
    row["ratio"] = round(statistics.median(values[cell.us]) / max(statistics.median(theirs), 1e-9), 3)
    row["interval"] = interval(values[cell.us], theirs)
    return row


def machine():
    """What ran this."""
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    first = lambda *command: (run(command).stdout.splitlines() or ["?"])[0]
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)), "system": f"{platform.system()} {platform.release()}",
            "libc": " ".join(platform.libc_ver()), "compiler": first(os.environ.get("CXX", "c++"), "--version"),
            "commit": first("git", "-C", str(HERE), "describe", "--always", "--dirty"),
            "date": time.strftime("%Y-%m-%d")}


def table(result):
    about = result["machine"]
    lines = ["# inquest beside other channels", "",
             f"{about['cpu']}, {about['cpus']} CPUs, {about['system']}, {about['libc']}; {about['compiler']}; "
             f"commit {about['commit']}, {about['date']}.", "",
             f"Medians of {result['runs']} runs of each queue, taken in turns; nanoseconds. The ratio is ours over the best peer's "
             "(less than 1: ours is faster), and its 95 % interval is by bootstrap. A peer is a blocking channel between threads of "
             "the system: " + ", ".join(q for q in THREADS if q in result["queues"]) + ". Figures of different machines or runs do not "
             "compare.", "",
             "| measure | cell | ours | best peer | | ratio | interval |", "|---|---|--:|--:|---|--:|---|"]
    for row in result["rows"]:
        if row["ratio"] is None:
            lines.append(f"| {row['measure']} | {row['cell']} | {row['ours']} | – | | – | |")
            continue
        low, high = row["interval"]
        lines.append(f"| {row['measure']} | {row['cell']} | {row['ours']:g} | {row['best_peer']:g} | {row['peer']} | "
                     f"{row['ratio']:.2f} | {low:.2f}–{high:.2f} |")
    grid = [row["ratio"] for row in result["rows"] if row["measure"] == "throughput" and row["ratio"]]
    if grid:
        lines += ["", f"Geometric mean of the throughput ratios: {statistics.geometric_mean(grid):.2f}."]
    names = [q for q in result["queues"]]
    lines += ["", "All queues, medians:", "", "| measure | cell | " + " | ".join(names) + " |",
              "|---|---|" + "--:|" * len(names)]
    for row in result["rows"]:
        known = row.get("all", {})
        lines.append(f"| {row['measure']} | {row['cell']} | " + " | ".join(f"{known[q]:g}" if q in known else "" for q in names) + " |")
    return "\n".join(lines) + "\n"


def dumped(result):
    """As JSON, with a line for each row and each cell's samples."""
    parts = [f'"{key}": {json.dumps(value)}' for key, value in result.items() if key not in ("rows", "samples")]
    for key in ("rows", "samples"):
        parts.append(f'"{key}": [\n ' + ",\n ".join(json.dumps(one) for one in result[key]) + "\n]")
    return "{" + ",\n".join(parts) + "}\n"


def main(arguments):
    quick = "--quick" in arguments
    rest = [one for one in arguments if one != "--quick"]
    if rest in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    if len(rest) != 1 or rest[0].startswith("-"):
        say(__doc__.strip().split("\n\n")[1])
        return 2
    folder = pathlib.Path(rest[0])
    try:
        (folder / "build").mkdir(parents=True, exist_ok=True)
    except OSError as e:
        say(f"compare: {folder}: {e.strerror}")
        return 2
    queues = build(folder.resolve() / "build")
    todo = [cell for cell in cells(quick) if cell.quick or not quick]
    runs = 5 if quick else 11
    result = {"machine": machine(), "runs": runs, "quick": quick, "queues": list(queues), "rows": [], "samples": []}
    began = time.monotonic()
    taken = {}  # cells that want different figures of the same runs share them
    try:
        for number, cell in enumerate(todo):
            key = (tuple(cell.ours), tuple(cell.arguments), tuple(cell.prefix), cell.us)
            say(f"[{number + 1}/{len(todo)}, {time.monotonic() - began:.0f} s] {cell.measure}, {cell.name}: ", end="")
            if key not in taken:
                samples = {queue: [] for queue in queues if cell.takes(queue, quick)}
                for turn in range(runs):
                    order = sorted(samples) if turn % 2 else sorted(samples, reverse=True)
                    for queue in order:
                        if turn > 0 and not samples[queue]:
                            continue  # it has no such thing
                        got = measure(queues[queue], queue, cell.ours if queue == cell.us else cell.arguments, cell.prefix)
                        if got:
                            samples[queue].append(got)
                taken[key] = samples
                result["samples"].append({
                    "arguments": cell.arguments, "ours": cell.ours, "prefix": cell.prefix,
                    "runs": {queue: {field: [one[field] for one in all_] for field in all_[0]}
                             for queue, all_ in samples.items() if all_}})
            row = compared(cell, taken[key])
            result["rows"].append(row)
            say("nothing to compare with" if row["ratio"] is None else
                f"{row['ours']:g} ns, {row['peer']} {row['best_peer']:g} ns: ratio {row['ratio']:.2f}")
    except Failed as e:
        say(f"\ncompare: {e}")
        return 1
    (folder / "results.json").write_text(dumped(result))
    (folder / "results.md").write_text(table(result))
    plots.write(result, folder)
    say(f"written to {folder}: results.json, results.md, latency.svg, throughput.svg")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
