"""The one dispatcher of this Blender, and the one timer that keeps asking it for news.

Timers never fire in background mode; scripts wait with `dispatcher().wait(...)` instead.
"""

from collections.abc import Callable
from pathlib import Path

import bpy

from ..core.dispatcher import Dispatcher
from ..core.generation import Generation

TICK_S = 0.1

_dispatcher: Dispatcher | None = None
_current: Generation | None = None
_on_finished: Callable[[Generation], bool] | None = None


def dispatcher() -> Dispatcher:
    """The dispatcher, made when it is first needed; Blender's own interpreter options go to the courier."""
    global _dispatcher
    if _dispatcher is None:
        _dispatcher = Dispatcher(bpy.app.python_args)
    return _dispatcher


def preview_folder() -> Path:
    """Where previews are laid: Blender's temporary folder of this session, which it removes at its end."""
    return Path(bpy.app.tempdir) / "transpixar"


def current() -> Generation | None:
    """The generation the panel shows: the one being made, or the last one."""
    return _current


def is_busy() -> bool:
    """Whether a clip is being made or waits for its plane."""
    return _on_finished is not None or (_dispatcher is not None and _dispatcher.busy)


def show(generation: Generation) -> None:
    """Let the panel show a generation."""
    global _current
    _current = generation


def follow(generation: Generation, on_finished: Callable[[Generation], bool]) -> None:
    """Pump by the timer until the generation is finished, then call `on_finished`.

    `on_finished` returns False when it cannot act just now; it is called again at the next tick.
    """
    global _on_finished
    show(generation)
    _on_finished = on_finished
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=TICK_S, persistent=True)


def tick() -> float | None:
    """One round: take in news, redraw when there are any, finish. Returns the seconds until the next one, or None.

    Reading a few lines from a pipe takes well under a millisecond, and whatever comes later waits for the next round.
    """
    global _on_finished
    if _dispatcher is not None and _dispatcher.pump():
        redraw()
    if _on_finished is not None and _current is not None and _current.finished and _on_finished(_current):
        _on_finished = None
        redraw()
    return TICK_S if is_busy() else None


def redraw() -> None:
    """Draw the sidebars of all 3D viewports again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def stop() -> None:
    """Remove the timer and end the courier."""
    global _dispatcher, _current, _on_finished
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    if _dispatcher is not None:
        _dispatcher.close()
    _dispatcher = _current = _on_finished = None
