"""The artist's folder: what earlier versions kept in the add-on's own is moved there, and files find it again.

Blender removes the add-on's folder with the extension. What is moved within one disk is moved in no time, at the start;
what has to be copied to another one is copied by the timer, a file at a time.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .. import preferences
from ..core.moving import CLIPS, LIBRARY, Move, Moved
from . import compat, pump
from .clip_image import path_for_blend_file
from .guard import guarded, sentence_of
from .provenance import PREFIX

# How much of Blender's start, and then of each tick, may go into moving.
_AT_START_S = 0.5
_IN_TICK_S = 0.02
_ASK_AGAIN_S = 0.01
# A script does not wait for another Blender that copies much: whoever copies ends it.
_PATIENCE_S = 2.0

_move: Move | None = None
_steps: Iterator[bool] | None = None
_at_end: Callable[[], None] | None = None


def begin(at_end: Callable[[], None]) -> None:
    """Move what is left in the add-on's own folder, then call `at_end`; and listen for files that are opened."""
    global _move, _steps, _at_end
    bpy.app.handlers.load_post.append(_on_load)
    _move = Move(preferences.own_folder(), preferences.work_folder())
    _steps, _at_end = _move.steps(), at_end
    # Without a window there are no timers, and a script wants its clips at once.
    if _go_on(_AT_START_S if not bpy.app.background else None):
        pump.keep_calling(_tick)


def end() -> None:
    """Stop moving; what is not moved yet is moved when the add-on is enabled again."""
    global _move, _steps, _at_end
    if _steps is not None:
        _steps.close()  # type: ignore[attr-defined]
    _move = _steps = _at_end = None
    while _on_load in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_on_load)


def problem() -> str:
    """Why work could not be moved, as a sentence; empty when nothing is in the way."""
    return _move.error.message if _move is not None and _move.error is not None else ""


def find_moved() -> None:
    """Let what the open file shows, and Blender's asset libraries, point to where it was moved."""
    moved = Moved(preferences.work_folder())
    if not moved:
        return
    for library in bpy.context.preferences.filepaths.asset_libraries:
        found = _new_place(library.path, moved)
        if found is not None:
            library.path = str(found)
            bpy.context.preferences.is_dirty = True
    # Blender shows no file to an add-on that it is enabling. It opens one afterwards, or has one open.
    if not hasattr(bpy.data, "images"):
        if not bpy.app.background:
            pump.keep_calling(_find_later)
        return
    for linked in bpy.data.libraries:
        found = _new_place(linked.filepath, moved)
        if found is not None:
            linked.filepath = path_for_blend_file(found)
            linked.reload()
    for thing, name in _paths():
        found = _new_place(getattr(thing, name), moved)
        if found is not None:
            setattr(thing, name, path_for_blend_file(found) + ("/" if name == "directory" else ""))
    for thing in _with_provenance():
        found = _new_place(str(thing.get(PREFIX + "sidecar", "")), moved)
        if found is not None:
            thing[PREFIX + "sidecar"] = path_for_blend_file(found)


def _tick() -> bool:
    global _steps
    try:
        return _go_on(_IN_TICK_S)
    except Exception as error:
        # What could not be moved stays where it is; what waits for the end of moving must not wait for ever.
        _steps = None
        if _move is not None:
            _move.error = _move.error or sentence_of(error)
        if _at_end is not None:
            _at_end()
        return False


def _find_later() -> bool:
    find_moved()
    return False


def _go_on(seconds: float | None) -> bool:
    """Move for some seconds, or until it is done; False when it is."""
    global _steps
    began = time.monotonic()
    deadline = None if seconds is None else began + seconds
    while _steps is not None:
        moves = next(_steps, None)
        if moves is None or (deadline is None and not moves and time.monotonic() > began + _PATIENCE_S):
            _steps = None
        elif deadline is not None and (not moves or time.monotonic() > deadline):
            return True
        elif not moves:
            time.sleep(_ASK_AGAIN_S)
    _point_preferences()
    find_moved()
    if _at_end is not None:
        _at_end()
    return False


def _point_preferences() -> None:
    """Folders that were chosen in the add-on's own folder are the usual ones now."""
    settings = preferences.preferences_of(bpy.context)
    for name, kind in (("clip_folder", CLIPS), ("library_folder", LIBRARY)):
        chosen = getattr(settings, name, "")
        if chosen and _plain(chosen) == _plain(preferences.own_folder() / kind):
            setattr(settings, name, "")


def _new_place(path: str, moved: Moved) -> Path | None:
    """Where a file or folder is now that is not any more where a path says; None when there is no such place."""
    if not path:
        return None
    before = Path(os.path.normpath(bpy.path.abspath(path)))
    # Of a sequence, the file of its path need not exist, but its folder.
    if before.exists() or not before.is_absolute():
        return None
    found = moved.now(before)
    return None if found == before else found


def _paths() -> Iterator[tuple[Any, str]]:
    """What refers to pictures, and in which property."""
    for image in bpy.data.images:
        if image.library is None and image.filepath:
            yield image, "filepath"
    for strip in _strips():
        if strip.type == "IMAGE":
            yield strip, "directory"


def _with_provenance() -> Iterator[Any]:
    for things in (bpy.data.objects, bpy.data.materials, bpy.data.images):
        for thing in things:
            if thing.library is None:
                yield thing
    yield from _strips()
    for scene in bpy.data.scenes:
        tree = compat.compositor_tree(scene)
        if tree is not None and tree.library is None:
            yield from tree.nodes


def _strips() -> Iterator[Any]:
    for scene in bpy.data.scenes:
        if scene.library is None:
            yield from compat.all_strips(scene)


def _plain(path: str | Path) -> str:
    return os.path.normcase(os.path.normpath(path))


@persistent
@guarded
def _on_load(*_: Any) -> None:
    find_moved()
