"""What it costs a message to know why: instructions counted by callgrind, through a worker and through a pool against a bare
channel; and to come from a file of an older standard.

usage: cost.py VALGRIND PROGRAM, VALGRIND being empty where there is none
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MORE_AT_MOST = 8
LEASE_AT_MOST = 12  # for who asks for it
BRIDGE_AT_MOST = 1.3  # times a bare channel
MESSAGES = 30_000

valgrind, program = sys.argv[1:]
if not valgrind:
    print("skipped: no valgrind")
    sys.exit(77)


# Meson has malloc fill what it hands out, which costs by the byte.
environment = {name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"}


def instructions(kind, messages):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        run = subprocess.run([valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", program, kind, str(messages)],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
                             preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}))
        if run.returncode:
            sys.exit(run.stdout)
        return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)[1])


def least(kind, messages):
    """Of three runs: a thread that joins another spins for as long as that takes to end, which is chance. On one processor, where
    it looks only once before it lets the other run."""
    return min(instructions(kind, messages) for _ in range(3))


def a_message(kind):  # what comes once a run drops out
    return (least(kind, 2 * MESSAGES) - least(kind, MESSAGES)) / MESSAGES


bare, worker, pool, lease, bridge = (a_message(kind) for kind in ("bare", "worker", "pool", "lease", "bridge"))
print(f"instructions for a push and a pop: {bare:.1f} bare, {worker:.1f} through ends into a worker, "
      f"{pool:.1f} through a pool, {lease:.1f} through one that leases its items, "
      f"{bridge:.1f} through a bridge to an older standard")
if not 20 < bare < 2000:
    sys.exit("that can't be: what was counted?")
if worker > bare + MORE_AT_MOST:
    sys.exit(f"more than {MORE_AT_MOST} instructions for knowing why")
if pool > worker + MORE_AT_MOST:
    sys.exit(f"more than {MORE_AT_MOST} instructions for the pool")
if lease > pool + LEASE_AT_MOST:
    sys.exit(f"more than {LEASE_AT_MOST} instructions for the lease")
if bridge > bare * BRIDGE_AT_MOST:
    sys.exit(f"more than {BRIDGE_AT_MOST} times the instructions through a bridge")
