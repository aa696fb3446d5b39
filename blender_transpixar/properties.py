"""What the artist sets for a clip: in the panel (stored with the scene) and as arguments of the operator."""

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import IntProperty, PointerProperty, StringProperty

from .core.request import ClipRequest
from .finishing_properties import TransPixarFinishing

RANDOM_SEED = -1
_LARGEST_SEED = 2**31 - 1

# SKIP_SAVE keeps operators from remembering the arguments of their last call.
_OPTIONS = {"SKIP_SAVE"}
_PROMPT = StringProperty(
    name="Prompt",
    description='The effect to make, for example "a puff of orange smoke"',
    options=_OPTIONS,
)
_NEGATIVE_PROMPT = StringProperty(
    name="Negative Prompt",
    description="What the clip should not show",
    options=_OPTIONS,
)
_SEED = IntProperty(
    name="Seed",
    description="The same seed gives the same clip again; -1 draws a new one for each clip",
    min=RANDOM_SEED,
    max=_LARGEST_SEED,
    default=RANDOM_SEED,
    options=_OPTIONS,
)
_WIDTH = IntProperty(
    name="Width",
    description="Width of the clip in pixels; 0 uses the model's own",
    min=0,
    step=16,
    subtype="PIXEL",
    options=_OPTIONS,
)
_HEIGHT = IntProperty(
    name="Height",
    description="Height of the clip in pixels; 0 uses the model's own",
    min=0,
    step=16,
    subtype="PIXEL",
    options=_OPTIONS,
)
_NUM_FRAMES = IntProperty(
    name="Frames",
    description="Length of the clip in its own frames; 0 uses the model's own",
    min=0,
    options=_OPTIONS,
)
_MODEL = StringProperty(
    name="Model",
    description="The model's name on the server; empty uses the server's default",
    options=_OPTIONS,
)


class RequestProperties:
    """The request's values as Blender properties, shared by the scene's settings and the operator."""

    if TYPE_CHECKING:
        prompt: str
        negative_prompt: str
        seed: int
        width: int
        height: int
        num_frames: int
        model: str
    else:
        prompt: _PROMPT
        negative_prompt: _NEGATIVE_PROMPT
        seed: _SEED
        width: _WIDTH
        height: _HEIGHT
        num_frames: _NUM_FRAMES
        model: _MODEL


REQUEST_PROPERTY_NAMES = ("prompt", "negative_prompt", "seed", "width", "height", "num_frames", "model")


_FINISHING = PointerProperty(type=TransPixarFinishing)


class TransPixarSettings(RequestProperties, bpy.types.PropertyGroup):
    """The panel's values: `scene.transpixar`."""

    if TYPE_CHECKING:
        finishing: TransPixarFinishing
    else:
        finishing: _FINISHING


def request_from(values: Any) -> ClipRequest:
    """The request for RequestProperties; their "the model's own" becomes None. Raises InvalidRequestError."""
    return ClipRequest(
        prompt=values.prompt,
        negative_prompt=values.negative_prompt,
        seed=None if values.seed == RANDOM_SEED else values.seed,
        width=values.width or None,
        height=values.height or None,
        num_frames=values.num_frames or None,
        model=values.model or None,
    )


def add_to_scene() -> None:
    """Give every scene its `transpixar` settings."""
    bpy.types.Scene.transpixar = PointerProperty(type=TransPixarSettings)


def remove_from_scene() -> None:
    """Take the settings away again."""
    del bpy.types.Scene.transpixar
