"""What a 3D viewport shows: where it looks from, and how much of the scene is seen."""

from dataclasses import dataclass
from math import atan2, pi

import bpy
from mathutils import Euler, Matrix, Vector

# Seen from nearly straight above or below, what stands upright is only an edge.
_STEEP = 0.9
# How much of the viewport's height a clip is to take.
_SHARE = 1 / 3


@dataclass(frozen=True, slots=True)
class View:
    """`to_world` is the matrix from the viewer's space, which looks along -Z with +Y up, to the world's.

    `height` is how many metres are seen from the lower to the upper edge: one metre away with `is_perspective`, else
    anywhere.
    """

    to_world: Matrix
    height: float
    is_perspective: bool

    @classmethod
    def of(cls, context: bpy.types.Context) -> "View | None":
        """The view of the viewport that is worked in, or else of the largest one; None where there is none."""
        if bpy.app.background or context.window is None:
            return None
        viewports = [area for area in context.window.screen.areas if area.type == "VIEW_3D"]
        if not viewports:
            return None
        area = context.area if context.area in viewports else max(viewports, key=lambda each: each.width * each.height)
        region = area.spaces.active.region_3d
        scale = region.window_matrix[1][1]
        return cls(region.view_matrix.inverted(), 2 / scale, region.is_perspective) if scale > 0 else None

    @property
    def towards(self) -> Vector:
        """The direction from what is seen to the viewer."""
        return self.to_world.to_3x3().col[2].normalized()

    def facing(self) -> Euler:
        """The rotation of a plane, which faces -Y, so that it stands upright and is seen from its front.

        Seen from nearly straight above or below it lies, its lower edge at the view's.
        """
        towards = self.towards
        if abs(towards.z) > _STEEP:
            up = self.to_world.to_3x3().col[1]
            if towards.z > 0:
                return Euler((-pi / 2, 0.0, atan2(-up.x, up.y)))
            return Euler((pi / 2, 0.0, atan2(up.x, -up.y)))
        return Euler((0.0, 0.0, atan2(towards.x, -towards.y)))

    def height_at(self, location: tuple[float, float, float]) -> float | None:
        """A height in metres that is well seen there, a round number; None behind the viewer."""
        depth = (self.to_world.translation - Vector(location)).dot(self.towards) if self.is_perspective else 1.0
        height = _SHARE * self.height * depth
        return float(f"{height:.1g}") if height > 1e-6 else None
