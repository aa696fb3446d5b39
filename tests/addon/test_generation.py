"""A wish as the panel shows it."""

import numpy as np
import pytest

from blender_transpixar.core.checkerboard import SQUARE_PX, over_checkerboard
from blender_transpixar.core.errors import TransPixarError
from blender_transpixar.core.generation import Generation, Outcome
from blender_transpixar.core.history_entry import Entry, EntryState, KeptClip
from blender_transpixar.core.progress_words import eta_in_words, size_in_words
from blender_transpixar.core.protocol import Cancelled, ClipReady, Done, Failed, JobChanged, Reconnecting, Uploading
from blender_transpixar.core.request import ClipRequest
from blender_transpixar.core.wish import Wish
from tests.addon.test_request_and_job import JOB

ENTRY = Entry("ab" * 16, "2026-01-31T12:00:00", "http://127.0.0.1:8420", {"prompt": "fire"}, "clips")


def job(**progress: object) -> JobChanged:
    told = {"phase": "running", "clip": 1, "of_clips": 1, "step": 5, "of": 20, "eta_seconds": None} | progress
    return JobChanged(1, JOB | {"progress": told, "state": told["phase"] if told["phase"] in STATES else "loading"})


STATES = {"queued", "loading", "running"}


@pytest.fixture
def generation() -> Generation:
    return Generation(1, ClipRequest("fire"), "ab" * 16)


def test_progress_counts_all_variations(generation: Generation):
    generation.apply(job(clip=2, of_clips=4, step=10))
    assert generation.fraction == pytest.approx(1.5 / 4)
    assert generation.phase == "Step 10 of 20, clip 2 of 4"


def test_a_models_download_is_told_in_bytes(generation: Generation):
    generation.apply(job(phase="downloading", bytes_done=1_250_000_000, bytes_total=11_000_000_000))
    assert generation.phase == "Downloading the model, 1.2 GB of 11.0 GB"


def test_what_is_said_before_there_is_a_job(generation: Generation):
    assert generation.phase == "Connecting"
    generation.apply(Uploading(1, "first_frame"))
    assert generation.phase == "Sending the first frame"
    generation.apply(Reconnecting(1, 2.0, "Nobody answers."))
    assert (generation.phase, generation.waiting_for) == ("Waiting for the server", "Nobody answers.")
    generation.apply(job(eta_seconds=90))
    assert (generation.waiting_for, generation.eta) == ("", "2 min left")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.2, "1 s left"),
        (12.4, "12 s left"),
        (600, "10 min left"),
        (7200, "2 h left"),
        (7500, "2 h 5 min left"),
    ],
)
def test_durations(seconds: float | None, words: str):
    assert eta_in_words(seconds) == words


@pytest.mark.parametrize(("size", "words"), [(None, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (3_210_000, "3.2 MB")])
def test_sizes(size: int | None, words: str):
    assert size_in_words(size) == words


def test_a_wish_is_told_by_its_generation_while_there_is_one_and_by_its_entry_after(generation: Generation):
    wish = Wish(ENTRY, generation)
    assert (wish.at_work, wish.phase) == (True, "Connecting")
    generation.apply(ClipReady(1, "clips/fire_7", 1, 7))
    assert wish.clips == (KeptClip(1, "clips/fire_7"),)
    generation.apply(Done(1))
    wish.entry = Entry(**{**_fields(ENTRY), "state": EntryState.DELIVERED, "clips": (KeptClip(1, "clips/fire_7", 7),)})
    assert (wish.is_settled, wish.phase) == (True, "Not placed yet")


def _fields(entry: Entry) -> dict:
    return {name: getattr(entry, name) for name in entry.__dataclass_fields__}


def test_errors_are_shown_as_they_were_said(generation: Generation):
    wish = Wish(ENTRY, generation)
    generation.apply(Failed(1, TransPixarError("Free some space.", code="disk_full").to_json()))
    assert generation.outcome is Outcome.FAILED
    assert (wish.phase, wish.problem) == ("Interrupted", "Free some space.")


def test_a_cancelled_wish_shows_no_error(generation: Generation):
    generation.apply(Reconnecting(1, 2.0, "Nobody answers."))
    generation.apply(Cancelled(1))
    wish = Wish(Entry(**{**_fields(ENTRY), "state": EntryState.CANCELLED}), generation)
    assert (wish.phase, wish.problem) == ("Cancelled", "")


def test_the_board_shows_through_where_the_picture_is_transparent():
    rgba = np.zeros((2 * SQUARE_PX, 2 * SQUARE_PX, 4), np.uint8)
    rgba[..., 0] = 200
    board = over_checkerboard(rgba)
    assert set(board[..., 3].flat) == {255}
    dark, light = board[0, 0, :3], board[0, SQUARE_PX, :3]
    assert (dark < light).all() and light.max() < 80
    assert (board[SQUARE_PX, SQUARE_PX, :3] == dark).all()
    rgba[..., 3] = 255
    np.testing.assert_array_equal(over_checkerboard(rgba), rgba)
    rgba[..., 3] = 128
    half = over_checkerboard(rgba)[0, 0]
    assert abs(int(half[0]) - (200 * 128 + int(dark[0]) * 127) / 255) <= 1
