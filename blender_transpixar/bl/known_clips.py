"""Clips by their folders, kept in memory: panels ask for them at every redraw, and drawing never touches the disk.

What a panel asks for is looked at by the pump's timer, which has the panel drawn again when the folder has changed.
Operators look themselves. A folder on a network share takes its time at each look, and a file may show fifty clips.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..core.clip import Clip
from ..core.errors import InvalidClipError
from . import pump
from .guard import guarded

# A folder that was looked at less than this long ago is not looked at again.
FRESH_S = 2.0
# How much of a tick may go into looking; one folder at the least.
_LOOKING_S = 0.003


@dataclass(slots=True)
class _Known:
    """What was seen in a folder: `changed` is its time of change, None when it was not there."""

    changed: int | None
    clip: Clip | None
    looked_at: float


_known: dict[Path, _Known] = {}
# What panels have asked for and is to be looked at, in the order in which they asked.
_wanted: dict[Path, None] = {}
_drawing = False


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """While a panel is drawn: nothing is looked at, only noted for the timer."""
    global _drawing
    # Without a window there are no timers, and nothing that a disk could hold up.
    _drawing = not bpy.app.background
    try:
        yield
    finally:
        _drawing = False


def clip_in(folder: Path) -> Clip | None:
    """The clip in a folder as Clip.open reads it; None when it is none, or a panel that is drawn is the first to ask.

    A clip that was read once is read again only when its folder has changed.
    """
    known = _known.get(folder)
    if known is not None and not _is_stale(known):
        return known.clip
    if _drawing:
        _wanted[folder] = None
        pump.keep_calling(_look_on)
    else:
        _look(folder)
        known = _known[folder]
    return None if known is None else known.clip


def forget() -> None:
    """Forget all clips: another file is open, or the add-on is disabled."""
    _known.clear()
    _wanted.clear()


def add_handlers() -> None:
    """Forget the clips of a file when another one is opened."""
    bpy.app.handlers.load_post.append(_on_load)


def remove_handlers() -> None:
    """Take that back."""
    while _on_load in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_on_load)
    forget()


@persistent
@guarded
def _on_load(*_: Any) -> None:
    forget()


def _is_stale(known: _Known) -> bool:
    # A script may have changed the folder in the line before.
    return bpy.app.background or time.monotonic() - known.looked_at >= FRESH_S


def _look_on() -> bool:
    """Look at what panels have asked for, for a while; False when all is known."""
    deadline = time.perf_counter() + _LOOKING_S
    news = False
    while _wanted:
        news |= _look(_wanted.popitem()[0])
        if time.perf_counter() > deadline:
            break
    if news:
        pump.redraw()
    return bool(_wanted)


def _look(folder: Path) -> bool:
    """See how a folder is; True when that is new."""
    known = _known.get(folder)
    changed = _time_of_change(folder)
    if known is not None and known.changed == changed:
        known.looked_at = time.monotonic()
        return False
    clip = None
    if changed is not None:
        with contextlib.suppress(InvalidClipError):
            clip = Clip.open(folder)
    _known[folder] = _Known(changed, clip, time.monotonic())
    return known is None or known.clip != clip


def _time_of_change(folder: Path) -> int | None:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return None
