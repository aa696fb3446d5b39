"""Clips as assets, looked at as Blender's Asset Browser does: from the files of the library alone."""

import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_transpixar.bl import compat
from blender_transpixar.bl.asset_clip import keep_as_asset
from blender_transpixar.bl.provenance import provenance_of
from blender_transpixar.core.catalogs import FILE_NAME, catalog_of
from blender_transpixar.core.clip import Clip
from tests.addon.made_clips import write_clip
from tests.blender.rendering import SIZE, render, set_up

MIDDLE = SIZE // 2, SIZE // 2
CORNER = SIZE // 8, SIZE // 8
COUNTED = ("scenes", "objects", "meshes", "materials", "images", "actions", "collections", "libraries")


@pytest.fixture
def library(blender: None, tmp_path: Path) -> Path:
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 24, 1.0
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


def kept(tmp_path: Path, library: Path, **options) -> Path:
    return keep_as_asset(Clip.open(write_clip(tmp_path / "clips", **options)), library)


def counts() -> dict[str, int]:
    return {name: len(getattr(bpy.data, name)) for name in COUNTED}


def append(file: Path, name: str = "Test effect") -> bpy.types.Object:
    """What dropping an asset of an append library does."""
    bpy.ops.wm.append(filename=name, directory=f"{file}/Object/")
    bpy.context.view_layer.update()
    return bpy.context.selected_objects[0]


def test_a_kept_clip_is_an_asset_with_all_that_the_browser_shows(library: Path, tmp_path: Path):
    file = kept(tmp_path, library)
    with bpy.data.libraries.load(str(file), assets_only=True) as (there, wanted):
        assert list(there.objects) == ["Test effect"]
        wanted.objects = list(there.objects)
    plane = wanted.objects[0]
    asset = plane.asset_data
    assert asset.description == "test effect\nSeed 7, made by tiny"
    assert (asset.author, asset.license) == ("tiny", "none")
    assert [tag.name for tag in asset.tags] == ["test", "other"]
    assert asset.catalog_id == catalog_of("other").id
    assert asset.catalog_id in (library / FILE_NAME).read_text()


def test_it_stands_on_what_it_is_dropped_on_whatever_turns_it(library: Path, tmp_path: Path):
    plane = append(kept(tmp_path, library))
    # What Blender does with an asset that is dropped on the floor: it gives it the floor's rotation.
    plane.location, plane.rotation_euler = (3.0, 2.0, 0.0), (0.0, 0.0, 0.0)
    bpy.context.view_layer.update()
    corners = [plane.matrix_world @ vertex.co for vertex in plane.data.vertices]
    assert [round(corner.z, 5) for corner in corners] == [0.0, 0.0, 1.0, 1.0]
    assert {round(corner.y, 5) for corner in corners} == {2.0}
    assert round(sum(corner.x for corner in corners) / 4, 5) == 3.0


def test_the_picture_is_the_fullest_frame_over_dark(library: Path, tmp_path: Path):
    clip = Clip.open(write_clip(tmp_path / "clips", count=3))
    with bpy.data.libraries.load(str(keep_as_asset(clip, library))) as (_, wanted):
        wanted.objects = ["Test effect"]
    preview = wanted.objects[0].preview
    width, height = preview.image_size
    pixels = np.empty(width * height * 4, np.float32)
    preview.image_pixels_float.foreach_get(pixels)
    picture = pixels.reshape(height, width, 4)
    np.testing.assert_allclose(picture[height // 2, width // 2, 1:], [128 / 255, 40 / 255, 1.0], atol=2 / 255)
    np.testing.assert_allclose(picture[0, 0], [0.12, 0.12, 0.12, 1.0], atol=2 / 255)


def test_keeping_leaves_no_trace_in_the_open_file(library: Path, tmp_path: Path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    before = counts()
    kept(tmp_path, library)
    assert counts() == before
    assert bpy.context.scene.name == "Scene"


def test_undo_is_not_disturbed_by_keeping(library: Path, tmp_path: Path):
    clip = write_clip(tmp_path / "clips")
    bpy.ops.ed.undo_push(message="Before")
    bpy.ops.transpixar.place_plane(filepath=str(clip))
    bpy.ops.ed.undo_push(message="Place")
    keep_as_asset(Clip.open(clip), library)
    bpy.ops.ed.undo_push(message="Something else")
    bpy.ops.ed.undo()
    assert list(bpy.context.scene.objects.keys()) == ["test-effect"]
    bpy.ops.ed.undo()
    assert len(bpy.context.scene.objects) == 0
    bpy.ops.ed.redo()
    assert bpy.context.scene.objects["test-effect"].material_slots[0].material.node_tree.animation_data is not None


def test_what_a_dropped_plane_knows_is_as_seen_from_the_open_file(library: Path, tmp_path: Path):
    file = kept(tmp_path, library)
    plane = append(file)
    told = provenance_of(plane)
    assert (told.prompt, told.seed, told.licence) == ("test effect", 7, "none")
    assert Path(told.sidecar) == file.with_suffix(".transpixar")


def test_a_damaged_clip_is_refused_and_leaves_nothing(library: Path, tmp_path: Path):
    folder = write_clip(tmp_path / "clips")
    (folder / "0001.png").write_bytes((folder / "0002.png").read_bytes())
    before = counts()
    with pytest.raises(Exception, match="is not the frame that was made"):
        keep_as_asset(Clip.open(folder), library)
    assert counts() == before
    assert list(library.iterdir()) == []


def test_the_library_can_be_moved_with_its_frames(library: Path, tmp_path: Path):
    file = kept(tmp_path, library, width=32, height=32)
    shutil.rmtree(tmp_path / "clips")
    moved = library.rename(tmp_path / "elsewhere")
    set_up(bpy.context.scene, samples=1)
    append(moved / file.relative_to(library))
    pixels = render(bpy.context.scene, bpy.context.scene.frame_current, tmp_path / "out.png")
    np.testing.assert_allclose(pixels[MIDDLE], [20 / 255, 128 / 255, 40 / 255, 1.0], atol=3 / 255)
    assert pixels[CORNER][3] == 0.0


def shown_at(frame: int, tmp_path: Path) -> int:
    pixels = render(bpy.context.scene, frame, tmp_path / "out.png")
    return round(float(pixels[MIDDLE][0]) * 255 / 20) if pixels[MIDDLE][3] else 0


def test_a_dropped_asset_starts_at_the_current_frame_in_the_scenes_rate(library: Path, tmp_path: Path):
    file = kept(tmp_path, library)
    scene = bpy.context.scene
    set_up(scene, samples=1)
    scene.render.fps = 16
    scene.frame_set(40)
    append(file)
    scene.frame_set(1)
    # 8 frames a second in a scene of 16: each frame stands for two.
    assert [shown_at(frame, tmp_path) for frame in (39, 40, 41, 42, 49, 50)] == [0, 1, 1, 2, 5, 0]


def test_two_drops_start_where_each_was_dropped(library: Path, tmp_path: Path):
    file = kept(tmp_path, library)
    scene = bpy.context.scene
    set_up(scene, samples=1)
    scene.frame_set(1)
    first = append(file)
    scene.frame_set(100)
    bpy.ops.object.select_all(action="DESELECT")
    second = append(file)
    assert first != second
    second.location.y = 0.5  # two pictures in one plane would hide each other
    assert [shown_at(frame, tmp_path) for frame in (1, 4, 100, 103)] == [1, 2, 1, 2]


def test_planes_that_share_a_material_get_their_own_when_one_is_moved(library: Path, tmp_path: Path):
    scene = bpy.context.scene
    set_up(scene, samples=1)
    scene.frame_set(10)
    bpy.ops.transpixar.place_plane(filepath=str(write_clip(tmp_path / "clips")))
    first = bpy.context.object
    twin = first.copy()
    twin.location.y = 0.5
    scene.collection.objects.link(twin)
    scene.frame_set(60)
    bpy.ops.object.select_all(action="DESELECT")
    twin.select_set(True)
    assert bpy.ops.transpixar.start_at_current_frame() == {"FINISHED"}
    assert first.material_slots[0].material != twin.material_slots[0].material
    assert [shown_at(frame, tmp_path) for frame in (10, 60, 63)] == [1, 1, 2]


def test_a_linked_asset_is_left_as_its_file_has_it(library: Path, tmp_path: Path):
    file = kept(tmp_path, library)
    bpy.context.scene.frame_set(40)
    bpy.ops.wm.link(filename="Test effect", directory=f"{file}/Object/", instance_collections=False)
    plane = next(each for each in bpy.data.objects if each.library is not None)
    tree = plane.material_slots[0].material.node_tree
    assert min(curve.range()[0] for curve in compat.fcurves(tree)) <= 1.0
    plane.select_set(True)
    with pytest.raises(RuntimeError, match="Make Local > All"):
        bpy.ops.transpixar.start_at_current_frame()
    bpy.ops.object.make_local(type="ALL")
    bpy.context.scene.objects["Test effect"].select_set(True)
    assert bpy.ops.transpixar.start_at_current_frame() == {"FINISHED"}
    tree = bpy.context.scene.objects["Test effect"].material_slots[0].material.node_tree
    assert min(curve.range()[0] for curve in compat.fcurves(tree)) == 39.0
