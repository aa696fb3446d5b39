"""Clip folders made from others by a recipe."""

import hashlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from server.jobs.request import VideoRequest
from server.media.clip import write_clip
from server.media.clip_reader import open_clip
from server.media.colour import quantised
from server.media.errors import ExportCancelled, MediaError
from server.media.finishing import apply_recipe, source_of
from server.media.sidecar import Sidecar, SidecarModel
from server.media.steps.crop import Crop
from server.media.steps.levels import Levels
from server.media.steps.recipe import Recipe
from server.media.steps.retime import Retime
from tests.server.media.made_streams import effect, read

RECIPE = Recipe(steps=(Levels(black=0.1, white=0.9), Retime(fps=Fraction(24), method="blend")))
REQUEST = VideoRequest(
    prompt="a puff of orange smoke",
    negative_prompt="",
    seed=7,
    width=32,
    height=24,
    num_frames=4,
    steps=20,
    guidance=4.0,
    cfg_schedule="constant",
    text_to_alpha="strict",
    model="mini",
)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    write_clip(
        tmp_path,
        "ab" * 16,
        REQUEST,
        quantised(effect(32, 24, 4), 8),
        fps=8,
        model=SidecarModel(name="mini", title="mini", licence="MIT"),
        versions={},
        created_at="2026-01-31T12:00:00.000Z",
    )
    return next(tmp_path.glob("*_7_*"))


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def sidecar_of(folder: Path) -> Sidecar:
    return Sidecar.from_json(next(folder.glob("*.transpixar")).read_bytes())


def test_the_new_clip_is_complete_and_the_old_one_untouched(clip: Path) -> None:
    before = contents(clip)
    counts: list[tuple[int, int]] = []

    finished = apply_recipe(clip, RECIPE, progress=lambda count, of: counts.append((count, of)))

    assert contents(clip) == before
    assert finished.folder.parent == clip.parent
    assert finished.folder.name.startswith(clip.name + "_finished-")
    info = open_clip(finished.folder).info
    assert (info.fps, info.frame_count, info.metadata["prompt"]) == (24, 12, "a puff of orange smoke")
    wanted = RECIPE.apply(open_clip(clip))
    np.testing.assert_array_equal(read(open_clip(finished.folder)), quantised(read(wanted), 8) / np.float32(255))
    assert counts[-1] == (12, 12)
    assert finished.after.haze <= finished.before.haze


def test_its_sidecar_says_what_was_done_to_what(clip: Path) -> None:
    finished = apply_recipe(clip, RECIPE)
    sidecar, raw = sidecar_of(finished.folder), sidecar_of(clip)

    assert Recipe.model_validate(sidecar.finishing) == RECIPE
    assert sidecar.source is not None
    assert sidecar.source.name == clip.name
    assert sidecar.source.sha256 == hashlib.sha256((clip / sidecar.source.sidecar).read_bytes()).hexdigest()
    assert (sidecar.job, sidecar.request, sidecar.model) == (raw.job, raw.request, raw.model)
    for name, digest in sidecar.sha256.items():
        assert hashlib.sha256((finished.folder / name).read_bytes()).hexdigest() == digest
    assert raw.finishing is None
    assert raw.source is None


def test_the_source_is_found_again_and_another_clip_is_not_taken_for_it(clip: Path) -> None:
    finished = apply_recipe(clip, RECIPE)

    assert source_of(finished.folder) == clip
    assert source_of(clip) is None
    sidecar = next(clip.glob("*.transpixar"))
    sidecar.write_bytes(sidecar.read_bytes() + b"\n")
    with pytest.raises(MediaError, match="was not made from the"):
        source_of(finished.folder)
    sidecar.unlink()
    with pytest.raises(MediaError, match="which is not beside it any more"):
        source_of(finished.folder)


def test_what_the_steps_found_is_in_the_sidecar(clip: Path) -> None:
    finished = apply_recipe(clip, Recipe(steps=(Crop(margin=2),)))

    assert any("Cropped to" in note for note in sidecar_of(finished.folder).notes)
    assert finished.warnings


@pytest.mark.parametrize(
    ("recipe", "sentence"),
    [
        (Recipe.model_validate({"steps": [{"step": "trim", "last": 9}]}), "has no frame 9"),
    ],
)
def test_a_recipe_that_is_not_possible_leaves_nothing(clip: Path, recipe: Recipe, sentence: str) -> None:
    with pytest.raises(MediaError, match=sentence):
        apply_recipe(clip, recipe)
    assert list(clip.parent.iterdir()) == [clip]


def test_a_cancelled_or_repeated_run_changes_nothing(clip: Path) -> None:
    with pytest.raises(ExportCancelled):
        apply_recipe(clip, RECIPE, should_stop=lambda: True)
    assert list(clip.parent.iterdir()) == [clip]

    apply_recipe(clip, RECIPE)
    with pytest.raises(MediaError, match="after this recipe already"):
        apply_recipe(clip, RECIPE)


def test_only_clip_folders_are_finished(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is no clip folder"):
        apply_recipe(tmp_path, RECIPE)


def test_a_cropped_clip_says_where_it_was_also_after_another_recipe(clip: Path) -> None:
    cropped = apply_recipe(clip, Recipe(steps=(Crop(margin=0),)))
    again = apply_recipe(cropped.folder, Recipe(steps=(Levels(black=0.1),)))

    canvas = cropped.sidecar.canvas
    assert canvas is not None
    assert (canvas.width, canvas.height) == (32, 24)
    assert sidecar_of(cropped.folder).canvas == sidecar_of(again.folder).canvas == canvas
    whole, part = read(open_clip(clip)), read(open_clip(cropped.folder))
    height, width = part.shape[1:3]
    inside = whole[:, canvas.y : canvas.y + height, canvas.x : canvas.x + width]
    np.testing.assert_array_equal(part[..., 3], inside[..., 3])
    assert sidecar_of(clip).canvas is None


def test_a_rate_that_is_no_whole_number_is_kept_exactly(clip: Path) -> None:
    finished = apply_recipe(clip, Recipe(steps=(Retime(fps=Fraction(24000, 1001)),)))

    sidecar = sidecar_of(finished.folder)
    assert (sidecar.fps, sidecar.fps_fraction) == (24000 / 1001, "24000/1001")
    assert open_clip(finished.folder).info.fps == Fraction(24000, 1001)
    # Readers that do not know the fraction get there from the number.
    assert sidecar.model_copy(update={"fps_fraction": None}).rate == Fraction(24000, 1001)
    assert sidecar_of(clip).fps_fraction is None
