"""The client for scripts where things go wrong."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.client import Client, ClientError
from server.launch import ServerProcess
from tests.server.api.conftest import FAKE


def test_a_server_that_is_started_anew_is_waited_for(tmp_path: Path) -> None:
    first = ServerProcess(["--data-dir", str(tmp_path)], program=FAKE)
    port = first.url.rpartition(":")[2]
    client = Client(first.url, patience=60)
    job = client.create("steady", steps=20)
    seen = []
    for change in client.follow(job["id"]):
        seen.append(change["sequence"])
        if change["progress"]["step"] == 3 and first.process.poll() is None:
            first.stop()
            second = ServerProcess(["--data-dir", str(tmp_path), "--port", port], program=FAKE)
    assert seen == list(range(seen[0], seen[-1] + 1))
    done = client.wait(job["id"])
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    second.stop()


@contextmanager
def broken_server(failures: int) -> Iterator[tuple[str, list[str]]]:
    """Breaks the connection of its first calls; afterwards it answers with a job. The keys that came with the calls."""
    keys: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            keys.append(self.headers["Idempotency-Key"])
            if len(keys) <= failures:
                self.connection.close()
                return
            body = json.dumps({"id": "x"}).encode()
            self.send_response(202)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", keys
        running.shutdown()


def test_a_call_whose_answer_was_lost_is_repeated_with_its_key() -> None:
    with broken_server(failures=2) as (url, keys):
        assert Client(url).create("fire") == {"id": "x"}
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_patience_has_an_end() -> None:
    with broken_server(failures=10**9) as (url, _), pytest.raises(ClientError) as caught:
        Client(url, patience=0.3).create("fire")
    assert caught.value.code == "server_unreachable"


def test_a_server_of_somebody_else(tmp_path: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        with pytest.raises(ClientError) as caught:
            Client(f"http://127.0.0.1:{running.server_port}").check_version()
        running.shutdown()
    assert caught.value.code == "wrong_server"


def test_a_frame_that_changed_on_the_server_is_not_kept(fake: Client, tmp_path: Path) -> None:
    job = fake.wait(fake.create("orange fire", steps=1)["id"])
    frame = Path(job["clips"][0]["folder"], "0002.png")
    frame.write_bytes(frame.read_bytes() + b"x")
    with pytest.raises(ClientError) as caught:
        fake.download(job, tmp_path / "out")

    assert caught.value.code == "frame_damaged"
    assert list((tmp_path / "out").iterdir()) == []
