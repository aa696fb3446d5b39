"""How the server starts, what it says when it cannot, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from server.client import Client
from server.launch import ServerNotStarted, ServerProcess, module_environment


def serve(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=module_environment(), check=False)


def failure(*options: str) -> tuple[str, str]:
    """The code and message of a server that cannot start: its only line on standard output."""
    done = serve(*options)
    assert done.returncode != 0
    line = json.loads(done.stdout)
    assert line["event"] == "failed"
    assert line["message"].endswith(".")
    assert "Traceback" not in done.stderr
    return line["code"], line["message"]


def test_nothing_of_the_api_imports_torch() -> None:
    program = (
        "import sys, server.cli, server.commands.serve, server.commands.generate, server.workers.local\n"
        "print([name for name in ('torch', 'diffusers', 'transformers', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=module_environment(), check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_port_in_use_is_said(tiny_model_folder: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        model = str(tiny_model_folder)
        code, message = failure("serve", "--port", port, "--model-dir", model, "--data-dir", str(tmp_path))

    assert code == "port_in_use"
    assert f"Port {port} is in use" in message


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--port", "99999"], "bad_setting", "--port"),
        (["--host", "0.0.0.0"], "bad_setting", "127.0.0.1"),
        (["--no-such-option"], "bad_setting", "--no-such-option"),
        (["--model-dir", "no-such-folder"], "model_unusable", "no-such-folder"),
    ],
)
def test_what_it_cannot_do_is_said(options: list[str], code: str, message: str) -> None:
    said = failure("serve", "--port", "0", *options)

    assert said[0] == code
    assert message in said[1]


def test_a_data_folder_that_is_a_file_is_said(tiny_model_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model, data = str(tiny_model_folder), str(tmp_path / "file")

    assert failure("--port", "0", "--model-dir", model, "--data-dir", data)[0] == "data_dir_unusable"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM to catch")
def test_sigterm_ends_it_with_streams_open_and_leaves_nothing(tiny_model_folder: Path, tmp_path: Path) -> None:
    with ServerProcess(["--model-dir", str(tiny_model_folder), "--data-dir", str(tmp_path)]) as running:
        client = Client(running.url)
        at_work, waiting = client.create("fire", steps=100, model="tiny"), client.create("fire")
        worker = client.check_version()["workers"][0]["pid"]
        streams = [
            requests.get(f"{running.url}/v1/videos/{job['id']}/events", stream=True, timeout=30)
            for job in (at_work, waiting)
        ]
        running.process.send_signal(signal.SIGTERM)

        ends = [json.loads(stream.text.rstrip().rpartition("data: ")[2].splitlines()[0]) for stream in streams]
        assert [job["state"] for job in ends] == ["interrupted", "queued"]
        assert running.process.wait(20) == 0
    assert not psutil.pid_exists(worker)
    assert [list(folder.iterdir()) for folder in (tmp_path / "clips", tmp_path / "jobs")] == [[], []]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_killed_server_takes_its_worker_along(tiny_model_folder: Path, tmp_path: Path) -> None:
    with ServerProcess(["--model-dir", str(tiny_model_folder), "--data-dir", str(tmp_path)]) as running:
        worker = psutil.Process(Client(running.url).check_version()["workers"][0]["pid"])
        running.process.kill()
        worker.wait(20)


def test_it_stops_when_its_parent_does(tiny_model_folder: Path, tmp_path: Path) -> None:
    running = ServerProcess(["--model-dir", str(tiny_model_folder), "--data-dir", str(tmp_path)])
    assert running.process.stdin is not None
    running.process.stdin.close()

    assert running.process.wait(20) == 0


def test_the_launcher_passes_on_why_it_did_not_start(tmp_path: Path) -> None:
    with pytest.raises(ServerNotStarted, match="is not a model folder") as caught:
        ServerProcess(["--model-dir", str(tmp_path)])

    assert caught.value.code == "model_unusable"


def test_two_servers_on_free_ports_do_not_meet(server: ServerProcess, tiny_model_folder: Path, tmp_path: Path) -> None:
    with ServerProcess(["--model-dir", str(tiny_model_folder), "--data-dir", str(tmp_path)]) as other:
        assert other.url != server.url
        assert Client(other.url).check_version()["models"][-1] == "tiny"
