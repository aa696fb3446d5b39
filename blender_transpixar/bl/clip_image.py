"""A clip's frames as an image sequence."""

from pathlib import Path

import bpy

from ..core.clip import Clip
from ..core.errors import InvalidClipError


def load_frames(clip: Clip, name: str) -> bpy.types.Image:
    """The clip as an image sequence: alpha straight and colour sRGB, which are Blender's defaults for 8-bit PNG.

    Raises InvalidClipError when Blender cannot read the frames.
    """
    path = clip.first_frame_path
    try:
        # A datablock of its own: an image the artist loaded from the same file must not turn into a sequence.
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError as error:
        raise InvalidClipError(f"{path} could not be read as an image. Make the clip again.") from error
    if 0 in image.size:
        bpy.data.images.remove(image)
        raise InvalidClipError(f"{path} could not be read as an image. Make the clip again.")
    image.name = name
    image.source = "SEQUENCE"
    image.alpha_mode = "STRAIGHT"
    image.colorspace_settings.name = "sRGB"
    image.filepath = _path_for_blend_file(path)
    return image


def show_frames(image: bpy.types.Image, clip: Clip) -> None:
    """Let an image sequence show another clip, for everything that uses it. Raises InvalidClipError."""
    # A sequence does not tell its size, so whether the files can be read is tried with an image of its own.
    bpy.data.images.remove(load_frames(clip, "probe"))
    image.filepath = _path_for_blend_file(clip.first_frame_path)


def _path_for_blend_file(path: Path) -> str:
    """Relative to a saved .blend file if the artist wants relative paths, like Blender's own importers."""
    if not bpy.data.filepath or not bpy.context.preferences.filepaths.use_relative_paths:
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:  # another drive, on Windows
        return str(path)
