import json
from pathlib import Path

import pytest

from blender_transpixar.core.clip import Clip
from blender_transpixar.core.errors import InvalidClipError
from blender_transpixar.core.library import asset_file, bring_in, clips_in
from blender_transpixar.core.starter import StarterEffect, plan_for, starter_effects
from tests.addon.made_clips import NAME, write_clip


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return Clip.open(write_clip(tmp_path / "clips", count=2))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return tmp_path / "library"


def test_a_clip_comes_in_as_a_copy_and_only_once(clip: Clip, library: Path):
    copy = bring_in(clip, library)
    assert copy.folder == library / NAME
    assert clip.first_frame_path.read_bytes() == copy.first_frame_path.read_bytes()
    assert bring_in(clip, library) == copy == bring_in(copy, library)
    assert [folder.name for folder in library.iterdir()] == [NAME]


def test_another_clip_of_the_same_name_stands_beside_it(clip: Clip, library: Path):
    bring_in(clip, library)
    said = json.loads(clip.sidecar_path.read_text())
    clip.sidecar_path.write_text(json.dumps(said | {"job": "f" * 32}))
    assert bring_in(Clip.open(clip.folder), library).folder.name == f"{NAME}-2"


def test_a_frame_that_was_changed_is_refused(clip: Clip, library: Path):
    clip.first_frame_path.write_bytes(b"something else")
    with pytest.raises(InvalidClipError, match="Generate the clip again"):
        bring_in(clip, library)
    assert list(library.iterdir()) == []


def test_what_is_no_clip_is_passed_over(clip: Clip, library: Path):
    bring_in(clip, library)
    for name, content in ((".half.part", "{}"), ("broken", "no json")):
        (library / name).mkdir()
        (library / name / "x.transpixar").write_text(content)
    assert [found.folder.name for found in clips_in(library)] == [NAME]
    assert list(clips_in(library / "nowhere")) == []


EFFECT = StarterEffect("test", "test effect")
MISSING = StarterEffect("fire", "orange fire")


def test_a_starter_library_goes_on_where_it_was_broken_off(clip: Clip, library: Path):
    assert plan_for([EFFECT, MISSING], library, "tiny").to_make == (EFFECT, MISSING)
    here = bring_in(clip, library)
    plan = plan_for([EFFECT, MISSING], library, "tiny")
    assert (plan.to_make, plan.to_keep, plan.present) == ((MISSING,), (here,), 0)
    asset_file(here).touch()
    plan = plan_for([EFFECT, MISSING], library, "tiny")
    assert (plan.to_make, plan.to_keep, plan.present) == ((MISSING,), (), 1)


def test_each_model_has_its_own_clips(clip: Clip, library: Path):
    bring_in(clip, library)
    assert plan_for([EFFECT], library, "another").to_make == (EFFECT,)
    assert plan_for([EFFECT], library, None).to_make == ()


@pytest.mark.parametrize(
    ("told", "prompts"),
    [
        (["fire", "Smoke"], ["orange fire burning", "a puff of grey smoke"]),
        (["fog bank", "fire", "fire"], ["fog bank", "orange fire burning"]),
        ([3, {}, None, " ", "fire"], ["orange fire burning"]),
    ],
)
def test_a_model_tells_its_effects(told: list, prompts: list[str]):
    assert [effect.prompt for effect in starter_effects(told)] == prompts


def test_for_a_model_that_tells_nothing_there_are_the_usual_ones():
    assert len(starter_effects()) == len(starter_effects([])) == 15
