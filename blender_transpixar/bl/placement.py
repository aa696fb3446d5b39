"""Where a plane stands: at a place, facing an axis or the camera, or filling the camera's view."""

from dataclasses import dataclass, field
from math import pi
from typing import Any

import bpy
from mathutils import Euler, Matrix, Vector

from ..core.errors import TransPixarError
from ..core.playback import Playback
from .free_place import free_place
from .material import Look
from .view import View

# The rotation that turns the plane's front, its -Y, to each axis, upright where there is an upright.
_FACING = {
    "+X": (0.0, 0.0, pi / 2),
    "-X": (0.0, 0.0, -pi / 2),
    "+Y": (0.0, 0.0, pi),
    "-Y": (0.0, 0.0, 0.0),
    "+Z": (-pi / 2, 0.0, 0.0),
    "-Z": (pi / 2, 0.0, pi),
}
# What turns it to where a camera's own picture would be: its front to the camera's +Z, its top to +Y.
_AS_A_CAMERAS = Euler((-pi / 2, 0.0, 0.0))
_WITHOUT_A_CAMERA = "-Y"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a plane stands, when its clip begins and how it looks.

    `location` is that of the middle of the whole picture's lower edge in metres, `height` its height in metres,
    `frame_start` the scene frame of its first picture. `align` is an axis ("-Y"), "CAM" or "CAM_AX", which is the axis
    nearest to where the camera is; `track` keeps it turned to the camera. "VIEW" is upright and turned to `view`, like
    "CAM_AX" where that is None; so is the `size_mode` "VIEW", with a height that is well seen there, else `height`.
    With `is_near` the plane may stand a little away from `location`, so that nothing hides it. With `size_mode`
    "CAMERA" the plane fills the camera's view ("FILL"), or is wholly inside of it ("FIT"), `distance` metres before the
    camera, and `track` lets it follow.
    """

    location: tuple[float, float, float]
    height: float
    frame_start: int
    align: str = "VIEW"
    track: bool = False
    size_mode: str = "VIEW"
    fill_mode: str = "FILL"
    distance: float = 5.0
    playback: Playback = field(default_factory=Playback)
    look: Look = field(default_factory=Look)
    view: View | None = None
    is_near: bool = False

    def size(self, scene: bpy.types.Scene, aspect: float) -> tuple[float, float]:
        """Width and height in metres of a picture of that aspect (width / height). Raises TransPixarError."""
        if self.size_mode != "CAMERA":
            seen = self.view.height_at(self.location) if self.view is not None and self.size_mode == "VIEW" else None
            height = seen or self.height
            return height * aspect, height
        _, width, height = _camera_frame(_camera_of(scene), scene, self.distance)
        by_width = (self.fill_mode == "FILL") == (width / height > aspect)
        return (width, width / aspect) if by_width else (height * aspect, height)


def stand(plane: Any, scene: bpy.types.Scene, placement: Placement, size: tuple[float, float]) -> None:
    """Move and turn a plane of that width and height in metres to where it stands.

    Raises TransPixarError where that takes a camera and there is none.
    """
    scene.view_layers[0].update()
    if placement.size_mode == "CAMERA":
        _stand_before(_camera_of(scene), plane, scene, placement, size[1])
        return
    plane.location = placement.location
    plane.rotation_euler = _rotation(scene, placement)
    if placement.is_near:
        rotation = plane.rotation_euler.to_matrix()
        plane.location = free_place(scene, plane.location, rotation, size, farthest=2 * size[1])
    camera = scene.camera
    if placement.track and camera is not None and placement.align in ("CAM", "CAM_AX"):
        _track(plane, camera, placement.align)


def _camera_of(scene: bpy.types.Scene) -> Any:
    if scene.camera is None or scene.camera.type != "CAMERA":
        raise TransPixarError(
            "The scene has no camera to fill the view of. Add one, or use Absolute as the size mode.", code="no_camera"
        )
    return scene.camera


def _camera_frame(camera: Any, scene: bpy.types.Scene, distance: float) -> tuple[Vector, float, float]:
    """Centre, width and height of a camera's view at a distance, in metres and in the camera's own space."""
    corners = camera.data.view_frame(scene=scene)
    scale = 1.0 if camera.data.type == "ORTHO" else distance / -corners[0].z
    xs, ys = ([corner[axis] * scale for corner in corners] for axis in (0, 1))
    centre = Vector(((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, -distance))
    return centre, max(xs) - min(xs), max(ys) - min(ys)


def _stand_before(camera: Any, plane: Any, scene: bpy.types.Scene, placement: Placement, height: float) -> None:
    centre, _, _ = _camera_frame(camera, scene, placement.distance)
    lower = centre - Vector((0.0, height / 2, 0.0))
    # Cameras see the same whatever their scale is, so it is taken out.
    place, rotation, scale = camera.matrix_world.decompose()
    if placement.track:
        plane.parent = camera
        plane.matrix_parent_inverse = Matrix.Diagonal([1 / size if size else 1.0 for size in (*scale, 1.0)])
        plane.location = lower
        plane.rotation_euler = _AS_A_CAMERAS
    else:
        plane.location = place + rotation @ lower
        plane.rotation_euler = (rotation @ _AS_A_CAMERAS.to_quaternion()).to_euler()


def _rotation(scene: bpy.types.Scene, placement: Placement) -> Euler:
    camera = scene.camera
    if placement.align == "VIEW" and placement.view is not None:
        return placement.view.facing()
    if placement.align not in ("CAM", "CAM_AX", "VIEW"):
        return Euler(_FACING[placement.align])
    if camera is None:
        # Blender's importer lays planes flat then; smoke and fire stand upright.
        return Euler(_FACING[_WITHOUT_A_CAMERA])
    if placement.align == "CAM":
        return (camera.matrix_world.to_quaternion() @ _AS_A_CAMERAS.to_quaternion()).to_euler()
    towards = camera.matrix_world.to_3x3() @ Vector((0.0, 0.0, 1.0))
    axis = max(range(3), key=lambda each: abs(towards[each]))
    return Euler(_FACING[("+" if towards[axis] > 0 else "-") + "XYZ"[axis]])


def _track(plane: Any, camera: Any, align: str) -> None:
    """The constraints of Blender's own image planes."""
    if align == "CAM":
        constraint = plane.constraints.new("COPY_ROTATION")
        constraint.target = camera
        # The camera's rotation, then the plane's own, which turns its front to the camera.
        constraint.mix_mode = "BEFORE"
        plane.rotation_euler = _AS_A_CAMERAS
    else:
        constraint = plane.constraints.new("LOCKED_TRACK")
        constraint.target = camera
        constraint.track_axis = "TRACK_NEGATIVE_Y"
        constraint.lock_axis = "LOCK_Z"
