"""The one dispatcher of this Blender, and the one timer that keeps asking it for news.

Timers never fire in background mode; scripts wait with `wait` instead.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import bpy

from .. import preferences
from ..core.delivery import Delivery
from ..core.dispatcher import Dispatcher
from ..core.generation import Generation
from ..core.task import Task
from .guard import sentence_of

TICK_S = 0.1
# Where the tab is.
EDITORS = ("VIEW_3D", "SEQUENCE_EDITOR", "NODE_EDITOR", "IMAGE_EDITOR", "CLIP_EDITOR")
# How much of a tick may go into reading what the courier says; the rest waits in the pipe.
READING_S = 0.002

_Task = TypeVar("_Task", bound=Task)
_dispatcher: Dispatcher | None = None
_generation: Generation | None = None
_delivery: Delivery | None = None
# What is followed by the timer, by tag, with what to do at its end.
_followed: dict[int, tuple[Task, Callable[[Any], bool]]] = {}
# What else is called at every tick, until it returns False.
_routines: list[Callable[[], bool]] = []


def dispatcher() -> Dispatcher:
    """The dispatcher, made when it is first needed; Blender's own interpreter options go to the courier."""
    global _dispatcher
    if _dispatcher is None:
        _dispatcher = Dispatcher(bpy.app.python_args, preferences.server_token)
    return _dispatcher


def preview_folder() -> Path:
    """Where previews are laid: Blender's temporary folder of this session, which it removes at its end."""
    return Path(bpy.app.tempdir) / "transpixar"


def current() -> Generation | None:
    """The generation the panel shows: the one being made, or the last one."""
    return _generation


def delivery() -> Delivery | None:
    """The finishing or export the panel shows: the one at work, or the last one."""
    return _delivery


def is_busy() -> bool:
    """Whether any clip is being made or waits for its plane."""
    followed = any(isinstance(task, Generation) for task, _ in _followed.values())
    return followed or _is_at_work(_generation)


def is_delivering() -> bool:
    """Whether a clip is being finished or exported, or waits for its plane."""
    return _is_at_work(_delivery)


def show(task: Task) -> None:
    """Let the panel show a task."""
    global _generation, _delivery
    if isinstance(task, Generation):
        _generation = task
    elif isinstance(task, Delivery):
        _delivery = task


def follow(task: _Task, on_finished: Callable[[_Task], bool], *, shown: bool = True) -> None:
    """Pump by the timer until the task is finished, then call `on_finished`; the panel shows the task if `shown`.

    `on_finished` returns False when it cannot act just now; it is called again at the next tick.
    """
    if shown:
        show(task)
    _followed[task.tag] = task, on_finished
    _wake()


def keep_calling(routine: Callable[[], bool]) -> None:
    """Call a routine at every tick until it returns False; asking twice for the same changes nothing."""
    if routine not in _routines:
        _routines.append(routine)
    _wake()


def wait(context: bpy.types.Context, task: Task) -> None:
    """Wait for a task, with Blender's progress cursor; Ctrl-C in a terminal cancels it."""
    show(task)
    manager = context.window_manager
    manager.progress_begin(0.0, 1.0)
    try:
        dispatcher().wait(task, lambda changed: manager.progress_update(changed.fraction))
    except KeyboardInterrupt:
        dispatcher().cancel(task)
        dispatcher().wait(task)
    finally:
        manager.progress_end()


def tick() -> float | None:
    """One round: take in news, redraw when there are any, finish. Returns the seconds until the next one, or None.

    Nothing here waits for anything; `benchmarks/pump_tick.py` measures it. What raises costs only its own task or
    routine: Blender would remove the timer.
    """
    if _dispatcher is not None and _dispatcher.pump(READING_S):
        redraw()
    for tag, (task, on_finished) in list(_followed.items()):
        if task.finished and _is_over(task, on_finished):
            _followed.pop(tag, None)
            redraw()
    for routine in list(_routines):
        # It may have ended the add-on, and with it all routines.
        if not _goes_on(routine) and routine in _routines:
            _routines.remove(routine)
    return TICK_S if _followed or _routines or (_dispatcher is not None and _dispatcher.busy) else None


def redraw() -> None:
    """Draw the sidebars with the tab again, and nothing else: what they stand in may take long to draw."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in EDITORS:
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def stop() -> None:
    """Remove the timer and end the courier."""
    global _dispatcher, _generation, _delivery
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    if _dispatcher is not None:
        _dispatcher.close()
    _dispatcher = _generation = _delivery = None
    _followed.clear()
    _routines.clear()


def _wake() -> None:
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, first_interval=TICK_S, persistent=True)


def _is_over(task: Task, on_finished: Callable[[Any], bool]) -> bool:
    """Call what acts on a finished task; where that raises, the task has failed, and nothing is tried again."""
    try:
        return on_finished(task)
    except Exception as error:
        task.fail(sentence_of(error))
        return True


def _goes_on(routine: Callable[[], bool]) -> bool:
    """Call a routine; one that raises is called again only when it is asked for again."""
    try:
        return routine()
    except Exception as error:
        sentence_of(error)
        return False


def _is_at_work(task: Task | None) -> bool:
    return task is not None and (not task.finished or task.tag in _followed)
