"""The sidebar: what stands in it, what each control does, and that no control is without words."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_transpixar import registration
from blender_transpixar.bl import known_models, pump, server
from blender_transpixar.bl.clip_length import scene_frames
from blender_transpixar.bl.limits import check_values, problems_of
from blender_transpixar.core.errors import InvalidRequestError
from blender_transpixar.core.model import Defaults, Limits, Model
from blender_transpixar.core.server_state import Condition
from blender_transpixar.ui.prompt_presets import TRANSPIXAR_PT_prompt_presets
from blender_transpixar.ui.sections import Section
from tests.addon.real_server import MODEL_NAME
from tests.blender.recorded_layout import RecordedLayout

SMALL = Model(
    name="small",
    title="Small Model",
    description="For trying out",
    tasks=("text",),
    state="ready",
    defaults=Defaults(width=96, height=64, num_frames=9, steps=20, guidance=4.0, fps=8),
    limits=Limits(16, 32, 128, 128, 4, 5, 17, 50, 20.0, 40, max_clips=4),
)
LARGE = Model(
    name="large",
    title="Large Model",
    description="For the shot",
    tasks=("text", "image", "footage"),
    state="ready",
    defaults=Defaults(width=720, height=480, num_frames=49, steps=50, guidance=6.0, fps=8),
    limits=Limits(16, 256, 1360, 1360, 4, 9, 97, 100, 20.0, 1000),
)


@pytest.fixture
def settings(blender: None) -> bpy.types.PropertyGroup:
    return bpy.context.scene.transpixar


@pytest.fixture
def with_models(settings: bpy.types.PropertyGroup, monkeypatch: pytest.MonkeyPatch) -> bpy.types.PropertyGroup:
    """The panel's values, with a server that was heard of: what it said is told here, for limits are the subject."""
    monkeypatch.setattr(known_models, "known_models", lambda: (SMALL, LARGE))
    return settings


class Beside:
    """Something of Blender's with a few attributes put in their place."""

    def __init__(self, real: object, **instead: object) -> None:
        self._real = real
        self.__dict__.update(instead)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


def drawn(name: str) -> RecordedLayout:
    """What a section draws, in the 3D viewport's sidebar."""
    layout = RecordedLayout()
    # Background mode has no sidebar and no interface scale; the rest is Blender's own.
    preferences = Beside(bpy.context.preferences, system=SimpleNamespace(ui_scale=1.0))
    context = Beside(bpy.context, region=SimpleNamespace(width=300), preferences=preferences)
    getattr(bpy.types, f"TRANSPIXAR_PT_{name}").draw(SimpleNamespace(layout=layout), context)
    return layout


def panels() -> Iterator[type]:
    """The panels of the sidebar."""
    for cls in registration._CLASSES:
        if issubclass(cls, Section):
            yield cls


EDITORS = ("VIEW_3D", "SEQUENCE_EDITOR", "NODE_EDITOR", "IMAGE_EDITOR", "CLIP_EDITOR")


def test_the_same_sections_stand_in_every_editor_with_the_tab(blender: None):
    spaces: dict[str, set[type]] = {space: set() for space in EDITORS}
    for panel in panels():
        spaces[panel.bl_space_type].add(next(base for base in panel.__mro__ if Section in base.__bases__))
    assert all(sections == spaces["VIEW_3D"] for sections in spaces.values())
    assert set(EDITORS) == set(pump.EDITORS)
    assert len(spaces["VIEW_3D"]) >= 6


def test_at_first_sight_there_are_prompt_and_generate(blender: None):
    closed = [panel for panel in panels() if "DEFAULT_CLOSED" in panel.bl_options]
    assert {panel.__name__ for panel in panels()} - {panel.__name__ for panel in closed} == {
        "TRANSPIXAR_PT_generate",
        "TRANSPIXAR_PT_generate_sequencer",
        "TRANSPIXAR_PT_generate_compositor",
        "TRANSPIXAR_PT_generate_image",
        "TRANSPIXAR_PT_generate_footage",
    }
    first = drawn("generate")
    assert first.properties == ["prompt"]
    assert "transpixar.generate" in first.operators
    assert first.menus == ["TRANSPIXAR_PT_prompt_presets"]


def test_among_nodes_the_tab_is_the_compositors_only(blender: None):
    poll = bpy.types.TRANSPIXAR_PT_generate_compositor.poll
    assert poll(SimpleNamespace(space_data=SimpleNamespace(tree_type="CompositorNodeTree")))
    assert not poll(SimpleNamespace(space_data=SimpleNamespace(tree_type="ShaderNodeTree")))


@pytest.mark.parametrize(
    ("editor", "operator"),
    [("VIEW_3D", "place_plane"), ("SEQUENCE_EDITOR", "place_strip"), ("NODE_EDITOR", "place_in_compositor")],
)
def test_the_button_places_a_clip_as_the_editor_shows_it(blender: None, editor: str, operator: str):
    layout = RecordedLayout()
    preferences = Beside(bpy.context.preferences, system=SimpleNamespace(ui_scale=1.0))
    seen = {"region": SimpleNamespace(width=300), "area": SimpleNamespace(type=editor)}
    context = Beside(bpy.context, preferences=preferences, **seen)
    bpy.types.TRANSPIXAR_PT_generate.draw(SimpleNamespace(layout=layout), context)
    assert f"transpixar.{operator}" in layout.operators


def test_every_panel_draws_in_a_new_file(blender: None):
    for panel in panels():
        layout = drawn(panel.__name__.removeprefix("TRANSPIXAR_PT_"))
        assert layout.properties or layout.operators or layout.labels, panel


@pytest.mark.parametrize("section", ["prompt", "model", "sampling", "inputs"])
def test_every_section_draws_with_and_without_a_server(section: str, settings: bpy.types.PropertyGroup, monkeypatch):
    without = drawn(section).properties
    monkeypatch.setattr(known_models, "known_models", lambda: (SMALL, LARGE))
    settings.first_frame_source, settings.footage_source = "IMAGE", "FILE"
    assert set(without) <= set(drawn(section).properties)


def test_seconds_and_frames_are_kept_in_step(with_models: bpy.types.PropertyGroup):
    settings, scene = with_models, bpy.context.scene
    scene.render.fps = 24
    assert settings.seconds == pytest.approx(9 / 8)
    assert scene_frames(settings, scene) == 27
    settings.seconds = 1.6
    assert settings.num_frames == 13
    settings.model = "large"
    settings.num_frames = 49
    assert settings.seconds == pytest.approx(49 / 8)
    settings.seconds = 0
    assert settings.num_frames == 0


@pytest.mark.parametrize(
    ("shape", "size"),
    [("MODEL", (720, 480)), ("LANDSCAPE", (720, 480)), ("PORTRAIT", (480, 720)), ("SQUARE", (592, 592))],
)
def test_shapes_become_sizes_that_the_model_takes(with_models: bpy.types.PropertyGroup, shape: str, size: tuple):
    with_models.model = "large"
    assert bpy.ops.transpixar.set_size(shape=shape) == {"FINISHED"}
    assert (with_models.width, with_models.height) == size
    assert problems_of(with_models) == []


def test_from_camera_takes_the_shape_of_the_render(with_models: bpy.types.PropertyGroup):
    with_models.model = "large"
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y = 1920, 1080
    bpy.ops.transpixar.set_size(shape="CAMERA")
    assert (with_models.width, with_models.height) == (768, 432)
    render.pixel_aspect_x = 2.0
    bpy.ops.transpixar.set_size(shape="CAMERA")
    assert with_models.width / with_models.height == pytest.approx(3.56, abs=0.1)


def test_without_a_server_sizes_are_greyed(settings: bpy.types.PropertyGroup):
    assert not bpy.ops.transpixar.set_size.poll()


def test_the_seed_can_be_drawn_kept_and_let_go(settings: bpy.types.PropertyGroup):
    assert (settings.seed, settings.seed_locked) == (-1, False)
    bpy.ops.transpixar.dice_seed()
    drawn_seed = settings.seed
    assert drawn_seed >= 0 and settings.seed_locked
    settings.seed_locked = True
    assert settings.seed == drawn_seed
    settings.seed_locked = False
    assert settings.seed == -1
    settings.seed_locked = True
    assert settings.seed >= 0


def test_what_the_model_does_not_take_is_said_before_sending_and_can_be_mended(with_models: bpy.types.PropertyGroup):
    settings = with_models
    assert problems_of(settings) == []
    assert not bpy.ops.transpixar.fit_to_model.poll()
    settings.prompt = "a very long wish for smoke that does not end"
    settings.width, settings.num_frames, settings.steps, settings.guidance = 65, 12, 51, 21.0
    settings.num_clips, settings.first_frame_source, settings.loop = 5, "FILE", True
    said = " ".join(drawn("generate").labels)
    for sentence in ("65 pixels wide", "12 frames", "51 steps", "5 variations", "40", "begin with a picture", "loop"):
        assert sentence in said
    with pytest.raises(InvalidRequestError, match="use 64"):
        check_values(settings)
    assert bpy.ops.transpixar.fit_to_model() == {"FINISHED"}
    assert problems_of(settings) == []
    assert (settings.width, settings.num_frames, settings.steps, settings.num_clips) == (64, 13, 50, 4)
    check_values(settings)


def test_the_model_field_suggests_what_the_server_has(with_models: bpy.types.PropertyGroup):
    suggested = known_models.suggest_models(with_models, bpy.context, "")
    assert list(suggested) == [("small", "Small Model"), ("large", "Large Model")]
    assert list(known_models.suggest_models(with_models, bpy.context, "shot")) == []
    with_models.model = "one that will come"
    assert problems_of(with_models) == []


def test_a_real_server_s_limits_arrive_in_the_panel(connected: Path):
    settings = bpy.context.scene.transpixar
    settings.model = MODEL_NAME
    state = server.wait_while(set(Condition) - {Condition.READY, Condition.BUSY}, patience_s=60)
    model = known_models.model_named(MODEL_NAME)
    assert model is not None, state
    assert (MODEL_NAME, model.title) in list(known_models.suggest_models(settings, bpy.context, ""))
    settings.width = model.limits.max_width + 1
    assert [problem.field for problem in problems_of(settings)] == ["width"]
    with pytest.raises(RuntimeError, match=f"use {model.limits.max_width}"):
        bpy.ops.transpixar.generate(prompt="smoke")
    assert bpy.ops.transpixar.fit_to_model() == {"FINISHED"}
    assert settings.width == model.limits.max_width
    assert bpy.ops.transpixar.set_size(shape="CAMERA") == {"FINISHED"}
    assert problems_of(settings) == []


@pytest.fixture
def preset_menu(settings: bpy.types.PropertyGroup, monkeypatch: pytest.MonkeyPatch) -> str:
    """The menu's name; Blender writes the last preset's name into its label, which is taken back afterwards."""
    monkeypatch.setattr(TRANSPIXAR_PT_prompt_presets, "bl_label", TRANSPIXAR_PT_prompt_presets.bl_label)
    return TRANSPIXAR_PT_prompt_presets.__name__


def presets() -> list[str]:
    folders = bpy.utils.preset_paths("transpixar/prompt")
    return [str(path) for folder in folders for path in sorted(Path(folder).glob("*.py"))]


def test_shipped_presets_fill_the_prompt(settings: bpy.types.PropertyGroup, preset_menu: str):
    assert len(presets()) == 15
    for path in presets():
        settings.prompt, settings.negative_prompt = "", "what was there before"
        bpy.ops.script.execute_preset(filepath=path, menu_idname=preset_menu)
        assert settings.prompt and not settings.negative_prompt


def click(name: str, told: SimpleNamespace) -> set[str]:
    """Run what a drawn button runs."""
    area, _, verb = name.partition(".")
    return getattr(getattr(bpy.ops, area), verb)(**vars(told))


def test_each_drawn_preset_sets_the_prompt_and_removes_nothing(settings: bpy.types.PropertyGroup, preset_menu: str):
    settings.prompt, settings.negative_prompt = "my ghost", "green"
    bpy.ops.transpixar.add_prompt_preset(name="My Ghost")
    there = presets()
    rows = [told for name, told in drawn("prompt_presets").clicks if name == "script.execute_preset"]
    assert sorted(told.filepath for told in rows) == sorted(there)
    seen = set()
    for told in rows:
        settings.prompt, settings.negative_prompt = "", "before"
        assert click("script.execute_preset", told) == {"FINISHED"}
        seen.add((settings.prompt, settings.negative_prompt))
    assert len(seen) == len(there) == 16
    assert ("my ghost", "green") in seen
    assert presets() == there
    bpy.ops.transpixar.add_prompt_preset(name="My Ghost", remove_name=True)


def test_only_an_artist_s_own_presets_can_be_removed(settings: bpy.types.PropertyGroup, preset_menu: str):
    shipped = presets()
    bpy.context.window_manager.preset_name = "Ghost of 2: the return"
    settings.prompt = "a ghost"
    (add,) = [told for name, told in drawn("prompt_presets").clicks if name == "transpixar.add_prompt_preset"]
    assert click("transpixar.add_prompt_preset", add) == {"FINISHED"}
    assert len(presets()) == len(shipped) + 1
    remove, _add = [told for name, told in drawn("prompt_presets").clicks if name == "transpixar.add_prompt_preset"]
    assert click("transpixar.add_prompt_preset", remove) == {"FINISHED"}
    assert presets() == shipped


def test_no_menu_has_rows_of_two_buttons(blender: None):
    # Blender gives a whole row of a menu to the last button in it, as it did to the one that removes a preset.
    for cls in registration._CLASSES:
        if issubclass(cls, bpy.types.Menu):
            assert not hasattr(cls, "preset_add_operator"), cls


def test_an_artist_s_own_presets_are_kept_and_removed(settings: bpy.types.PropertyGroup, preset_menu: str):
    settings.prompt, settings.negative_prompt = 'a "quoted" wish', "green"
    assert bpy.ops.transpixar.add_prompt_preset(name="My Wish") == {"FINISHED"}
    settings.prompt = settings.negative_prompt = ""
    mine = next(path for path in presets() if "My_Wish" in path)
    bpy.ops.script.execute_preset(filepath=mine, menu_idname=preset_menu)
    assert (settings.prompt, settings.negative_prompt) == ('a "quoted" wish', "green")
    bpy.ops.transpixar.add_prompt_preset(name="My Wish", remove_active=True)
    assert len(presets()) == 15
