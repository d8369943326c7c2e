"""The checks of the `lint` suite that need no compiler. Usage: lint.py CHECK ROOT"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77  # what meson takes for a skipped test
SYNC = re.compile(
    r"std::(?:recursive_|timed_|shared_)*mutex\b|std::condition_variable\w*|std::atomic\w*|std::jthread\b"
    r"|std::thread\b|std::stop_\w+|std::(?:chrono::)?steady_clock\b|std::this_thread\b"
    r"|#include <(?:atomic|condition_variable|stop_token|thread)>"
)
# Where the system's own threads are meant, below everything that is explored.
SYNC_ALLOWED = {"include/inquest/detail/sync.hpp", "lib/platform.cpp"}


def sources(root, folders, endings):
    for folder in folders:
        yield from sorted(p for p in (root / folder).rglob("*") if p.suffix in endings)


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def check_format(root):
    tool = shutil.which("clang-format-19")
    if not tool:
        print("clang-format-19 is not there")
        return SKIPPED
    files = [str(p) for p in sources(root, ["include", "lib", "test", "bench"], {".hpp", ".cpp"})]
    return subprocess.run([tool, "--dry-run", "--Werror", *files]).returncode


def check_sync(root):
    """include/ and lib/ name no synchronisation type of std outside detail/sync.hpp."""
    found = []
    for path in sources(root, ["include", "lib"], {".hpp", ".cpp"}):
        name = path.relative_to(root).as_posix()
        if name in SYNC_ALLOWED:
            continue
        for number, line in enumerate(without_comments(path.read_text()).splitlines(), 1):
            # A user's function takes the standard token; it is only ever named in text about it.
            found += [f"{name}:{number}: {m.group()}" for m in SYNC.finditer(re.sub(r'"[^"]*"', "", line))]
    print("\n".join(found) or "nothing outside detail/sync.hpp")
    return 1 if found else 0


def check_text(root):
    """Line ends, trailing blanks, final newlines, as .editorconfig has them."""
    found = []
    if not shutil.which("git"):
        print("git is not there")
        return SKIPPED
    listed = subprocess.run(["git", "-C", str(root), "ls-files"], capture_output=True, text=True)
    if listed.returncode != 0:
        print("not a git checkout")
        return SKIPPED
    for name in listed.stdout.splitlines():
        path = root / name
        if not path.is_file() or path.suffix in {".png", ".svg"}:
            continue
        text = path.read_bytes()
        if b"\r" in text:
            found.append(f"{name}: carriage return")
        if text and not text.endswith(b"\n"):
            found.append(f"{name}: no newline at the end")
        found += [
            f"{name}:{number}: trailing blank"
            for number, line in enumerate(text.split(b"\n"), 1)
            if line.endswith((b" ", b"\t"))
        ]
    print("\n".join(found) or "clean")
    return 1 if found else 0


def check_readme(root):
    """Every C++ sample of the README stands, indentation aside, in test/readme.cpp or test/examples/hello.cpp, where it is
    compiled and run."""

    def lines(text):
        return "\n".join(line.strip() for line in text.splitlines())

    compiled = lines("".join((root / name).read_text() for name in ("test/readme.cpp", "test/examples/hello.cpp")))
    samples = re.findall(r"```cpp\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    missing = [sample for sample in samples if lines(sample).strip() not in compiled]
    print("\n".join(missing) or f"{len(samples)} samples, all compiled")
    return 1 if missing or not samples else 0


def check_documented(root, build):
    """Doxygen finds a comment for every public name, and everything that the guide refers to."""
    tool, file = shutil.which("doxygen"), pathlib.Path(build) / "include/Doxyfile"
    if not tool or not file.exists():
        print("doxygen is not there, or was not when the build folder was set up")
        return SKIPPED
    options = file.read_text()
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([tool, "-"], input=f"{options}\nOUTPUT_DIRECTORY = {folder}\n", text=True).returncode


def check_tags(root):
    """ctags, and with it editors, find every name of ours that a test uses."""
    tool = shutil.which("ctags")
    if not tool or "Universal" not in subprocess.run([tool, "--version"], capture_output=True, text=True).stdout:
        print("Universal Ctags is not there")
        return SKIPPED
    files = [str(p) for p in sources(root, ["include", "lib", "test/support"], {".hpp", ".cpp"})]
    listed = subprocess.run(
        [tool, "--languages=C++", "--kinds-C++=+p", "-f", "-", *files], capture_output=True, text=True, check=True
    ).stdout
    found = {line.split("\t", 1)[0] for line in listed.splitlines()}
    for path in files:  # Debian's ctags knows no concepts
        found |= set(re.findall(r"\bconcept (\w+)", pathlib.Path(path).read_text()))
    used = set()
    for path in sources(root, ["test"], {".hpp", ".cpp"}):
        used |= set(re.findall(r"\binquest::(?:detail::)?(\w+)", without_comments(path.read_text())))
    missing = sorted(used - found)
    print("\n".join(missing) or f"{len(used)} names, all found")
    return 1 if missing or not used else 0


def check_tidy(root, build):
    tool = shutil.which("clang-tidy-19")
    if not tool:
        print("clang-tidy-19 is not there")
        return SKIPPED
    root, build = root.resolve(), pathlib.Path(build).resolve()
    commands = {}
    for one in json.loads((build / "compile_commands.json").read_text()):
        file = (build / one["file"]).resolve()
        several = re.findall(r"#include<(.+)>", file.read_text()) if "-unity" in file.name else [file]
        commands |= {(build / each).resolve(): shlex.split(one["command"]) for each in several}
    files = [
        p for p in sources(root, ["lib", "test/examples"], {".cpp"}) if p in commands and not p.name.startswith("test_")
    ]
    library = [p for p in files if p.parent.name == "lib"]
    if not library:
        print("the build folder has no library")
        return 1

    def tidy(arguments):
        done = subprocess.run(
            [tool, "--quiet", "--extra-arg=-Qunused-arguments", f"--config-file={root / '.clang-tidy'}", *arguments],
            text=True,
            capture_output=True,
            cwd=build,
        )
        return done.returncode, done.stdout

    with tempfile.TemporaryDirectory() as folder:
        # The library as one file: nearly all the work is in what its sources include. Not included there, because some checks
        # look at nothing that is.
        whole = pathlib.Path(folder) / "library.cpp"
        whole.write_text("".join(f'#line 1 "{p}"\n{p.read_text()}\n' for p in library))
        flags = [flag for flag in commands[library[0]] if re.match(r"-[DI]|-std=|-pthread$", flag)]
        flags.append(f"-I{root / 'lib'}")
        work = [[whole, "--", *flags]] + [["-p", build, p] for p in files if p not in library]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(tidy, work))
    print("".join(said for _, said in results) or f"{len(files)} files, nothing found")
    return max(status for status, _ in results)


if __name__ == "__main__":
    checks = {
        "documented": check_documented,
        "format": check_format,
        "readme": check_readme,
        "sync": check_sync,
        "tags": check_tags,
        "text": check_text,
        "tidy": check_tidy,
    }
    if len(sys.argv) < 3 or sys.argv[1] not in checks:
        sys.exit(f"usage: lint.py {'|'.join(checks)} ROOT [BUILD]")
    sys.exit(checks[sys.argv[1]](pathlib.Path(sys.argv[2]), *sys.argv[3:]))
