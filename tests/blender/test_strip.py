"""Clips in the sequencer: rendered, and compared with the over operation."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_transpixar.bl import compat
from blender_transpixar.bl import strip as strips_of_ours
from blender_transpixar.bl.provenance import provenance_of
from blender_transpixar.bl.shown_clips import show_instead, showing_on_strip
from blender_transpixar.bl.strip import StripPlacement
from blender_transpixar.core.clip import Clip
from tests.addon.made_clips import write_clip
from tests.blender.over import BACKGROUNDS, DISC, disc, over_as_encoded, write_disc
from tests.blender.rendering import SIZE, render, set_up

START = 10
MIDDLE = SIZE // 2, SIZE // 2


@pytest.fixture
def scene(blender: None) -> bpy.types.Scene:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.0
    scene.frame_end = 60
    set_up(scene, samples=1)
    scene.frame_set(START)
    return scene


def place(clip: Path, **arguments):
    assert bpy.ops.transpixar.place_strip(filepath=str(clip), **arguments) == {"FINISHED"}
    return bpy.context.scene.sequence_editor.active_strip


def below(scene: bpy.types.Scene, colour: tuple[float, ...] = (0.5, 0.5, 0.5), start: int = 1, length: int = 60):
    """A strip of one colour for the clip to stand over."""
    strips = compat.strips(scene.sequence_editor_create())
    last = {"length": length} if bpy.app.version >= (5, 0, 0) else {"frame_end": start + length}
    strip = strips.new_effect(name="Below", type="COLOR", channel=1, frame_start=start, **last)
    strip.color = colour
    return strip


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_it_is_the_over_operation_in_the_sequencers_own_space(
    scene: bpy.types.Scene, tmp_path: Path, background: tuple[float, ...]
):
    below(scene, background)
    place(write_disc(tmp_path, (255, 200, 90)), fit_method="ORIGINAL")
    low = (SIZE - DISC) // 2
    pixels = render(scene, START, tmp_path / "out.png")[low : low + DISC, low : low + DISC, :3]
    expected = over_as_encoded(disc(), (1.0, 200 / 255, 90 / 255), background)
    assert abs(pixels - expected).max() <= 2 / 255


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_enlarged_it_has_no_fringe(scene: bpy.types.Scene, tmp_path: Path, background: tuple[float, ...]):
    scene.render.resolution_x = scene.render.resolution_y = 3 * DISC
    below(scene, background)
    strip = place(write_disc(tmp_path), fit_method="FIT")
    # Blender itself takes a cubic filter for this size, which rounds the edge by up to 5 / 255.
    strip.transform.filter = "BILINEAR"
    pixels = render(scene, START, tmp_path / "out.png")[..., :3]
    assert (pixels - np.array(background)).min() >= -2 / 255
    assert abs(pixels - over_as_encoded(disc(3 * DISC), (1.0, 1.0, 1.0), background)).max() <= 3 / 255


def shown_frames(scene: bpy.types.Scene, folder: Path, frames) -> list[int | None]:
    """Which frame of the hand-made clip each scene frame shows: frame n is 20 * n red; None for what is below."""
    shown = []
    for frame in frames:
        red, green, *_ = render(scene, frame, folder / "out.png")[MIDDLE]
        shown.append(round(float(red) * 255 / 20) if abs(green - 128 / 255) < 2 / 255 and red < 0.49 else None)
    return shown


def test_a_clip_of_8_fps_keeps_its_duration(scene: bpy.types.Scene, tmp_path: Path):
    below(scene, (1.0, 1.0, 1.0))
    strip = place(write_clip(tmp_path, count=3), fit_method="FILL")
    assert compat.strip_range(strip) == (10, 19)
    assert shown_frames(scene, tmp_path, (9, 10, 12, 13, 18, 19)) == [None, 1, 1, 2, 3, None]


def test_it_can_be_timed_in_every_way(scene: bpy.types.Scene, tmp_path: Path):
    clip = write_clip(tmp_path, count=3)
    names = ["0001.png", "0002.png", "0003.png"]

    def elements(**arguments) -> list[str]:
        return [element.filename for element in place(clip, **arguments).elements]

    assert elements(speed="FRAMES") == names
    assert elements(speed="FRAMES", reverse=True) == names[::-1]
    assert elements(speed="FRAMES", ping_pong=True) == [*names, names[1]]
    assert elements(speed="FRAMES", repeat="COUNT", repeat_count=2) == names * 2
    assert elements(speed="STRETCH", stretch=6) == [names[0]] * 2 + [names[1]] * 2 + [names[2]] * 2
    assert elements(speed="FRAMES", repeat="FOREVER") == names * 17
    held = place(clip, speed="FRAMES", hold_first=True, hold_last=True)
    assert compat.strip_range(held) == (1, 61)
    assert [element.filename for element in held.elements] == [names[0]] * 10 + [names[1]] + [names[2]] * 49


def test_it_goes_above_what_is_there_at_that_time(scene: bpy.types.Scene, tmp_path: Path):
    below(scene, start=1, length=12)
    clip = write_clip(tmp_path)
    assert place(clip).channel == 2
    assert place(clip).channel == 3
    assert place(clip, frame_start=200).channel == 1
    assert place(clip, channel=7).channel == 7


def test_in_a_new_file_the_sequencer_shows_the_scene(scene: bpy.types.Scene, tmp_path: Path):
    place(write_clip(tmp_path))
    if hasattr(bpy.context.workspace, "sequencer_scene"):
        assert bpy.context.workspace.sequencer_scene == scene


def test_the_sequencers_own_scene_is_used(scene: bpy.types.Scene, tmp_path: Path):
    if not hasattr(bpy.context.workspace, "sequencer_scene"):
        pytest.skip("Before 5.0 the sequencer shows the window's scene")
    cut = bpy.data.scenes.new("Cut")
    cut.frame_set(77)
    bpy.context.workspace.sequencer_scene = cut
    bpy.ops.transpixar.place_strip(filepath=str(write_clip(tmp_path)))
    assert [compat.strip_range(strip)[0] for strip in compat.all_strips(cut)] == [77]
    assert list(compat.all_strips(scene)) == []


def test_a_cropped_clip_stands_where_it_stood(scene: bpy.types.Scene, tmp_path: Path):
    below(scene, (0.0, 0.0, 0.0))
    canvas = {"width": 2 * DISC, "height": 2 * DISC, "x": DISC, "y": 0}
    place(write_disc(tmp_path, (255, 0, 0), canvas=canvas), fit_method="FIT")
    red = render(scene, START, tmp_path / "out.png")[..., 0]
    assert red[SIZE // 4, 3 * SIZE // 4] == pytest.approx(1.0, abs=2 / 255)
    assert red[:, : SIZE // 2 - 1].max() <= 2 / 255
    assert red[SIZE // 2 + 1 :].max() <= 2 / 255


def test_it_tells_what_made_it_also_after_saving(scene: bpy.types.Scene, tmp_path: Path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    strip = place(write_clip(tmp_path / "transpixar"))
    assert strip.directory.startswith("//transpixar")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    provenance = provenance_of(next(compat.all_strips(bpy.context.scene)))
    assert (provenance.prompt, provenance.seed, provenance.model) == ("test effect", 7, "tiny")
    assert provenance.request == {"prompt": "test effect", "seed": 7}
    assert Path(bpy.path.abspath(provenance.sidecar)).is_file()


def test_another_version_of_the_clip_stays_where_the_first_one_was(scene: bpy.types.Scene, tmp_path: Path):
    below(scene, (0.0, 0.0, 0.0))
    strip = place(write_clip(tmp_path / "raw", count=3), fit_method="FILL")
    before = render(scene, START, tmp_path / "out.png")
    other = Clip.open(write_clip(tmp_path / "finished", count=6, fps=24, width=32, height=32))
    show_instead(showing_on_strip(strip), other, scene)
    assert showing_on_strip(strip).clip == other
    assert compat.strip_range(strip) == (10, 16)
    assert abs(render(scene, START, tmp_path / "out.png") - before)[8:-8, 8:-8].mean() < 0.03
    assert shown_frames(scene, tmp_path, (11, 15, 16)) == [2, 6, None]


def test_undone_nothing_is_left(scene: bpy.types.Scene, tmp_path: Path):
    bpy.ops.ed.undo_push(message="Before")
    bpy.ops.transpixar.place_strip("EXEC_DEFAULT", True, filepath=str(write_clip(tmp_path)))
    assert len(list(compat.all_strips(bpy.context.scene))) == 1
    bpy.ops.ed.undo()
    assert list(compat.all_strips(bpy.context.scene)) == []


def never(*_) -> None:
    raise AssertionError("elements are made one by one")


def test_a_strip_of_20_000_frames_is_one_strip_and_made_at_once(
    scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # Blender copies all elements for each one that is appended.
    monkeypatch.setattr(strips_of_ours, "_append_or_pop_elements", never)
    scene.frame_end = 20_000
    clip = write_clip(tmp_path, count=3, fps=3)
    for strip in (place(clip, repeat="FOREVER"), place(clip, hold_last=True)):
        assert compat.strip_range(strip) == (START, 20_001)
        assert len(strip.elements) == 20_001 - START
    names = [element.filename for element in next(compat.all_strips(scene)).elements]
    run = [name for name in ("0001.png", "0002.png", "0003.png") for _ in range(8)]
    assert names == (run * (len(names) // 24 + 1))[: len(names)]
    assert len(list(compat.all_strips(scene))) == 2


def test_where_blender_cannot_make_them_at_once_the_strip_is_the_same(
    scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clip = write_clip(tmp_path, count=3)
    at_once = place(clip, repeat="FOREVER")

    def in_sequencer(scene: bpy.types.Scene):
        raise RuntimeError("Operator bpy.ops.sequencer.change_path.poll() failed")

    monkeypatch.setattr(compat, "in_sequencer", in_sequencer)
    one_by_one = place(clip, repeat="FOREVER")
    assert compat.strip_range(at_once) == compat.strip_range(one_by_one)
    assert [each.filename for each in at_once.elements] == [each.filename for each in one_by_one.elements]
    assert at_once.directory == one_by_one.directory


def test_what_is_active_in_the_sequencer_stays_so_while_another_strip_is_made(
    scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cut = bpy.data.scenes.new("Cut")
    mine = below(cut)
    cut.sequence_editor.active_strip = mine
    monkeypatch.setattr(strips_of_ours, "_append_or_pop_elements", never)
    clip = Clip.open(write_clip(tmp_path, count=3))
    # As on the timer, which has no window.
    with bpy.context.temp_override(window=None, area=None, region=None):
        strip = strips_of_ours.place_strip(clip, cut, StripPlacement(frame_start=5))
    assert compat.strip_range(strip) == (5, 14)
    assert len(strip.elements) == 9
    assert cut.sequence_editor.active_strip == mine
    assert list(compat.all_strips(scene)) == []


def test_cuts_stay_when_a_clip_of_another_length_is_shown_and_one_frame_at_least(
    scene: bpy.types.Scene, tmp_path: Path
):
    strip = place(write_clip(tmp_path / "raw", count=6), speed="FRAMES")
    compat.set_strip_cuts(strip, (2, 1))
    assert compat.strip_range(strip) == (12, 15)
    show_instead(showing_on_strip(strip), Clip.open(write_clip(tmp_path / "longer", count=9)), scene)
    assert compat.strip_range(strip) == (12, 18)
    show_instead(showing_on_strip(strip), Clip.open(write_clip(tmp_path / "shorter", count=2)), scene)
    assert compat.strip_range(strip) == (11, 12)
    assert strip.elements[1].filename == "0002.png"
