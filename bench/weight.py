#!/usr/bin/env python3
"""Measures what including inquest costs a program that is compiled with it, beside the standard headers alone.

usage: bench/weight.py [--runs N] [CXX]

Compiles, in turns, with `CXX -std=c++23 -O2` (c++ if none is named): the standard headers whose types are in inquest's
interface, which a program would include in any case; inquest.hpp; a small program that pushes to a worker and asks why a push
failed; and that program with four more such channels and workers, of item types and functions of their own. Beside it, one and five
queues of a mutex, a deque and two condition variables, each with a std::jthread and a std::future: what such a program would have
otherwise. Prints a table of CPU times, over the standard headers' where that means anything, and of machine code with its tables:
the median of N rounds (7), and the least and the most. Exit status: 0 whatever the figures are, 1 if something does not compile, 2 for bad usage.
"""

import argparse
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MORE = 4

# One channel of items of a type of its own, and a worker with a function of its own.
PART = """
struct item_{n} {{ int value; }};
int part_{n}(int count) {{
    auto [tx, rx] = inquest::make_channel<item_{n}>(16);
    auto worker = inquest::spawn("part", std::move(rx),
        [](inquest::receiver<item_{n}>& from) -> std::expected<void, std::string> {{
            while (auto item = from.pop())
                if (item->value < 0) return std::unexpected("negative");
            return {{}};
        }});
    for (int i = 0; i < count; ++i)
        if (auto sent = tx.push(item_{n}{{i}}); !sent)
            return static_cast<int>(resolve(tx, worker, sent.error()).message().size());
    tx.finish();
    return worker.join() ? 0 : 1;
}}
"""


# The same by hand: the producer learns why, but only at the end.
PLAIN = """
struct item_{n} {{ int value; }};
int part_{n}(int count) {{
    std::mutex guard;
    std::condition_variable room, filled;
    std::deque<item_{n}> queue;
    bool closed = false;
    std::promise<std::expected<void, std::string>> promise;
    auto result = promise.get_future();
    const auto drain = [&]() -> std::expected<void, std::string> {{
        for (;;) {{
            std::unique_lock lock(guard);
            filled.wait(lock, [&] {{ return closed || !queue.empty(); }});
            if (queue.empty()) return {{}};
            const item_{n} item = queue.front();
            queue.pop_front();
            lock.unlock();
            room.notify_one();
            if (item.value < 0) return std::unexpected("negative");
        }}
    }};
    const auto close = [&] {{
        const std::lock_guard lock(guard);
        closed = true;
        room.notify_all();
        filled.notify_all();
    }};
    std::jthread worker([&] {{
        try {{
            promise.set_value(drain());
        }} catch (...) {{
            promise.set_exception(std::current_exception());
        }}
        close();
    }});
    for (int i = 0; i < count; ++i) {{
        std::unique_lock lock(guard);
        room.wait(lock, [&] {{ return closed || queue.size() < 16; }});
        if (closed) break;
        queue.push_back(item_{n}{{i}});
        lock.unlock();
        filled.notify_one();
    }}
    close();
    const auto ended = result.get();
    return ended ? 0 : static_cast<int>(ended.error().size());
}}
"""

STANDARD = """chrono concepts cstddef cstdint exception expected functional future memory optional ranges source_location span
stop_token string string_view thread utility vector""".split()


def sources():
    program = "#include <inquest/inquest.hpp>\n"
    headers = "".join(f"#include <{header}>\n" for header in STANDARD)
    by_hand = headers + "#include <condition_variable>\n#include <deque>\n#include <mutex>\n"
    return {
        "std": headers,
        "plain": by_hand + PLAIN.format(n=0),
        "more_plain": by_hand + "".join(PLAIN.format(n=n) for n in range(1 + MORE)),
        "include": program,
        "small": program + PART.format(n=0),
        "more": program + "".join(PART.format(n=n) for n in range(1 + MORE)),
    }


def compile_one(compiler, source, into):
    """The compiler's CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([compiler, "-std=c++23", "-O2", "-I", ROOT / "include", "-c", source, "-o", into], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def code_size(compiled):
    """Bytes of machine code, constants and unwinding tables."""
    return int(subprocess.run(["size", compiled], check=True, capture_output=True, text=True).stdout.split("\n")[1].split()[0])


def show(values, digits=2):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("compiler", nargs="?", default="c++")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs takes a number from 1")
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, text in sources().items():
            (folder / f"{name}.cpp").write_text(text)
            seconds[name] = []
        for _ in range(arguments.runs):
            for name in seconds:
                seconds[name].append(compile_one(arguments.compiler, folder / f"{name}.cpp", folder / f"{name}.o"))
        size = {name: code_size(folder / f"{name}.o") for name in seconds}
    version = subprocess.run([arguments.compiler, "--version"], check=True, capture_output=True, text=True)
    over = lambda name: [its / std for its, std in zip(seconds[name], seconds["std"])]  # noqa: E731
    each = lambda more, one: [(a - b) / MORE for a, b in zip(seconds[more], seconds[one])]  # noqa: E731
    each_size = lambda more, one: (size[more] - size[one]) / MORE / 1000  # noqa: E731
    print(f"{version.stdout.splitlines()[0]}, -O2, {arguments.runs} rounds\n")
    print("| what | CPU time | over the standard headers | machine code |")
    print("|---|---|---|---|")
    print(f"| the standard headers of its interface | {show(seconds['std'])} s | 1 | – |")
    print(f"| `inquest.hpp` | {show(seconds['include'])} s | {show(over('include'))} | – |")
    print(f"| a small program | {show(seconds['small'])} s | {show(over('small'))} | {size['small'] / 1000:.1f} kB |")
    for what, more, one in (("channel with a worker", "more", "small"), ("queue by hand with a thread", "more_plain", "plain")):
        print(f"| each further {what} | {show(each(more, one))} s | – | {each_size(more, one):.1f} kB |")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, subprocess.CalledProcessError) as problem:
        sys.exit(f"weight.py: {problem}")
