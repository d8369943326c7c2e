"""Uses inquest the way other projects would. Usage: consumers.py WAY ROOT BUILD, WAY being one of those below."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77  # what meson takes for a skipped test
WORDS = "worker 'consumer' failed on item 3: three is too many\n"

# What the README tells a Meson user to write.
MESON = """project('consumer', 'cpp', default_options: ['cpp_std=none'])
add_project_arguments('-std=c++23', language: 'cpp')
inquest = dependency('inquest', fallback: 'inquest')
executable('app', 'app.cpp', dependencies: inquest)
"""


def run(*command, **how):
    print("+", shlex.join(map(str, command)), flush=True)
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
    print(done.stdout, end="", flush=True)
    done.check_returncode()
    return done.stdout


def subproject(root, build, scratch):
    (scratch / "meson.build").write_text(MESON)
    (scratch / "app.cpp").write_bytes((root / "test/consumers/app.cpp").read_bytes())
    (scratch / "subprojects").mkdir()
    (scratch / "subprojects/inquest").symlink_to(root)
    # wrap_mode forcefallback: an installed inquest must not be taken instead.
    run("meson", "setup", "build", "--wrap-mode=forcefallback", cwd=scratch)
    run("ninja", "-C", "build", cwd=scratch)
    assert run(scratch / "build/app") == WORDS
    tests = json.loads(run("meson", "introspect", "build", "--tests", cwd=scratch))
    targets = json.loads(run("meson", "introspect", "build", "--targets", cwd=scratch))
    assert tests == [], "a subproject brings no tests by default"
    assert sorted(t["name"] for t in targets if t["build_by_default"]) == ["app", "inquest"]


def compiler():
    return os.environ.get("CXX", "c++")


def install(build, into):
    """Where its pkg-config files are, as they are found there."""
    run("meson", "install", "--no-rebuild", "-C", build, "--destdir", into)
    return next(into.rglob("inquest.pc")).parent


def environment(configs, root):
    return dict(os.environ, PKG_CONFIG_PATH=str(configs), PKG_CONFIG_SYSROOT_DIR=str(root),
                LD_LIBRARY_PATH=str(configs.parent))


def installed(root, build, scratch):
    configs = install(build, scratch)
    env = environment(configs, scratch)
    assert run("pkg-config", "--modversion", "inquest", env=env).strip()
    said = run("pkg-config", "--cflags", "--libs", "inquest", env=env)
    assert "spdlog" not in said and "fmt" not in said, "who does not use it needs no spdlog"
    app = scratch / "app"
    # Hidden symbols, as many programs have them.
    run(compiler(), "-std=c++23", "-fvisibility=hidden", root / "test/consumers/app.cpp", "-o", app, *shlex.split(said))
    assert run(app, env=env) == WORDS
    for name in ("README.md", "guide.md", "your_queue.md", "hello.cpp"):
        assert next(scratch.rglob(f"doc/inquest/**/{name}"), None), f"{name} is not installed"


CMAKE = """cmake_minimum_required(VERSION 3.20)
project(consumer CXX)
set(CMAKE_CXX_EXTENSIONS OFF)
find_package(inquest 0.1 REQUIRED)
add_executable(app app.cpp)
target_link_libraries(app PRIVATE inquest::inquest)
"""
# One that logs.
CMAKE_SPDLOG = CMAKE.replace("REQUIRED", "REQUIRED COMPONENTS spdlog").replace("inquest::inquest", "inquest::spdlog")
LOGS = """#include <inquest/inquest.hpp>
#include <inquest/spdlog.hpp>
#include <spdlog/sinks/stdout_sinks.h>
int main() {
    inquest::log_to(spdlog::stdout_logger_mt("log"));
    (void)inquest::spawn("w", []() -> std::expected<void, std::string> { return std::unexpected("unseen"); });
    inquest::log_to(nullptr);
}
"""


def cmake_app(folder, lists, source, prefix):
    folder.mkdir()
    (folder / "CMakeLists.txt").write_text(lists)
    (folder / "app.cpp").write_text(source)
    run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={compiler()}")
    run("cmake", "--build", folder / "build")
    return folder / "build/app"


def cmake(root, build, scratch):
    if not shutil.which("cmake"):
        print("skipped: no cmake")
        sys.exit(SKIPPED)
    configs = install(build, scratch / "installed")
    # The files may be moved: everything is found from where they are.
    (scratch / "installed").rename(scratch / "moved")
    configs = scratch / "moved" / configs.relative_to(scratch / "installed")
    prefix = next((scratch / "moved").rglob("include")).parent
    env = dict(os.environ, LD_LIBRARY_PATH=str(configs.parent))
    app = (root / "test/consumers/app.cpp").read_text()
    assert run(cmake_app(scratch / "plain", CMAKE, app, prefix), env=env) == WORDS
    if (configs / "inquest-spdlog.pc").exists():
        said = run(cmake_app(scratch / "spdlog", CMAKE_SPDLOG, LOGS, prefix), env=env)
        assert said.rstrip().endswith("unobserved failure: worker 'w' failed: unseen"), said
    for wanted in ("0.2", "1.0"):
        try:
            cmake_app(scratch / f"other-{wanted}", CMAKE.replace("0.1", wanted), app, prefix)
        except subprocess.CalledProcessError:
            continue
        raise AssertionError(f"version {wanted} is another one")


def static(root, build, scratch):
    """A static library, through pkg-config and, if that is there, CMake."""
    made = scratch / "made"
    run("meson", "setup", made, root, "-Ddefault_library=static", "-Dtests=disabled", "-Dexamples=disabled",
        "-Dbenchmarks=disabled", "-Dspdlog=disabled")
    run("ninja", "-C", made)
    configs = install(made, scratch / "installed")
    env = environment(configs, scratch / "installed")
    flags = shlex.split(run("pkg-config", "--static", "--cflags", "--libs", "inquest", env=env))
    source = root / "test/consumers/app.cpp"
    run(compiler(), "-std=c++23", source, "-o", scratch / "app", *flags)
    assert run(scratch / "app") == WORDS  # with no library to be found
    if shutil.which("cmake"):
        prefix = next((scratch / "installed").rglob("include")).parent
        assert run(cmake_app(scratch / "cmake", CMAKE, source.read_text(), prefix)) == WORDS


def sources(root, build, scratch):
    """Headers and sources copied into a program, and compiled with it."""
    for folder in ("include", "lib"):
        shutil.copytree(root / folder, scratch / "inquest" / folder)
    files = [each for each in sorted((scratch / "inquest/lib").glob("*.cpp")) if each.name != "spdlog.cpp"]
    run(compiler(), "-std=c++23", "-O0", "-Iinquest/include", root / "test/consumers/app.cpp", *files, "-o", "app", "-pthread",
        cwd=scratch)
    assert run(scratch / "app") == WORDS


if __name__ == "__main__":
    ways = {each.__name__: each for each in (subproject, installed, cmake, static, sources)}
    if len(sys.argv) != 4 or sys.argv[1] not in ways:
        sys.exit(f"usage: consumers.py {'|'.join(ways)} ROOT BUILD")
    with tempfile.TemporaryDirectory() as folder:
        ways[sys.argv[1]](pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), pathlib.Path(folder))
