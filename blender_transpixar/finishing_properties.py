"""How clips are finished: in the panel (stored with the scene) and as arguments of the operator."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, FloatVectorProperty, IntProperty

# SKIP_SAVE keeps operators from remembering the arguments of their last call.
_OPTIONS = {"SKIP_SAVE"}
_TRIM_FIRST = IntProperty(
    name="From Frame",
    description="The first frame of the clip to keep",
    min=1,
    soft_max=100,
    default=1,
    options=_OPTIONS,
)
_TRIM_LAST = IntProperty(
    name="To Frame",
    description="The last frame of the clip to keep. 0: to the clip's end",
    min=0,
    soft_max=100,
    default=0,
    options=_OPTIONS,
)
_ALPHA_FROM = EnumProperty(
    name="Alpha",
    description="Where the clip's alpha comes from",
    items=(
        ("CLIP", "Clip", "The alpha that the model made"),
        ("LUMA", "Luma Key", "Brightness over black becomes alpha, for fire, sparks and lightning"),
    ),
    options=_OPTIONS,
)
_BACKGROUND = EnumProperty(
    name="Background",
    description="Take the colour the effect was made on out of its half-transparent edges",
    items=(
        ("KEEP", "Keep", "Leave the colours of the edges as they are"),
        ("AUTO", "Remove", "Find the background's colour in the edges, and take it out"),
        ("COLOUR", "Remove Color", "Take this color out"),
    ),
    options=_OPTIONS,
)
_BACKGROUND_COLOUR = FloatVectorProperty(
    name="Color",
    description="The background's color to take out",
    subtype="COLOR_GAMMA",
    size=3,
    min=0.0,
    max=1.0,
    default=(0.0, 0.0, 0.0),
    options=_OPTIONS,
)
_BLACK = FloatProperty(
    name="Black",
    description="Alpha up to this becomes transparent; raise it to clear a haze around the effect",
    subtype="FACTOR",
    min=0.0,
    max=0.99,
    default=0.0,
    options=_OPTIONS,
)
_WHITE = FloatProperty(
    name="White",
    description="Alpha from this on becomes opaque; lower it to close holes in the effect",
    subtype="FACTOR",
    min=0.01,
    max=1.0,
    default=1.0,
    options=_OPTIONS,
)
_GAMMA = FloatProperty(
    name="Gamma",
    description="Above 1 half-transparent parts become more opaque, below 1 more transparent",
    min=0.1,
    max=10.0,
    soft_max=3.0,
    default=1.0,
    options=_OPTIONS,
)
_SMOOTH = BoolProperty(
    name="Reduce Flicker",
    description="Even out alpha that changes to and fro between frames; movement stays sharp",
    options=_OPTIONS,
)
_FADE_EDGES = FloatProperty(
    name="Fade Edges",
    description="Fade the effect out over so many pixels at the edges of the frame",
    subtype="PIXEL",
    min=0.0,
    max=1024.0,
    soft_max=32.0,
    step=100,
    precision=1,
    default=0.0,
    options=_OPTIONS,
)
_CHOKE = FloatProperty(
    name="Choke",
    description="Move the outline inwards by so many pixels, outwards when negative",
    subtype="PIXEL",
    min=-32.0,
    max=32.0,
    soft_min=-4.0,
    soft_max=4.0,
    step=25,
    precision=2,
    default=0.0,
    options=_OPTIONS,
)
_EXTEND = BoolProperty(
    name="Extend Colors",
    description="Continue the effect's colors outwards under its transparent pixels, against fringes of another color",
    options=_OPTIONS,
)
_EXTEND_BELOW = FloatProperty(
    name="Up to Alpha",
    description="Pixels with an alpha up to this take the color around them. 0: only pixels that cannot be seen",
    subtype="FACTOR",
    min=0.0,
    max=0.99,
    default=0.0625,
    options=_OPTIONS,
)
_CROP = BoolProperty(
    name="Crop",
    description="Cut the frame to the effect, which makes smaller files; the effect stays where it stands",
    options=_OPTIONS,
)
_CROP_MARGIN = IntProperty(
    name="Margin",
    description="How many pixels around the effect stay when the frame is cut to it",
    subtype="PIXEL",
    min=0,
    max=10_000,
    soft_max=64,
    default=8,
    options=_OPTIONS,
)
_RECENTRE = BoolProperty(
    name="Center",
    description="Move the effect to the middle of the frame",
    options=_OPTIONS,
)
_FRAME_RATE = EnumProperty(
    name="Frame Rate",
    description="How many frames a second the finished clip has; its duration stays",
    items=(
        ("CLIP", "As It Is", "The clip's own frames; the plane holds each as long as it lasts"),
        ("SCENE", "Match Scene", "As many as the scene, with new frames in between"),
    ),
    options=_OPTIONS,
)
_METHOD = EnumProperty(
    name="Method",
    description="How the frames in between are made",
    items=(
        ("REPEAT", "Repeat", "The nearest frame of the clip"),
        ("BLEND", "Blend", "The frames before and after, mixed"),
        ("MOTION", "Motion", "Parts of the picture move to where they are at that time; slower"),
    ),
    default="BLEND",
    options=_OPTIONS,
)
_REVERSE = BoolProperty(name="Reverse", description="The last frame first", options=_OPTIONS)
_REPEAT = EnumProperty(
    name="Play",
    description="Whether the clip is made to run on and on; its plane then repeats it",
    items=(
        ("ONCE", "Once", "From the first frame to the last"),
        ("LOOP", "Loop", "The end dissolves into the beginning, so that it repeats without a seam"),
        ("PING_PONG", "Ping-Pong", "Forwards, then backwards"),
    ),
    options=_OPTIONS,
)
_OVERLAP = IntProperty(
    name="Overlap",
    description="Over how many frames the end dissolves into the beginning; the clip gets that much shorter. "
    "0: a quarter of the clip",
    min=0,
    soft_max=24,
    default=0,
    options=_OPTIONS,
)
_HOLD_START = IntProperty(
    name="Hold Start",
    description="How many frames longer the first picture of the finished clip stays",
    min=0,
    max=100_000,
    soft_max=100,
    default=0,
    options=_OPTIONS,
)
_HOLD_END = IntProperty(
    name="Hold End",
    description="How many frames longer the last picture of the finished clip stays",
    min=0,
    max=100_000,
    soft_max=100,
    default=0,
    options=_OPTIONS,
)
_SCALE = FloatProperty(
    name="Scale",
    description="Times the clip's width and height; the plane keeps its size",
    min=0.05,
    max=8.0,
    soft_min=0.5,
    soft_max=4.0,
    step=50,
    precision=2,
    default=1.0,
    options=_OPTIONS,
)


class FinishingProperties:
    """The settings as Blender properties, shared by the scene's settings and the operator."""

    if TYPE_CHECKING:
        trim_first: int
        trim_last: int
        alpha_from: str
        background: str
        background_colour: tuple[float, float, float]
        black: float
        white: float
        gamma: float
        smooth: bool
        choke: float
        fade_edges: float
        extend: bool
        extend_below: float
        crop: bool
        crop_margin: int
        recentre: bool
        frame_rate: str
        method: str
        reverse: bool
        repeat: str
        overlap: int
        hold_start: int
        hold_end: int
        scale: float
    else:
        trim_first: _TRIM_FIRST
        trim_last: _TRIM_LAST
        alpha_from: _ALPHA_FROM
        background: _BACKGROUND
        background_colour: _BACKGROUND_COLOUR
        black: _BLACK
        white: _WHITE
        gamma: _GAMMA
        smooth: _SMOOTH
        choke: _CHOKE
        fade_edges: _FADE_EDGES
        extend: _EXTEND
        extend_below: _EXTEND_BELOW
        crop: _CROP
        crop_margin: _CROP_MARGIN
        recentre: _RECENTRE
        frame_rate: _FRAME_RATE
        method: _METHOD
        reverse: _REVERSE
        repeat: _REPEAT
        overlap: _OVERLAP
        hold_start: _HOLD_START
        hold_end: _HOLD_END
        scale: _SCALE


FINISHING_PROPERTY_NAMES = tuple(FinishingProperties.__annotations__)


class TransPixarFinishing(FinishingProperties, bpy.types.PropertyGroup):
    """The panel's values: `scene.transpixar.finishing`."""
