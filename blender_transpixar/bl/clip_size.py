"""The sizes that a clip can have: by shape, or by the scene's camera, as the chosen model takes them."""

from math import sqrt

import bpy

from ..core.fitting import size_for
from .known_models import model_named

# (identifier, label, description), as Blender's enums want them.
SHAPES = (
    ("MODEL", "Model's Own", "The size that the model was made for"),
    ("LANDSCAPE", "Landscape", "Wider than high"),
    ("SQUARE", "Square", "As wide as high"),
    ("PORTRAIT", "Portrait", "Higher than wide"),
    ("CAMERA", "From Camera", "The shape of the scene's render, so that the clip fills the camera's view"),
)
_LANDSCAPE = 1.5


def size_of_shape(shape: str, context: bpy.types.Context) -> tuple[int, int] | None:
    """The (width, height) in pixels of one of SHAPES; None when the chosen model is not known."""
    model = model_named(context.scene.transpixar.model)
    if model is None:
        return None
    own = model.defaults.width, model.defaults.height
    if shape == "MODEL":
        return own
    if shape == "CAMERA":
        return size_for(render_aspect(context.scene), model)
    # The model's own shape, lying or upright, where it has one.
    long = max(own) / min(own)
    long = long if long > sqrt(_LANDSCAPE) else _LANDSCAPE
    return size_for({"LANDSCAPE": long, "SQUARE": 1.0, "PORTRAIT": 1.0 / long}[shape], model)


def render_aspect(scene: bpy.types.Scene) -> float:
    """Width by height of the scene's render, as it looks."""
    render = scene.render
    return (render.resolution_x * render.pixel_aspect_x) / (render.resolution_y * render.pixel_aspect_y)
