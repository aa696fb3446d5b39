"""The files that a clip begins with: a first frame, or footage that gets an alpha."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from ..core.errors import InvalidRequestError
from ..core.request import ClipRequest
from ..properties import NO_SOURCE
from . import compat
from .stills import camera_still, image_still, render_result_still


@dataclass(frozen=True, slots=True)
class RequestFiles:
    """Files on this computer to upload before the request; at most one of them is given.

    The clip is made of the footage's frames after its first `footage_start`.
    """

    first_frame: Path | None = None
    footage: Path | None = None
    footage_start: int = 0

    def added_to(self, request: ClipRequest) -> ClipRequest:
        """The request with what it has to say of the files; their ids come from the server."""
        return replace(request, footage_start=self.footage_start or None)


def inputs_for(context: bpy.types.Context, values: Any) -> RequestFiles:
    """The files for RequestProperties (an operator's, or the scene's settings). Raises InvalidRequestError.

    The image and the movie clip come from the scene's settings in either case. Renders when it is the camera's view
    that is asked for, which takes as long as it takes.
    """
    with_first_frame, with_footage = values.first_frame_source != NO_SOURCE, values.footage_source != NO_SOURCE
    if with_first_frame and with_footage:
        raise _wrong("A clip has a first frame or footage, not both. Set one of them to None.", "first_frame")
    if with_first_frame:
        return RequestFiles(first_frame=_first_frame(context, values))
    if with_footage:
        return _footage(context, values)
    return RequestFiles()


def _first_frame(context: bpy.types.Context, values: Any) -> Path:
    source = values.first_frame_source
    if source == "FILE":
        return _existing(values.first_frame_file, "Choose the image file that the clip begins with.", "first_frame")
    if source == "RENDER":
        return render_result_still(context.scene)
    if source == "CAMERA":
        return camera_still(context.scene, values)
    image = context.scene.transpixar.first_frame_image
    if image is None:
        raise _wrong("Choose the image that the clip begins with.", "first_frame")
    return image_still(image)


def _footage(context: bpy.types.Context, values: Any) -> RequestFiles:
    source = values.footage_source
    if source == "FILE":
        file = _existing(values.footage_file, "Choose the video file that gets an alpha.", "footage")
        return RequestFiles(footage=file, footage_start=values.footage_start)
    if source == "STRIP":
        strip = _active_strip(context)
        if strip is None or strip.type != "MOVIE":
            raise _wrong("Select a movie strip in the sequencer; it is the footage that gets an alpha.", "footage")
        file = _existing(strip.filepath, "", "footage")
        return RequestFiles(footage=file, footage_start=_frames_before(strip, file))
    clip = context.scene.transpixar.footage_clip
    if clip is None:
        raise _wrong("Choose the movie clip that gets an alpha.", "footage")
    if clip.source != "MOVIE":
        raise _wrong("The movie clip is an image sequence. Choose one that is a video file.", "footage")
    file = _existing(clip.filepath, "", "footage", clip.library)
    return RequestFiles(footage=file, footage_start=values.footage_start)


def _frames_before(strip: Any, file: Path) -> int:
    """How many of the movie's frames the strip's trimmed beginning hides."""
    # In frames of the movie, while the handle's offset is in frames of the scene: a strip that plays at its own speed
    # is shorter or longer than the movie, and no property says so.
    hard, hidden = strip.animation_offset_start, strip.frame_offset_start
    if hidden <= 0:
        return int(hard)
    movie = bpy.data.movieclips.load(str(file))
    frames = movie.frame_duration - hard - strip.animation_offset_end
    bpy.data.movieclips.remove(movie)
    return int(hard + round(hidden * frames / strip.frame_duration))


def _active_strip(context: bpy.types.Context) -> Any:
    """The active strip of the scene that the sequencer shows; None without one."""
    editor = compat.sequencer_scene(context).sequence_editor
    return None if editor is None else editor.active_strip


def _existing(path: str, choose: str, field: str, library: Any = None) -> Path:
    """The file at a path of Blender's; `choose` is the sentence for an empty one."""
    if not path:
        raise _wrong(choose or "The file has no path. Choose another one.", field)
    found = Path(bpy.path.abspath(path, library=library)).absolute()
    if not found.is_file():
        sentence = bpy.app.translations.pgettext_rpt("There is no file {path}. Choose another one.")
        raise InvalidRequestError(sentence.format(path=found), field=field)
    return found


def _wrong(sentence: str, field: str) -> InvalidRequestError:
    return InvalidRequestError(bpy.app.translations.pgettext_rpt(sentence), field=field)
