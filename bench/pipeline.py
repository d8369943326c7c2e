#!/usr/bin/env python3
"""Measures inquest's pipeline beside oneTBB's and a plain loop, on the same work.

usage: bench/pipeline.py [--rounds N] [--parallelism N] PROGRAM TEXT

PROGRAM is the built bench/pipeline (`ninja -C build-bench bench/pipeline`; with libtbb-dev), TEXT a large text, of 100 MB or so:
it is read in chunks, each is cut into words, these are hashed line by line, and the hashes are written, in order. Every way runs in turns,
N rounds (9), with chunks of several sizes. Prints a table: the time of each way, over that of the loop, with the
least and the most; that of the pipeline over oneTBB's, round by round; the peak of memory and the switches between threads. Then, what each
says of a chunk that can't be parsed. Exit status: 0 whatever the figures are, 1 if a run fails or results differ, 2 for bad usage.
"""

import argparse
import filecmp
import os
import statistics
import sys
import tempfile

WAYS = {
    "loop": "a plain loop",
    "inquest": "inquest, threads of its own for each stage",
    "inquest-shared": "inquest, threads that the stages share",
    "tbb": "oneTBB",
}
CHUNKS = (1024, 16 * 1024, 64 * 1024, 1024 * 1024)


class Run:
    """One run of the program: what it printed, and what the system counted."""

    def __init__(self, program, way, text, output, *arguments):
        read, write = os.pipe()
        command = [program, way, text, output, *map(str, arguments)]
        pid = os.posix_spawn(program, command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
        os.close(write)
        with os.fdopen(read) as out:
            self.said = out.read().strip()
        _, status, used = os.wait4(pid, 0)
        self.ok = status == 0
        if self.ok:
            self.seconds, self.memory = float(self.said.split()[0]), int(self.said.split()[1]) / 1024
        self.switches = used.ru_nvcsw + used.ru_nivcsw


def spread(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def measure(options, folder):
    """A table row for each size of chunks and each way."""
    for chunk in CHUNKS:
        runs = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way in WAYS:
                run = Run(options.program, way, options.text, f"{folder}/{way}", chunk, options.parallelism)
                if not run.ok:
                    sys.exit(f"{way}: {run.said}")
                runs[way].append(run)
        for way in WAYS:
            if not filecmp.cmp(f"{folder}/loop", f"{folder}/{way}", shallow=False):
                sys.exit(f"{way} has written something else than the loop")
        seconds = {way: [run.seconds for run in runs[way]] for way in WAYS}
        for way, title in WAYS.items():
            over = {base: [mine / its for mine, its in zip(seconds[way], seconds[base])] for base in ("loop", "tbb")}
            print(
                f"| {chunk // 1024} kB | {title} | {spread(over['loop'])} | {spread(over['tbb'])} "
                f"| {statistics.median(run.memory for run in runs[way]):.0f} MB "
                f"| {statistics.median(run.switches for run in runs[way]):.0f} |",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("text")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--parallelism", type=int, default=2)
    options = parser.parse_args()
    print(f"{options.rounds} rounds, parallelism {options.parallelism}, {os.path.getsize(options.text) / 1e6:.0f} MB of text\n")
    print("| chunks | | time over the loop's | time over oneTBB's | memory | switches |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        measure(options, folder)
        print("\n| | of chunk 7, which can't be parsed |\n|---|---|")
        for way, title in WAYS.items():
            run = Run(options.program, way, options.text, f"{folder}/{way}", 65536, options.parallelism, 7)
            if run.ok:
                sys.exit(f"{way} has not failed")
            print(f"| {title} | {run.said} |")


if __name__ == "__main__":
    main()
