"""Sessions: `nox -s demo`, `nox -s tests`, `nox -s lint`, `nox -s extension`.

Two environments, as on an artist's machine: `.nox/server` has torch and the server, `.nox/blender` has Blender (the bpy
wheel) and nothing of the server. They are made once, shared by all sessions, and brought up to date when
pyproject.toml or constraints.txt change.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
CONSTRAINTS = ROOT / "constraints.txt"
OPTIONAL = nox.project.load_toml(ROOT / "pyproject.toml")["project"]["optional-dependencies"]

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "none"


def environment(session: nox.Session, name: str, requirements: list[str], python: str = sys.executable) -> str:
    """Make or update the environment `.nox/<name>`; returns its Python."""
    folder = ROOT / ".nox" / name
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "installed"
    wanted = hashlib.sha256("\n".join([*requirements, python, CONSTRAINTS.read_text("utf-8")]).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return str(interpreter)
    session.log(f"Installing the {name} environment in {folder}")
    if not interpreter.exists():
        shutil.rmtree(folder, ignore_errors=True)
        session.run(python, "-m", "venv", str(folder), external=True, silent=True)
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    session.run(*pip, "-c", str(CONSTRAINTS), *requirements, external=True)
    stamp.write_text(wanted, "utf-8")
    return str(interpreter)


def server_python(session: nox.Session) -> str:
    """The environment that generates clips, with what its tests need."""
    return environment(session, "server", [*OPTIONAL["server"], *OPTIONAL["tests"]])


def blender_python(session: nox.Session) -> str:
    """The environment that stands for an installed Blender; its wheel is made for one version of Python."""
    python = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if python is None:
        session.error("Blender's Python module needs Python 3.11; install it beside this one and run this again.")
    return environment(session, "blender", [*OPTIONAL["demo"], "requests", "pytest"], python)


@nox.session
def demo(session: nox.Session) -> None:
    """Make a clip from a prompt and composite it in Blender: `nox -s demo -- "blue sparks bursting"`."""
    server, blender = server_python(session), blender_python(session)
    session.run(server, "-m", "demo.run", "--blender-python", blender, *session.posargs, external=True)


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test: the server's and the add-on's core, then the add-on inside real Blender."""
    server, blender = server_python(session), blender_python(session)
    here = {"TRANSPIXAR_SERVER_PYTHON": server, "HF_HUB_OFFLINE": "1"}
    # A file at a time on each core; torch would otherwise take all cores in every one of them.
    parallel = ["--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile"]
    alone = here | {"OMP_NUM_THREADS": "1"}
    outside = ["tests", "--ignore=tests/blender", *parallel, *session.posargs]
    session.run(server, "-m", "pytest", *outside, external=True, env=alone)
    session.run(blender, "-m", "pytest", "tests/blender", *session.posargs, external=True, env=here)


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
    session.run(blender_python(session), "tools/build_extension.py", external=True)
