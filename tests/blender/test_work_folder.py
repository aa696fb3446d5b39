"""Work that lay in the add-on's own folder is moved to the artist's, and files that show it find it there."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

from blender_transpixar import preferences as addon_preferences
from blender_transpixar.bl import compat, work_folder
from blender_transpixar.bl.provenance import provenance_of
from blender_transpixar.bl.shown_clips import showing_on
from tests.addon.made_clips import NAME, write_clip


@pytest.fixture
def old(preferences, tmp_path: Path) -> Iterator[Path]:
    """The add-on's own folder as versions before filled it; the artist's is another one for each test."""
    preferences.work_folder = str(tmp_path / "work")
    old = addon_preferences.own_folder()
    write_clip(old / "clips")
    yield old
    work_folder.end()
    shutil.rmtree(old, ignore_errors=True)


def move() -> None:
    work_folder.end()
    work_folder.begin(at_end=lambda: None)
    assert not work_folder.problem()


def shown() -> set[Path]:
    images = [image.filepath for image in bpy.data.images if image.source == "SEQUENCE"]
    strips = [strip.directory + strip.elements[0].filename for strip in compat.all_strips(bpy.context.scene)]
    return {Path(bpy.path.abspath(path)).resolve() for path in (*images, *strips)}


def place_all(clip: Path) -> None:
    bpy.ops.transpixar.place_plane(filepath=str(clip))
    bpy.ops.transpixar.place_strip(filepath=str(clip))
    bpy.ops.transpixar.place_in_compositor(filepath=str(clip))


def assert_all_found(tmp_path: Path) -> None:
    new = tmp_path / "work/clips" / NAME
    assert shown() == {new.resolve() / "0001.png"}
    plane = next(each for each in bpy.data.objects if showing_on(each))
    for thing in (plane, showing_on(plane).material, *compat.all_strips(bpy.context.scene)):
        assert (
            Path(bpy.path.abspath(provenance_of(thing).sidecar)).resolve() == (new / "test-effect.transpixar").resolve()
        )


def test_the_open_file_finds_what_was_moved(old: Path, tmp_path: Path):
    place_all(old / "clips" / NAME)
    move()
    assert not (old / "clips").exists()
    assert_all_found(tmp_path)


@pytest.mark.parametrize("relative", [False, True])
def test_a_file_that_is_opened_later_finds_it_too(old: Path, tmp_path: Path, relative: bool):
    if relative:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    place_all(old / "clips" / NAME)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), relative_remap=relative)
    bpy.ops.wm.read_homefile(use_empty=True)
    move()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert_all_found(tmp_path)


def test_what_a_file_links_from_the_library_is_found(old: Path, tmp_path: Path):
    bpy.ops.transpixar.place_plane(filepath=str(old / "clips" / NAME))
    (old / "library").mkdir()
    bpy.data.libraries.write(str(old / "library/asset.blend"), {bpy.context.object}, path_remap="RELATIVE_ALL")
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(old / "library/asset.blend"), link=True) as (there, here):
        here.objects = there.objects
    bpy.context.scene.collection.objects.link(here.objects[0])
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    move()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    (library,) = bpy.data.libraries
    assert Path(bpy.path.abspath(library.filepath)).resolve() == (tmp_path / "work/library/asset.blend").resolve()
    assert bpy.context.scene.objects[0].data is not None and not bpy.context.scene.objects[0].is_missing


def test_blenders_asset_library_and_chosen_folders_follow(preferences, old: Path, tmp_path: Path):
    (old / "library").mkdir()
    (old / "library/notes.txt").write_text("mine")
    libraries = bpy.context.preferences.filepaths.asset_libraries
    entry = libraries.new(name="Mine", directory=str(old / "library"))
    preferences.library_folder = str(old / "library")
    preferences.clip_folder = str(tmp_path / "elsewhere")
    move()
    assert Path(entry.path) == tmp_path / "work/library"
    assert addon_preferences.library_folder(bpy.context) == tmp_path / "work/library"
    assert preferences.clip_folder == str(tmp_path / "elsewhere")
    libraries.remove(entry)


def test_a_file_whose_clip_is_where_it_was_is_left_as_it_is(old: Path, tmp_path: Path):
    move()
    clip = write_clip(tmp_path / "project")
    place_all(clip)
    before = shown()
    work_folder.find_moved()
    assert shown() == before


def test_what_is_in_the_way_is_told(preferences, old: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    preferences.work_folder = str(tmp_path / "file")
    work_folder.end()
    work_folder.begin(at_end=lambda: None)
    assert str(old) in work_folder.problem()
    assert (old / "clips" / NAME / "0001.png").exists()


def test_while_blender_enables_it_the_add_on_sees_no_file(old: Path, tmp_path: Path):
    # A module of Blender's, which is found once bpy is there; 4.2 has it without the first letter.
    name = next(name for name in ("_bpy_restrict_state", "bpy_restrict_state") if importlib.util.find_spec(name))
    with importlib.import_module(name).RestrictBlend():
        move()
    assert (tmp_path / "work/clips" / NAME / "0001.png").exists()
