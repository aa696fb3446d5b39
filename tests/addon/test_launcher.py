"""The real server as a child of this process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from blender_transpixar.core import server_log
from blender_transpixar.core.errors import ServerNotConfiguredError, ServerNotStartedError
from blender_transpixar.core.launcher import Launcher, Phase, address_for_start
from blender_transpixar.core.process_id import is_running
from blender_transpixar.core.server_file import read_installation, read_record
from blender_transpixar.core.server_options import ServerOptions
from tests.addon.real_server import REPOSITORY, server_python


def wait_until(reached: Callable[[], bool], patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while not reached():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path / "log")
    yield launcher
    launcher.stop()
    wait_until(lambda: launcher.poll() or not launcher.runs)


@pytest.fixture
def options(tmp_path: Path) -> ServerOptions:
    command = f'"{server_python()}" -m server --data-dir "{tmp_path / "data"}"'
    return ServerOptions(command, folder=str(REPOSITORY), url=address_for_start("http://127.0.0.1:8420"))


def test_it_starts_is_found_by_its_record_and_stops(launcher: Launcher, options: ServerOptions, tmp_path: Path):
    launcher.start(options)
    assert launcher.phase is Phase.STARTING
    wait_until(lambda: launcher.poll() or launcher.phase is not Phase.STARTING)
    assert launcher.phase is Phase.LISTENING, server_log.tail(launcher.log)
    assert launcher.url == options.url
    record = read_record(tmp_path / "data")
    assert record is not None
    assert (record.url, record.api) == (options.url, 1)
    assert requests.get(f"{launcher.url}/v1/status").json()["name"] == "transpixar"
    launcher.stop()
    assert launcher.phase is Phase.STOPPING
    wait_until(lambda: launcher.poll() and launcher.phase is Phase.ABSENT)
    assert launcher.error is None
    assert read_record(tmp_path / "data") is None
    assert not is_running(record.pid)
    # The server has left word of how to start it again.
    python, folder = read_installation(tmp_path / "data")
    assert (python, folder) == (server_python(), REPOSITORY)


def test_a_server_that_dies_says_why_and_starts_again(launcher: Launcher, options: ServerOptions, tmp_path: Path):
    launcher.start(options)
    wait_until(lambda: launcher.poll() and launcher.phase is Phase.LISTENING)
    os.kill(read_record(tmp_path / "data").pid, signal.SIGKILL)
    wait_until(lambda: launcher.poll() and launcher.phase is Phase.ENDED)
    assert "killed" in launcher.error.message
    assert "Look at its log" in launcher.error.message
    assert read_record(tmp_path / "data") is None
    launcher.start(options)
    assert launcher.error is None
    wait_until(lambda: launcher.poll() and launcher.phase is Phase.LISTENING)
    assert (launcher.log.parent / "server.1.log").exists()


def test_a_port_in_use_is_the_servers_own_sentence(launcher: Launcher, options: ServerOptions):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        launcher.start(ServerOptions(options.command, folder=options.folder, url=url))
        wait_until(lambda: launcher.poll() and launcher.phase is Phase.ENDED)
    assert launcher.error.code == "port_in_use"
    assert "is in use" in launcher.error.message


def test_a_start_that_may_choose_takes_another_port_than_a_taken_one():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert address_for_start(url) not in (url, "http://127.0.0.1:0")
    assert address_for_start(url) == url


def test_a_python_without_the_server(launcher: Launcher, tmp_path: Path):
    launcher.start(ServerOptions(python=sys.executable, folder=str(tmp_path)))
    wait_until(lambda: launcher.poll() and launcher.phase is Phase.ENDED)
    assert launcher.error.code == "server_missing"
    assert "does not have the TransPixar server" in launcher.error.message


@pytest.mark.parametrize(
    "wrong",
    [
        ServerOptions(python="/nowhere/python"),
        ServerOptions(command="/nowhere/python -m server"),
        ServerOptions(command='python -m "server'),
        ServerOptions(python=sys.executable, folder="/nowhere"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_sentence(launcher: Launcher, wrong: ServerOptions):
    with pytest.raises(ServerNotConfiguredError, match="preferences"):
        launcher.start(wrong)
    assert not launcher.runs


def test_a_program_that_cannot_be_run(launcher: Launcher, tmp_path: Path):
    program = tmp_path / "python"
    program.write_text("#!/nowhere/sh\n")
    program.chmod(0o755)
    with pytest.raises(ServerNotStartedError, match="Correct its command"):
        launcher.start(ServerOptions(python=str(program)))


def test_a_program_that_ignores_the_end_of_its_input_is_told_and_then_killed(tmp_path: Path):
    now = [0.0]
    launcher = Launcher(tmp_path / "log", clock=lambda: now[0])
    script = tmp_path / "stubborn.py"
    script.write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        'print(\'{"event": "listening", "url": "http://127.0.0.1:1"}\', flush=True)\ntime.sleep(600)\n'
    )
    launcher.start(ServerOptions(command=f'"{sys.executable}" "{script}"'))
    wait_until(lambda: launcher.poll() and launcher.phase is Phase.LISTENING)
    launcher.stop()
    launcher.poll()
    assert launcher.runs
    now[0] = 10.0
    launcher.poll()
    assert launcher.runs
    now[0] = 15.0
    launcher.poll()
    wait_until(lambda: launcher.poll() or not launcher.runs)
    assert launcher.phase is Phase.ABSENT


# Starts a server from a process of its own, as Blender would, and waits.
PARENT = """
import pathlib, sys, time
from blender_transpixar.core.launcher import Launcher, Phase
from blender_transpixar.core.server_options import ServerOptions
launcher = Launcher(pathlib.Path(sys.argv[1]))
launcher.start(ServerOptions(sys.argv[2], folder=sys.argv[3], url=sys.argv[4]), stay=sys.argv[5] == "stay")
while launcher.phase is Phase.STARTING:
    launcher.poll()
    time.sleep(0.02)
print(launcher.phase.value, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("stay", [False, True])
def test_when_its_parent_is_killed_the_server_ends_unless_it_is_to_stay(
    options: ServerOptions, tmp_path: Path, stay: bool
):
    arguments = [str(tmp_path / "log"), options.command, options.folder, options.url, "stay" if stay else "end"]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "listening\n", server_log.tail(tmp_path / "log/server.log")
    pid = read_record(tmp_path / "data").pid
    parent.kill()
    parent.wait()
    parent.stdout.close()
    if stay:
        assert requests.get(f"{options.url}/v1/status").json()["name"] == "transpixar"
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_running(pid))
    assert read_record(tmp_path / "data") is None


def test_windows_ends_the_server_with_its_workers(launcher: Launcher, monkeypatch: pytest.MonkeyPatch):
    """As far as that can be tried elsewhere: what is called, in place of ending the server alone."""
    commands: list[list[str]] = []
    for name in ("CREATE_NO_WINDOW", "CREATE_NEW_PROCESS_GROUP"):
        monkeypatch.setattr(subprocess, name, 0, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda words, **_: commands.append(words))
    monkeypatch.setattr(sys, "platform", "win32")
    launcher._process = SimpleNamespace(pid=7, stdin=None, poll=lambda: None)
    launcher._signal(by_force=True)
    monkeypatch.undo()
    launcher._process = None
    assert commands == [["taskkill", "/T", "/F", "/PID", "7"]]
