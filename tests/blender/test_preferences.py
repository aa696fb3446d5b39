import os
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_transpixar import preferences as addon_preferences
from blender_transpixar.bl.pursuit import history
from blender_transpixar.operators.placing import PlaceClip
from blender_transpixar.operators.register_library import TRANSPIXAR_OT_register_library
from blender_transpixar.preferences import TransPixarPreferences
from tests.blender.recorded_layout import RecordedLayout


def test_every_preference_is_drawn_once(preferences):
    layout = RecordedLayout()
    drawn = SimpleNamespace(layout=layout, **dict.fromkeys(TransPixarPreferences.__annotations__))
    TransPixarPreferences.draw(drawn, bpy.context)
    assert sorted(layout.properties) == sorted(TransPixarPreferences.__annotations__)


def test_the_token_is_masked_and_what_starts_programs_is_off(preferences):
    assert preferences.bl_rna.properties["server_token"].subtype == "PASSWORD"
    assert not preferences.start_with_first_clip
    assert not preferences.keep_running


def test_the_library_is_in_the_artists_folder_unless_one_is_chosen(preferences, tmp_path: Path):
    assert addon_preferences.library_folder(bpy.context) == addon_preferences.work_folder() / "library"
    preferences.work_folder = str(tmp_path / "work")
    assert addon_preferences.library_folder(bpy.context) == tmp_path / "work/library"
    preferences.library_folder = str(tmp_path)
    assert addon_preferences.library_folder(bpy.context) == tmp_path


def test_artists_work_is_in_their_home_and_not_in_blenders_folders(
    preferences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv(addon_preferences.WORK_FOLDER_VARIABLE)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert addon_preferences.work_folder() == tmp_path / "TransPixar"
    assert addon_preferences.clip_folder(bpy.context) == tmp_path / "TransPixar/clips"
    assert history().folder == tmp_path / "TransPixar/history"


def test_a_token_goes_to_its_own_server_only(preferences):
    preferences.server_address = "localhost:9000"
    preferences.server_token = " a-long-enough-token "
    assert addon_preferences.server_token("http://127.0.0.1:9000") == "a-long-enough-token"
    assert addon_preferences.server_token("http://127.0.0.1:9001") is None


@pytest.mark.parametrize("clips_exist", [False, True])
def test_place_clip_opens_where_clips_are_and_proposes_no_name(preferences, tmp_path: Path, clips_exist: bool):
    """Invoked as a button would; in background mode Blender would call execute instead."""
    preferences.clip_folder = str(tmp_path / "project/clips")
    if clips_exist:
        (tmp_path / "project/clips").mkdir(parents=True)
    asked = type("Asked", (PlaceClip,), {"filepath": "", "properties_of_panel": ()})()
    manager = SimpleNamespace(fileselect_add=lambda operator: None)
    context = SimpleNamespace(
        scene=bpy.context.scene, window_manager=manager, preferences=bpy.context.preferences, region=None
    )
    assert PlaceClip.invoke(asked, context, None) == {"RUNNING_MODAL"}
    assert asked.filepath == str(tmp_path / "project/clips" if clips_exist else tmp_path) + os.sep


def test_the_dialog_names_the_page_on_which_a_library_is_removed(preferences):
    layout = RecordedLayout()
    TRANSPIXAR_OT_register_library.draw(SimpleNamespace(layout=layout), bpy.context)
    page = "Asset Libraries" if bpy.app.version >= (5, 2) else "File Paths"
    assert layout.labels[-1] == f"It can be removed in Preferences > {page}."
