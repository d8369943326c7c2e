"""Uses inquest the way other projects would. Usage: consumers.py WAY ROOT BUILD"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

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
    assert sorted(t["name"] for t in targets) == ["app", "inquest"]


def installed(root, build, scratch):
    run("meson", "install", "--no-rebuild", "-C", build, "--destdir", scratch)
    config = next(scratch.rglob("inquest.pc"))
    env = dict(os.environ, PKG_CONFIG_PATH=str(config.parent), PKG_CONFIG_SYSROOT_DIR=str(scratch))
    assert run("pkg-config", "--modversion", "inquest", env=env).strip()
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "inquest", env=env))
    app = scratch / "app"
    run(os.environ.get("CXX", "c++"), "-std=c++23", root / "test/consumers/app.cpp", "-o", app, *flags)
    env["LD_LIBRARY_PATH"] = str(config.parent.parent)
    assert run(app, env=env) == WORDS


if __name__ == "__main__":
    ways = {"subproject": subproject, "installed": installed}
    if len(sys.argv) != 4 or sys.argv[1] not in ways:
        sys.exit(f"usage: consumers.py {'|'.join(ways)} ROOT BUILD")
    with tempfile.TemporaryDirectory() as folder:
        ways[sys.argv[1]](pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), pathlib.Path(folder))
