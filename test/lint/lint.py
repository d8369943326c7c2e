"""The checks of the `lint` suite that need no compiler. Usage: lint.py CHECK ROOT"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

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


# What needs no words of its own: what a class is copied and destroyed with, and the names that containers have.
COMMON = re.compile(r"value_type|error_type|difference_type|iterator_concept|end|begin|operator(?:=|==|<=>)")


def without_template(head):
    """The declaration without its `template <...>`, nested angle brackets included."""
    while found := re.match(r"\s*template\s*<", head):
        depth, at = 1, found.end()
        while depth:
            depth += {"<": 1, ">": -1}.get(head[at], 0)
            at += 1
        head = head[at:]
    return head


def statements(text):
    """The declarations at the outermost level of `text`, each as (head, body or None, documented)."""
    head, depth, parens, documented, i = "", 0, 0, False, 0
    start = 0
    while i < len(text):
        if depth == 0 and text.startswith("//", i):
            end = text.find("\n", i)
            if not head.strip():
                documented = documented or text.startswith("///", i)
            i = end
            continue
        c = text[i]
        if depth == 0 and c == "#" and not head.strip():
            end = i
            while True:
                end = text.find("\n", end)
                if text[end - 1] != "\\":
                    break
                end += 1
            yield text[i:end], None, documented
            head, documented, i = "", False, end
            continue
        if c in "([":
            parens += 1
        elif c in ")]":
            parens -= 1
        if c == "{" and parens == 0:
            if depth == 0:
                start = i + 1
            depth += 1
        elif c == "}" and parens == 0:
            depth -= 1
            if depth == 0:
                # `int x{1};` and initialisers go on; what is no type ends here.
                if re.search(r"\b(?:class|struct|enum|union)\b", without_template(head)):
                    i = text.find(";", i)
                elif text[i + 1 :].lstrip()[:1] in {";", ","}:
                    i += 1
                    continue
                yield head.strip(), text[start : text.rfind("}", 0, i + 1)], documented
                head, documented = "", False
        elif depth == 0:
            if c == ";" and parens == 0:
                line_end = text.find("\n", i)
                beside = text[i + 1 : line_end].strip().startswith("///<")
                yield head.strip(), None, documented or beside
                head, documented = "", False
                i = line_end if beside else i
            else:
                head += c
                if re.fullmatch(r"\s*(?:public|private|protected)\s*:", head):
                    yield head.strip(), None, documented
                    head, documented = "", False
        i += 1


def declared_name(head):
    """The name that a declaration introduces into its scope; None where it introduces none."""
    head = re.sub(r"\[\[.*?\]\]|\bexplicit\b|\bconstexpr\b|\bstatic\b|\binline\b", "", head)
    head = without_template(head)
    head = re.sub(r"^\s*requires\s*(?:\((?:[^()]|\([^()]*\))*\)|[\w:<>&, ]+?)(?=\s*(?:std|failure|\[|result|explicit))", "", head).strip()
    if head.startswith(("friend ", "namespace", "static_assert", "extern")):
        return None
    if found := re.match(r"using\s+(\w+)\s*=", head):
        return found.group(1)
    if head.startswith("using"):
        return None
    if found := re.match(r"(?:class|struct|enum class|enum|concept|union)\s+(\w+)", head):
        return found.group(1)
    if found := re.search(r"(operator\s*(?:bool|\(\)|[^\s\w(]+)|~?\w+)\s*\(", head):
        return re.sub(r"\s", "", found.group(1))
    found = re.search(r"(\w+)\s*(?:=.*)?$", head, re.DOTALL)
    return found.group(1) if found else None


def undocumented(text, scope=""):
    """Names of a public header that no comment explains; each overload set counts once."""
    names, hidden = {}, False
    is_class = bool(scope)
    for head, body, documented in statements(text):
        if found := re.fullmatch(r"(public|private|protected)\s*:", head):
            hidden = is_class and found.group(1) != "public"
            continue
        if head.startswith("#define"):
            names.setdefault(head.split("(")[0].split()[1], documented)
            continue
        if hidden or head.startswith("#") or not head:
            continue
        if head.startswith("namespace"):
            inner = undocumented(body or "")
            if "detail" in head:  # what the ends inherit is public all the same
                inner = (name for name in inner if name.startswith("handle::"))
            yield from inner
            continue
        if not is_class and body is not None and re.search(r"(?:^|[\s*&])\w+::~?\w+\(", head):
            continue  # defined here, declared in its class
        name = declared_name(head)
        if name is None or COMMON.fullmatch(name) or name.startswith("~") or name == scope:
            continue
        forward = body is None and re.match(r"(?:template.*?>\s*)?(?:class|struct)\s+\w+$", head, re.DOTALL)
        if not forward:
            names[name] = names.get(name, False) or documented
        kind = re.search(r"\b(enum class|class|struct)\s+\w+", without_template(head))
        if body is not None and kind and kind.group(1) == "enum class":
            for line in body.strip().splitlines():
                if "///" not in line and line.strip():
                    yield f"{name}::{line.strip().rstrip(',')}"
        elif body is not None and kind:
            inner = ("private:\n" if kind.group(1) == "class" else "") + body
            yield from (f"{name}::{each}" for each in undocumented(inner, name))
    yield from (name for name, told in names.items() if not told)


def check_documented(root):
    """Every public name has a comment for those who use it."""
    found = []
    for path in sorted((root / "include/inquest").glob("*.hpp")):
        found += [f"{path.name}: {name}" for name in undocumented(path.read_text())]
    print("\n".join(found) or "every public name is documented")
    return 1 if found else 0


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
    built = (pathlib.Path(build) / "compile_commands.json").read_text()
    files = [
        str(p)
        for p in sources(root, ["lib", "test/examples"], {".cpp"})
        if not p.name.startswith("test_") and f"/{p.name}" in built
    ]

    def tidy(file):
        done = subprocess.run([tool, "--quiet", "-p", build, file], text=True, capture_output=True)
        return done.returncode, done.stdout

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(tidy, files))
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
