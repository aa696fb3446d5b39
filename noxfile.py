"""Sessions: `nox -s demo`, `tests`, `blender`, `window`, `lint`, `extension`, and `gpu` for those who have one.

Two environments, as on an artist's machine: `.nox/server` has torch and the server, `.nox/blender` has Blender (the bpy
wheel) and nothing of the server. They are made once, shared by all sessions, and brought up to date when
pyproject.toml or constraints.txt change. The other Blenders that the add-on is tested in are beside them, as
`.nox/blender-4.2` and so on.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
ARCHIVE = ROOT / "dist" / f"transpixar-{nox.project.load_toml(ROOT / 'blender_manifest.toml')['version']}.zip"
OPTIONAL = nox.project.load_toml(ROOT / "pyproject.toml")["project"]["optional-dependencies"]

# What the tests inside of Blender need beside Blender.
BLENDER_TESTS = ["requests", "pytest", "pytest-xdist"]
# A file at a time on each core; torch would otherwise take all cores in every one of them.
PARALLEL = ["--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile"]
# The Blenders beside that of constraints.txt that the add-on is made for: their wheel, and the Python it is built for.
OTHER_BLENDERS = {"4.2": ("bpy==4.2.23", "3.11"), "4.5": ("bpy==4.5.15", "3.11"), "5.2": ("bpy==5.2.3", "3.13")}
# What depends on the version: pixels, strips, nodes, libraries, registration; the rest is tried in one Blender only.
DEPENDS_ON_BLENDER = [
    f"tests/blender/test_{name}.py"
    for name in (
        *("plane", "strip", "compositor", "standard_view", "drop", "collect", "assets", "assets_library", "handoff"),
        *("registration", "installed_zip", "preferences", "panel", "panel_inputs", "words", "scripting"),
    )
]
# It takes a server and a while.
ONLY_ABOUT_THE_SERVER = "tests/blender/test_panel.py::test_a_real_server_s_limits_arrive_in_the_panel"

nox.options.sessions = ["lint", "tests", "blender"]
nox.options.default_venv_backend = "none"


def environment(
    session: nox.Session,
    name: str,
    requirements: list[str],
    python: str = sys.executable,
    constraints: Path | None = CONSTRAINTS,
) -> str:
    """Make or update the environment `.nox/<name>`; returns its Python."""
    folder = ROOT / ".nox" / name
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "installed"
    pinned = constraints.read_text("utf-8") if constraints else ""
    wanted = hashlib.sha256("\n".join([*requirements, python, pinned]).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return str(interpreter)
    session.log(f"Installing the {name} environment in {folder}")
    if not interpreter.exists():
        shutil.rmtree(folder, ignore_errors=True)
        session.run(python, "-m", "venv", str(folder), external=True, silent=True)
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    session.run(*pip, *(["-c", str(constraints)] if constraints else []), *requirements, external=True)
    stamp.write_text(wanted, "utf-8")
    return str(interpreter)


def server_python(session: nox.Session) -> str:
    """The environment that generates clips, with what its tests need."""
    return environment(session, "server", [*OPTIONAL["server"], *OPTIONAL["tests"]])


def blender_python(session: nox.Session) -> str:
    """The environment that stands for an installed Blender; its wheel is made for one version of Python."""
    python = find_python("3.11")
    if python is None:
        session.error("Blender's Python module needs Python 3.11; install it beside this one and run this again.")
    return environment(session, "blender", [*OPTIONAL["demo"], *BLENDER_TESTS], python)


def other_blender_python(session: nox.Session, version: str) -> str:
    """The environment of another Blender; the session is skipped where there is no Python for it."""
    wheel, needed = OTHER_BLENDERS[version]
    python = find_python(needed)
    if python is None:
        session.skip(f"Blender {version} needs Python {needed}, which is not installed here.")
    # constraints.txt pins the one Blender that everything else uses.
    return environment(session, f"blender-{version}", [wheel, *BLENDER_TESTS], python, constraints=None)


def find_python(version: str) -> str | None:
    """A Python of this version that runs; one in the PATH may stand in for what is not installed."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    found = shutil.which(f"python{version}")
    if found is None:
        return None
    # pyenv's stand-in runs only what is asked for; without pyenv the variable says nothing.
    asked = {"PYENV_VERSION": version}
    ask = [found, "-c", "import sys; print(sys.executable)"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False, env=os.environ | asked)
    return answer.stdout.strip() if answer.returncode == 0 else None


def window_programs(session: nox.Session) -> str | None:
    """The folder of `blender` and `Xvfb`; "" where both are in the PATH, None where there are none."""
    chosen = os.environ.get("TRANSPIXAR_BLENDER", "blender").split()[0]
    if shutil.which(chosen) and shutil.which("Xvfb"):
        return ""
    is_root_of_debian = sys.platform == "linux" and os.geteuid() == 0 and Path("/etc/debian_version").exists()
    if "TRANSPIXAR_BLENDER" in os.environ or not is_root_of_debian or shutil.which("unshare") is None:
        return None
    session.log("Setting up a Blender with a window in .nox/window, which takes some minutes the first time")
    setting_up = [str(ROOT / "tools/window_blender.sh"), str(ROOT / ".nox/window")]
    with (ROOT / ".nox/window.log").open("wb") as log:
        try:
            made = subprocess.run(setting_up, stdout=subprocess.PIPE, stderr=log, check=True, timeout=300)
        except (subprocess.SubprocessError, OSError) as error:
            session.warn(f"That failed ({error}); see .nox/window.log")
            return None
    return made.stdout.decode().strip()


def build_extension(session: nox.Session) -> str:
    """Build the zip that artists install; returns its path."""
    session.run(blender_python(session), "tools/build_extension.py", external=True)
    return str(ARCHIVE)


def addon_surroundings(session: nox.Session) -> dict[str, str]:
    """What the tests inside of Blender are told: the server's environment, and the extension they install."""
    return {
        "TRANSPIXAR_SERVER_PYTHON": server_python(session),
        "TRANSPIXAR_EXTENSION": build_extension(session),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }


@nox.session
def demo(session: nox.Session) -> None:
    """Make a clip from a prompt and composite it in Blender: `nox -s demo -- "blue sparks bursting"`."""
    server, blender = server_python(session), blender_python(session)
    session.run(server, "-m", "demo.run", "--blender-python", blender, *session.posargs, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test: the server's and the add-on's core, then the built and installed add-on inside real Blender."""
    server, blender = server_python(session), blender_python(session)
    here = addon_surroundings(session)
    elsewhere = ["--ignore=tests/blender", "--ignore=tests/window"]
    outside = ["tests", *elsewhere, "--durations=15", *PARALLEL, *session.posargs]
    session.run(server, "-m", "pytest", *outside, external=True, env=here)
    session.run(blender, "-m", "pytest", "tests/blender", *PARALLEL, *session.posargs, external=True, env=here)


@nox.session
def gpu(session: nox.Session) -> None:
    """Run the model tests on a GPU: `nox -s gpu`, or another device, `TRANSPIXAR_TEST_DEVICE=cpu nox -s gpu`."""
    device = os.environ.get("TRANSPIXAR_TEST_DEVICE", "cuda")
    server = server_python(session)
    found = ["-c", f"import torch; torch.zeros(1, device={device!r})"]
    if subprocess.run([server, *found], capture_output=True, check=False).returncode:
        session.skip(f"PyTorch in {server} cannot use the device {device}; install a build of it for your GPU there.")
    here = {"HF_HUB_OFFLINE": "1", "TRANSPIXAR_TEST_DEVICE": device}
    session.run(
        server, "-m", "pytest", "tests/server/transpixar", "-m", "device", *session.posargs, external=True, env=here
    )


@nox.session
def window(session: nox.Session) -> None:
    """Drive a real Blender window by mouse and keyboard; TRANSPIXAR_PICTURES names a folder for pictures of it.

    TRANSPIXAR_BLENDER names the Blender. Without it and without `blender` and `Xvfb` in the PATH, root on Debian has a
    Blender set up in `.nox/window`; elsewhere the session is skipped.
    """
    programs = window_programs(session)
    if programs is None:
        session.skip("No Blender with a window and Xvfb are installed here, and none can be set up in five minutes.")
    here = addon_surroundings(session) | {"PATH": os.pathsep.join(filter(None, [programs, os.environ["PATH"]]))}
    tests = ["-m", "pytest", "tests/window", *session.posargs]
    server = server_python(session)
    # Blender's own software renderer crashes now and then: what fails is tried once more.
    session.run(server, *tests, external=True, env=here, success_codes=[0, 1])
    again = ["--last-failed", "--last-failed-no-failures=none"]
    session.run(server, *tests, *again, external=True, env=here, success_codes=[0, 5])


@nox.session
@nox.parametrize("version", [nox.param(version, id=version) for version in OTHER_BLENDERS])
def blender(session: nox.Session, version: str) -> None:
    """Run what depends on Blender's version in the other Blenders: `nox -s blender` or `nox -s "blender(4.2)"`.

    `nox -s "blender(4.2)" -- tests/blender` runs all tests there.
    """
    python = other_blender_python(session, version)
    chosen = session.posargs or [*DEPENDS_ON_BLENDER, "--deselect", ONLY_ABOUT_THE_SERVER]
    session.run(python, "-m", "pytest", *PARALLEL, *chosen, external=True, env=addon_surroundings(session))


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff (rules and format) and mypy."""
    server = server_python(session)
    session.run(server, "-m", "ruff", "check", ".", external=True)
    session.run(server, "-m", "ruff", "format", "--check", ".", external=True)
    session.run(server, "-m", "mypy", "--explicit-package-bases", "server", "blender_transpixar", external=True)


@nox.session
def extension(session: nox.Session) -> None:
    """Build dist/transpixar-<version>.zip with Blender's own tool and let Blender validate it."""
    build_extension(session)
