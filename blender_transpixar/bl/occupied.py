"""Whether something can be put into the scene just now, and what it waits for.

A render and a bake are waited for: what changes meanwhile is in some of their frames only, or ends Blender. A tool that
holds on to the scene's data, such as a brush stroke or moving an object, is waited for as well, but not for long: many
add-ons have an operator that never ends, and a tool may be left open.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import bpy

from ..core.task import Task
from . import pump

LONGEST_WAIT_S = 2.0

# What Blender computes from the scene, and the sentence for it.
_JOBS = {
    "RENDER": "It is placed as soon as Blender has rendered.",
    "OBJECT_BAKE": "It is placed as soon as Blender has baked.",
}
# The beginnings of the names of operators that change data for as long as they run. Others look at things (VIEW3D,
# VIEW2D, SCREEN), or watch events all day and pass them on, as BlenderKit's bar (VIEW3D) and screencast keys (WM).
_HOLDING = (
    *("ACTION_OT_", "ARMATURE_OT_", "CLIP_OT_", "CURVES_OT_", "CURVE_OT_", "FONT_OT_", "GPENCIL_OT_", "GRAPH_OT_"),
    *("GREASE_PENCIL_OT_", "LATTICE_OT_", "MARKER_OT_", "MASK_OT_", "MBALL_OT_", "MESH_OT_", "NLA_OT_", "NODE_OT_"),
    *("OBJECT_OT_", "PAINTCURVE_OT_", "PAINT_OT_", "PARTICLE_OT_", "POINTCLOUD_OT_", "POSELIB_OT_", "POSE_OT_"),
    *("SCULPT_CURVES_OT_", "SCULPT_OT_", "SEQUENCER_OT_", "SURFACE_OT_", "TRANSFORM_OT_", "UV_OT_"),
    *("VIEW3D_OT_edit_mesh_extrude", "VIEW3D_OT_interactive_add"),
)


@dataclass(frozen=True, slots=True)
class _Wait:
    since: float
    reason: str


_waits: dict[int, _Wait] = {}


def must_wait(task: Task) -> bool:
    """Whether what has come for a task cannot be put into the scene just now; `reason` then says why."""
    job = _job()
    tools = held_by(_modal_operators()) if job is None else []
    now = time.monotonic()
    wait = _waits.get(task.tag)
    since = now if wait is None else wait.since
    if job is not None:
        reason = _JOBS[job]
    elif tools and now - since < LONGEST_WAIT_S:
        name = bpy.app.translations.pgettext_iface(tools[0].name, "Operator")
        reason = f"It is placed as soon as {name} has ended, or in a moment."
    else:
        _waits.pop(task.tag, None)
        return False
    _waits[task.tag] = _Wait(since, reason)
    if wait is None or wait.reason != reason:
        pump.redraw()
    return True


def reason(task: Task | None) -> str:
    """The sentence on what a task that has finished still waits for; empty when it does not."""
    wait = None if task is None else _waits.get(task.tag)
    return "" if wait is None else wait.reason


def forget() -> None:
    """Let go of what is waited for, when the add-on is disabled."""
    _waits.clear()


def held_by(operators: Iterable[Any]) -> list[Any]:
    """Those of some running operators that hold on to the scene's data."""
    return [each for each in operators if each.bl_idname.startswith(_HOLDING)]


def is_undo_taken() -> bool:
    """Whether a tool of Blender's own is making an undo step, which another one would break.

    A brush stroke begins its step when it begins. Those of add-ons make theirs when they end, if they end.
    """
    by_python = bpy.types.Operator.bl_rna_get_subclass_py
    return any(by_python(each.bl_idname) is None for each in held_by(_modal_operators()))


def _modal_operators() -> list[Any]:
    return [each for window in bpy.context.window_manager.windows for each in window.modal_operators]


def _job() -> str | None:
    return next((job for job in _JOBS if bpy.app.is_job_running(job)), None)
