"""What is under the mouse pointer in an editor."""

import bpy
from bpy_extras.view3d_utils import region_2d_to_origin_3d, region_2d_to_vector_3d
from mathutils import Vector

from . import compat

# Seen nearly along it, the ground is too far away to be what is meant.
_FLAT = 0.05


def under_pointer_in_viewport(context: bpy.types.Context, mouse: tuple[int, int]) -> tuple[float, float, float] | None:
    """The point of the surface under a region's pixel, else of the ground through the 3D cursor.

    Where the ground cannot be seen there, of the plane through the 3D cursor that faces the view. None where the region
    is none of a 3D viewport.
    """
    region, view = context.region, context.region_data
    if region is None or not isinstance(view, bpy.types.RegionView3D):
        return None
    origin = region_2d_to_origin_3d(region, view, mouse)
    direction = region_2d_to_vector_3d(region, view, mouse)
    depsgraph = context.evaluated_depsgraph_get()
    is_hit, place, *_ = context.scene.ray_cast(depsgraph, origin, direction)
    if not is_hit:
        place = point_on_ground(origin, direction, context.scene.cursor.location)
    return place.x, place.y, place.z


def point_on_ground(origin: Vector, direction: Vector, cursor: Vector) -> Vector:
    """Where a ray meets the horizontal plane through the cursor, or else the one across the ray."""
    if abs(direction.z) > _FLAT:
        along = (cursor.z - origin.z) / direction.z
        if along > 0:
            return origin + along * direction
    return origin + (cursor - origin).dot(direction) * direction


def under_pointer_in_sequencer(context: bpy.types.Context, mouse: tuple[int, int]) -> tuple[int, int]:
    """The frame and the channel under a region's pixel; channel 0 where something is in that channel from there on.

    Over the sequencer's preview, the current frame and channel 0.
    """
    scene, region = compat.sequencer_scene(context), context.region
    if region is None or region.type != "WINDOW":
        return scene.frame_current, 0
    x, y = region.view2d.region_to_view(*mouse)
    frame, channel = round(x), max(0, int(y))
    return frame, channel if is_free(scene, channel, frame) else 0


def is_free(scene: bpy.types.Scene, channel: int, frame: int) -> bool:
    """Whether no strip of a scene's sequencer is in a channel from a frame on."""
    strips = (strip for strip in compat.all_strips(scene) if strip.channel == channel)
    return all(compat.strip_range(strip)[1] <= frame for strip in strips)
