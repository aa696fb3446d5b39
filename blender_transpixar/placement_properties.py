"""How clips are placed: in the panel (stored with the scene) and as arguments of the operators."""

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from .bl.compositor import CompositorPlacement
from .bl.material import Look
from .bl.placement import Placement
from .bl.strip import StripPlacement
from .bl.view import View
from .core.playback import AS_MADE, FOR_EVER, Playback
from .core.timing import Speed, clip_rate

# SKIP_SAVE keeps operators from remembering the arguments of their last call.
_OPTIONS = {"SKIP_SAVE"}
_FPS = FloatProperty(
    name="Frame Rate",
    description="Frames per second of pictures that do not say theirs; 0 takes the scene's frame rate",
    min=0.0,
    soft_max=120.0,
    max=1000.0,
    default=0.0,
    precision=3,
    options=_OPTIONS,
)
_SPEED = EnumProperty(
    name="Speed",
    description="How fast the clip runs in a scene of another frame rate",
    items=(
        ("DURATION", "Keep Duration", "It lasts as many seconds as it has; frames are held or skipped"),
        ("FRAMES", "Every Frame", "Each of its frames is shown for one frame of the scene"),
        ("STRETCH", "Stretch", "One run through the clip lasts the given number of frames"),
    ),
    options=_OPTIONS,
)
_STRETCH = IntProperty(
    name="Length",
    description="How many frames of the scene one run through the clip lasts",
    min=1,
    soft_max=1000,
    max=100_000,
    default=48,
    options=_OPTIONS,
)
_REVERSE = BoolProperty(
    name="Reverse", description="Play the clip from its last frame to its first", default=False, options=_OPTIONS
)
_PING_PONG = BoolProperty(
    name="Ping-Pong", description="Play the clip there and back in each run", default=False, options=_OPTIONS
)
_REPEAT = EnumProperty(
    name="Repeat",
    description="How often the clip runs",
    items=(
        ("AS_MADE", "As Made", "Once; a clip that was made as a loop runs on and on"),
        ("ONCE", "Once", "One time"),
        ("COUNT", "Number of Times", "As many times as given"),
        ("FOREVER", "Forever", "On and on; in the sequencer until the end of the scene"),
    ),
    options=_OPTIONS,
)
_REPEAT_COUNT = IntProperty(
    name="Times",
    description="How many times the clip runs",
    min=1,
    soft_max=100,
    max=10_000,
    default=2,
    options=_OPTIONS,
)
_HOLD_FIRST = BoolProperty(
    name="Hold First Frame",
    description="Show the first frame before the clip starts, instead of nothing",
    default=False,
    options=_OPTIONS,
)
_HOLD_LAST = BoolProperty(
    name="Hold Last Frame",
    description="Show the last frame after the clip has ended, instead of nothing",
    default=False,
    options=_OPTIONS,
)
# Names, descriptions and defaults of the next ones are those of Blender's Import Images as Planes, except where noted.
_SHADER = EnumProperty(
    name="Shader",
    description="Node shader to use",
    items=(
        ("PRINCIPLED", "Principled", "Lit by the lights of the scene"),
        ("SHADELESS", "Shadeless", "Only visible to camera and reflections"),
        ("EMISSION", "Emission", "Lights the scene around it"),
    ),
    # Not Principled as in Blender: effects bring their own light, and the colours stay those of the clip.
    default="SHADELESS",
    options=_OPTIONS,
)
_EMIT_STRENGTH = FloatProperty(
    name="Emission Strength",
    description="Strength of emission",
    min=0.0,
    soft_max=10.0,
    default=1.0,
    step=100,
    options=_OPTIONS,
)
_BLEND = EnumProperty(
    name="Blend",
    description="How the clip is put over what is behind it",
    items=(
        ("ALPHA", "Alpha Over", "The clip covers what is behind it, as far as it is opaque"),
        ("ADD", "Additive", "The clip adds its light and covers nothing, for fire and sparks"),
    ),
    options=_OPTIONS,
)
_SHADOWS = BoolProperty(
    name="Cast Shadows", description="Let the plane cast shadows, where it is opaque", default=True, options=_OPTIONS
)
_RENDER_METHOD = EnumProperty(
    name="Render Method",
    description="How EEVEE draws transparency",
    items=(
        ("DITHERED", "Dithered", "Allows for grayscale hashed transparency, render passes and ray-tracing"),
        ("BLENDED", "Blended", "Allows for colored transparency, but neither render passes nor ray-tracing"),
    ),
    options=_OPTIONS,
)
_SIZE_MODE = EnumProperty(
    name="Size Mode",
    description="Method for computing the plane size",
    items=(
        ("ABSOLUTE", "Absolute", "Use absolute size"),
        ("CAMERA", "Scale to Camera Frame", "Scale to fit or fill the camera frame, in front of the camera"),
        ("VIEW", "Scale to View", "A third of the height that the viewport shows, so that the clip is well seen"),
    ),
    # Neither of Blender's: a first clip is to be seen at once.
    default="VIEW",
    options=_OPTIONS,
)
_HEIGHT = FloatProperty(
    name="Height",
    description="Height of the created plane",
    default=1.0,
    min=0.001,
    subtype="DISTANCE",
    unit="LENGTH",
    options=_OPTIONS,
)
_FILL_MODE = EnumProperty(
    name="Scale",
    description="Method to scale the plane with the camera frame",
    items=(
        ("FILL", "Fill", "Fill camera frame, spilling outside the frame"),
        ("FIT", "Fit", "Fit entire image within the camera frame"),
    ),
    options=_OPTIONS,
)
_DISTANCE = FloatProperty(
    name="Distance",
    description="How far in front of the camera the plane stands",
    default=5.0,
    min=0.001,
    subtype="DISTANCE",
    unit="LENGTH",
    options=_OPTIONS,
)
_ALIGN_AXIS = EnumProperty(
    name="Align",
    description="How to align the planes",
    items=(
        ("+X", "+X", "Facing positive X"),
        ("+Y", "+Y", "Facing positive Y"),
        ("+Z", "+Z", "Facing positive Z"),
        ("-X", "-X", "Facing negative X"),
        ("-Y", "-Y", "Facing negative Y"),
        ("-Z", "-Z", "Facing negative Z"),
        ("CAM", "Face Camera", "Facing camera"),
        ("CAM_AX", "Camera's Main Axis", "Facing the camera's dominant axis"),
        ("VIEW", "Face View", "Upright and turned to the viewport"),
    ),
    default="VIEW",
    options=_OPTIONS,
)
_ALIGN_TRACK = BoolProperty(
    name="Track Camera",
    description="Add a constraint to make the plane track the camera",
    default=False,
    options=_OPTIONS,
)
# Those of Blender's Add Image Strip.
_FIT_METHOD = EnumProperty(
    name="Fit Method",
    description="Mode for fitting the image to the canvas",
    items=(
        ("FIT", "Scale to Fit", "Scale image so fits in preview"),
        ("FILL", "Scale to Fill", "Scale image so it fills preview completely"),
        ("STRETCH", "Stretch to Fill", "Stretch image so it fills preview"),
        ("ORIGINAL", "Use Original Size", "Don't scale the image"),
    ),
    default="FIT",
    options=_OPTIONS,
)
_PLACE_AS = EnumProperty(
    name="Place As",
    description="Where new clips go",
    items=(
        ("PLANE", "Plane", "A plane at the 3D cursor", "IMAGE_PLANE", 0),
        ("STRIP", "Strip", "A strip in the sequencer", "SEQUENCE", 1),
        ("COMPOSITOR", "Compositor", "Over the picture, in the compositor", "NODE_COMPOSITING", 2),
    ),
    options=_OPTIONS,
)


class PlaybackProperties:
    """How a clip is timed, as Blender properties."""

    if TYPE_CHECKING:
        fps: float
        speed: str
        stretch: int
        reverse: bool
        ping_pong: bool
        repeat: str
        repeat_count: int
        hold_first: bool
        hold_last: bool
    else:
        fps: _FPS
        speed: _SPEED
        stretch: _STRETCH
        reverse: _REVERSE
        ping_pong: _PING_PONG
        repeat: _REPEAT
        repeat_count: _REPEAT_COUNT
        hold_first: _HOLD_FIRST
        hold_last: _HOLD_LAST


class PlaneProperties:
    """Where a plane stands and how it looks, as Blender properties."""

    if TYPE_CHECKING:
        shader: str
        emit_strength: float
        blend: str
        shadows: bool
        render_method: str
        size_mode: str
        height: float
        fill_mode: str
        distance: float
        align_axis: str
        align_track: bool
    else:
        shader: _SHADER
        emit_strength: _EMIT_STRENGTH
        blend: _BLEND
        shadows: _SHADOWS
        render_method: _RENDER_METHOD
        size_mode: _SIZE_MODE
        height: _HEIGHT
        fill_mode: _FILL_MODE
        distance: _DISTANCE
        align_axis: _ALIGN_AXIS
        align_track: _ALIGN_TRACK


class FitProperties:
    """How a clip is fitted to the render's size, as Blender properties."""

    if TYPE_CHECKING:
        fit_method: str
    else:
        fit_method: _FIT_METHOD


class BlendProperties:
    """How a strip is put over those below it, as Blender properties."""

    if TYPE_CHECKING:
        blend: str
    else:
        blend: _BLEND


class TransPixarPlacement(PlaybackProperties, PlaneProperties, FitProperties, bpy.types.PropertyGroup):
    """The panel's values: `scene.transpixar.placement`."""

    if TYPE_CHECKING:
        place_as: str
    else:
        place_as: _PLACE_AS


def placement_property_names(*properties: type) -> tuple[str, ...]:
    """The names of all properties of some of these classes."""
    return tuple(name for each in properties for name in each.__annotations__)


def playback_from(values: Any) -> Playback:
    """What PlaybackProperties amount to."""
    repeats = {"AS_MADE": AS_MADE, "ONCE": 1, "COUNT": values.repeat_count, "FOREVER": FOR_EVER}
    return Playback(
        speed=Speed(values.speed),
        stretch=values.stretch,
        reverse=values.reverse,
        ping_pong=values.ping_pong,
        repeats=repeats[values.repeat],
        hold_before=values.hold_first,
        hold_after=values.hold_last,
        fps=_rate(values.fps),
    )


def plane_placement_from(
    values: Any,
    location: tuple[float, float, float],
    frame_start: int,
    view: View | None = None,
    *,
    is_near: bool = False,
) -> Placement:
    """What PlaneProperties and PlaybackProperties amount to for a place and a scene frame, seen in a view."""
    return Placement(
        location=location,
        height=values.height,
        frame_start=frame_start,
        align=values.align_axis,
        track=values.align_track,
        size_mode=values.size_mode,
        fill_mode=values.fill_mode,
        distance=values.distance,
        playback=playback_from(values),
        look=Look(values.shader, values.emit_strength, values.blend, values.shadows, values.render_method),
        view=view,
        is_near=is_near,
    )


def strip_placement_from(values: Any, frame_start: int, channel: int = 0) -> StripPlacement:
    """What FitProperties, BlendProperties and PlaybackProperties amount to for a scene frame."""
    return StripPlacement(frame_start, channel, values.fit_method, values.blend, playback_from(values))


def compositor_placement_from(values: Any, frame_start: int) -> CompositorPlacement:
    """What FitProperties and PlaybackProperties amount to for a scene frame."""
    return CompositorPlacement(frame_start, values.fit_method, playback_from(values))


def _rate(fps: float) -> Fraction | None:
    # A 32-bit float as the number that was typed; less than a frame in 1000 s counts as not given.
    rate = clip_rate(float(f"{fps:.6g}"))
    return rate if rate > 0 else None
