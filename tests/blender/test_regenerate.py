"""A clip that stands in the scene, once more."""

from pathlib import Path

import bpy
import pytest

from blender_transpixar.bl import compat, pump
from blender_transpixar.bl.regenerate import Replacement
from blender_transpixar.bl.shown_clips import showing_on
from blender_transpixar.core.clip import Clip
from tests.addon.made_clips import write_clip
from tests.addon.real_server import MODEL_NAME
from tests.blender.test_generate import pump_until


@pytest.fixture
def plane(connected: Path) -> bpy.types.Object:
    bpy.context.scene.frame_set(30)
    bpy.ops.transpixar.generate(prompt="orange smoke", seed=7, model=MODEL_NAME)
    plane = bpy.context.scene.objects["orange-smoke"]
    bpy.context.view_layer.objects.active = plane
    return plane


def starts(plane: bpy.types.Object) -> float:
    curves = compat.fcurves(plane.material_slots[0].material.node_tree)
    return max(curve.range()[0] for curve in curves)


def test_another_seed_takes_the_old_ones_place(plane: bpy.types.Object):
    old = showing_on(plane).clip
    assert bpy.ops.transpixar.regenerate() == {"FINISHED"}
    new = showing_on(plane).clip
    assert new.folder != old.folder
    assert new.sidecar.request["prompt"] == "orange smoke"
    assert new.sidecar.seed != 7
    assert starts(plane) == 30.0
    Clip.open(old.folder)


def test_the_same_seed_gives_the_same_clip(plane: bpy.types.Object):
    old = showing_on(plane).clip
    assert bpy.ops.transpixar.regenerate(seed="SAME") == {"FINISHED"}
    new = showing_on(plane).clip
    assert new.folder != old.folder
    assert new.sidecar.sha256 == old.sidecar.sha256


def test_from_the_panel_the_plane_waits_for_its_clip(plane: bpy.types.Object):
    replacement = Replacement(plane, bpy.context.scene)
    pump.follow(replacement.start(bpy.context, new_seed=True), replacement.show_when_possible)
    bpy.context.scene.frame_set(90)
    pump_until(lambda: not pump.is_busy())
    assert pump.current().error is None
    assert showing_on(plane).clip.folder == pump.current().folder
    assert starts(plane) == 30.0


def test_a_plane_that_was_deleted_meanwhile_leaves_the_clip_on_the_disk(plane: bpy.types.Object):
    replacement = Replacement(plane, bpy.context.scene)
    pump.follow(replacement.start(bpy.context, new_seed=True), replacement.show_when_possible)
    bpy.data.objects.remove(plane)
    pump_until(lambda: not pump.is_busy())
    assert "use Place Clip" in pump.current().error.message
    Clip.open(pump.current().folder)


def test_only_for_clips(blender: None, tmp_path: Path):
    assert not bpy.ops.transpixar.regenerate.poll()
    bpy.ops.transpixar.place_plane(filepath=str(write_clip(tmp_path)))
    assert bpy.ops.transpixar.regenerate.poll()
