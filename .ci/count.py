"""Adds up the test cases of several build folders: doctest's own counts, and one for each other test.

A skipped test counts as failed unless it is listed here with its reason, and so does a case that no test runs of the programs
that are run in parts."""

import json
import pathlib
import re
import sys

MAY_SKIP = {  # (folder, test): reason
    (folder, "inquest:examples / flush_full"): "mounting a file system was refused, as it is to root in many containers"
    for folder in ("build", "build-asan", "build-tsan")
}

CASES = re.compile(r"\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped")


def count(folder):
    passed = failed = 0
    in_parts = {}  # program: how many cases it has, and how many of them are run
    for line in (pathlib.Path(folder) / "meson-logs/testlog.json").read_text().splitlines():
        test = json.loads(line)
        name, result = test["name"], test["result"]
        cases = CASES.search(re.sub(r"\x1b\[[0-9;]*m", "", test.get("stdout", "")))
        if result == "SKIP":
            reason = MAY_SKIP.get((folder, name))
            print(f"{folder}: {name} skipped: {reason or 'not listed, so it counts as failed'}")
            failed += reason is None
        elif not cases:
            passed += result == "OK"
            failed += result != "OK"
        else:
            run, good, bad, skipped = map(int, cases.groups())
            if any(argument.startswith(("--source-file=", "--test-case=")) for argument in test["command"]):
                _, before = in_parts.get(test["command"][0], (0, 0))
                in_parts[test["command"][0]] = (run + skipped, before + run)
            else:
                bad += skipped
            if result != "OK" and bad == 0:
                bad = 1  # every case passed, and then the program failed: a leak or a race was found
            passed += good
            failed += bad
    for program, (has, run) in in_parts.items():
        if has != run:
            print(f"{folder}: {program} has {has} cases, but {run} are run")
            failed += 1
    print(f"{folder}: {passed} passed, {failed} failed")
    return passed, failed


totals = [count(folder) for folder in sys.argv[1:]]
all_passed, all_failed = (sum(column) for column in zip(*totals))
print(f"{all_passed} passed, {all_failed} failed")
sys.exit(1 if all_failed or not all_passed else 0)
