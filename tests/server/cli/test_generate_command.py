"""`python -m server generate`, as a person runs it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server.client import Client
from server.launch import ServerProcess, module_environment
from server.media.sidecar import Sidecar


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "server", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = module_environment()
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=180, env=environment, check=False
    )


def test_it_starts_its_own_server_and_prints_where_the_clip_is(tiny_model_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips"
    model = str(tiny_model_folder)
    done = run("generate", "orange fire", "--out", str(out), "--seed", "7", "--model", "tiny", "--model-dir", model)

    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.parent == out
    assert folder.name.startswith("orange-fire_7_")
    assert len(list(folder.glob("*.png"))) == 5
    assert "4/4" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_uses_a_running_server_and_all_its_options(server: ServerProcess, tmp_path: Path) -> None:
    options = ["--size", "48x32", "--frames", "3", "--steps", "2", "--guidance", "1.5", "--cfg-schedule", "dynamic"]
    done = run("generate", "fire", "--out", str(tmp_path), "--server", server.url, *options, "--model", "tiny")

    assert done.returncode == 0, done.stderr
    sidecar = Sidecar.from_json(Path(done.stdout.strip(), "fire.transpixar").read_bytes())
    request = sidecar.request
    assert (request.width, request.height, request.num_frames, request.steps) == (48, 32, 3, 2)
    assert (request.guidance, request.cfg_schedule) == (1.5, "dynamic")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["", "--model", "tiny"], "The prompt is empty"),
        (["fire", "--model", "tiny", "--width", "33"], "use 32 or 48"),
        (["fire", "--model", "sora"], "There is no model 'sora'"),
        (["fire", "--size", "big"], "write it as 64x64"),
    ],
)
def test_bad_input_is_told_in_a_sentence(server: ServerProcess, tmp_path: Path, arguments: list, message: str) -> None:
    done = run("generate", *arguments, "--out", str(tmp_path), "--server", server.url)

    assert done.returncode != 0
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_failed_job_names_the_log_of_the_server_that_was_started(broken_model_folder: Path, tmp_path: Path) -> None:
    model = ["--model", "broken", "--model-dir", str(broken_model_folder)]
    done = run("generate", "fire", "--out", str(tmp_path), *model)

    assert (done.returncode, done.stdout) == (1, "")
    assert "The model 'broken' cannot be loaded" in done.stderr
    assert "Traceback" not in done.stderr
    log = Path(done.stderr.partition("log is ")[2].splitlines()[0])
    assert "Traceback" in log.read_text("utf-8")
    log.unlink()


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run("generate", "fire", "--out", str(tmp_path), "--server", "http://127.0.0.1:9")

    assert (done.returncode, done.stdout) == (1, "")
    assert "does not answer; start it with" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="Windows sends Ctrl+C to groups only")
def test_ctrl_c_cancels_the_job(server: ServerProcess, client: Client, tmp_path: Path) -> None:
    before = len(client.list())
    arguments = ["generate", "slow fire", "--out", str(tmp_path), "--server", server.url, "--steps", "100"]
    running = subprocess.Popen(
        command(*arguments, "--size", "64", "--model", "tiny"),
        stderr=subprocess.PIPE,
        text=True,
        env=module_environment(),
    )
    while len(client.list()) == before:
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)

    assert running.returncode == 130
    assert "Cancelled." in said
    assert "Traceback" not in said
    *_, job = client.follow(client.list()[0]["id"])
    assert job["state"] == "cancelled"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["generate", "--help"], ["--version"]])
def test_help_and_version(arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.returncode == 0
    assert done.stdout


def test_an_unknown_command_names_those_there_are() -> None:
    done = run("generat")

    assert done.returncode == 2
    assert "the commands are serve, generate" in done.stderr
