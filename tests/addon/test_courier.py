"""The real courier process against the real server on a real socket."""

import http.server
import json
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from blender_transpixar.core.clip import Clip
from blender_transpixar.core.dispatcher import Dispatcher
from blender_transpixar.core.errors import (
    CourierStoppedError,
    FolderNotWritableError,
    NotATransPixarServerError,
    ServerNotRunningError,
    ServerVersionError,
)
from blender_transpixar.core.generation import Generation, Outcome
from blender_transpixar.core.job import JobState
from blender_transpixar.core.request import ClipRequest
from tests.addon.real_server import MODEL_NAME, RealServer
from tests.addon.wire import Wire

SHORT = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
# The most the tiny model takes: long enough to see previews and to be interrupted.
LONG = ClipRequest("orange smoke", seed=7, width=64, height=64, num_frames=9, steps=100, model=MODEL_NAME)


def pump_until(dispatcher: Dispatcher, reached: Callable[[], bool], patience_s: float = 300.0) -> None:
    deadline = time.monotonic() + patience_s
    while not reached():
        assert time.monotonic() < deadline, "waited too long"
        if not dispatcher.pump():
            time.sleep(0.01)


def is_sampling(generation: Generation) -> Callable[[], bool]:
    return lambda: generation.job is not None and generation.job.state is JobState.RUNNING and generation.job.step > 2


def test_a_prompt_becomes_a_clip_on_disk(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    generation = dispatcher.start(SHORT, server.url, tmp_path / "clips", tmp_path / "previews")
    phases: list[str] = []
    dispatcher.wait(generation, lambda changed: phases.append(changed.phase))
    assert generation.error is None
    assert generation.outcome is Outcome.CLIP
    clip = Clip.open(generation.folder)
    assert clip.sidecar.request["prompt"] == "orange smoke"
    assert clip.sidecar.request["seed"] == 7
    assert [path.parent for path in (tmp_path / "clips").rglob("*.transpixar")] == [generation.folder]
    # Two steps of a tiny model may both pass between two looks.
    assert any(phase.startswith("Step") for phase in phases)
    assert phases[-1] == "Done"
    assert not dispatcher.busy


def test_previews_arrive_while_the_clip_is_made(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    generation = dispatcher.start(LONG, server.url, tmp_path / "clips", tmp_path / "previews")
    pump_until(dispatcher, lambda: generation.preview is not None or generation.finished)
    preview = generation.preview
    assert preview is not None
    assert not generation.finished
    assert preview.path.stat().st_size == preview.width * preview.height * 4
    dispatcher.cancel(generation)
    dispatcher.wait(generation)


def test_cancelling_ends_the_job_on_the_server_and_leaves_no_clip(
    dispatcher: Dispatcher, server: RealServer, tmp_path: Path
):
    generation = dispatcher.start(LONG, server.url, tmp_path / "clips", tmp_path / "previews")
    pump_until(dispatcher, is_sampling(generation))
    dispatcher.cancel(generation)
    assert generation.phase == "Cancelling"
    dispatcher.wait(generation)
    assert generation.outcome is Outcome.CANCELLED
    assert requests.get(f"{server.url}/v1/videos/{generation.job.id}").json()["state"] == "cancelled"
    assert not (tmp_path / "clips").exists()


def test_cancelling_at_once_is_heard_too(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    generation = dispatcher.start(LONG, server.url, tmp_path / "clips", tmp_path / "previews")
    dispatcher.cancel(generation)
    dispatcher.wait(generation)
    assert generation.outcome is Outcome.CANCELLED


def test_a_cut_connection_is_taken_up_again(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    wire = Wire(server.port)
    generation = dispatcher.start(LONG, wire.url, tmp_path / "clips", tmp_path / "previews")
    pump_until(dispatcher, is_sampling(generation))
    wire.cut()
    pump_until(dispatcher, lambda: generation.reconnecting)
    assert generation.phase == "Reconnecting to the server"
    dispatcher.wait(generation)
    wire.close()
    assert generation.error is None
    assert generation.outcome is Outcome.CLIP
    Clip.open(generation.folder)


def test_cancelling_works_while_the_server_is_out_of_reach(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    wire = Wire(server.port)
    generation = dispatcher.start(LONG, wire.url, tmp_path / "clips", tmp_path / "previews")
    pump_until(dispatcher, is_sampling(generation))
    wire.close()
    pump_until(dispatcher, lambda: generation.reconnecting)
    dispatcher.cancel(generation)
    dispatcher.wait(generation)
    assert generation.outcome is Outcome.CANCELLED
    requests.post(f"{server.url}/v1/videos/{generation.job.id}/cancel")


def test_a_server_restarted_in_the_middle_takes_the_clip_up_again(
    dispatcher: Dispatcher, model_dir: Path, tmp_path: Path
):
    server = RealServer(model_dir, tmp_path / "data", tmp_path / "server.log").start()
    generation = dispatcher.start(LONG, server.url, tmp_path / "clips", tmp_path / "previews")
    pump_until(dispatcher, is_sampling(generation))
    server.stop()
    server.start()
    dispatcher.wait(generation)
    server.stop()
    assert generation.error is None
    Clip.open(generation.folder)


def test_a_server_that_has_lost_its_jobs_says_so(dispatcher: Dispatcher, model_dir: Path, tmp_path: Path):
    server = RealServer(model_dir, tmp_path / "data", tmp_path / "server.log").start()
    generation = dispatcher.start(LONG, server.url, tmp_path / "clips", tmp_path / "previews")
    pump_until(dispatcher, is_sampling(generation))
    server.stop()
    shutil.rmtree(tmp_path / "data")
    server.start()
    dispatcher.wait(generation)
    server.stop()
    assert generation.error is not None
    assert "Generate it again" in generation.error.message


def test_the_servers_own_sentence_is_passed_on(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    request = ClipRequest("smoke", width=65, model=MODEL_NAME)
    generation = dispatcher.start(request, server.url, tmp_path, tmp_path)
    dispatcher.wait(generation)
    assert generation.error is not None
    assert (generation.error.code, generation.error.field) == ("size_not_multiple", "width")
    assert "65" in generation.error.message


def test_a_folder_that_cannot_be_written_is_noticed_before_the_clip_is_made(
    dispatcher: Dispatcher, server: RealServer, tmp_path: Path
):
    (tmp_path / "clips").write_text("a file, not a folder")
    generation = dispatcher.start(LONG, server.url, tmp_path / "clips", tmp_path / "previews")
    dispatcher.wait(generation)
    assert isinstance(generation.error, FolderNotWritableError)
    assert generation.job is None


def test_no_server(dispatcher: Dispatcher, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    generation = dispatcher.start(SHORT, f"http://127.0.0.1:{port}", tmp_path, tmp_path)
    dispatcher.wait(generation)
    assert isinstance(generation.error, ServerNotRunningError)
    assert "Start it with `python -m server`" in generation.error.message


@contextmanager
def other_server(status: int, body: bytes) -> Iterator[str]:
    """A web server of somebody else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (404, b"no"), (200, b"[]"), (200, b'{"name": "other"}')]
)
def test_another_web_server_on_the_port(dispatcher: Dispatcher, tmp_path: Path, status: int, body: bytes):
    with other_server(status, body) as url:
        generation = dispatcher.start(SHORT, url, tmp_path, tmp_path)
        dispatcher.wait(generation)
    assert isinstance(generation.error, NotATransPixarServerError)
    assert "Another program answers" in generation.error.message


def test_a_program_that_speaks_no_http(dispatcher: Dispatcher, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            connection.recv(1 << 16)
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            connection.close()

        threading.Thread(target=greet, daemon=True).start()
        generation = dispatcher.start(SHORT, f"http://127.0.0.1:{listener.getsockname()[1]}", tmp_path, tmp_path)
        dispatcher.wait(generation)
    assert isinstance(generation.error, NotATransPixarServerError)


@pytest.mark.parametrize(("api", "update"), [(2, "Update the add-on"), (0, "Update the server")])
def test_a_server_of_another_version(dispatcher: Dispatcher, tmp_path: Path, api: int, update: str):
    status = json.dumps({"name": "transpixar", "version": "9.9.9", "api": api}).encode()
    with other_server(200, status) as url:
        generation = dispatcher.start(SHORT, url, tmp_path, tmp_path)
        dispatcher.wait(generation)
    assert isinstance(generation.error, ServerVersionError)
    assert update in generation.error.message


def test_a_proxy_of_the_environment_is_not_asked_for_this_computer(
    server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    dispatcher = Dispatcher()
    generation = dispatcher.start(SHORT, server.url, tmp_path / "clips", tmp_path / "previews")
    dispatcher.wait(generation)
    dispatcher.close()
    assert generation.error is None


def test_a_killed_courier_is_an_error_and_the_next_clip_gets_a_new_one(
    dispatcher: Dispatcher, server: RealServer, tmp_path: Path
):
    generation = dispatcher.start(LONG, server.url, tmp_path / "clips", tmp_path / "previews")
    pump_until(dispatcher, is_sampling(generation))
    os.kill(dispatcher.courier_pid, signal.SIGKILL)
    dispatcher.wait(generation)
    assert isinstance(generation.error, CourierStoppedError)
    requests.post(f"{server.url}/v1/videos/{generation.job.id}/cancel")
    again = dispatcher.start(SHORT, server.url, tmp_path / "clips", tmp_path / "previews")
    dispatcher.wait(again)
    assert again.outcome is Outcome.CLIP


def test_closing_ends_the_courier_and_its_job(server: RealServer, tmp_path: Path):
    dispatcher = Dispatcher()
    generation = dispatcher.start(LONG, server.url, tmp_path / "clips", tmp_path / "previews")
    pump_until(dispatcher, is_sampling(generation))
    pid = dispatcher.courier_pid
    dispatcher.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    deadline = time.monotonic() + 30
    url = f"{server.url}/v1/videos/{generation.job.id}"
    while (state := requests.get(url).json()["state"]) == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert state == "cancelled"


def test_an_answer_that_nobody_foresaw_costs_its_own_task_only(
    dispatcher: Dispatcher, server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    odd, whole = (dispatcher.start(SHORT, server.url, tmp_path / "clips", tmp_path / "previews") for _ in range(2))
    apply = Generation.apply

    def apply_unless_odd(generation: Generation, message: object) -> None:
        if generation is odd:
            raise KeyError("of_clips")
        apply(generation, message)

    monkeypatch.setattr(Generation, "apply", apply_unless_odd)
    dispatcher.wait(whole)
    assert whole.outcome is Outcome.CLIP
    assert odd.outcome is Outcome.FAILED
    assert "Something went wrong that should not (KeyError" in odd.error.message


def test_what_a_library_prints_in_between_is_passed_over(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    generation = dispatcher.start(SHORT, server.url, tmp_path / "clips", tmp_path / "previews")
    reader = dispatcher._courier._reader
    lines = reader.lines
    reader.lines = lambda: [b"DeprecationWarning: no message", b'["no", "message"]', b"1", *lines()]
    deadline = time.monotonic() + 60
    while not generation.finished:
        assert time.monotonic() < deadline
        dispatcher.pump(0.01)
        time.sleep(0.01)
    assert generation.outcome is Outcome.CLIP
