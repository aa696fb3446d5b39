"""Clips beside the file that shows them."""

from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_transpixar.bl import compat
from blender_transpixar.bl.collect import known_elsewhere
from blender_transpixar.bl.provenance import provenance_of
from blender_transpixar.ui.storage_notes import draw_storage_notes
from tests.addon.made_clips import NAME, frames_of, write_clip
from tests.blender.recorded_layout import RecordedLayout


@pytest.fixture
def saved(blender: None, tmp_path: Path) -> Path:
    """A file that was saved after clips were placed in it: one three times, and other pictures."""
    clip = write_clip(tmp_path / "clips")
    bpy.ops.transpixar.place_plane(filepath=str(clip))
    bpy.ops.transpixar.place_strip(filepath=str(clip), hold_last=True)
    bpy.ops.transpixar.place_in_compositor(filepath=str(clip))
    (tmp_path / "footage").mkdir()
    for number, frame in enumerate(frames_of(2), start=1):
        (tmp_path / f"footage/fire_{number}.png").write_bytes(frame)
    bpy.ops.transpixar.place_plane(filepath=str(tmp_path / "footage/fire_1.png"))
    (tmp_path / "project").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "project/scene.blend"))
    return tmp_path


def paths() -> set[str]:
    images = [image.filepath for image in bpy.data.images if image.source == "SEQUENCE"]
    strips = [strip.directory + strip.elements[0].filename for strip in compat.all_strips(bpy.context.scene)]
    return {path.replace("\\", "/") for path in (*images, *strips)}


def test_saving_moves_nothing(saved: Path):
    resolved = {Path(bpy.path.abspath(path)).resolve() for path in paths()}
    assert resolved == {saved / "clips" / NAME / "0001.png", saved / "footage/fire_1.png"}
    assert not (saved / "project/transpixar").exists()


def test_clips_are_copied_and_the_copies_used(saved: Path):
    assert bpy.ops.transpixar.collect_clips() == {"FINISHED"}
    assert paths() == {f"//transpixar/{NAME}/0001.png", "//transpixar/footage/fire_1.png"}
    for folder, copy in ((f"clips/{NAME}", NAME), ("footage", "footage")):
        originals = {path.name: path.read_bytes() for path in (saved / folder).iterdir()}
        copies = {path.name: path.read_bytes() for path in (saved / "project/transpixar" / copy).iterdir()}
        assert copies == originals
    image = next(image for image in bpy.data.images if image.name.startswith("test-effect"))
    sidecar = provenance_of(image).sidecar
    assert Path(bpy.path.abspath(sidecar)) == saved / f"project/transpixar/{NAME}/test-effect.transpixar"
    assert bpy.ops.transpixar.collect_clips() == {"CANCELLED"}


def test_a_clip_that_is_gone_is_named_and_the_others_stay(saved: Path):
    (saved / "clips" / NAME / "0003.png").unlink()
    before = paths()
    with pytest.raises(RuntimeError, match=r"0003\.png is missing"):
        bpy.ops.transpixar.collect_clips()
    assert {path for path in paths() if "test" in path or NAME in path} <= before


def test_the_tab_says_after_saving_that_clips_are_not_beside_the_file(saved: Path):
    sentence = "2 clips are not beside this file"
    assert known_elsewhere() == 2
    layout = RecordedLayout()
    system = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0))
    draw_storage_notes(layout, SimpleNamespace(region=SimpleNamespace(width=1000), preferences=system))
    assert sentence in layout.labels
    assert "transpixar.collect_clips" in layout.operators
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    assert known_elsewhere() == 2
    bpy.ops.transpixar.collect_clips()
    assert known_elsewhere() == 0
    bpy.ops.wm.read_homefile(use_empty=True)
    assert known_elsewhere() == 0


def test_an_unsaved_file_has_nothing_beside_it(blender: None):
    assert not bpy.ops.transpixar.collect_clips.poll()
