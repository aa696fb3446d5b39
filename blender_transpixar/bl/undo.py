"""Undo steps of what the timer does."""

import contextlib
import functools
from typing import Any

import bpy

from . import occupied, pump


def push(message: str) -> None:
    """Make an undo step, where Blender takes one just now; while one of its tools runs, as soon as that has ended."""
    if occupied.is_undo_taken():
        pump.keep_calling(functools.partial(_push_later, message, _last_operator()))
        return
    # An operator that cannot run raises this, for example while there is no window.
    with contextlib.suppress(RuntimeError):
        bpy.ops.ed.undo_push(message=message)


def _push_later(message: str, before: Any) -> bool:
    if occupied.is_undo_taken():
        return True
    # In Object Mode the step of a tool that was not cancelled has everything in it; another one would undo nothing.
    if bpy.context.mode != "OBJECT" or _last_operator() == before:
        push(message)
    return False


def _last_operator() -> Any:
    """What tells the operator that was registered last from others; None where there is none."""
    operators = bpy.context.window_manager.operators
    return (len(operators), operators[-1].bl_idname, operators[-1].as_pointer()) if len(operators) else None
