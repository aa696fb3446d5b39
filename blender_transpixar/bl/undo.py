"""Undo steps of what the timer does."""

import contextlib
import functools

import bpy

from . import occupied, pump


def push(message: str) -> None:
    """Make an undo step, where Blender takes one just now; while one of its tools runs, as soon as that has ended."""
    if occupied.is_undo_taken():
        pump.keep_calling(functools.partial(_push_later, message))
        return
    # An operator that cannot run raises this, for example while there is no window.
    with contextlib.suppress(RuntimeError):
        bpy.ops.ed.undo_push(message=message)


def _push_later(message: str) -> bool:
    if occupied.is_undo_taken():
        return True
    push(message)
    return False
