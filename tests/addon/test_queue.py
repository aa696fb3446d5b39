"""Several wishes at once, written down and taken up again: the real courier against the real server."""

import json
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from blender_transpixar.core.clip import Clip
from blender_transpixar.core.dispatcher import Dispatcher
from blender_transpixar.core.errors import CourierStoppedError
from blender_transpixar.core.generation import Generation, Outcome
from blender_transpixar.core.history import History
from blender_transpixar.core.history_entry import Entry, EntryState, now
from blender_transpixar.core.request import ClipRequest
from tests.addon.made_clips import JOB, png, write_clip
from tests.addon.real_server import RealServer
from tests.addon.test_courier import LONG, SHORT, is_sampling, other_server, pump_until


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history")


def written_down(history: History, request: ClipRequest, server: str, folder: Path) -> Entry:
    entry = Entry(uuid.uuid4().hex, now(), server, request.to_json(), str(folder / "clips"))
    history.add(entry)
    return entry


def jobs_on(server: RealServer, prompt: str) -> list[dict]:
    videos = requests.get(f"{server.url}/v1/videos?limit=200").json()["videos"]
    return [job for job in videos if job["request"]["prompt"] == prompt]


def test_several_wishes_at_once(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    wishes = [replace(SHORT, seed=seed) for seed in (21, 22, 23)]
    generations = [dispatcher.start(wish, server.url, tmp_path / "clips", tmp_path / "previews") for wish in wishes]
    phases: dict[int, set[str]] = {generation.tag: set() for generation in generations}

    def all_done() -> bool:
        for generation in generations:
            phases[generation.tag].add(generation.phase)
        return all(generation.finished for generation in generations)

    pump_until(dispatcher, all_done)
    assert [generation.outcome for generation in generations] == [Outcome.CLIP] * 3
    assert [Clip.open(generation.folder).sidecar.seed for generation in generations] == [21, 22, 23]


def test_one_of_several_is_cancelled_alone(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    first = dispatcher.start(LONG, server.url, tmp_path / "clips", tmp_path / "previews")
    second = dispatcher.start(SHORT, server.url, tmp_path / "clips", tmp_path / "previews")
    pump_until(dispatcher, lambda: second.job is not None)
    dispatcher.cancel(first)
    pump_until(dispatcher, lambda: first.finished and second.finished)
    assert (first.outcome, second.outcome) == (Outcome.CANCELLED, Outcome.CLIP)


def test_variations_come_one_by_one_each_with_a_folder_of_its_own(
    dispatcher: Dispatcher, server: RealServer, history: History, tmp_path: Path
):
    entry = written_down(history, replace(SHORT, num_clips=2), server.url, tmp_path)
    generation = dispatcher.pursue(entry, history, tmp_path)
    fractions: list[float] = []
    dispatcher.wait(generation, lambda changed: fractions.append(changed.fraction))
    assert sorted(generation.folders) == [1, 2]
    assert [Clip.open(folder).sidecar.seed for _, folder in sorted(generation.folders.items())] == [7, 8]
    assert fractions[-1] == 1.0
    kept = history.load(entry.key)
    assert kept.state is EntryState.DELIVERED
    assert [(clip.index, clip.seed, clip.placed) for clip in kept.clips] == [(1, 7, False), (2, 8, False)]


def test_a_first_frame_is_uploaded_and_its_id_written_down(
    dispatcher: Dispatcher, server: RealServer, history: History, tmp_path: Path
):
    (tmp_path / "first.png").write_bytes(png(64, 64, lambda x, y: (200, 90, 40, 255)))
    entry = replace(written_down(history, SHORT, server.url, tmp_path), first_frame_file=str(tmp_path / "first.png"))
    generation = dispatcher.pursue(entry, history, tmp_path)
    dispatcher.wait(generation)
    # The tiny model takes no first frame; that it says so shows that the id has arrived with the request.
    assert generation.error.code in ("task_not_supported", "unknown_upload")
    upload = history.load(entry.key).request["first_frame"]
    assert requests.get(f"{server.url}/v1/uploads/{upload}").json()["kind"] == "image"
    assert history.load(entry.key).state is EntryState.FAILED


def test_a_file_that_is_gone_is_a_sentence(dispatcher: Dispatcher, server: RealServer, tmp_path: Path):
    gone = tmp_path / "gone.png"
    generation = dispatcher.start(SHORT, server.url, tmp_path / "clips", tmp_path, first_frame_file=gone)
    dispatcher.wait(generation)
    assert (generation.error.code, generation.error.field) == ("upload_not_usable", "first_frame")
    assert "gone.png" in generation.error.message and "Choose the file again" in generation.error.message


def test_a_wish_waits_for_a_server_that_is_not_there_yet(
    dispatcher: Dispatcher, model_dir: Path, history: History, tmp_path: Path
):
    server = RealServer(model_dir, tmp_path / "data", tmp_path / "server.log")
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    entry = written_down(history, SHORT, f"http://127.0.0.1:{server.port}", tmp_path)
    generation = dispatcher.pursue(entry, history, tmp_path)
    pump_until(dispatcher, lambda: generation.reconnecting)
    assert generation.phase == "Waiting for the server"
    assert "Start it with" in generation.waiting_for
    server.start()
    dispatcher.wait(generation)
    server.stop()
    assert (generation.outcome, generation.waiting_for) == (Outcome.CLIP, "")


def test_a_server_that_comes_back_at_another_port_is_found_when_told(
    dispatcher: Dispatcher, server: RealServer, history: History, tmp_path: Path
):
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    entry = written_down(history, SHORT, nowhere, tmp_path)
    generation = dispatcher.pursue(entry, history, tmp_path)
    pump_until(dispatcher, lambda: generation.reconnecting)
    dispatcher.move(generation, server.url)
    dispatcher.wait(generation)
    assert generation.outcome is Outcome.CLIP
    assert history.load(entry.key).server == server.url


def test_waiting_can_be_cancelled(dispatcher: Dispatcher, history: History, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    entry = written_down(history, SHORT, nowhere, tmp_path)
    generation = dispatcher.pursue(entry, history, tmp_path)
    pump_until(dispatcher, lambda: generation.reconnecting)
    dispatcher.cancel(generation)
    dispatcher.wait(generation)
    assert generation.outcome is Outcome.CANCELLED
    assert history.load(entry.key).state is EntryState.CANCELLED


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", "Another program answers"),
        (json.dumps({"name": "transpixar", "version": "9", "api": 2}).encode(), "Update the add-on"),
    ],
)
def test_a_wish_outlasts_another_program_and_another_version(
    dispatcher: Dispatcher, history: History, tmp_path: Path, body: bytes, sentence: str
):
    with other_server(200, body) as url:
        generation = dispatcher.pursue(written_down(history, SHORT, url, tmp_path), history, tmp_path)
        pump_until(dispatcher, lambda: generation.reconnecting)
        assert sentence in generation.waiting_for
        dispatcher.cancel(generation)
        dispatcher.wait(generation)


def end_politely(dispatcher: Dispatcher) -> None:
    dispatcher.close()


def kill_courier(dispatcher: Dispatcher) -> None:
    os.kill(dispatcher.courier_pid, signal.SIGKILL)


@pytest.mark.parametrize("end", [end_politely, kill_courier])
def test_a_job_outlives_blender_and_its_clip_is_brought_next_time(
    server: RealServer, history: History, tmp_path: Path, end: Callable[[Dispatcher], None]
):
    prompt = f"green smoke {end.__name__}"
    entry = written_down(history, replace(LONG, prompt=prompt), server.url, tmp_path)
    first = Dispatcher(["-I"])
    generation = first.pursue(entry, history, tmp_path)
    pump_until(first, is_sampling(generation))
    end(first)
    kept = history.load(entry.key)
    assert (kept.state, kept.job) == (EntryState.OPEN, generation.job.id)
    second = Dispatcher(["-I"])
    again = second.pursue(kept, history, tmp_path)
    second.wait(again)
    second.close()
    first.close()
    assert again.error is None
    assert history.load(entry.key).clips[0].folder == str(again.folder)
    assert [job["state"] for job in jobs_on(server, prompt)] == ["succeeded"]


def test_a_killed_courier_leaves_the_wish_open(
    dispatcher: Dispatcher, server: RealServer, history: History, tmp_path: Path
):
    entry = written_down(history, replace(LONG, prompt="blue sparks killed"), server.url, tmp_path)
    generation = dispatcher.pursue(entry, history, tmp_path)
    pump_until(dispatcher, is_sampling(generation))
    kill_courier(dispatcher)
    dispatcher.wait(generation)
    assert isinstance(generation.error, CourierStoppedError)
    assert history.load(entry.key).state is EntryState.OPEN
    requests.post(f"{server.url}/v1/videos/{generation.job.id}/cancel")


def test_an_answer_that_was_lost_is_found_by_the_key(server: RealServer, history: History, tmp_path: Path):
    entry = written_down(history, replace(SHORT, prompt="water bursting"), server.url, tmp_path)
    for _ in range(2):
        # As if Blender had died after the request was sent, before its answer came.
        history.change(entry.key, state=EntryState.OPEN, job=None, clips=())
        dispatcher = Dispatcher(["-I"])
        generation = dispatcher.pursue(history.load(entry.key), history, tmp_path)
        dispatcher.wait(generation)
        dispatcher.close()
        assert generation.outcome is Outcome.CLIP
    assert len(jobs_on(server, "water bursting")) == 1
    assert len(list((tmp_path / "clips").iterdir())) == 1


def test_two_blenders_do_not_both_follow_one_wish(
    dispatcher: Dispatcher, server: RealServer, history: History, tmp_path: Path
):
    entry = written_down(history, LONG, server.url, tmp_path)
    generation = dispatcher.pursue(entry, history, tmp_path)
    pump_until(dispatcher, lambda: generation.job is not None)
    assert history.is_followed(entry.key)
    other = Dispatcher(["-I"])
    second = other.pursue(entry, history, tmp_path)
    other.wait(second)
    other.close()
    assert second.error.code == "followed_elsewhere"
    assert history.load(entry.key).state is EntryState.OPEN
    dispatcher.cancel(generation)
    dispatcher.wait(generation)
    assert not history.is_followed(entry.key)


def test_a_clip_folder_that_fills_up_later_keeps_the_wish_open(
    dispatcher: Dispatcher, server: RealServer, history: History, tmp_path: Path
):
    entry = written_down(history, LONG, server.url, tmp_path)
    generation = dispatcher.pursue(entry, history, tmp_path)
    pump_until(dispatcher, is_sampling(generation))
    (tmp_path / "clips").write_text("in the way")
    dispatcher.wait(generation)
    assert generation.error.code == "folder_not_writable"
    kept = history.load(entry.key)
    assert (kept.state, kept.error["code"]) == (EntryState.OPEN, "folder_not_writable")
    (tmp_path / "clips").unlink()
    again = dispatcher.pursue(kept, history, tmp_path)
    dispatcher.wait(again)
    assert again.outcome is Outcome.CLIP


def test_deleting_removes_the_job_and_only_the_clips_own_files(
    dispatcher: Dispatcher, server: RealServer, tmp_path: Path
):
    generation = dispatcher.start(SHORT, server.url, tmp_path / "clips", tmp_path)
    dispatcher.wait(generation)
    (generation.folder / "notes.txt").write_text("mine")
    somebody_elses = write_clip(tmp_path)
    dispatcher.forget(server.url, generation.job.id, [generation.folder, somebody_elses])
    url = f"{server.url}/v1/videos/{generation.job.id}"
    wait_until(lambda: requests.get(url).status_code == 404)
    assert [path.name for path in generation.folder.iterdir()] == ["notes.txt"]
    assert Clip.open(somebody_elses).sidecar.job == JOB


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_a_preview_is_kept_with_the_entry(dispatcher: Dispatcher, server: RealServer, history: History, tmp_path: Path):
    entry = written_down(history, LONG, server.url, tmp_path)
    generation: Generation = dispatcher.pursue(entry, history, tmp_path)
    pump_until(dispatcher, lambda: generation.preview is not None or generation.finished)
    dispatcher.cancel(generation)
    dispatcher.wait(generation)
    width, height = history.load(entry.key).preview
    assert history.picture_path(entry.key).stat().st_size == width * height * 4
