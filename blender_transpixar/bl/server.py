"""The server as Blender knows it: its state for panels, the watch that keeps the state fresh, starting and stopping.

Nothing here waits or talks to the network: a courier looks at the server, and the pump's timer brings what it saw.
Panels call `want_watch` whenever they draw; when nobody has drawn for a while, nobody looks any more.
"""

import time
from dataclasses import replace
from pathlib import Path

import bpy

from .. import preferences
from ..core import process_id
from ..core.errors import (
    InvalidAddressError,
    OnlineAccessError,
    ServerNotStartedError,
    TransPixarError,
)
from ..core.launcher import Launcher, Phase, address_for_start, can_start_at
from ..core.server_file import RunningServer
from ..core.server_options import ServerOptions, command_line
from ..core.server_state import Condition, Facts, ServerState, judge
from ..core.watching import Watching
from . import pump, server_location

# How long nobody may have drawn the state before the watch ends, and when those who may show it are asked to draw.
UNSEEN_S = 30.0
_ASK_AFTER_S = 20.0
_INTERVAL_S = 2.0
_EXPECTING_INTERVAL_S = 0.4
# How often the disk is asked whether a server could be started.
_CHECK_INTERVAL_S = 3.0

_launcher: Launcher | None = None
# The settings and the chosen address ("": none) that the launcher's server was started with last.
_started_with: tuple[ServerOptions, str] | None = None
_watching: Watching | None = None
# What the watch was begun with: the address, the token, and whether something is expected.
_watched: tuple[str, str | None, bool] | None = None
_looked_at = float("-inf")
_asked_to_draw = False
_start_problem: tuple[float, ServerOptions, TransPixarError | None] | None = None


def launcher() -> Launcher:
    """The one server of this Blender; its log lies in the extension's own folder."""
    global _launcher
    if _launcher is None:
        _launcher = Launcher(preferences.own_folder() / "log")
    return _launcher


def state() -> ServerState:
    """How the server is, from what is known already; call `want_watch` to keep that fresh."""
    context = bpy.context
    try:
        url = preferences.server_url(context)
    except (InvalidAddressError, OnlineAccessError) as error:
        return judge(Facts(address_problem=error))
    child = launcher()
    _take_news()
    # A crash is told of until the settings that led to it are other ones.
    here = _started_with == (preferences.server_options(context), url if _has_address(context) else "")
    return judge(
        Facts(
            url=url,
            start_problem=_why_not_start(context, url),
            may_choose_port=not _has_address(context),
            launcher_phase=child.phase if here else Phase.ABSENT,
            launcher_error=child.error if here else None,
            watching=_watching if _watching is not None and _watching.server == url else None,
        )
    )


def want_watch() -> None:
    """Note that somebody looks at the state, and see to it that it is kept fresh for a while."""
    global _looked_at, _asked_to_draw
    _looked_at, _asked_to_draw = time.monotonic(), False
    pump.keep_calling(_tick)


def look_again() -> None:
    """Look at the server now instead of at the next turn."""
    global _watched
    _watched = None
    server_location.forget()
    want_watch()


def start(context: bpy.types.Context) -> None:
    """Start the server at the address of the preferences, without waiting for it; nothing when it runs.

    Raises the errors of `preferences.server_url`, ServerNotConfiguredError and ServerNotStartedError.
    """
    global _started_with
    url = preferences.server_url(context)
    _check_place(url)
    options = preferences.server_options(context)
    settings = preferences.preferences_of(context)
    stay = settings is not None and settings.keep_running
    if _has_address(context):
        launcher().start(replace(options, url=url), _places(), stay)
        _started_with = options, url
    elif server_location.found(options.command) is None and not launcher().runs:
        launcher().start(replace(options, url=address_for_start(url)), _places(), stay)
        _started_with = options, ""
        server_location.note_started(launcher().url)
    look_again()


def start_for_clip(context: bpy.types.Context) -> None:
    """Start the server for a clip when the preferences ask for that and none is known to run. Raises as `start`."""
    settings = preferences.preferences_of(context)
    _take_news()
    if settings is None or not settings.start_with_first_clip or launcher().runs:
        return
    url = preferences.server_url(context)
    # Whatever listens at an address that was chosen will say itself what it is.
    if can_start_at(url) and not state().answers and not (_has_address(context) and address_for_start(url) != url):
        start(context)


def can_stop(context: bpy.types.Context) -> bool:
    """Whether a server runs that `stop` can end: one that Blender has started, or that `server.json` names."""
    return launcher().runs or _found_and_answering(context) is not None


def stop(context: bpy.types.Context) -> None:
    """Ask the server of this computer to end; where Blender has started it, the timer presses on.

    Raises ServerNotStartedError when it may not be ended.
    """
    found = _found_and_answering(context)
    if launcher().runs:
        launcher().stop()
    elif found is not None:
        try:
            process_id.end(found.pid)
        except OSError as error:
            raise ServerNotStartedError(
                f"The server (process {found.pid}) cannot be ended from here ({error.strerror}). End it where it runs."
            ) from error
    look_again()


def has_log() -> bool:
    """Whether Blender has started a server, now or in an earlier session."""
    return launcher().log.exists()


def wait_while(conditions: set[Condition], patience_s: float) -> ServerState:
    """Wait while the state is one of these, for scripts; the last state when it changed or patience is over."""
    deadline = time.monotonic() + patience_s
    while True:
        want_watch()
        pump.tick()
        seen = state()
        if seen.condition not in conditions or time.monotonic() >= deadline:
            return seen
        time.sleep(0.02)


def end() -> None:
    """Let go of everything when the add-on is disabled or Blender closes."""
    global _launcher, _started_with, _watching, _watched, _start_problem
    if _launcher is not None:
        _launcher.close()
    _launcher = _started_with = _watching = _watched = _start_problem = None
    server_location.note_started(None)


def _tick() -> bool:
    """One round of the timer; False when nobody needs another."""
    global _asked_to_draw
    child = launcher()
    if _take_news():
        pump.redraw()
    unseen_s = time.monotonic() - _looked_at
    expecting = child.phase in (Phase.STARTING, Phase.STOPPING)
    if unseen_s >= UNSEEN_S and not expecting:
        _end_watch()
        return False
    if unseen_s >= _ASK_AFTER_S and not _asked_to_draw:
        # A panel that is in sight but has had nothing new to show draws now, and so wants the watch to go on.
        _asked_to_draw = True
        pump.redraw()
    _keep_watch(expecting)
    return True


def _take_news() -> bool:
    """See how the child is; True when that has changed."""
    child = launcher()
    changed = child.poll()
    if changed and not child.runs:
        server_location.note_started(None)
    return changed


def _has_address(context: bpy.types.Context) -> bool:
    """Whether the preferences name an address, so that the server must be there and nowhere else."""
    settings = preferences.preferences_of(context)
    return settings is not None and bool(settings.server_address.strip())


def _keep_watch(expecting: bool) -> None:
    """Begin the watch, or begin it anew where address, token or rhythm are other ones."""
    global _watching, _watched
    try:
        url = preferences.server_url(bpy.context)
        wanted = url, preferences.server_token(url), expecting
        if _watching is not None and (_watching.finished or _watching.server != url):
            _end_watch()
        if _watching is None or wanted != _watched:
            interval = _EXPECTING_INTERVAL_S if expecting else _INTERVAL_S
            _watching = pump.dispatcher().watch(url, interval, expecting, _watching)
            _watched = wanted
    except TransPixarError:
        # The state says what is wrong with the address; a courier that cannot be started fails every other task too.
        _end_watch()


def _end_watch() -> None:
    global _watching, _watched
    if _watching is not None and not _watching.finished:
        pump.dispatcher().cancel(_watching)
    _watching = _watched = None


def _why_not_start(context: bpy.types.Context, url: str) -> TransPixarError | None:
    """Why no server can be started, None when one can; the disk is asked now and then only."""
    global _start_problem
    asked = replace(preferences.server_options(context), url=url)
    now = time.monotonic()
    if _start_problem is None or _start_problem[1] != asked or now - _start_problem[0] >= _CHECK_INTERVAL_S:
        try:
            _check_place(url)
            command_line(asked, _places())
            problem = None
        except TransPixarError as error:
            problem = error
        _start_problem = now, asked, problem
    return _start_problem[2]


def _found_and_answering(context: bpy.types.Context) -> RunningServer | None:
    """The server that `server.json` names, when it is the one that answers: only then is its number surely its own."""
    settings = preferences.preferences_of(context)
    found = server_location.found(settings.server_command if settings else "")
    seen = state()
    return found if found is not None and found.url == seen.url and seen.version else None


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
