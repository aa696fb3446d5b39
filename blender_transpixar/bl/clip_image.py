"""Sequences as images, and where Blender finds their files."""

from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.clip import Clip
from ..core.errors import InvalidClipError
from ..core.sequence import Sequence
from .clip_keys import as_sequence
from .colour_spaces import take_for_srgb

# Tells our image sequences from those that the artist loaded.
_PLACED = "transpixar_placed"


@dataclass(frozen=True, slots=True)
class Frames:
    """An image sequence and its size in pixels, which Blender does not tell of sequences."""

    image: bpy.types.Image
    width: int
    height: int


def load_frames(clip: Clip | Sequence, name: str) -> Frames:
    """A clip or sequence as an image datablock, with straight alpha and sRGB colour for PNG.

    Raises InvalidClipError when Blender cannot read the files.
    """
    sequence = as_sequence(clip)
    path = sequence.first_path
    again = "Make the clip again." if sequence.clip is not None else "Choose another sequence."
    try:
        # A datablock of its own: an image the artist loaded from the same file must not turn into a sequence.
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError as error:
        raise InvalidClipError(f"{path} could not be read as an image. {again}") from error
    width, height = image.size
    # Blender knows this once it was asked for the size, which it then does not tell.
    if image.type == "MULTILAYER":
        bpy.data.images.remove(image)
        raise InvalidClipError(
            f"{path.name} is a multilayer EXR, of which a plane or strip shows nothing. Save it as OpenEXR with the "
            "combined colour and alpha only, and place that."
        )
    if not width or not height:
        bpy.data.images.remove(image)
        raise InvalidClipError(f"{path} could not be read as an image. {again}")
    image.name = name
    image.source = "SEQUENCE"
    if sequence.clip is not None:
        # What Blender takes clips' PNGs for anyway, unless the artist has set it otherwise.
        image.alpha_mode = "STRAIGHT"
        take_for_srgb(image.colorspace_settings)
    image.filepath = path_for_blend_file(path)
    image[_PLACED] = True
    return Frames(image, width, height)


def show_frames(image: bpy.types.Image, clip: Clip) -> None:
    """Let an image sequence show another clip, for everything that uses it. Raises InvalidClipError."""
    # A sequence does not tell its size, so whether the files can be read is tried with an image of its own.
    bpy.data.images.remove(load_frames(clip, "probe").image)
    image.filepath = path_for_blend_file(clip.first_frame_path)


def path_for_blend_file(path: Path) -> str:
    """Relative to a saved .blend file if the artist wants relative paths, like Blender's own importers."""
    if not bpy.data.filepath or not bpy.context.preferences.filepaths.use_relative_paths:
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:  # another drive, on Windows
        return str(path)
