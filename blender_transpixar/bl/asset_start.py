"""Letting a plane's clip begin at another frame, and at no other plane's expense."""

from typing import Any

import bpy

from . import compat
from .clip_keys import play
from .shown_clips import showing_on


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
    play(showing.material.node_tree, showing.texture, showing.shown, showing.clip, scene, frame)
    return True


def _own_material(plane: bpy.types.Object) -> None:
    for slot in plane.material_slots:
        material = slot.material
        if material is None or material.library is not None or max(material.users, plane.data.users) == 1:
            continue
        own = material.copy()
        if own.node_tree is not None:
            compat.own_action(own.node_tree)
            _own_images(own.node_tree)
        # On the object, because a copied object has the same mesh as the first one.
        slot.link = "OBJECT"
        slot.material = own


def _own_images(tree: Any) -> None:
    """An image sequence of its own, so that another clip can be shown here and not there."""
    for node in tree.nodes:
        if node.type == "TEX_IMAGE" and node.image is not None and node.image.source == "SEQUENCE":
            node.image = node.image.copy()
