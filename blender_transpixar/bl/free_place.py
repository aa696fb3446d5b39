"""Where a plane is not hidden in another object, nor in the place of another clip."""

from collections.abc import Iterator
from typing import Any

import bpy
from mathutils import Matrix, Vector

from .provenance import PREFIX

_SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT"}
# Of the plane's height: between it and what is behind it, and between two clips.
_GAP = 0.1
_MOST_MOVES = 50


def free_place(
    scene: bpy.types.Scene, location: Vector, rotation: Matrix, size: tuple[float, float], farthest: float
) -> Vector:
    """A place near `location` for a plane of `size` metres that is rotated so, its origin amid its lower edge.

    It moves forwards out of objects that it would stand in, at most `farthest` metres (a room is not left), then to its
    right until no other clip is in its place.
    """
    right, front = rotation.col[0].normalized(), -rotation.col[1].normalized()
    up = rotation.col[2].normalized()
    gap = _GAP * size[1]
    place = location.copy()
    for low, high in _solids(scene):
        if _meets(low, high, place, right, up, size):
            corners = [Vector((x, y, z)) for x in (low.x, high.x) for y in (low.y, high.y) for z in (low.z, high.z)]
            needed = max((corner - place).dot(front) for corner in corners) + gap
            if needed > 0 and (place + needed * front - location).length <= farthest:
                place += needed * front
    others = list(_clips(scene))
    for _ in range(_MOST_MOVES):
        there = next((each for each in others if _is_in_place(each, place, right, front, up, size, gap)), None)
        if there is None:
            break
        place += ((there[0] - place).dot(right) + (there[1] + size[0]) / 2 + gap) * right
    return place


def _solids(scene: bpy.types.Scene) -> Iterator[tuple[Vector, Vector]]:
    """The lowest and the highest corner of the box around each visible object that has a body and is no clip."""
    for thing in scene.objects:
        if (
            thing.type in _SOLID
            and not _is_clip(thing)
            and thing.visible_get(view_layer=scene.view_layers[0])
            and thing.display_type != "BOUNDS"
        ):
            corners = [thing.matrix_world @ Vector(corner) for corner in thing.bound_box]
            low, high = (Vector([pick(corner[axis] for corner in corners) for axis in range(3)]) for pick in (min, max))
            # Floors and other flat things hide nothing that stands on them.
            if min(high - low) > 1e-3:
                yield low, high


def _clips(scene: bpy.types.Scene) -> Iterator[tuple[Vector, float, float]]:
    """Origin, width and height in metres of each clip that stands in the scene."""
    for thing in _visible(scene):
        if _is_clip(thing):
            size = thing.dimensions
            yield thing.matrix_world.translation, size.x, max(size.y, size.z)


def _visible(scene: bpy.types.Scene) -> Iterator[Any]:
    layer = scene.view_layers[0]
    return (thing for thing in layer.objects if thing.visible_get(view_layer=layer))


def _is_clip(thing: Any) -> bool:
    return PREFIX + "request" in thing


def _meets(low: Vector, high: Vector, place: Vector, right: Vector, up: Vector, size: tuple[float, float]) -> bool:
    """Whether the plane's box and another one overlap by more than their faces."""
    corners = [place + across * size[0] * right + along * size[1] * up for across in (-0.5, 0.5) for along in (0, 1)]
    for axis in range(3):
        values = [corner[axis] for corner in corners]
        if max(values) <= low[axis] + 1e-4 or min(values) >= high[axis] - 1e-4:
            return False
    return True


def _is_in_place(
    other: tuple[Vector, float, float],
    place: Vector,
    right: Vector,
    front: Vector,
    up: Vector,
    size: tuple[float, float],
    gap: float,
) -> bool:
    origin, width, height = other
    away = origin - place
    beside = abs(away.dot(right)) < (width + size[0]) / 2
    return beside and abs(away.dot(front)) < gap and abs(away.dot(up)) < (height + size[1]) / 2
