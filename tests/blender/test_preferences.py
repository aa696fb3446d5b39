from pathlib import Path
from types import SimpleNamespace

import bpy

from blender_transpixar import preferences as addon_preferences
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


def test_the_library_is_in_the_extensions_folder_unless_one_is_chosen(preferences, tmp_path: Path):
    assert addon_preferences.library_folder(bpy.context) == addon_preferences.own_folder() / "library"
    preferences.library_folder = str(tmp_path)
    assert addon_preferences.library_folder(bpy.context) == tmp_path


def test_a_token_goes_to_its_own_server_only(preferences):
    preferences.server_address = "localhost:9000"
    preferences.server_token = " a-long-enough-token "
    assert addon_preferences.server_token("http://127.0.0.1:9000") == "a-long-enough-token"
    assert addon_preferences.server_token("http://127.0.0.1:9001") is None
