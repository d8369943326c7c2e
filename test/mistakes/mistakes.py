"""Compiles what users get wrong, and reads what the compiler says as they would. Usage: mistakes.py COMPILER ROOT

The first line of each file says what must stand within the first ten lines: `// expect: SENTENCE`, alternatives
separated by ` | `; `// warns: SENTENCE` if it is a warning only, `// expect: compiles` if it is no mistake. The second may say `// flags: FLAGS`, with
which it is compiled."""

import concurrent.futures
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77  # what meson takes for a skipped test
compiler, root = sys.argv[1], pathlib.Path(sys.argv[2])
if not shutil.which(compiler):
    print(f"{compiler} is not there")
    sys.exit(SKIPPED)
is_gcc = "clang" not in compiler


def said(*arguments):
    done = subprocess.run([compiler, "-std=c++23", "-Wall", *map(str, arguments), f"-I{root}/include"],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def check(file, precompiled):
    """What is wrong with what the compiler says of `file`; empty if nothing is."""
    lines = file.read_text().splitlines()
    kind, _, wanted = lines[0].removeprefix("// ").partition(": ")
    if lines[1].startswith("// flags: "):
        precompiled = lines[1].removeprefix("// flags: ").split() # which another header was precompiled without
    compiles = wanted == "compiles"
    status, text = said("-fsyntax-only", *precompiled, *(["-Werror"] if compiles else []), file)
    # Of an error in a precompiled header GCC leaves out that this file included it: one line less than users see.
    first = text.splitlines()[: 9 if is_gcc else 10]
    good = (status == 0) == (compiles or kind == "warns")
    good = good and (compiles or any(each in "\n".join(first) for each in wanted.split(" | ")))
    return "" if good else f"{file.name}: wanted '{wanted}', the compiler ended with {status}:\n{text}"


with tempfile.TemporaryDirectory() as folder:
    header, made = root / "include/inquest/inquest.hpp", pathlib.Path(folder) / "inquest/inquest.hpp.gch"
    made.parent.mkdir()
    status, text = said("-x", "c++-header", header, "-o", made)
    if status != 0:
        sys.exit(text)
    precompiled = [f"-I{folder}"] if is_gcc else ["-include-pch", made]
    files = sorted((root / "test/mistakes").glob("*.cpp"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [each for each in pool.map(lambda file: check(file, precompiled), files) if each]
print("\n".join(wrong) or f"{len(files)} files, each as it should be")
sys.exit(1 if wrong or not files else 0)
