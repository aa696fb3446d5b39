"""The server that this Blender starts: with the preferences' settings, at their address or at a free port."""

import time
from dataclasses import replace
from pathlib import Path

import bpy

from .. import preferences
from ..core.errors import ServerNotStartedError, TransPixarError
from ..core.launcher import Launcher, address_for_start, can_start_at
from ..core.server_options import ServerOptions, command_line
from . import server_location

# How old an answer of the disk may be when a panel asks whether a server could be started.
_STALE_S = 10.0

_launcher: Launcher | None = None
# The settings and the chosen address ("": none) that the launcher's server was started with last.
_started_with: tuple[ServerOptions, str] | None = None
# When it was asked whether a server could be started, with what, and why it could not.
_checked: tuple[float, ServerOptions, TransPixarError | None] | None = None
# Whether there was a log when the disk was last asked, and when that was.
_log_seen: tuple[bool, float] | None = None


def launcher() -> Launcher:
    """The one launcher of this Blender; its log lies in the extension's own folder."""
    global _launcher
    if _launcher is None:
        _launcher = Launcher(preferences.own_folder() / "log")
    return _launcher


def take_news() -> bool:
    """See how the child is; True when that has changed. Never waits."""
    child = launcher()
    changed = child.poll()
    if changed and not child.runs:
        server_location.note_started(None)
    return changed


def has_log() -> bool:
    """Whether Blender has started a server, now or in an earlier session; panels ask at every redraw."""
    global _log_seen
    if launcher().runs:
        return True
    if _log_seen is None or (not _log_seen[0] and time.monotonic() - _log_seen[1] >= _STALE_S):
        _log_seen = launcher().log.exists(), time.monotonic()
    return _log_seen[0]


def has_address(context: bpy.types.Context) -> bool:
    """Whether the preferences name an address, so that the server must be there and nowhere else."""
    settings = preferences.preferences_of(context)
    return settings is not None and bool(settings.server_address.strip())


def is_about(context: bpy.types.Context, url: str) -> bool:
    """Whether the last start was with the settings of now: a crash is told of until they are other ones."""
    return _started_with == (preferences.server_options(context), url if has_address(context) else "")


def start(context: bpy.types.Context) -> None:
    """Start the server at the address of the preferences, without waiting for it; nothing when it runs.

    Raises the errors of `preferences.server_url`, ServerNotConfiguredError and ServerNotStartedError.
    """
    global _started_with, _log_seen
    url = preferences.server_url(context)
    _check_place(url)
    _log_seen = None
    options = preferences.server_options(context)
    settings = preferences.preferences_of(context)
    stay = settings is not None and settings.keep_running
    if has_address(context):
        launcher().start(replace(options, url=url), _places(), stay)
        _started_with = options, url
    elif server_location.found(options.command) is None and not launcher().runs:
        launcher().start(replace(options, url=address_for_start(url)), _places(), stay)
        _started_with = options, ""
        server_location.note_started(launcher().url)


def is_wanted_for_clip(context: bpy.types.Context) -> bool:
    """Whether the preferences ask for a server now that a clip is wanted, and none is there.

    Raises the errors of `preferences.server_url`.
    """
    settings = preferences.preferences_of(context)
    take_news()
    if settings is None or not settings.start_with_first_clip or launcher().runs:
        return False
    url = preferences.server_url(context)
    # Whatever listens at an address that was chosen will say itself what it is.
    return can_start_at(url) and not (has_address(context) and address_for_start(url) != url)


def why_not_start(context: bpy.types.Context, url: str, stale_s: float = _STALE_S) -> TransPixarError | None:
    """Why no server can be started, None when one can; the disk is asked when the last answer is `stale_s` old."""
    global _checked
    asked = replace(preferences.server_options(context), url=url)
    now = time.monotonic()
    if _checked is None or _checked[1] != asked or now - _checked[0] >= stale_s:
        try:
            _check_place(url)
            command_line(asked, _places())
            problem = None
        except TransPixarError as error:
            problem = error
        _checked = now, asked, problem
    return _checked[2]


def end() -> None:
    """Let go of the server when the add-on is disabled or Blender closes."""
    global _launcher, _started_with, _checked, _log_seen
    if _launcher is not None:
        _launcher.close()
    _launcher = _started_with = _checked = _log_seen = None
    server_location.note_started(None)


def _check_place(url: str) -> None:
    if not can_start_at(url):
        raise ServerNotStartedError(
            f"No server answers at {url}. Start it on that computer, or correct the address in the add-on's "
            "preferences.",
            code="server_elsewhere",
        )


def _places() -> list[Path]:
    """Where a working copy of the project may be: around this add-on."""
    return [Path(__file__).resolve().parent.parent.parent]
