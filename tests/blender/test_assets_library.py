"""The library in Blender's preferences."""

from pathlib import Path

import bpy
import pytest

from blender_transpixar import preferences as addon_preferences
from tests.addon.made_clips import write_clip


@pytest.fixture
def library(preferences, tmp_path: Path) -> Path:
    preferences.library_folder = str(tmp_path / "library")
    yield tmp_path / "library"
    libraries = bpy.context.preferences.filepaths.asset_libraries
    while len(libraries) > 1:
        libraries.remove(libraries[-1])


def ours() -> list:
    return [each for each in bpy.context.preferences.filepaths.asset_libraries if each.name.startswith("TransPixar")]


def test_nothing_is_registered_unasked(library: Path, tmp_path: Path):
    bpy.ops.transpixar.keep_as_asset(filepath=str(write_clip(tmp_path)))
    assert ours() == []


def test_asked_for_it_is_registered_once(library: Path):
    assert bpy.ops.transpixar.register_library() == {"FINISHED"}
    (entry,) = ours()
    assert Path(entry.path) == library
    # Neither shared nor packed: each plane has its own start.
    assert entry.import_method == "APPEND"
    assert not bpy.ops.transpixar.register_library.poll()


def test_another_folder_is_another_library(library: Path, preferences, tmp_path: Path):
    bpy.ops.transpixar.register_library()
    preferences.library_folder = str(tmp_path / "second")
    assert bpy.ops.transpixar.register_library() == {"FINISHED"}
    assert len({entry.name for entry in ours()}) == 2


def test_a_folder_that_cannot_be_made_is_a_sentence(library: Path, preferences, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    preferences.library_folder = str(tmp_path / "file/library")
    with pytest.raises(RuntimeError, match="Choose a library folder"):
        bpy.ops.transpixar.register_library()
    assert ours() == []


def test_without_a_choice_the_library_is_in_the_extensions_folder(preferences):
    assert addon_preferences.library_folder(bpy.context) == addon_preferences.work_folder() / "library"


def test_keeping_says_where_and_the_selected_plane_is_meant(library: Path, tmp_path: Path):
    with pytest.raises(RuntimeError, match="There is no clip to work on"):
        bpy.ops.transpixar.keep_as_asset()
    bpy.ops.transpixar.place_plane(filepath=str(write_clip(tmp_path)))
    assert bpy.ops.transpixar.keep_as_asset() == {"FINISHED"}
    assert [path.name for path in library.glob("*/*.blend")] == ["test-effect.blend"]
