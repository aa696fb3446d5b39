"""The server as Blender knows it: its state for panels, and the watch that keeps the state fresh.

Nothing here waits or talks to the network: a courier looks at the server, and the pump's timer brings what it saw.
Panels call `want_watch` whenever they draw; when nobody has drawn for a while, nobody looks any more.
"""

import time

import bpy

from .. import preferences
from ..core import process_id
from ..core.errors import InvalidAddressError, OnlineAccessError, ServerNotStartedError, TransPixarError
from ..core.launcher import Phase
from ..core.server_file import RunningServer
from ..core.server_state import Condition, Facts, ServerState, judge
from ..core.watching import Watching
from . import pump, server_child, server_location

# How long nobody may have drawn the state before the watch ends, and when those who may show it are asked to draw.
UNSEEN_S = 30.0
_ASK_AFTER_S = 20.0
_INTERVAL_S = 2.0
_EXPECTING_INTERVAL_S = 0.4
# How often the timer asks the disk what panels then need not ask: where a server runs, whether one could be started.
_DISK_INTERVAL_S = 1.0
# After a watch that failed, such as with its courier, the next one begins no sooner.
_PAUSE_S = 3.0
# How often the child is asked at most; a redraw is over before.
_POLL_INTERVAL_S = 0.1

_watching: Watching | None = None
# What the watch was begun with: the address, the token, and whether something is expected.
_watched: tuple[str, str | None, bool] | None = None
_not_before = float("-inf")
_looked_at = float("-inf")
_asked_to_draw = False
# When the child was last asked how it is, and what was last judged from which facts.
_polled_at = float("-inf")
_judged: tuple[tuple[object, ...], ServerState] | None = None


def state() -> ServerState:
    """How the server is, from what is known already; call `want_watch` to keep that fresh.

    Many panels, fields and buttons ask at each redraw: the state is judged anew only when something else is known.
    """
    global _polled_at, _judged
    context = bpy.context
    try:
        url = preferences.server_url(context)
    except (InvalidAddressError, OnlineAccessError) as error:
        return judge(Facts(address_problem=error))
    if time.monotonic() - _polled_at >= _POLL_INTERVAL_S:
        # While the server starts, this reads its log.
        server_child.take_news()
        _polled_at = time.monotonic()
    child = server_child.launcher()
    is_child = server_child.is_about(context, url)
    facts = Facts(
        url=url,
        start_problem=server_child.why_not_start(context, url),
        may_choose_port=not server_child.has_address(context),
        launcher_phase=child.phase if is_child else Phase.ABSENT,
        launcher_error=child.error if is_child else None,
        watching=_watching if _watching is not None and _watching.server == url else None,
    )
    # A watching is changed in place, by new objects.
    seen = facts.watching
    known = (facts, *(() if seen is None else (seen.looked, seen.problem, seen.status, seen.models)))
    if _judged is None or len(known) != len(_judged[0]) or any(map(_differ, known, _judged[0])):
        _judged = known, judge(facts)
    return _judged[1]


def want_watch() -> None:
    """Note that somebody looks at the state, and see to it that it is kept fresh for a while."""
    global _looked_at, _asked_to_draw
    _looked_at, _asked_to_draw = time.monotonic(), False
    pump.keep_calling(_tick)


def look_again() -> None:
    """Look at the server now instead of at the next turn."""
    global _watched, _not_before, _polled_at
    _watched, _not_before, _polled_at = None, float("-inf"), float("-inf")
    server_location.forget()
    want_watch()


def start(context: bpy.types.Context) -> None:
    """Start the server without waiting for it; see `server_child.start`."""
    server_child.start(context)
    look_again()


def start_for_clip(context: bpy.types.Context) -> None:
    """Start the server for a clip when the preferences ask for that and none is known to run. Raises as `start`."""
    if server_child.is_wanted_for_clip(context) and not state().answers:
        start(context)


def can_stop(context: bpy.types.Context) -> bool:
    """Whether a server runs that `stop` can end: one that Blender has started, or that `server.json` names."""
    return server_child.launcher().runs or _found_and_answering(context) is not None


def stop(context: bpy.types.Context) -> None:
    """Ask the server of this computer to end; where Blender has started it, the timer presses on.

    Raises ServerNotStartedError when it may not be ended.
    """
    found = _found_and_answering(context)
    if server_child.launcher().runs:
        server_child.launcher().stop()
    elif found is not None:
        try:
            process_id.end(found.pid)
        except OSError as error:
            raise ServerNotStartedError(
                f"The server (process {found.pid}) cannot be ended from here ({error.strerror}). End it where it runs."
            ) from error
    look_again()


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
    global _watching, _watched, _judged, _polled_at
    _watching = _watched = _judged = None
    _polled_at = float("-inf")
    server_child.end()


def _differ(one: object, other: object) -> bool:
    """Whether two facts are others: those of the watching are compared by identity, as they are large."""
    return one != other if isinstance(one, Facts) else one is not other


def _tick() -> bool:
    """One round of the timer; False when nobody needs another."""
    global _asked_to_draw
    if server_child.take_news():
        pump.redraw()
    unseen_s = time.monotonic() - _looked_at
    expecting = server_child.launcher().phase in (Phase.STARTING, Phase.STOPPING)
    if unseen_s >= UNSEEN_S and not expecting:
        _end_watch()
        return False
    if unseen_s >= _ASK_AFTER_S and not _asked_to_draw:
        # A panel that is in sight but has had nothing new to show draws now, and so wants the watch to go on.
        _asked_to_draw = True
        pump.redraw()
    _ask_disk()
    _keep_watch(expecting)
    return True


def _ask_disk() -> None:
    settings = preferences.preferences_of(bpy.context)
    server_location.found(settings.server_command if settings else "", _DISK_INTERVAL_S)
    if _watching is not None:
        server_child.why_not_start(bpy.context, _watching.server, _DISK_INTERVAL_S)


def _keep_watch(expecting: bool) -> None:
    """Begin the watch, or begin it anew where address, token or rhythm are other ones."""
    global _watching, _watched, _not_before
    now = time.monotonic()
    try:
        url = preferences.server_url(bpy.context)
        wanted = url, preferences.server_token(url), expecting
        if _watching is not None and _watching.finished:
            _not_before = now + _PAUSE_S
        if _watching is not None and (_watching.finished or _watching.server != url):
            _end_watch()
        if (_watching is None or wanted != _watched) and now >= _not_before:
            interval = _EXPECTING_INTERVAL_S if expecting else _INTERVAL_S
            _watching = pump.dispatcher().watch(url, interval, expecting, _watching)
            _watched = wanted
    except TransPixarError:
        # The state says what is wrong with the address; a courier that cannot be started fails every other task too.
        _not_before = now + _PAUSE_S
        _end_watch()


def _end_watch() -> None:
    global _watching, _watched
    if _watching is not None and not _watching.finished:
        pump.dispatcher().cancel(_watching)
    _watching = _watched = None


def _found_and_answering(context: bpy.types.Context) -> RunningServer | None:
    """The server that `server.json` names, when it is the one that answers: only then is its number surely its own."""
    settings = preferences.preferences_of(context)
    found = server_location.found(settings.server_command if settings else "")
    seen = state()
    return found if found is not None and found.url == seen.url and seen.version else None
