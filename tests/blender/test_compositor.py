"""Clips in the compositor: rendered, and compared with the over operation."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_transpixar.bl import compat
from blender_transpixar.bl.shown_clips import all_showing, show_instead
from blender_transpixar.bl.target import Target
from blender_transpixar.core.clip import Clip
from tests.addon.made_clips import write_clip
from tests.blender.over import BACKGROUNDS, DISC, disc, over_in_linear_light, write_disc
from tests.blender.rendering import SIZE, fill_background, render, set_up

START = 10
MIDDLE = SIZE // 2, SIZE // 2


@pytest.fixture
def scene(blender: None) -> bpy.types.Scene:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.0
    set_up(scene, samples=1)
    scene.frame_set(START)
    return scene


def place(clip: Path, **arguments) -> None:
    assert bpy.ops.transpixar.place_in_compositor(filepath=str(clip), **arguments) == {"FINISHED"}


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_it_is_the_over_operation(scene: bpy.types.Scene, tmp_path: Path, background: tuple[float, ...]):
    fill_background(scene, background)
    place(write_disc(tmp_path, (255, 200, 90)), fit_method="ORIGINAL")
    low = (SIZE - DISC) // 2
    pixels = render(scene, START, tmp_path / "out.png")[low : low + DISC, low : low + DISC, :3]
    expected = over_in_linear_light(disc(), (1.0, 200 / 255, 90 / 255), background)
    assert abs(pixels - expected).max() <= 3 / 255


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_enlarged_it_has_no_fringe(scene: bpy.types.Scene, tmp_path: Path, background: tuple[float, ...]):
    scene.render.resolution_x = scene.render.resolution_y = 3 * DISC
    fill_background(scene, background)
    place(write_disc(tmp_path), fit_method="FIT")
    pixels = render(scene, START, tmp_path / "out.png")[..., :3]
    # Nothing darker than the background, nothing brighter than the disc: every edge lies between the two.
    assert (pixels - np.array(background)).min() >= -3 / 255
    expected = over_in_linear_light(disc(3 * DISC), (1.0, 1.0, 1.0), background)
    if bpy.app.version < (4, 5, 0):
        # 4.2 enlarges a third of the clip's pixel too far to the left and down, whichever node does it.
        pixels = np.roll(pixels, (-1, 1), axis=(0, 1))
    assert abs(pixels - expected).max() <= 3 / 255


def test_before_and_after_only_the_render_is_seen(scene: bpy.types.Scene, tmp_path: Path):
    fill_background(scene, (0.5, 0.5, 0.5))
    place(write_clip(tmp_path, count=2), fit_method="FILL")
    shown = {frame: render(scene, frame, tmp_path / "out.png")[MIDDLE] for frame in (START - 1, START + 3, START + 6)}
    np.testing.assert_allclose(shown[START - 1][:3], 0.5, atol=2 / 255)
    np.testing.assert_allclose(shown[START + 3], [40 / 255, 128 / 255, 40 / 255, 1.0], atol=3 / 255)
    np.testing.assert_allclose(shown[START + 6][:3], 0.5, atol=2 / 255)


def test_what_was_wired_stays(scene: bpy.types.Scene, tmp_path: Path):
    tree = compat.ensure_compositor_tree(scene)
    output = compat.compositor_output(tree)
    invert = tree.nodes.new("CompositorNodeInvert")
    tree.links.new(output.inputs[0].links[0].from_socket, invert.inputs["Color"])
    tree.links.new(invert.outputs["Color"], output.inputs[0])
    place(write_clip(tmp_path), fit_method="FILL")
    over = output.inputs[0].links[0].from_node
    assert over.bl_idname == "CompositorNodeAlphaOver"
    assert compat.alpha_over_inputs(over)[0].links[0].from_node == invert
    place(write_clip(tmp_path / "second"))
    second = output.inputs[0].links[0].from_node
    assert compat.alpha_over_inputs(second)[0].links[0].from_node == over


def test_a_tree_without_an_output_gets_one(scene: bpy.types.Scene, tmp_path: Path):
    tree = compat.ensure_compositor_tree(scene)
    tree.nodes.remove(compat.compositor_output(tree))
    place(write_clip(tmp_path), fit_method="FILL")
    assert render(scene, START, tmp_path / "out.png")[MIDDLE][3] == pytest.approx(1.0, abs=1 / 255)


def test_a_cropped_clip_stands_where_it_stood(scene: bpy.types.Scene, tmp_path: Path):
    canvas = {"width": 2 * DISC, "height": 2 * DISC, "x": DISC, "y": 0}
    place(write_disc(tmp_path, (255, 0, 0), canvas=canvas), fit_method="FIT")
    alpha = render(scene, START, tmp_path / "out.png")[..., 3]
    assert alpha[SIZE // 4, 3 * SIZE // 4] == pytest.approx(1.0, abs=1 / 255)
    assert alpha[:, : SIZE // 2 - 1].max() == 0.0
    assert alpha[SIZE // 2 + 1 :].max() == 0.0


def test_undone_nothing_is_left(scene: bpy.types.Scene, tmp_path: Path):
    bpy.ops.ed.undo_push(message="Before")
    assert bpy.ops.transpixar.place_in_compositor("EXEC_DEFAULT", True, filepath=str(write_clip(tmp_path)))
    assert compat.compositor_tree(bpy.context.scene) is not None
    bpy.ops.ed.undo()
    tree = compat.compositor_tree(bpy.context.scene)
    assert tree is None or not [node for node in tree.nodes if node.bl_idname == "CompositorNodeImage"]


def test_another_version_of_the_clip_stays_where_the_first_one_was(scene: bpy.types.Scene, tmp_path: Path):
    first = write_disc(tmp_path / "first", (255, 0, 0))
    place(first, fit_method="FIT", repeat="FOREVER")
    whole = render(scene, START, tmp_path / "out.png")
    box = {"width": 2 * DISC, "height": 2 * DISC, "x": DISC, "y": 0}
    cropped = Clip.open(write_disc(tmp_path / "cropped", (255, 0, 0), canvas=box))
    (showing,) = all_showing(scene, cropped)
    show_instead(showing, cropped, scene)
    alpha = render(scene, START + 100, tmp_path / "out.png")[..., 3]
    assert alpha[SIZE // 4, 3 * SIZE // 4] == pytest.approx(1.0, abs=1 / 255)
    assert alpha[:, : SIZE // 2 - 1].max() == 0.0
    (showing,) = all_showing(scene, cropped)
    assert showing.clip == cropped
    show_instead(showing, Clip.open(first), scene)
    np.testing.assert_array_equal(render(scene, START, tmp_path / "out.png"), whole)


def test_new_clips_go_where_the_panel_says(scene: bpy.types.Scene, tmp_path: Path):
    clip = write_clip(tmp_path)
    settings = scene.transpixar.placement
    placed = {}
    for place_as in ("PLANE", "STRIP", "COMPOSITOR"):
        settings.place_as = place_as
        placed[place_as] = Target(bpy.context).place(clip)
    assert isinstance(placed["PLANE"], bpy.types.Object)
    assert compat.strip_range(placed["STRIP"])[0] == START
    assert placed["COMPOSITOR"].bl_idname == "CompositorNodeImage"
    assert len(all_showing(scene, Clip.open(clip))) == 3
