"""A clip that has come waits for tools that hold on to the scene, briefly, and not for operators that never end.

Blender starts no modal operator in background mode, so what runs is told here;
`window/test_modal_operators.py` has real ones.
"""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_transpixar.bl import clip_queue, occupied, pump, undo
from blender_transpixar.bl.inputs import RequestFiles
from blender_transpixar.bl.target import Target
from blender_transpixar.core.delivery import Delivery
from blender_transpixar.core.request import ClipRequest
from tests.addon.real_server import MODEL_NAME
from tests.blender.test_generate import pump_until
from tests.blender.test_queue import drawn_queue

MOVING = SimpleNamespace(bl_idname="TRANSFORM_OT_translate", name="Move")
BLENDERKITS_BAR = SimpleNamespace(bl_idname="VIEW3D_OT_blenderkit_asset_bar_widget", name="BlenderKit Asset Bar UI")
SCREENCAST_KEYS = SimpleNamespace(bl_idname="WM_OT_sk_screencast_keys", name="Screencast Keys")
MOVE_WAITS = "It is placed as soon as Move has ended, or in a moment."


@dataclass
class Now:
    """What runs in Blender, and a clock that stands."""

    tools: list[SimpleNamespace]
    job: str | None = None
    seconds: float = 100.0


@pytest.fixture
def now(blender: None, monkeypatch: pytest.MonkeyPatch) -> Now:
    state = Now([])
    monkeypatch.setattr(occupied, "_modal_operators", lambda: state.tools)
    monkeypatch.setattr(occupied, "_job", lambda: state.job)
    monkeypatch.setattr(occupied, "time", SimpleNamespace(monotonic=lambda: state.seconds))
    return state


@pytest.fixture
def task() -> Delivery:
    return Delivery(-1, "png8", path=Path("somewhere"))


def test_operators_that_watch_all_day_are_not_waited_for(now: Now, task: Delivery):
    now.tools = [BLENDERKITS_BAR, SCREENCAST_KEYS, SimpleNamespace(bl_idname="VIEW3D_OT_rotate", name="Rotate View")]
    assert not occupied.must_wait(task)
    assert occupied.reason(task) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("TRANSFORM_OT_resize", "SCULPT_OT_brush_stroke", "PAINT_OT_image_paint", "MESH_OT_knife_tool"),
        *("VIEW3D_OT_edit_mesh_extrude_move_normal", "SEQUENCER_OT_slip", "NODE_OT_links_cut", "OBJECT_OT_modifier_x"),
    ],
)
def test_tools_that_hold_data_are_waited_for_until_they_end(now: Now, task: Delivery, name: str):
    now.tools = [SCREENCAST_KEYS, SimpleNamespace(bl_idname=name, name="Tool")]
    assert occupied.must_wait(task)
    assert occupied.reason(task) == "It is placed as soon as Tool has ended, or in a moment."
    now.seconds += 1.0
    now.tools = [SCREENCAST_KEYS]
    assert not occupied.must_wait(task)
    assert occupied.reason(task) == ""


def test_not_longer_than_two_seconds_whichever_tools_follow_each_other(now: Now, task: Delivery):
    now.tools = [MOVING]
    assert occupied.must_wait(task)
    now.seconds += 1.9
    now.tools = [SimpleNamespace(bl_idname="OBJECT_OT_watches_all_day", name="Watch")]
    assert occupied.must_wait(task)
    now.seconds += 0.1
    assert not occupied.must_wait(task)


@pytest.mark.parametrize("job", ["RENDER", "OBJECT_BAKE"])
def test_a_render_is_waited_for_to_its_end(now: Now, task: Delivery, job: str):
    now.job = job
    for _ in range(3):
        assert occupied.must_wait(task)
        now.seconds += 600.0
    assert occupied.reason(task).startswith("It is placed as soon as Blender has")
    now.job = None
    assert not occupied.must_wait(task)


def test_nothing_runs_in_a_blender_in_background_mode(blender: None, task: Delivery):
    assert not occupied.must_wait(task)
    assert occupied._job() is None


def drawn() -> str:
    return " ".join(drawn_queue().labels)


def generate(tools: list[SimpleNamespace], now: Now) -> str:
    request = ClipRequest("orange smoke", seed=7, steps=2, model=MODEL_NAME)
    now.tools = tools
    return clip_queue.submit(bpy.context, request, RequestFiles(), target=Target(bpy.context)).key


def test_a_clip_comes_while_blenderkits_bar_is_open(now: Now, connected: Path):
    generate([BLENDERKITS_BAR, SCREENCAST_KEYS], now)
    pump_until(lambda: not pump.is_busy())
    assert len(bpy.context.scene.objects) == 1


def undo_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The undo steps that are made from now on."""
    steps: list[str] = []
    operators = SimpleNamespace(ed=SimpleNamespace(undo_push=lambda message: steps.append(message)))
    monkeypatch.setattr(undo, "bpy", SimpleNamespace(ops=operators, context=bpy.context))
    return steps


def test_a_clip_that_waits_says_for_what_and_comes_with_an_undo_step_of_its_own_later(
    now: Now, connected: Path, monkeypatch: pytest.MonkeyPatch
):
    steps = undo_steps(monkeypatch)
    wish = clip_queue.find(generate([MOVING], now))
    pump_until(lambda: wish.generation.finished)
    pump.tick()
    assert len(bpy.context.scene.objects) == 0
    assert occupied.reason(wish.generation) == MOVE_WAITS
    assert MOVE_WAITS in drawn()
    now.seconds += 2.0
    pump.tick()
    assert len(bpy.context.scene.objects) == 1
    assert "as soon as" not in drawn()
    # A stroke makes an undo step for as long as it lasts, which another one would break.
    assert steps == []
    now.tools = []
    pump.tick()
    pump.tick()
    assert steps == ["Generate Clip"]


@pytest.mark.parametrize("mode", ["OBJECT", "EDIT"])
def test_a_tools_own_undo_step_is_enough_where_the_clip_is_in_it(now: Now, monkeypatch: pytest.MonkeyPatch, mode: str):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode=mode)
    steps, finished = undo_steps(monkeypatch), iter((None, (1, "TRANSFORM_OT_translate", 1)))
    monkeypatch.setattr(undo, "_last_operator", lambda: next(finished))
    now.tools = [MOVING]
    undo.push("Generate Clip")
    now.tools = []
    pump.tick()
    # A step of Edit Mode has the edited mesh alone.
    assert steps == {"OBJECT": [], "EDIT": ["Generate Clip"]}[mode]
    bpy.ops.object.mode_set(mode="OBJECT")


def test_an_undo_step_does_not_wait_for_an_add_ons_operator(now: Now):
    now.tools = [MOVING]
    assert occupied.is_undo_taken()
    registered = type("OBJECT_OT_watches", (bpy.types.Operator,), {"bl_idname": "object.watches", "bl_label": "Watch"})
    bpy.utils.register_class(registered)
    now.tools = [SimpleNamespace(bl_idname="OBJECT_OT_watches", name="Watch")]
    assert not occupied.is_undo_taken()
    bpy.utils.unregister_class(registered)
