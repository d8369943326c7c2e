#!/usr/bin/env python3
"""Checks what the converted programs say of their size: each after.cpp begins with a comment that ends in

    // Beside before.cpp: N lines removed, M added.

without counting either file's first comment. usage: sizes.py FOLDER. Exit status: 1 if one is wrong."""

import difflib
import pathlib
import re
import sys


def code(path):
    """The lines behind the first comment, which is that of the file."""
    lines = path.read_text().splitlines()
    while lines and lines[0].startswith("//"):
        lines.pop(0)
    return lines


def main(folder):
    wrong = 0
    for after in sorted(pathlib.Path(folder).glob("*/after.cpp")):
        changes = list(difflib.unified_diff(code(after.with_name("before.cpp")), code(after), n=0, lineterm=""))[2:]
        removed = sum(line.startswith("-") for line in changes)
        added = sum(line.startswith("+") for line in changes)
        is_so = f"// Beside before.cpp: {removed} lines removed, {added} added."
        if is_so not in after.read_text().splitlines():
            print(f"{after}: says something else than\n{is_so}")
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
