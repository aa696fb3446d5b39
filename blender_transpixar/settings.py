"""The panel's values, stored with the scene."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, FloatProperty, PointerProperty

from .bl.clip_length import frames_in, seconds
from .bl.clip_seed import is_seed_locked, lock_seed
from .finishing_properties import TransPixarFinishing
from .placement_properties import TransPixarPlacement
from .properties import RequestProperties

_FINISHING = PointerProperty(
    name="Finishing",
    description="How clips are finished",
    type=TransPixarFinishing,
)
_SECONDS = FloatProperty(
    name="Seconds",
    description="Length of the clip in seconds, to the nearest that the model can make; 0 uses the model's own",
    min=0.0,
    soft_max=12.0,
    step=50,
    precision=2,
    get=seconds,
    set=lambda settings, duration: setattr(settings, "num_frames", frames_in(settings, duration)),
)
_SEED_LOCKED = BoolProperty(
    name="Lock Seed",
    description="Keep the seed, that of the last clip if there is one, so that only what you change changes; "
    "unlocked, every clip gets a new one",
    get=is_seed_locked,
    set=lock_seed,
)
_PLACEMENT = PointerProperty(
    name="Placement",
    description="How and where clips are placed",
    type=TransPixarPlacement,
)
_FIRST_FRAME_IMAGE = PointerProperty(
    name="Image",
    description="The image that the clip begins with",
    type=bpy.types.Image,
)
_FOOTAGE_CLIP = PointerProperty(
    name="Movie Clip",
    description="The movie clip that gets an alpha",
    type=bpy.types.MovieClip,
)


class TransPixarSettings(RequestProperties, bpy.types.PropertyGroup):
    """The panel's values: `scene.transpixar`."""

    if TYPE_CHECKING:
        finishing: TransPixarFinishing
        placement: TransPixarPlacement
        seconds: float
        seed_locked: bool
        first_frame_image: bpy.types.Image | None
        footage_clip: bpy.types.MovieClip | None
    else:
        finishing: _FINISHING
        placement: _PLACEMENT
        seconds: _SECONDS
        seed_locked: _SEED_LOCKED
        first_frame_image: _FIRST_FRAME_IMAGE
        footage_clip: _FOOTAGE_CLIP


def add_to_scene() -> None:
    """Give every scene its `transpixar` settings."""
    bpy.types.Scene.transpixar = PointerProperty(type=TransPixarSettings)


def remove_from_scene() -> None:
    """Take the settings away again."""
    del bpy.types.Scene.transpixar
