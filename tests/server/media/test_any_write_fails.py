"""Every writer, where one of its writes fails, or kills it: whichever it is, nothing half-made has its final name."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from server import access_token
from server.files import new_folder, write_file
from server.instance import RunningServer, recorded
from server.media.archive import archived
from server.media.clip import write_clip
from server.media.errors import MediaError
from server.media.finishing import apply_recipe
from server.media.formats import export
from server.media.steps.recipe import Recipe
from server.media.uploads import UploadFolder
from server.models.added import write_description
from server.models.description import ModelDescription
from server.models.licences import Acceptances
from server.models.places import ModelPlaces
from server.startup import StartFailure
from server.training import contact_sheet
from server.training.data.tensor_files import write_tensors
from server.training.effects.clip_folder import write_clip_folder
from server.training.lora.checkpoints import Checkpoints
from server.training.lora.errors import TrainingError
from server.transpixar.weights import write_rgba_weights
from tests.failing_disk import contents, deaths, refusals, visible
from tests.server.jobs.small_requests import REQUEST, WIDE
from tests.server.media.made_streams import effect, stream_of
from tests.server.media.test_clip_writer import ORIGIN

FRAMES = effect(count=2)
PIXELS = np.zeros((2, 24, 32, 4), np.uint8)
_NEW_NAME = re.compile(r"(noise_1)_[0-9a-f]{8}")
ERRORS = (StartFailure, OSError, MediaError, access_token.TokenUnreadable, TrainingError)


@dataclass
class Place:
    """`source` is what an artist has; what is made goes to `out`."""

    source: Path
    out: Path

    @property
    def clip(self) -> Path:
        return next(self.source.glob("*_*"))


def _uploaded(place: Place) -> None:
    uploads = UploadFolder(place.out)
    uploads.open()
    with uploads.receive() as incoming:
        incoming.write((place.clip / "0001.png").read_bytes())
        incoming.keep()


def _licensed() -> ModelDescription:
    licence = {"id": "one", "part": "base", "name": "A licence", "url": "https://licence.example", "notice": "Be kind."}
    return ModelDescription.model_validate({**WIDE, "name": "new", "licences": [licence]})


def _recorded(place: Place) -> None:
    with recorded(place.out, RunningServer(1, "http://127.0.0.1:1", 1, "0.1.0", 1, None)):
        pass


def _folder(place: Place) -> None:
    with new_folder(place.out / "folder", place.out / ".partial") as folder:
        (folder / "one").write_bytes(b"1" * 9)
        (folder / "two").write_bytes(b"2" * 9)


RECIPE = Recipe.model_validate({"steps": [{"step": "resize", "scale": 2}]})
TENSORS = {"values": torch.ones(8, 8)}


def exporting(name: str, target: str) -> Callable[[Place], object]:
    return lambda place: export(stream_of(FRAMES), name, place.out / target, force=True)


# What makes something in `place.out`.
WRITERS: dict[str, Callable[[Place], object]] = {
    "file": lambda place: write_file(place.out / "file.json", b"whole"),
    "folder": _folder,
    "clip": lambda place: write_clip(place.out, "1a" * 16, REQUEST, PIXELS, fps=8, **ORIGIN),
    "effect": lambda place: write_clip_folder(stream_of(FRAMES), place.out, prompt="noise", seed=1),
    "finished": lambda place: apply_recipe(place.clip, RECIPE, place.out),
    "archive": lambda place: archived(place.clip, place.out / "clip.zip"),
    "upload": _uploaded,
    "licences": lambda place: Acceptances.load(place.out / "l.json").accept(_licensed(), ["one"]),
    "model": lambda place: write_description(_licensed(), ModelPlaces(place.out)),
    "record": _recorded,
    "token": lambda place: access_token.server_token(place.out / "token"),
    "sheet": lambda place: contact_sheet.write(place.out / "sheet.png", [FRAMES], ["fire"]),
    "tensors": lambda place: write_tensors(place.out / "t.safetensors", TENSORS),
    "weights": lambda place: write_rgba_weights(TENSORS, place.out / "w.safetensors"),
    "checkpoint": lambda place: Checkpoints(place.out, keep=1).save(1, {"values": TENSORS}, {}, {}),
    **{name: exporting(name, "clip") for name in ("png8", "png16", "sprite-sheet", "matte")},
    "webp": exporting("webp", "clip.webp"),
}
# A server that was killed leaves its record, which is known for what it is. A copy of a process with torch in it hangs.
_NOT_KILLED = ("record", "tensors", "weights", "checkpoint")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "artist", tmp_path / "out")
    place.source.mkdir()
    place.out.mkdir()
    write_clip_folder(stream_of(FRAMES), place.source, prompt="noise", seed=1)
    before = contents(place.source)
    yield place
    assert contents(place.source) == before


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def whole(write: Callable[[Place], object], place: Place) -> dict[str, int]:
    """The files of a writer that nothing disturbs, with their sizes where these are always the same."""
    write(place)
    found = {_NEW_NAME.sub(r"\1_ID", name): len(data) for name, data in contents(place.out).items()}
    emptied(place.out)
    return found


def check(write: Callable[[Place], object], place: Place, expected: dict[str, int]) -> None:
    """Whatever has its final name is complete; what is left of a try that made nothing does not hinder the next one."""
    # A clip that no job has made gets another name each time.
    found = {_NEW_NAME.sub(r"\1_ID", name): data for name, data in contents(place.out).items()}
    made = {name: len(data) for name, data in found.items() if not any(part[0] == "." for part in Path(name).parts)}
    for top in {Path(name).parts[0] for name in made}:
        # A folder of many things, such as that of the models, is no thing by itself.
        depth = 2 if top in ("models", "checkpoints") else 1
        begun = {Path(name).parts[:depth] for name in made if Path(name).parts[0] == top}
        wanted = {name for name in expected if Path(name).parts[:depth] in begun}
        assert {name for name in made if Path(name).parts[0] == top} == wanted, (made, expected)
    for name, size in made.items():
        # Only the digits of times differ.
        assert abs(size - expected[name]) <= 8, (name, size, expected[name])
    if not made:
        write(place)


@pytest.mark.parametrize("name", WRITERS)
def test_whichever_write_fails_nothing_is_left_by_half(name: str, place: Place) -> None:
    write = WRITERS[name]
    expected = whole(write, place)
    tried = 0
    for tried in refusals(lambda: write(place), ERRORS):
        hidden = [path.name for path in place.out.rglob(".*")]
        assert hidden == [], (tried, hidden)
        check(write, place, expected)
        emptied(place.out)
    assert tried >= 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize("name", [name for name in WRITERS if name not in _NOT_KILLED])
def test_wherever_it_is_killed_nothing_is_left_by_half(name: str, place: Place) -> None:
    write = WRITERS[name]
    expected = whole(write, place)
    for _ in deaths(lambda: write(place)):
        if name == "upload":
            # Complete with its description; the next start removes what has none.
            UploadFolder(place.out).open()
        check(write, place, expected)
        emptied(place.out)


@pytest.mark.parametrize("name", ["png8", "sprite-sheet", "webp", "file"])
def test_what_was_there_before_stays_or_is_replaced_whole(name: str, place: Place) -> None:
    write = WRITERS[name]
    write(place)
    before = contents(place.out)
    for tried in refusals(lambda: write(place), ERRORS):
        after = contents(place.out)
        assert after.keys() == before.keys(), tried
        assert all(len(data) == len(before[file]) for file, data in after.items())
        assert visible(place.out) == {path.name for path in place.out.iterdir()}
