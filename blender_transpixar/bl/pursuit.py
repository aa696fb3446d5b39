"""Fulfilling one wish: sent on its way, followed through every interruption, and its first clip placed."""

import functools
from dataclasses import replace
from pathlib import Path

import bpy

from .. import preferences
from ..core.address import is_loopback
from ..core.errors import CourierStoppedError, TransPixarError
from ..core.generation import Generation
from ..core.history import History
from ..core.history_entry import Entry, EntryState
from ..core.moving import HISTORY
from ..core.wish import Wish
from . import pump, undo
from .guard import sentence_of
from .occupied import must_wait
from .target import Target

# A courier that is killed again and again is not a coincidence.
_MOST_RESTARTS = 3


def history() -> History:
    """The history of this user, in the artist's folder."""
    return History(preferences.work_folder() / HISTORY)


def pursue(wish: Wish, target: Target | None = None, patient: bool = True) -> Generation:
    """Send a wish on its way, or take it up again where it was left. Raises TransPixarError.

    A patient one is followed by the timer, which places its first clip if it is given a `target`.
    """
    generation = pump.dispatcher().pursue(wish.entry, history(), pump.preview_folder(), patient=patient)
    wish.generation, wish.elsewhere, wish.note = generation, False, ""
    if patient:
        # What was picked up from an earlier time does not replace what the artist has just asked for.
        pump.follow(generation, functools.partial(_on_end, wish, target), shown=target is not None)
        pump.keep_calling(functools.partial(_follow_server, wish, generation))
    return generation


def pick_up(wish: Wish) -> None:
    """Follow a wish of an earlier time again, unless another Blender does."""
    if history().is_followed(wish.key):
        wish.elsewhere = True
        return
    try:
        wish.entry = replace(wish.entry, server=server_of(wish.entry))
        if not is_loopback(wish.entry.server) and not bpy.app.online_access:
            wish.note = (
                "The server is on another computer. Turn on Allow Online Access in Preferences > System, then retry."
            )
            return
        pursue(wish)
    except TransPixarError as error:
        wish.note = error.message


def settle(wish: Wish) -> None:
    """Take in what the courier has written down of a generation that has ended."""
    wish.entry = history().load(wish.key) or wish.entry


def note_placed(wish: Wish, index: int) -> None:
    """A clip stands in a scene now; that is written down. Raises TransPixarError."""
    wish.entry = history().mark_placed(wish.key, index) or wish.entry
    wish.note = ""


def server_of(entry: Entry) -> str:
    """Where an entry's server is now: one of this computer that is found by itself may have another port by now."""
    settings = preferences.preferences_of(bpy.context)
    if settings is None or settings.server_address.strip() or not is_loopback(entry.server):
        return entry.server
    return preferences.server_url(bpy.context)


def _on_end(wish: Wish, target: Target | None, generation: Generation) -> bool:
    """What happens when a generation has ended; False asks to be called again."""
    settle(wish)
    error = generation.error
    if error is not None and error.code == "followed_elsewhere":
        wish.generation, wish.elsewhere = None, True
        return True
    if isinstance(error, CourierStoppedError) and wish.entry.state is EntryState.OPEN:
        wish.restarts += 1
        if wish.restarts <= _MOST_RESTARTS:
            return _start_again(wish, target)
    return target is None or not wish.entry.unplaced or _place(wish, target, generation)


def _start_again(wish: Wish, target: Target | None) -> bool:
    try:
        pursue(wish, target)
    except TransPixarError as error:
        wish.note = error.message
    return True


def _place(wish: Wish, target: Target, generation: Generation) -> bool:
    """Place the first clip; False while Blender is in the middle of something that has to be waited for."""
    if must_wait(generation):
        return False
    clip = wish.entry.clips[0]
    try:
        wish.placed = target.place_new(Path(clip.folder))
        undo.push("Generate Clip")
        note_placed(wish, clip.index)
    except Exception as error:
        # The scene is gone, say, because another file was opened: never into that one by surprise.
        wish.note = sentence_of(error).message
    return True


def _follow_server(wish: Wish, generation: Generation) -> bool:
    """Where the server of this computer was started again at another port, tell the one who waits for it."""
    if generation.reconnecting:
        server = server_of(wish.entry)
        if server != wish.entry.server:
            wish.entry = replace(wish.entry, server=server)
            pump.dispatcher().move(generation, server)
    return not generation.finished
