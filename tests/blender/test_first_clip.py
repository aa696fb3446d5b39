"""A clip is seen as soon as it stands in the scene: turned to the viewport, large enough, beside what is there."""

from itertools import pairwise
from math import isclose, pi, radians
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

from blender_transpixar.bl import clip_queue, placed, pump
from blender_transpixar.bl.inputs import RequestFiles
from blender_transpixar.bl.placement import Placement
from blender_transpixar.bl.plane import place_plane
from blender_transpixar.bl.target import Target
from blender_transpixar.bl.view import View
from blender_transpixar.core.clip import Clip
from blender_transpixar.core.playback import FOR_EVER, Playback
from blender_transpixar.core.request import ClipRequest
from blender_transpixar.ui.progress import draw_generation
from tests.addon.made_clips import write_clip
from tests.addon.real_server import MODEL_NAME
from tests.blender.recorded_layout import RecordedLayout
from tests.blender.test_generate import pump_until

# Half the height that Blender's default viewport sees a metre away.
HALF_HEIGHT = 0.36


def looking(rotation: Euler, distance: float = 10.0) -> View:
    """A viewport that is turned like that and looks at the world's origin from some metres away."""
    to_world = rotation.to_matrix().to_4x4()
    to_world.translation = rotation.to_matrix() @ Vector((0.0, 0.0, distance))
    return View(to_world, 2 * HALF_HEIGHT, is_perspective=True)


# Blender's first viewport: from the front right, from above.
FIRST = looking(Euler((radians(63), 0.0, radians(46))))


def place(folder: Path, view: View | None = FIRST, **how) -> bpy.types.Object:
    settings = {"location": (0.0, 0.0, 0.0), "height": 1.0, "frame_start": 1, "is_near": True, "view": view} | how
    scene = bpy.context.scene
    plane = place_plane(Clip.open(folder), scene, scene.collection, Placement(**settings))
    bpy.context.view_layer.update()
    return plane


def a_narrow_sidebar() -> SimpleNamespace:
    """A context to draw in, over a viewport with solid shading."""
    space = SimpleNamespace(type="VIEW_3D", shading=SimpleNamespace(type="SOLID"))
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0))
    return SimpleNamespace(preferences=preferences, region=SimpleNamespace(width=600), space_data=space)


def corners_of(thing: bpy.types.Object) -> np.ndarray:
    return np.array([thing.matrix_world @ Vector(corner) for corner in thing.bound_box])


@pytest.fixture
def clip(blender: None, tmp_path: Path) -> Path:
    return write_clip(tmp_path, width=32, height=32)


@pytest.mark.parametrize("turn", [0, 46, 130, -90, 180])
def test_it_stands_upright_and_shows_its_front_to_the_viewport(clip: Path, turn: float):
    view = looking(Euler((radians(63), 0.0, radians(turn))))
    plane = place(clip, view)
    front, up = -plane.matrix_world.col[1].to_3d(), plane.matrix_world.col[2].to_3d()
    assert isclose(up.normalized().z, 1.0, abs_tol=1e-5)
    flat = Vector((view.towards.x, view.towards.y, 0.0)).normalized()
    assert isclose(front.normalized().dot(flat), 1.0, abs_tol=1e-5)


@pytest.mark.parametrize("tilt", [0.0, pi])
def test_seen_from_above_or_below_it_lies_as_the_viewport_sees_it(clip: Path, tilt: float):
    view = looking(Euler((tilt, 0.0, 0.7)))
    plane = place(clip, view)
    front, up = -plane.matrix_world.col[1].to_3d(), plane.matrix_world.col[2].to_3d()
    assert isclose(front.normalized().dot(view.towards), 1.0, abs_tol=1e-5)
    assert isclose(up.normalized().dot(view.to_world.to_3x3().col[1]), 1.0, abs_tol=1e-5)


def test_it_takes_a_third_of_the_viewports_height(clip: Path):
    # 7.2 metres are seen ten metres away.
    assert place(clip).dimensions.z == pytest.approx(2.0)
    far = looking(Euler((radians(63), 0.0, 0.0)), distance=1000.0)
    assert place(clip, far).dimensions.z == pytest.approx(200.0)
    parallel = View(Matrix.Identity(4), 3.0, is_perspective=False)
    assert place(clip, parallel).dimensions.z == pytest.approx(1.0)


def test_without_a_viewport_or_with_a_size_of_its_own_it_has_the_height_that_is_set(clip: Path):
    assert place(clip, None).dimensions.z == pytest.approx(1.0)
    assert place(clip, size_mode="ABSOLUTE", height=4.0).dimensions.z == pytest.approx(4.0)
    behind = looking(Euler((radians(63), 0.0, 0.0)), distance=-5.0)
    assert place(clip, behind).dimensions.z == pytest.approx(1.0)


def test_it_does_not_stand_in_the_default_cube_but_before_it(clip: Path):
    bpy.ops.mesh.primitive_cube_add(size=2.0)
    cube = bpy.context.object
    plane = place(clip)
    # Nothing of the cube is nearer to the viewer than the plane.
    towards = Vector((FIRST.towards.x, FIRST.towards.y, 0.0)).normalized()
    nearest = max(Vector(corner).dot(towards) for corner in corners_of(cube))
    assert min(Vector(corner).dot(towards) for corner in corners_of(plane)) > nearest
    assert plane.location.z == pytest.approx(0.0)


def test_a_floor_is_stood_on_and_a_room_is_not_left(clip: Path):
    bpy.ops.mesh.primitive_plane_add(size=50.0)
    bpy.ops.mesh.primitive_cube_add(size=60.0)
    assert tuple(place(clip).location) == (0.0, 0.0, 0.0)


def test_the_next_clips_stand_beside_the_first(clip: Path):
    planes = [place(clip) for _ in range(4)]
    right = planes[0].matrix_world.col[0].to_3d().normalized()
    spans = sorted(
        tuple(pick(Vector(corner).dot(right) for corner in corners_of(plane)) for pick in (min, max))
        for plane in planes
    )
    for (_, end), (start, _) in pairwise(spans):
        assert start > end
    assert len({round(plane.location.z, 4) for plane in planes}) == 1


def test_a_place_that_is_given_is_kept(clip: Path):
    for _ in range(2):
        assert tuple(place(clip, is_near=False, location=(1.0, 2.0, 3.0)).location) == (1.0, 2.0, 3.0)
        bpy.ops.transpixar.place_plane(filepath=str(clip), location=(5.0, 0.0, 0.0))
        assert tuple(bpy.context.object.location) == (5.0, 0.0, 0.0)


def test_a_clip_that_came_is_selected_and_the_panel_says_where_and_when_it_stands(connected: Path):
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.0
    scene.frame_set(10)
    request = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
    generation = clip_queue.submit(bpy.context, request, RequestFiles(), target=Target(bpy.context))
    pump_until(lambda: not pump.is_busy())
    (plane,) = scene.objects
    assert (bpy.context.object, bpy.context.selected_objects) == (plane, [plane])
    told = clip_queue.find(generation.key).placed
    clip = Clip.open(generation.folder).sidecar
    assert (told.first, told.last) == (10, 9 + round(24 * clip.frame_count / clip.fps))
    drawn = RecordedLayout()
    draw_generation(drawn, a_narrow_sidebar(), generation)
    assert f"Placed: orange smoke, frames 10 to {told.last}" in " ".join(drawn.labels)
    assert "This shading does not show the clip's picture" in " ".join(drawn.labels)
    assert "transpixar.show_placed" in drawn.operators


def test_show_brings_it_back_into_selection_at_a_frame_that_it_runs_on(connected: Path):
    scene = bpy.context.scene
    request = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
    generation = clip_queue.submit(bpy.context, request, RequestFiles(), target=Target(bpy.context))
    pump_until(lambda: not pump.is_busy())
    (plane,) = scene.objects
    plane.select_set(False)
    bpy.context.view_layer.objects.active = None
    scene.frame_set(500)
    assert bpy.ops.transpixar.show_placed(key=generation.key) == {"FINISHED"}
    told = clip_queue.find(generation.key).placed
    assert told.first <= scene.frame_current <= told.last
    assert (bpy.context.object, plane.select_get()) == (plane, True)
    bpy.data.objects.remove(plane)
    with pytest.raises(RuntimeError, match="does not stand in the scene any more"):
        bpy.ops.transpixar.show_placed(key=generation.key)


def test_a_clip_that_runs_on_has_no_last_frame(clip: Path):
    plane = place(clip)
    told = placed.placed(plane, Clip.open(clip), bpy.context.scene, 5, Playback(repeats=FOR_EVER))
    assert (told.first, told.last) == (5, None)
