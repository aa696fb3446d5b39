"""Clips that are dragged in from the library begin at the current frame.

A plane's start is in its keyframes, so a plane from the library would start where the library's did. Assets carry a
mark; a plane with the mark that arrives in an open file is moved to the current frame and loses it. Blender 4.3 and
newer tell when something was appended, before the undo step is made. 4.2 only tells what changed in the scene; the move
is then not part of the step "drop", but is done again after every undo to it, because the mark is back.
"""

from collections.abc import Iterable
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .asset_start import start_at
from .guard import guarded
from .provenance import remember_provenance
from .shown_clips import showing_on

_MARK = "transpixar_starts_when_dropped"
_TELLS_OF_IMPORTS = hasattr(bpy.app.handlers, "blend_import_post")


def mark_to_start_when_dropped(plane: bpy.types.Object) -> None:
    """Let a plane begin at the current frame of the file it is appended to."""
    plane[_MARK] = True


def start_dropped(things: Iterable[Any], scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Let the marked planes among some datablocks begin at the scene's current frame; returns them."""
    moved = []
    for plane in [thing for thing in things if isinstance(thing, bpy.types.Object) and _MARK in thing]:
        if plane.library is not None:  # what is linked belongs to its own file
            continue
        del plane[_MARK]
        if start_at(plane, scene, scene.frame_current):
            _remember_where(plane)
            moved.append(plane)
    return moved


def add_handlers() -> None:
    """Listen for what is dragged in."""
    _handlers().append(_handler)


def remove_handlers() -> None:
    """Listen no more."""
    while _handler in _handlers():
        _handlers().remove(_handler)


def _remember_where(plane: bpy.types.Object) -> None:
    """Name the sidecar as seen from the open file; the library's paths are relative to the library's."""
    showing = showing_on(plane)
    if showing is not None:
        for thing in (plane, showing.material, showing.texture.image):
            remember_provenance(thing, showing.clip)


def _handlers() -> Any:
    return bpy.app.handlers.blend_import_post if _TELLS_OF_IMPORTS else bpy.app.handlers.depsgraph_update_post


@persistent
@guarded
def _on_import(imported: Any) -> None:
    start_dropped([item.id for item in imported.import_items], bpy.context.scene)


@persistent
@guarded
def _on_change(scene: bpy.types.Scene, depsgraph: Any) -> None:
    start_dropped([update.id.original for update in depsgraph.updates], scene)


_handler = _on_import if _TELLS_OF_IMPORTS else _on_change
