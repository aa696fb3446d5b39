"""Finishing and exporting: the real courier against the real server."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
import requests

from blender_transpixar.core.clip import Clip
from blender_transpixar.core.delivery import Delivery
from blender_transpixar.core.dispatcher import Dispatcher
from blender_transpixar.core.errors import (
    ClipGoneError,
    FolderNotWritableError,
    InvalidRequestError,
    ServerNotRunningError,
)
from blender_transpixar.core.finished import raw_clip_of
from blender_transpixar.core.finishing import Finishing
from blender_transpixar.core.formats import FORMATS
from blender_transpixar.core.request import ClipRequest
from tests.addon.made_clips import frames_of, sidecar_for
from tests.addon.real_server import MODEL_NAME, RealServer

REVERSED = Finishing(reverse=True).to_json()


@pytest.fixture(scope="module")
def clip(server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    folder = tmp_path_factory.mktemp("clips")
    dispatcher = Dispatcher(["-I"])
    request = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
    generation = dispatcher.start(request, server.url, folder, folder / "previews")
    dispatcher.wait(generation)
    dispatcher.close()
    assert generation.folder is not None, generation.error
    return Clip.open(generation.folder)


def fetch(dispatcher: Dispatcher, server: RealServer, clip: Clip, format_name: str, target: Path, **how) -> Delivery:
    delivery = dispatcher.fetch(clip.sidecar, server.url, format_name, how.get("finishing"), target)
    dispatcher.wait(delivery)
    return delivery


def test_the_formats_offered_are_the_servers(server: RealServer):
    offered = requests.get(f"{server.url}/v1/formats").json()["formats"]
    many = {each["name"] for each in offered if each["files"] == "many"}
    assert many == {"clip", *(name for name, each in FORMATS.items() if each.is_folder)}
    one = {each["name"]: each["suffix"] for each in offered if each["files"] == "one"}
    assert one == {name: each.suffix for name, each in FORMATS.items() if not each.is_folder}


def test_a_finished_clip_stands_beside_the_raw_one(dispatcher: Dispatcher, server: RealServer, clip: Clip):
    before = sorted(clip.folder.iterdir())
    delivery = fetch(dispatcher, server, clip, "clip", clip.folder.parent, finishing=REVERSED)
    assert delivery.error is None
    finished = Clip.open(delivery.path)
    assert finished.folder.parent == clip.folder.parent
    assert raw_clip_of(finished) == clip
    assert finished.sidecar.finishing["steps"] == REVERSED["steps"]
    assert sorted(clip.folder.iterdir()) == before
    assert delivery.phase == "Done" and delivery.fraction == 1.0
    # The same again is the same folder.
    assert fetch(dispatcher, server, clip, "clip", clip.folder.parent, finishing=REVERSED).path == delivery.path


def test_a_movie_is_one_file_and_a_sequence_a_folder(
    dispatcher: Dispatcher, server: RealServer, clip: Clip, tmp_path: Path
):
    movie = fetch(dispatcher, server, clip, "qtrle", tmp_path / "smoke.mov")
    assert movie.path.read_bytes()[4:8] == b"ftyp"
    frames = fetch(dispatcher, server, clip, "exr", tmp_path / "smoke")
    assert len(list(frames.path.glob("*.exr"))) == clip.sidecar.frame_count
    assert sorted(path.name for path in tmp_path.iterdir()) == ["smoke", "smoke.mov"]


def test_the_clip_of_a_job_is_told_by_its_seed(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    body = {"prompt": "blue sparks", "seed": 40, "num_clips": 2, "steps": 1, "model": MODEL_NAME}
    job = requests.post(f"{server.url}/v1/videos", json=body).json()
    while not job["finished"]:
        job = requests.get(f"{server.url}/v1/videos/{job['id']}?wait=30&after={job['sequence']}").json()
    sidecar = requests.get(f"{server.url}/v1/videos/{job['id']}/sidecar?clip=2")
    (tmp_path / "raw").mkdir()
    second = job["clips"][1]
    for number in range(1, second["frame_count"] + 1):
        frame = requests.get(f"{server.url}/v1/videos/{job['id']}/frames/{number}?clip=2").content
        (tmp_path / f"raw/{number:04d}.png").write_bytes(frame)
    (tmp_path / "raw" / second["sidecar"]).write_bytes(sidecar.content)
    delivery = fetch(dispatcher, server, Clip.open(tmp_path / "raw"), "clip", tmp_path, finishing=REVERSED)
    assert Clip.open(delivery.path).sidecar.seed == 41


def test_a_recipe_the_server_refuses_is_its_sentence(
    dispatcher: Dispatcher, server: RealServer, clip: Clip, tmp_path: Path
):
    finishing = Finishing(repeat="loop", overlap=50).to_json()
    delivery = fetch(dispatcher, server, clip, "clip", tmp_path, finishing=finishing)
    assert isinstance(delivery.error, InvalidRequestError) or delivery.error.code == "not_convertible"
    assert "overlap" in delivery.error.message
    assert list(tmp_path.iterdir()) == []


def test_a_clip_that_is_not_on_the_server_says_so(
    dispatcher: Dispatcher, server: RealServer, clip: Clip, tmp_path: Path
):
    stranger = Clip(clip.folder, clip.sidecar_path, type(clip.sidecar).from_json(sidecar_for(frames_of(2))))
    delivery = fetch(dispatcher, server, stranger, "prores4444", tmp_path / "a.mov")
    assert isinstance(delivery.error, ClipGoneError)
    assert "generate it again to finish it" in delivery.error.message


def test_no_server(dispatcher: Dispatcher, clip: Clip, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    delivery = dispatcher.fetch(clip.sidecar, f"http://127.0.0.1:{port}", "webm", None, tmp_path / "a.webm")
    dispatcher.wait(delivery)
    assert isinstance(delivery.error, ServerNotRunningError)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_noticed_before_the_server_works(
    dispatcher: Dispatcher, server: RealServer, clip: Clip, tmp_path: Path
):
    (tmp_path / "file").write_text("a file, not a folder")
    delivery = fetch(dispatcher, server, clip, "webm", tmp_path / "file/a.webm")
    assert isinstance(delivery.error, FolderNotWritableError)
    assert "another place" in delivery.error.message


class _SlowServer(http.server.BaseHTTPRequestHandler):
    """A server that begins an export and never ends it, or is busy at first."""

    busy_answers = 0
    key: str | None = None
    progress: ClassVar[dict] = {"key": "", "frames_done": 0, "frames_total": None}
    at_work = threading.Event()
    caller_gone = threading.Event()

    def do_GET(self) -> None:
        if self.path.startswith("/v1/exports/"):
            is_known = self.path.endswith(f"/{self.key}")
            error = {"code": "not_found", "message": "No such export.", "field": None}
            self._answer(*((200, self.progress) if is_known else (404, {"error": error})))
            return
        answers = {"/v1/status": {"name": "transpixar", "version": "0", "api": 1}}
        self._answer(200, answers.get(self.path, {"clips": []}))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if type(self).busy_answers:
            type(self).busy_answers -= 1
            self._answer(429, {"error": {"code": "busy", "message": "Busy.", "field": None}})
            return
        type(self).key = self.headers["Export-Key"]
        self.at_work.set()
        # Returns when the caller hangs up.
        self.connection.recv(1)
        self.caller_gone.set()

    def _answer(self, status: int, data: dict) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def slow_server(busy_answers: int = 0) -> Iterator[tuple[str, type[_SlowServer]]]:
    handler = type(
        "Handler",
        (_SlowServer,),
        {"busy_answers": busy_answers, "at_work": threading.Event(), "caller_gone": threading.Event()},
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", handler
        running.shutdown()


def test_cancelling_while_the_server_works_hangs_up(dispatcher: Dispatcher, clip: Clip, tmp_path: Path):
    with slow_server() as (url, handler):
        delivery = dispatcher.fetch(clip.sidecar, url, "clip", REVERSED, tmp_path)
        assert handler.at_work.wait(30)
        assert delivery.phase == "The server is at work"
        dispatcher.cancel(delivery)
        dispatcher.wait(delivery)
        assert delivery.cancelled and delivery.error is None
        assert handler.caller_gone.wait(30)
    assert list(tmp_path.iterdir()) == []


def test_the_frames_that_the_server_has_written_are_told(dispatcher: Dispatcher, clip: Clip, tmp_path: Path):
    with slow_server() as (url, handler):
        delivery = dispatcher.fetch(clip.sidecar, url, "clip", REVERSED, tmp_path)
        assert handler.at_work.wait(30)
        assert (delivery.phase, delivery.fraction) == ("The server is at work", 0.0)
        handler.progress = {"key": handler.key, "frames_done": 3, "frames_total": 12}
        deadline = time.monotonic() + 30
        while delivery.written is None and time.monotonic() < deadline:
            dispatcher.pump()
        assert (delivery.phase, delivery.fraction) == ("Writing frame 3 of 12", 0.25)
        dispatcher.cancel(delivery)
        dispatcher.wait(delivery)
    assert delivery.cancelled


def test_a_busy_server_is_asked_again(dispatcher: Dispatcher, clip: Clip, tmp_path: Path):
    with slow_server(busy_answers=1) as (url, handler):
        delivery = dispatcher.fetch(clip.sidecar, url, "clip", REVERSED, tmp_path)
        deadline = time.monotonic() + 30
        while not delivery.waiting and time.monotonic() < deadline:
            dispatcher.pump()
        assert delivery.phase == "Waiting for other exports"
        assert handler.at_work.wait(30)
        dispatcher.cancel(delivery)
        dispatcher.wait(delivery)
    assert delivery.cancelled


def test_closing_ends_an_export(clip: Clip, tmp_path: Path):
    dispatcher = Dispatcher()
    with slow_server() as (url, handler):
        dispatcher.fetch(clip.sidecar, url, "clip", REVERSED, tmp_path)
        assert handler.at_work.wait(30)
        dispatcher.close()
        assert handler.caller_gone.wait(30)
    assert list(tmp_path.iterdir()) == []
