"""Which clip finishing and exporting are about."""

from pathlib import Path

import bpy

from ..core.clip import Clip
from ..core.errors import InvalidClipError
from ..core.finished import is_same_clip
from . import compat, pump
from .known_clips import clip_in
from .shown_clips import AnyShowing, showing_on, showing_on_strip


def active_showing(context: bpy.types.Context) -> AnyShowing | None:
    """What shows a clip and is active: a strip where the sequencer is in front, else an object; or None."""
    space = getattr(context, "space_data", None)
    if space is None or space.type != "SEQUENCE_EDITOR":
        return showing_on(context.active_object)
    editor = compat.sequencer_scene(context).sequence_editor
    return None if editor is None else showing_on_strip(editor.active_strip)


def subject(context: bpy.types.Context) -> Clip | None:
    """The clip on the active object or strip, else the last one that was generated, as it is shown; or None."""
    showing = active_showing(context)
    if showing is not None:
        return showing.clip
    generation = pump.current()
    if generation is None or generation.folder is None:
        return None
    clip = clip_in(generation.folder)
    return None if clip is None else _version_shown(clip)


def chosen_or_subject(context: bpy.types.Context, path: str) -> Clip:
    """The clip at a path (a folder, a sidecar or a frame) or, without one, the subject. Raises InvalidClipError."""
    if path:
        return Clip.open(Path(bpy.path.abspath(path)).absolute())
    clip = subject(context)
    if clip is None:
        raise InvalidClipError("There is no clip to work on. Select the plane of a clip, or generate one.")
    return clip


def _version_shown(clip: Clip) -> Clip:
    """The version of a clip, raw or finished, that an image of this file shows; the clip itself when none does."""
    for image in bpy.data.images:
        # Far fewer than objects, and this is asked at every redraw.
        if image.source == "SEQUENCE" and image.users:
            shown = clip_in(Path(bpy.path.abspath(image.filepath, library=image.library)).parent)
            if shown is not None and is_same_clip(shown, clip):
                return shown
    return clip
