"""Undo steps of what the timer does."""

import contextlib

import bpy


def push(message: str) -> None:
    """Make an undo step, where Blender takes one just now."""
    # An operator that cannot run raises this, for example while there is no window.
    with contextlib.suppress(RuntimeError):
        bpy.ops.ed.undo_push(message=message)
