"""Placing where the artist just works: linked and overridden collections and scenes, every mode; all or nothing."""

from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

from blender_transpixar.bl import compat, compositor, plane, strip, undo
from blender_transpixar.bl.target import Target
from blender_transpixar.core.errors import TransPixarError
from tests.addon.made_clips import write_clip

KINDS = ("place_plane", "place_strip", "place_in_compositor")


@pytest.fixture
def clip(blender: None, tmp_path: Path) -> Path:
    return write_clip(tmp_path)


def place(kind: str, clip: Path, **arguments) -> set[str]:
    return getattr(bpy.ops.transpixar, kind)(filepath=str(clip), **arguments)


def facts() -> dict[str, object]:
    """What is in the file, as far as placing can change it."""
    counted = ("objects", "meshes", "materials", "images", "actions", "node_groups", "scenes", "collections")
    found: dict[str, object] = {name: sorted(block.name for block in getattr(bpy.data, name)) for name in counted}
    for scene in bpy.data.scenes:
        found["strips", scene.name_full] = sorted(each.name for each in compat.all_strips(scene))
        found["editor", scene.name_full] = scene.sequence_editor is not None
        found["compositing", scene.name_full] = scene.render.use_compositing
        tree = compat.compositor_tree(scene)
        found["nodes", scene.name_full] = tree and sorted((node.name, *node.location) for node in tree.nodes)
        found["links", scene.name_full] = tree and sorted(
            (link.from_node.name, link.from_socket.name, link.to_node.name, link.to_socket.name) for link in tree.links
        )
        data = tree and tree.animation_data
        found["curves", scene.name_full] = (
            [curve.data_path for curve in compat.fcurves(tree)] if data and data.action else []
        )
    return found


def library_with_a_collection(folder: Path) -> Path:
    """A saved file whose scene holds the collection "Props"; an empty file is open afterwards."""
    bpy.context.scene.collection.children.link(bpy.data.collections.new("Props"))
    path = folder / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    return path


def linked_collection(folder: Path, within: bpy.types.Collection | None = None) -> bpy.types.Collection:
    """The linked collection "Props", in the open scene and active."""
    library = library_with_a_collection(folder)
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.collections = ["Props"]
    props = bpy.data.collections["Props"]
    bpy.context.scene.collection.children.link(props)
    activate("Props")
    return props


def activate(*names: str) -> None:
    layer = bpy.context.view_layer
    active = layer.layer_collection
    for name in names:
        active = active.children[name]
    layer.active_layer_collection = active
    assert bpy.context.collection.name == names[-1]


def linked_scene(folder: Path) -> bpy.types.Scene:
    library = library_with_a_collection(folder)
    with bpy.data.libraries.load(str(library), link=True) as (there, wanted):
        wanted.scenes = there.scenes
    return next(scene for scene in bpy.data.scenes if scene.library is not None)


def test_where_a_linked_collection_is_active_the_scenes_own_takes_the_plane(clip: Path, tmp_path: Path):
    linked_collection(tmp_path)
    assert place("place_plane", clip) == {"FINISHED"}
    assert bpy.context.object.users_collection == (bpy.context.scene.collection,)


def test_the_nearest_collection_that_can_be_changed_takes_it(clip: Path, tmp_path: Path):
    props = linked_collection(tmp_path)
    scene, own = bpy.context.scene, bpy.data.collections.new("Set")
    scene.collection.children.link(own)
    scene.collection.children.unlink(props)
    own.children.link(props)
    activate("Set", "Props")
    assert place("place_plane", clip) == {"FINISHED"}
    assert bpy.context.object.users_collection == (own,)


def test_where_an_overridden_collection_is_active_the_scenes_own_takes_it(clip: Path, tmp_path: Path):
    context = bpy.context
    props = linked_collection(tmp_path)
    props.override_hierarchy_create(context.scene, context.view_layer)
    layer = context.view_layer
    layer.active_layer_collection = next(
        each for each in layer.layer_collection.children if each.collection.override_library is not None
    )
    assert place("place_plane", clip) == {"FINISHED"}
    assert context.object.users_collection == (context.scene.collection,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_linked_scene_takes_nothing_and_says_so(clip: Path, tmp_path: Path, kind: str):
    scene = linked_scene(tmp_path)
    before = facts()
    with (
        bpy.context.temp_override(scene=scene),
        pytest.raises(RuntimeError, match="is linked from another file") as caught,
    ):
        place(kind, clip)
    assert "Traceback" not in str(caught.value)
    assert facts() == before


@pytest.mark.parametrize("place_as", ["PLANE", "STRIP", "COMPOSITOR"])
def test_a_clip_for_a_linked_scene_is_not_begun(blender: None, tmp_path: Path, place_as: str):
    bpy.context.scene.transpixar.placement.place_as = place_as
    scene = linked_scene(tmp_path)
    with (
        bpy.context.temp_override(scene=scene),
        pytest.raises(TransPixarError, match="Make it local, or go to a scene of this file"),
    ):
        Target(bpy.context)


@pytest.mark.skipif(bpy.app.version < (5, 0, 0), reason="before 5.0 the compositor is a part of its scene")
def test_a_linked_compositor_takes_nothing_and_a_clip_for_it_is_not_begun(clip: Path, tmp_path: Path):
    compat.ensure_compositor_tree(bpy.context.scene).name = "Grade"
    library = library_with_a_collection(tmp_path)
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.node_groups = ["Grade"]
    scene = bpy.context.scene
    scene.compositing_node_group = bpy.data.node_groups["Grade"]
    scene.transpixar.placement.place_as = "COMPOSITOR"
    before = facts()
    with pytest.raises(RuntimeError, match="Make it local to place a clip in it"):
        place("place_in_compositor", clip)
    with pytest.raises(TransPixarError, match="Make it local to place a clip in it"):
        Target(bpy.context)
    assert facts() == before


@pytest.mark.parametrize("kind", ["place_plane", "drop_clip"])
@pytest.mark.parametrize("mode", ["EDIT", "SCULPT", "WEIGHT_PAINT", "VERTEX_PAINT", "TEXTURE_PAINT", "POSE"])
def test_in_every_mode_the_plane_is_placed_and_the_work_left_alone(clip: Path, mode: str, kind: str):
    if mode == "POSE":
        bpy.ops.object.armature_add()
    else:
        bpy.ops.mesh.primitive_cube_add()
    worked_on = bpy.context.object
    bpy.ops.object.mode_set(mode=mode)
    path = clip if kind == "place_plane" else clip / "0001.png"
    assert place(kind, path) == {"FINISHED"}
    assert "test-effect" in bpy.context.scene.objects
    assert (bpy.context.object, worked_on.mode) == (worked_on, mode)
    assert bpy.context.selected_objects in ([], [worked_on])
    bpy.ops.object.mode_set(mode="OBJECT")


def by_operator(kind: str, clip: Path) -> None:
    assert getattr(bpy.ops.transpixar, kind)("EXEC_DEFAULT", True, filepath=str(clip)) == {"FINISHED"}


def by_timer(kind: str, clip: Path) -> None:
    Target(bpy.context).place(clip)
    undo.push("Generate Clip")


def corners() -> int:
    """How many vertices the mesh that is worked on has, in Edit Mode too."""
    bpy.context.object.update_from_editmode()
    return len(bpy.context.object.data.vertices)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", [by_operator, by_timer])
@pytest.mark.parametrize("mode", ["OBJECT", "EDIT", "SCULPT", "WEIGHT_PAINT"])
def test_undone_in_any_mode_the_clip_is_gone_and_the_work_is_not(
    clip: Path, mode: str, way: Callable[[str, Path], None], kind: str
):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.subdivide()
    worked = corners()
    bpy.ops.object.mode_set(mode=mode)
    # Before the panel's setting is part of what the timer changes.
    bpy.context.scene.transpixar.placement.place_as = kind.removeprefix("place_").removeprefix("in_").upper()
    bpy.ops.ed.undo_push(message="Work")
    before = facts()
    way(kind, clip)
    assert facts() != before
    placed = facts()
    bpy.ops.ed.undo()
    assert facts() == before
    assert (bpy.context.object.mode, corners()) == (mode, worked)
    bpy.ops.ed.redo()
    assert facts() == placed
    assert (bpy.data.objects["Cube"].mode, worked) == (mode, 26)
    bpy.ops.object.mode_set(mode="OBJECT")


STEPS = [
    *(("place_plane", plane, name) for name in ("build_material", "play", "_build_mesh", "stand")),
    ("place_plane", plane, "remember_provenance"),
    *(("place_strip", strip, name) for name in ("_fit", "remember_playback", "remember_provenance")),
    *(("place_in_compositor", compositor, name) for name in ("_on_canvas", "_fitted", "_wire_over", "play_on")),
    ("place_in_compositor", compositor, "remember_provenance"),
]


@pytest.mark.parametrize("prepared", [False, True], ids=["in an empty file", "beside others"])
@pytest.mark.parametrize(("kind", "module", "step"), STEPS, ids=lambda value: getattr(value, "__name__", value))
def test_what_fails_half_way_leaves_nothing(
    clip: Path, kind: str, module, step: str, prepared: bool, monkeypatch: pytest.MonkeyPatch
):
    if prepared:
        for each in KINDS:
            place(each, clip)
    before = facts()
    whole: Callable = getattr(module, step)

    def fails(*arguments, **named):
        whole(*arguments, **named)
        raise RuntimeError("Error: nobody foresaw this")

    monkeypatch.setattr(module, step, fails)
    with pytest.raises(RuntimeError, match="Something went wrong that should not") as caught:
        place(kind, clip)
    assert "Traceback" not in str(caught.value)
    assert facts() == before
    monkeypatch.undo()
    assert place(kind, clip) == {"FINISHED"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_refused_leaves_nothing(clip: Path, kind: str):
    (clip / "0001.png").write_bytes(b"no picture")
    before = facts()
    with pytest.raises(RuntimeError):
        place(kind, clip)
    assert facts() == before
