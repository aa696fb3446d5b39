"""Every difference between the supported versions of Blender (4.2 and newer) stands here."""

from typing import Any

import bpy

# Options of a path property that may begin with "//"; versions that know the option warn where it is missing.
BLEND_RELATIVE_PATH: set[str] = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()


def enable_nodes(material: bpy.types.Material) -> None:
    """Give a new material its node tree; 5.0 and newer always have one and warn when asked."""
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True


def find_fcurve(animated: Any, path: str) -> Any:
    """The F-curve of a property of an animated datablock; None when it is not animated, or not any more."""
    data = animated.animation_data
    if data is None or data.action is None:
        return None
    if bpy.app.version < (5, 0, 0):
        return data.action.fcurves.find(path)
    for layer in data.action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(data.action_slot) if data.action_slot is not None else None
            if bag is not None:
                return bag.fcurves.find(path)
    return None


def fcurves(animated: Any) -> Any:
    """The F-curves of an animated datablock: on its action before 5.0, in the action's channel bag since."""
    data = animated.animation_data
    if bpy.app.version < (5, 0, 0):
        return data.action.fcurves
    return data.action.layers[0].strips[0].channelbag(data.action_slot).fcurves


def own_action(animated: Any) -> None:
    """Give a datablock that was copied its own copy of its action, which copying leaves shared."""
    data = animated.animation_data
    if data is None or data.action is None:
        return
    slot = data.action_slot.identifier if getattr(data, "action_slot", None) is not None else None
    data.action = data.action.copy()
    # Since 4.4 an action animates through a slot, which is found by its name or lost.
    if slot is not None and data.action_slot is None:
        data.action_slot = data.action.slots[slot]
