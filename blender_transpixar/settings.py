"""The panel's values, stored with the scene."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import PointerProperty

from .finishing_properties import TransPixarFinishing
from .properties import RequestProperties

_FINISHING = PointerProperty(type=TransPixarFinishing)
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
        first_frame_image: bpy.types.Image | None
        footage_clip: bpy.types.MovieClip | None
    else:
        finishing: _FINISHING
        first_frame_image: _FIRST_FRAME_IMAGE
        footage_clip: _FOOTAGE_CLIP


def add_to_scene() -> None:
    """Give every scene its `transpixar` settings."""
    bpy.types.Scene.transpixar = PointerProperty(type=TransPixarSettings)


def remove_from_scene() -> None:
    """Take the settings away again."""
    del bpy.types.Scene.transpixar
