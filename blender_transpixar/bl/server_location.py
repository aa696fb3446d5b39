"""Where the server is when the preferences do not say: what this Blender has started, else what `server.json` names.

Asked at every redraw; while the server is watched, the timer reads the file, so that drawing need not.
"""

import time

import bpy

from ..core.server_file import RunningServer, read_record
from ..core.server_options import data_folder

# Without a window no timer runs, and nothing is drawn that the disk could hold up.
_STALE_S = 0.5 if bpy.app.background else 5.0

_started_at: str | None = None
_found: RunningServer | None = None
# The command that `_found` was looked up for, and when.
_looked_up: tuple[str, float] | None = None


def note_started(url: str | None) -> None:
    """Remember the base URL of the server that this Blender runs; None when it does not run any more."""
    global _started_at
    _started_at = url
    forget()


def started_at() -> str | None:
    """The base URL of the server that this Blender runs."""
    return _started_at


def found(command: str, stale_s: float = _STALE_S) -> RunningServer | None:
    """The running server whose data folder is that of the command in the preferences ("": the user's).

    The file is read when what is known of it is `stale_s` old.
    """
    global _found, _looked_up
    now = time.monotonic()
    if _looked_up is None or _looked_up[0] != command or now - _looked_up[1] >= stale_s:
        _found, _looked_up = read_record(data_folder(command)), (command, now)
    return _found


def forget() -> None:
    """Look the file up again at the next question."""
    global _looked_up
    _looked_up = None
