"""Clips that come while operators run, in a real Blender window: background mode starts no modal operator.

Run by test_modal_operators.py from the repository's folder; the last argument is a folder, which receives
`report.json`.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path.insert(0, str(Path.cwd()))
FOLDER = Path(sys.argv[-1])
report: dict[str, object] = {"problem": ""}


class Watching:
    """Lives until Blender's end and passes every event on, as BlenderKit's bar and screencast keys do."""

    bl_label = "Watch"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return {"PASS_THROUGH"}


class VIEW3D_OT_asset_bar(Watching, bpy.types.Operator):
    bl_idname = "view3d.asset_bar"


class OBJECT_OT_watcher(Watching, bpy.types.Operator):
    bl_idname = "object.watcher"


def story() -> Iterator[float]:
    """Let a clip come while each of them runs, and note how long it waited and what it said."""
    from blender_transpixar.bl import occupied
    from tests.addon.made_clips import write_clip

    clip = write_clip(FOLDER / "clips")
    window = bpy.context.window_manager.windows[0]
    viewport = max(window.screen.areas, key=lambda area: area.width * area.height)
    region = next(region for region in viewport.regions if region.type == "WINDOW")

    def start(operator: object) -> None:
        with bpy.context.temp_override(window=window, area=viewport, region=region):
            assert operator("INVOKE_DEFAULT") == {"RUNNING_MODAL"}

    def press(key: str) -> None:
        at = {"x": region.x + region.width // 2, "y": region.y + region.height // 2}
        window.event_simulate(type=key, value="PRESS", **at)
        window.event_simulate(type=key, value="RELEASE", **at)

    start(bpy.ops.view3d.asset_bar)
    yield from come("bar", clip)
    start(bpy.ops.transform.translate)
    report["undo taken by move"] = occupied.is_undo_taken()
    yield from come("move", clip)
    report["undo step waits"] = is_undo_awaited()
    press("RET")
    yield 1.0
    report["undo step waited"] = not is_undo_awaited()
    report["before undo"] = len(bpy.data.objects)
    with bpy.context.temp_override(window=window, area=viewport, region=region):
        bpy.ops.ed.undo()
    yield 0.5
    report["after undo"] = len(bpy.data.objects)
    start(bpy.ops.object.watcher)
    report["undo taken by watcher"] = occupied.is_undo_taken()
    yield from come("watcher", clip)


def come(name: str, clip: Path) -> Iterator[float]:
    """A clip has come, as the timer sees it."""
    from blender_transpixar.bl import occupied, pump, undo
    from blender_transpixar.bl.target import Target
    from blender_transpixar.core.delivery import Delivery

    target, said, began = Target(bpy.context), set(), time.monotonic()

    def act(task: Delivery) -> bool:
        if occupied.must_wait(task):
            said.add(occupied.reason(task))
            return False
        target.place(clip)
        undo.push("Generate Clip")
        report[name] = {"seconds": time.monotonic() - began, "said": sorted(said)}
        return True

    pump.follow(Delivery(-1, "png8", path=clip), act, shown=False)
    while name not in report and time.monotonic() < began + 30.0:
        yield 0.1
    assert name in report, f"{name}: nothing was placed"


def is_undo_awaited() -> bool:
    from blender_transpixar.bl import pump, undo

    return any(getattr(routine, "func", None) is undo._push_later for routine in pump._routines)


def go_on() -> float:
    """The timer: go on with the story, and leave Blender at its end."""
    try:
        return next(_story)
    except StopIteration:
        pass
    except Exception:
        report["problem"] = traceback.format_exc()
    (FOLDER / "report.json").write_text(json.dumps(report), encoding="utf-8")
    os._exit(bool(report["problem"]))


for each in (VIEW3D_OT_asset_bar, OBJECT_OT_watcher):
    bpy.utils.register_class(each)
bpy.ops.preferences.addon_enable(module="blender_transpixar")
_story = story()
bpy.app.timers.register(go_on, first_interval=2.0, persistent=True)
