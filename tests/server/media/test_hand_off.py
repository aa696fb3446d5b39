"""A clip as the one file that is handed on."""

import zipfile
from pathlib import Path

import pytest

from server.media.archive import archived
from server.media.clip import write_clip
from server.media.errors import ExportCancelled
from server.media.hand_off import ClipTooLarge, hand_off
from server.media.hand_off_formats import HAND_OFFS
from server.media.steps.crop import Crop
from server.media.steps.order import Hold, Trim
from server.media.steps.recipe import Recipe, Step
from tests.server.media.made_streams import effect
from tests.server.media.test_clip_writer import JOB, ORIGIN, REQUEST

FRAMES = 10
MANY = 10**9


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    pixels = (effect(width=32, height=24, count=FRAMES) * 255).astype("uint8")
    request = REQUEST.model_copy(update={"width": 32, "height": 24, "num_frames": FRAMES})
    return Path(write_clip(tmp_path / "clips", JOB, request, pixels, fps=8, **ORIGIN).folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "export").mkdir()
    return tmp_path / "export"


def recipe(*steps: Step) -> Recipe:
    return Recipe(steps=steps)


def test_many_files_are_a_zip_with_one_folder(clip: Path, folder: Path) -> None:
    file = hand_off(clip, "png8", recipe(Trim(last=2)), folder, max_pixels=MANY)

    name = f"{clip.name}_png8"
    assert file == folder / f"{name}.zip"
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [f"{name}/0001.png", f"{name}/0002.png"]
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.testzip() is None


def test_one_file_is_that_file(clip: Path, folder: Path) -> None:
    assert hand_off(clip, "qtrle", recipe(), folder, max_pixels=MANY) == folder / f"{clip.name}_qtrle.mov"


@pytest.mark.parametrize("steps", [(Hold(end=90),), (Hold(end=90), Trim(last=1)), (Hold(end=90), Crop())])
def test_no_step_makes_more_than_what_is_allowed(clip: Path, folder: Path, steps: tuple[Step, ...]) -> None:
    with pytest.raises(ClipTooLarge, match=r"After step 1 of the recipe \(hold\)"):
        hand_off(clip, "png8", recipe(*steps), folder, max_pixels=99 * 32 * 24)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("format", ["clip", "png8", "exr", "qtrle", "sprite-sheet", "webp"])
@pytest.mark.parametrize("steps", [(), (Crop(),)], ids=["raw", "crop"])
@pytest.mark.parametrize("asked", [0, 1, FRAMES // 2])
def test_an_export_can_be_stopped_at_any_frame(
    clip: Path, folder: Path, format: str, steps: tuple[Step, ...], asked: int
) -> None:
    answers = iter([False] * asked)
    with pytest.raises(ExportCancelled):
        hand_off(clip, format, recipe(*steps), folder, max_pixels=MANY, should_stop=lambda: next(answers, True))
    assert list(folder.glob("*.zip")) == []


def test_a_zip_holds_the_files_of_the_folder_and_nothing_from_elsewhere(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "0001.png").write_bytes(b"frame")
    (folder / "link.png").symlink_to(tmp_path / "secret.txt")
    (folder / "more").mkdir()
    with zipfile.ZipFile(archived(folder, tmp_path / "a.zip")) as archive:
        assert archive.namelist() == ["export/0001.png"]


def test_what_is_offered_says_how_it_comes() -> None:
    assert (HAND_OFFS["clip"].suffix, HAND_OFFS["clip"].files) == ("", "many")
    assert (HAND_OFFS["exr"].suffix, HAND_OFFS["exr"].files) == ("", "many")
    assert (HAND_OFFS["webm"].suffix, HAND_OFFS["webm"].files) == (".webm", "one")
