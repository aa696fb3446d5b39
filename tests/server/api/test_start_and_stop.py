"""How the server starts, what it says when it cannot, and how it ends."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from server.api.listen import listen
from server.client import Client, ClientError, find_server
from server.launch import ServerNotStarted, ServerProcess, module_environment
from tests.server.api.conftest import FAKE


def serve(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, env=module_environment(), check=False)


def failure(*options: str) -> tuple[str, int]:
    """The code, told in the only line on standard output, and the exit status of a server that cannot start."""
    done = serve(*options)
    line = json.loads(done.stdout)
    assert line["event"] == "failed"
    assert line["message"].endswith(".")
    assert "Traceback" not in done.stderr
    return line["code"], done.returncode


def test_nothing_of_the_api_imports_torch() -> None:
    program = (
        "import sys, server.cli, server.commands.serve, server.commands.generate, server.api.listen\n"
        "print([name for name in ('torch', 'diffusers', 'transformers', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=module_environment(), check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert failure("serve", "--port", port, "--data-dir", str(tmp_path)) == ("port_in_use", 3)


@pytest.mark.parametrize(
    ("options", "code", "status", "message"),
    [
        (["--port", "99999"], "bad_setting", 2, "--port"),
        (["--host", "my machine"], "bad_setting", 2, "0.0.0.0"),
        (["--no-such-option"], "bad_setting", 2, "--no-such-option"),
        (["--keep-days", "-1"], "bad_setting", 2, "--keep-days"),
        (["--host", "0.0.0.0"], "token_needed", 2, "--token-file"),
        (["--host", "192.0.2.1", "--token-file", "token"], "cannot_listen", 3, "192.0.2.1"),
        (["--model-dir", "no-such-folder"], "model_unusable", 5, "no-such-folder"),
    ],
)
def test_what_it_cannot_do_is_said(
    tmp_path: Path, options: list[str], code: str, status: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANSPIXAR_DATA_DIR", str(tmp_path / "data"))
    # Also in a folder of its own, for the names above.
    options = [str(tmp_path / option) if option == "token" else option for option in options]
    done = serve("serve", "--port", "0", *options)
    line = json.loads(done.stdout)

    assert (line["event"], line["code"], done.returncode) == ("failed", code, status)
    assert message in line["message"]
    assert line["message"].endswith(".")
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    assert failure("--port", "0", "--data-dir", str(tmp_path / "file")) == ("data_dir_unusable", 4)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")
def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x" * 40)
    (tmp_path / "token").chmod(0o644)
    options = ["--port", "0", "--data-dir", str(tmp_path / "data"), "--token-file", str(tmp_path / "token")]
    assert failure(*options) == ("bad_setting", 2)


@pytest.mark.parametrize("token", ["short", "with a space in it", "umlaut-\xfc-umlaut-\xfc"])
def test_a_token_that_is_none_is_refused(tmp_path: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSPIXAR_TOKEN", token)
    assert failure("--port", "0", "--data-dir", str(tmp_path)) == ("bad_setting", 2)


def test_the_token_can_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSPIXAR_TOKEN", "correct-horse-battery")
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as running:
        assert requests.get(f"{running.url}/v1/status").status_code == 401
        assert Client(running.url).check_version()["state"] == "ready"
        monkeypatch.delenv("TRANSPIXAR_TOKEN")
        with pytest.raises(ClientError, match="needs its token"):
            Client(running.url).check_version()


@pytest.mark.parametrize(
    ("damage", "code"),
    [(b"no database" * 1000, "database_damaged"), ("PRAGMA user_version = 999", "database_too_new")],
)
def test_a_database_that_cannot_be_used_is_said(tmp_path: Path, damage: bytes | str, code: str) -> None:
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE):
        pass
    if isinstance(damage, bytes):
        (tmp_path / "jobs.sqlite3").write_bytes(damage)
    else:
        with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as database:
            database.execute(damage)

    assert failure("--port", "0", "--data-dir", str(tmp_path)) == (code, 4)


def test_a_gpu_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = serve("serve", "--port", "0", "--data-dir", str(tmp_path), "--device", "cuda:7")
    line = json.loads(done.stdout)

    assert (line["event"], line["code"], done.returncode) == ("failed", "no_gpu", 6)
    assert line["message"].endswith(".")
    assert not (tmp_path / "server.json").exists()


# --- one server per data folder --------------------------------------------------------------------------------------


def test_a_second_server_is_told_where_the_first_one_is(tmp_path: Path) -> None:
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as first:
        with pytest.raises(ServerNotStarted, match=first.url) as caught:
            ServerProcess(["--data-dir", str(tmp_path)], program=FAKE)
        assert caught.value.code == "already_running"
        assert Client(first.url).check_version()["state"] == "ready"


def test_the_record_tells_others_and_goes_with_the_server(tmp_path: Path) -> None:
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as running:
        record = json.loads((tmp_path / "server.json").read_text("utf-8"))
        assert record == {
            "pid": running.process.pid,
            "url": running.url,
            "port": int(running.url.rpartition(":")[2]),
            "version": "0.1.0",
            "api": 1,
            "token_file": None,
        }
        assert find_server(tmp_path) == (running.url, None)
    assert not (tmp_path / "server.json").exists()
    with pytest.raises(ClientError, match="No server is running; start it with"):
        find_server(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_what_a_killed_server_leaves_is_no_hindrance(tmp_path: Path) -> None:
    killed = ServerProcess(["--data-dir", str(tmp_path)], program=FAKE)
    client = Client(killed.url)
    job = client.create("hold", num_clips=2)
    while client.get(job["id"])["state"] != "running":
        pass
    killed.process.kill()
    killed.stop()
    assert (tmp_path / "server.json").exists()
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as running:
        assert find_server(tmp_path)[0] == running.url
        again = Client(running.url).get(job["id"])
        assert (again["attempt"], again["finished"]) == (2, False)


# --- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM to catch")
def test_sigterm_ends_it_within_five_seconds_with_streams_open(tmp_path: Path) -> None:
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as running:
        client = Client(running.url)
        at_work, waiting = client.create("hold"), client.create("fire")
        urls = [f"{running.url}/v1/videos/{job['id']}/events" for job in (at_work, waiting)]
        streams = [requests.get(url, stream=True, timeout=30) for url in urls for _ in range(10)]
        # Whoever has sent half a call, or reads nothing, is not waited for either.
        half = socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])))
        half.sendall(b"POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
        running.process.send_signal(signal.SIGTERM)
        began = time.monotonic()

        assert running.process.wait(20) == 0
        # The one limit that the contract names.
        assert time.monotonic() - began < 5
        ends = [json.loads(stream.text.rstrip().rpartition("data: ")[2].splitlines()[0]) for stream in streams]
        assert [job["state"] for job in ends] == ["interrupted"] * 10 + ["queued"] * 10
        half.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM to catch")
def test_a_worker_ends_with_its_server_and_leaves_nothing(tiny_model_folder: Path, tmp_path: Path) -> None:
    with ServerProcess(["--model-dir", str(tiny_model_folder), "--data-dir", str(tmp_path)]) as running:
        client = Client(running.url)
        job = client.create("fire", steps=100, width=64, height=64, model="tiny")
        for change in client.follow(job["id"]):
            if change["preview"] is not None:
                break
        worker = client.check_version()["workers"][0]["pid"]
        running.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert running.process.wait(20) == 0
        assert time.monotonic() - began < 5
    assert not psutil.pid_exists(worker)
    assert not [path for path in (tmp_path / "clips").iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_a_killed_server_takes_its_worker_along(tmp_path: Path) -> None:
    with ServerProcess(["--data-dir", str(tmp_path)]) as running:
        client = Client(running.url)
        while (pid := client.check_version()["workers"][0]["pid"]) is None:
            pass
        worker = psutil.Process(pid)
        running.process.kill()
        worker.wait(20)


def test_it_stops_when_its_parent_does(tmp_path: Path) -> None:
    running = ServerProcess(["--data-dir", str(tmp_path)], program=FAKE)
    assert running.process.stdin is not None
    running.process.stdin.close()

    assert running.process.wait(20) == 0


def test_the_launcher_passes_on_why_it_did_not_start(tmp_path: Path) -> None:
    with pytest.raises(ServerNotStarted, match="is not a model folder") as caught:
        ServerProcess(["--data-dir", str(tmp_path / "data"), "--model-dir", str(tmp_path)])

    assert caught.value.code == "model_unusable"


def test_jobs_go_on_where_a_stopped_server_left_them(tmp_path: Path) -> None:
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as first:
        client = Client(first.url)
        done = client.wait(client.create("fire", steps=1)["id"])
        held, waiting = client.create("hold"), client.create("fire", steps=1, idempotency_key="one")
    with ServerProcess(["--data-dir", str(tmp_path)], program=FAKE) as second:
        client = Client(second.url)
        assert client.get(done["id"]) == done
        assert len(client.frame(done["id"], 1)) > 0
        assert client.create("fire", steps=1, idempotency_key="one")["id"] == waiting["id"]
        assert client.get(held["id"])["attempt"] == 2
        client.cancel(held["id"])
        assert client.wait(waiting["id"])["state"] == "succeeded"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_small_answers_are_sent_at_once(host: str) -> None:
    # asyncio sets TCP_NODELAY on connections of sockets that name their protocol, and on no others.
    with contextlib.closing(listen(host, 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP
