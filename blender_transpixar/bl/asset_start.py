"""Planes of clips begin at the current frame: those dragged in from the library at once, others when asked.

A plane's start is in its keyframes, so a plane from the library would start where the library's did. Assets carry a
mark; a plane with the mark that arrives in an open file is moved to the current frame and loses it. Blender 4.3 and
newer tell when something was appended, before the undo step is made. 4.2 only tells what changed in the scene; the move
is then not part of the step "drop", but is done again after every undo to it, because the mark is back.
"""

from collections.abc import Iterable
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import compat
from .clip_keys import play
from .shown_clips import Showing, showing_on

_MARK = "transpixar_starts_when_dropped"
_TELLS_OF_IMPORTS = hasattr(bpy.app.handlers, "blend_import_post")


def mark_to_start_when_dropped(plane: bpy.types.Object) -> None:
    """Let a plane begin at the current frame of the file it is appended to."""
    plane[_MARK] = True


def start_at(plane: bpy.types.Object, scene: bpy.types.Scene, frame: int) -> bool:
    """Let a plane's clip begin at a frame of the scene, in the scene's frame rate.

    A material that other objects use as well is copied first, so that they stay as they are. False when the plane shows
    no clip, is linked, or its clip is gone from the disk; then nothing has changed.
    """
    if plane.library is not None or showing_on(plane) is None:
        return False
    _own_material(plane)
    showing = showing_on(plane)
    if showing is None:
        return False
    _play_again(showing, scene, frame)
    return True


def start_dropped(things: Iterable[Any], scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Let the marked planes among some datablocks begin at the scene's current frame; returns them."""
    arrived = [thing for thing in things if isinstance(thing, bpy.types.Object) and _MARK in thing]
    moved = []
    for plane in arrived:
        if plane.library is None:  # what is linked belongs to its own file
            del plane[_MARK]
            if start_at(plane, scene, scene.frame_current):
                moved.append(plane)
    return moved


def add_handlers() -> None:
    """Listen for what is dragged in."""
    _handlers().append(_handler)


def remove_handlers() -> None:
    """Listen no more."""
    while _handler in _handlers():
        _handlers().remove(_handler)


def _play_again(showing: Showing, scene: bpy.types.Scene, frame: int) -> None:
    tree = showing.material.node_tree
    for path in (
        f"{showing.texture.path_from_id()}.image_user.frame_offset",
        f"{showing.shown.path_from_id()}.inputs[1].default_value",
    ):
        curve = compat.find_fcurve(tree, path)
        if curve is not None:
            compat.fcurves(tree).remove(curve)
    play(tree, showing.texture, showing.shown, showing.clip, scene, frame)


def _own_material(plane: bpy.types.Object) -> None:
    for slot in plane.material_slots:
        material = slot.material
        if material is None or material.library is not None or max(material.users, plane.data.users) == 1:
            continue
        own = material.copy()
        if own.node_tree is not None:
            compat.own_action(own.node_tree)
        # On the object, because a copied object has the same mesh as the first one.
        slot.link = "OBJECT"
        slot.material = own


def _handlers() -> Any:
    return bpy.app.handlers.blend_import_post if _TELLS_OF_IMPORTS else bpy.app.handlers.depsgraph_update_post


@persistent
def _on_import(imported: Any) -> None:
    start_dropped([item.id for item in imported.import_items], bpy.context.scene)


@persistent
def _on_change(scene: bpy.types.Scene, depsgraph: Any) -> None:
    start_dropped([update.id.original for update in depsgraph.updates], scene)


_handler = _on_import if _TELLS_OF_IMPORTS else _on_change
