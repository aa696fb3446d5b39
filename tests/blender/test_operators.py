"""How operators stand in Blender: searched, logged, repeated, undone."""

import ast
import inspect
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_transpixar import registration
from blender_transpixar.bl import pump, server_models
from blender_transpixar.bl.wording import in_words
from blender_transpixar.core.errors import ServerNotRunningError
from blender_transpixar.operators import load_model
from blender_transpixar.operators.generate import TRANSPIXAR_OT_generate
from blender_transpixar.operators.queue_poll import OfWish
from blender_transpixar.ui import menus
from tests.addon.made_clips import write_clip
from tests.blender.recorded_layout import RecordedLayout

OPERATORS = [cls for cls in registration._CLASSES if issubclass(cls, bpy.types.Operator)]
# What changes the scene or its data, from the interface, while the operator runs.
CHANGES_THE_FILE = {
    "collect_clips",
    "dice_seed",
    "drop_clip",
    "finish_clip",
    "fit_to_model",
    "place_from_queue",
    "place_in_compositor",
    "place_plane",
    "place_strip",
    "regenerate",
    "reuse_settings",
    "set_size",
    "show_placed",
    "start_at_current_frame",
    "use_raw_clip",
    "use_standard_view",
}


def test_every_operator_leaves_a_trace_or_is_not_offered_by_the_search():
    for cls in OPERATORS:
        options = getattr(cls, "bl_options", set())
        assert options & {"REGISTER", "INTERNAL"}, cls


def test_what_changes_the_file_can_be_undone_and_nothing_else_makes_an_undo_step():
    undone = {cls.bl_idname.partition(".")[2] for cls in OPERATORS if "UNDO" in cls.bl_options}
    assert undone == CHANGES_THE_FILE


def test_what_the_search_offers_can_be_told_apart_and_needs_no_button_that_says_what_is_meant():
    searched = [cls for cls in OPERATORS if "INTERNAL" not in cls.bl_options]
    labels = [cls.bl_label for cls in searched]
    assert len(set(labels)) == len(labels)
    assert not set(labels) & {"Cancel", "Delete", "Place", "Retry"}
    for cls in searched:
        assert not issubclass(cls, OfWish), cls
        names = inspect.get_annotations(cls)
        assert not {"key", "model"} & set(names) or cls.bl_idname == "transpixar.build_starter_library", cls


def test_what_waits_for_a_script_does_not_wait_when_an_artist_repeats_it(blender: None):
    """Repeat Last calls `execute`, which would hold the window until the clip has come."""
    repeated = SimpleNamespace(options=SimpleNamespace(is_repeat=False, is_repeat_last=True))
    repeated.invoke = lambda context, event: {"FINISHED"}
    assert TRANSPIXAR_OT_generate.execute(repeated, bpy.context) == {"FINISHED"}
    for cls in OPERATORS:
        source = inspect.getsource(cls)
        waits = any(word in source for word in ("pump.wait(", "clip_queue.wait(", "wait_while(", "run.run("))
        if waits and "REGISTER" in cls.bl_options:
            assert "is_repeated(self)" in inspect.getsource(cls.execute), cls


class Mouth:
    """An operator's reports."""

    model = "mini"

    def __init__(self) -> None:
        self.said: list[str] = []

    def report(self, kind: set[str], text: str) -> None:
        self.said.append(text)


def test_every_error_is_said_in_the_artists_language(blender: None, monkeypatch: pytest.MonkeyPatch):
    def fail(*args: object, **how: object) -> None:
        raise ServerNotRunningError("The server is not there.")

    monkeypatch.setattr(server_models, "manage", fail)
    monkeypatch.setattr(load_model, "in_words", lambda text: f"auf Deutsch: {text}")
    mouth = Mouth()
    assert load_model.TRANSPIXAR_OT_load_model.execute(mouth, bpy.context) == {"CANCELLED"}
    assert mouth.said == ["auf Deutsch: The server is not there."]


@pytest.mark.parametrize("path", sorted(Path(load_model.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_no_report_hands_on_a_message_untranslated(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "report":
            text = ast.unparse(node.args[1])
            if ".message" in text or "problems" in text or "sentence" in text:
                assert text.startswith(in_words.__name__), f"{path.name}: {text}"


class Region:
    """A part of an editor that notes that it is to be drawn again."""

    def __init__(self, kind: str) -> None:
        self.type = kind
        self.tagged = 0

    def tag_redraw(self) -> None:
        self.tagged += 1


def test_news_draw_the_sidebar_again_and_not_the_viewport(blender: None, monkeypatch: pytest.MonkeyPatch):
    """Background mode draws nothing, so Blender's screen is stood in for; which regions it has is Blender's own."""
    areas = []
    for kind in ("VIEW_3D", "SEQUENCE_EDITOR", "PROPERTIES"):
        regions = [Region(name) for name in ("WINDOW", "HEADER", "UI", "TOOLS", "PREVIEW")]
        areas.append(SimpleNamespace(type=kind, regions=regions, tag_redraw=lambda: pytest.fail("the whole editor")))
    window = SimpleNamespace(screen=SimpleNamespace(areas=areas))
    context = SimpleNamespace(window_manager=SimpleNamespace(windows=[window]))
    monkeypatch.setattr(pump, "bpy", SimpleNamespace(context=context, app=bpy.app))
    pump.redraw()
    tagged = [(area.type, region.type) for area in areas for region in area.regions if region.tagged]
    assert tagged == [("VIEW_3D", "UI"), ("SEQUENCE_EDITOR", "UI")]


MENUS = (
    "TOPBAR_MT_file_import",
    "TOPBAR_MT_render",
    "VIEW3D_MT_image_add",
    "SEQUENCER_MT_add",
    "NODE_MT_add",
    "VIEW3D_MT_object_context_menu",
    "SEQUENCER_MT_context_menu",
)


def drawn_in(menu: str, context: object) -> RecordedLayout:
    """What the add-on draws in one of Blender's menus, with the menus below it."""
    layout = RecordedLayout()
    for draw in getattr(bpy.types, menu).draw._draw_funcs:
        if draw.__module__ == menus.__name__:
            draw(SimpleNamespace(layout=layout), context)
    for name in layout.menus:
        getattr(bpy.types, name).draw(SimpleNamespace(layout=layout), context)
    return layout


def test_the_search_finds_every_operator_that_stands_by_itself(blender: None, tmp_path: Path):
    bpy.ops.transpixar.place_plane(filepath=str(write_clip(tmp_path)))
    nodes = SimpleNamespace(type="NODE_EDITOR", tree_type="CompositorNodeTree")
    context = SimpleNamespace(space_data=nodes, active_object=bpy.context.object)
    found = {operator for menu in MENUS for operator in drawn_in(menu, context).operators}
    assert found == {cls.bl_idname for cls in OPERATORS if "INTERNAL" not in cls.bl_options}
    assert "TRANSPIXAR_MT_clip" in drawn_in("VIEW3D_MT_object_context_menu", context).menus


def test_menus_of_other_things_stay_as_they_are(blender: None):
    shader = SimpleNamespace(space_data=SimpleNamespace(type="NODE_EDITOR", tree_type="ShaderNodeTree"))
    assert drawn_in("NODE_MT_add", shader).operators == []
    nothing = SimpleNamespace(space_data=SimpleNamespace(type="VIEW_3D"), active_object=None)
    assert drawn_in("VIEW3D_MT_object_context_menu", nothing).menus == []
