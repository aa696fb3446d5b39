"""Where something can be placed: what is linked from another file, or overridden, takes nothing new."""

from collections.abc import Iterator
from typing import Any

import bpy

from ..core.errors import TransPixarError


def check_scene(scene: bpy.types.Scene) -> None:
    """Raises TransPixarError where nothing can be placed in a scene, or would be lost when the file is closed."""
    if scene.library is not None:
        raise TransPixarError(
            f"The scene {scene.name} is linked from another file, so nothing can be placed in it. Make it local, or go "
            "to a scene of this file.",
            code="linked",
        )


def check_own(thing: Any) -> None:
    """Raises TransPixarError where an object or a strip belongs to another file, so that it cannot be changed here."""
    if thing.id_data.library is not None:
        raise TransPixarError(
            f"{thing.name} is linked from another file, so it cannot show another clip. Make it local, or open the "
            "file that it comes from.",
            code="linked",
        )


def collection_for(context: bpy.types.Context, scene: bpy.types.Scene) -> bpy.types.Collection:
    """Where a new object goes: the active collection, or the nearest one around it that can be changed.

    In a scene that is not the one in front, the scene's own. Raises TransPixarError where there is none.
    """
    check_scene(scene)
    if context.scene == scene and context.collection is not None:
        for collection in _outwards(context):
            if takes_objects(collection):
                return collection
    return scene.collection


def takes_objects(collection: bpy.types.Collection) -> bool:
    """Whether Blender lets an object be added to a collection."""
    return collection.library is None and collection.override_library is None


def select_alone(context: bpy.types.Context, thing: bpy.types.Object) -> bool:
    """Make an object the active one and the only one that is selected; False where that has to wait.

    In other modes than Object Mode the active object is the one that is being edited, so it is left alone there.
    """
    layer = context.view_layer
    # Not selectable when its collection is hidden.
    if context.mode != "OBJECT" or thing.name not in layer.objects:
        return False
    for selected in context.selected_objects:
        selected.select_set(False)
    layer.objects.active = thing
    thing.select_set(True)
    return True


def _outwards(context: bpy.types.Context) -> Iterator[bpy.types.Collection]:
    """The active collection, then those that it is in, from the inside out."""
    yield context.collection
    active = context.view_layer.active_layer_collection
    if active is not None and active.collection == context.collection:
        path = _path_to(context.view_layer.layer_collection, active)
        yield from (layer.collection for layer in reversed(path[:-1]))


def _path_to(layer: Any, wanted: Any) -> list[Any]:
    """From a layer collection to one inside of it; empty where it is not there."""
    if layer == wanted:
        return [layer]
    for child in layer.children:
        path = _path_to(child, wanted)
        if path:
            return [layer, *path]
    return []
