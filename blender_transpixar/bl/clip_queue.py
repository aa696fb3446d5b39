"""The queue: every wish of the history, and those that this Blender follows at the moment.

The history on disk is read once, a few files a tick, when somebody first looks; drawing never touches the disk.
"""

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy

from .. import preferences
from ..core.errors import TransPixarError
from ..core.generation import Generation, Outcome
from ..core.history_entry import Entry, EntryState, now
from ..core.request import ClipRequest
from ..core.wish import Wish
from . import pump, pursuit
from .inputs import RequestFiles
from .pursuit import history, note_placed, pick_up, pursue, server_of
from .target import Target

# How much of a tick may go into reading the history.
_READING_S = 0.002
# How often a wish that another Blender follows is looked at, while somebody looks at the list.
_GLANCE_S = 5.0

_wishes: dict[str, Wish] = {}
_unreadable: list[str] = []
_reading: Iterator[Entry | str] | None = None
_was_read = False
_glanced_at = 0.0


def wishes() -> list[Wish]:
    """What is known of the queue, newest first."""
    return sorted(_wishes.values(), key=lambda wish: (wish.entry.created_at, wish.key), reverse=True)


def find(key: str) -> Wish | None:
    """The wish with this key."""
    return _wishes.get(key)


def unreadable() -> list[str]:
    """The names of files in the history's folder that could not be read; they are left where they are."""
    return sorted(_unreadable)


def begin() -> None:
    """Have the history read soon after Blender's start, so that what was left open goes on without a look at it."""
    # Timers never fire in background mode, and a script has not asked for clips of other days.
    if not bpy.app.background:
        pump.keep_calling(_read_on)


def want() -> None:
    """Somebody looks at the list: have the history read, and looked at again where another Blender is at work."""
    if not _was_read:
        pump.keep_calling(_read_on)
    elif any(wish.elsewhere for wish in _wishes.values()) and time.monotonic() - _glanced_at > _GLANCE_S:
        pump.keep_calling(_look_elsewhere)


def read_now() -> None:
    """Read the whole history at once, for scripts."""
    while _read_on():
        pass


def files_of(request: ClipRequest) -> RequestFiles:
    """The files on this computer that were uploaded for a request, as far as the history knows them.

    A server keeps uploads for a time only; with their files, a clip can be made again later.
    """
    read_now()
    first_frame = footage = None
    for wish in wishes():
        sent, entry = wish.entry.request, wish.entry
        if request.first_frame and sent.get("first_frame") == request.first_frame:
            first_frame = first_frame or entry.first_frame_file
        if request.footage and sent.get("footage") == request.footage:
            footage = footage or entry.footage_file
    return RequestFiles(_path_of(first_frame), _path_of(footage), request.footage_start or 0)


def submit(
    context: bpy.types.Context,
    request: ClipRequest,
    files: RequestFiles,
    *,
    target: Target | None = None,
    patient: bool = True,
    destination: Path | None = None,
) -> Generation:
    """Write a wish down, then send it on its way; with a `target` the timer places its first clip there.

    Without one, give the generation to `wait`, or to `settle` when it has finished. `destination` is the folder for the
    clips, if not the one of the preferences. Raises TransPixarError; then nothing was sent.
    """
    entry = Entry(
        key=uuid.uuid4().hex,
        created_at=now(),
        server=preferences.server_url(context),
        request=request.to_json(),
        destination=str(destination or preferences.clip_folder(context)),
        first_frame_file=_text_of(files.first_frame),
        footage_file=_text_of(files.footage),
        blend_file=bpy.data.filepath,
        scene=context.scene.name,
    )
    history().add(entry)
    wish = _wishes[entry.key] = Wish(entry)
    try:
        return pursue(wish, target, patient)
    except TransPixarError:
        forget_entry(entry.key)
        raise


def wait(context: bpy.types.Context, generation: Generation) -> Path:
    """Wait for a generation and take in what the courier has written down; gives the folder of its first clip.

    Raises TransPixarError when there is none.
    """
    pump.wait(context, generation)
    settle(generation)
    if generation.outcome is not Outcome.CLIP or generation.folder is None:
        raise generation.error or TransPixarError("The clip was cancelled.", code="cancelled")
    return generation.folder


def settle(generation: Generation) -> None:
    """Take in what the courier has written down about a generation that has finished."""
    wish = _wishes.get(generation.key)
    if wish is not None:
        pursuit.settle(wish)


def retry(wish: Wish, context: bpy.types.Context) -> None:
    """Make a settled wish again; one that was interrupted goes on where it was. Raises TransPixarError."""
    entry = wish.entry
    if entry.state is EntryState.OPEN:
        changed = history().change(entry.key, server=server_of(entry), error=None)
        wish.entry = changed or entry
        pursue(wish)
        return
    again = replace(
        entry,
        key=uuid.uuid4().hex,
        created_at=now(),
        server=preferences.server_url(context),
        destination=str(preferences.clip_folder(context)),
        state=EntryState.OPEN,
        job=None,
        clips=(),
        error=None,
        warnings=(),
        preview=None,
        blend_file=bpy.data.filepath,
        scene=context.scene.name,
    )
    history().add(again)
    new = _wishes[again.key] = Wish(again)
    pursue(new, Target(context))


def mark_placed(key: str, index: int) -> None:
    """A clip of a wish stands in a scene now; that is written down. Raises TransPixarError."""
    wish = _wishes.get(key)
    if wish is not None:
        note_placed(wish, index)


def delete(wish: Wish, with_clips: bool) -> None:
    """Forget a settled wish, and the server's job; the clips on this computer only `with_clips`."""
    folders = [Path(clip.folder) for clip in wish.entry.clips] if with_clips else []
    if wish.entry.job:
        pump.dispatcher().forget(wish.entry.server, wish.entry.job, folders)
    forget_entry(wish.key)


def forget_entry(key: str) -> None:
    """Take a wish out of the list and the history."""
    _wishes.pop(key, None)
    history().remove(key)


def forget() -> None:
    """Let go of everything in memory, when the add-on is disabled."""
    global _reading, _was_read, _glanced_at
    _wishes.clear()
    _unreadable.clear()
    _reading, _was_read, _glanced_at = None, False, 0.0


def _read_on() -> bool:
    """Read some of the history; False when all is read and taken up again."""
    global _reading, _was_read
    if _was_read:
        return False
    if _reading is None:
        _reading = history().load_each()
    deadline = time.perf_counter() + _READING_S
    for found in _reading:
        if isinstance(found, str):
            _unreadable.append(found)
        elif found.key not in _wishes:
            _wishes[found.key] = Wish(found)
        if time.perf_counter() > deadline:
            return True
    _reading, _was_read = None, True
    for wish in list(_wishes.values()):
        if wish.entry.state is EntryState.OPEN and wish.generation is None:
            pick_up(wish)
    pump.redraw()
    return False


def _look_elsewhere() -> bool:
    """See what became of the wishes that other Blenders follow."""
    global _glanced_at
    _glanced_at = time.monotonic()
    for wish in [wish for wish in _wishes.values() if wish.elsewhere]:
        entry = history().load(wish.key)
        if entry is None:
            del _wishes[wish.key]
            continue
        wish.entry = entry
        if entry.state is not EntryState.OPEN:
            wish.elsewhere = False
        else:
            pick_up(wish)
    pump.redraw()
    return False


def _path_of(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _text_of(path: Path | None) -> str | None:
    return None if path is None else str(path)
