"""Building the starter library: one clip after the other, each an asset as soon as it has come."""

from collections import deque
from collections.abc import Iterable

import bpy

from .. import preferences
from ..core.clip import Clip
from ..core.errors import InvalidClipError, JobFailedError, TransPixarError
from ..core.generation import Generation, Outcome
from ..core.request import ClipRequest
from ..core.server_state import Condition
from ..core.starter import STARTER_SEED, StarterEffect, plan_for, starter_effects
from . import clip_queue, pump, server
from .asset_clip import keep_as_asset
from .asset_library import refresh_browsers
from .guard import sentence_of
from .inputs import RequestFiles
from .occupied import must_wait

# Failures that say nothing about the other clips.
_OF_ONE_CLIP = ("model_failed", JobFailedError.code, InvalidClipError.code)


class StarterRun:
    """One go at a starter library; what is there already is passed over, so another go continues it.

    `done` of `total` effects are assets. `problems` are sentences on those that could not be made; `cancelled` says
    that the artist stopped it. Clips are generated into the library itself.
    """

    def __init__(self, context: bpy.types.Context, model: str, effects: Iterable[str]) -> None:
        self._library = preferences.library_folder(context)
        self._model = model
        wanted = starter_effects(effects)
        plan = plan_for(wanted, self._library, model or None)
        self._to_make = deque(plan.to_make)
        self._to_keep = plan.to_keep
        self.total = len(wanted)
        self.done = plan.present
        self.generation: Generation | None = None
        self.making: StarterEffect | None = None
        self.problems: list[str] = []
        self.cancelled = False
        self.finished = False

    @property
    def fraction(self) -> float:
        """Progress from 0 to 1."""
        of_this = self.generation.fraction if self.generation is not None else 0.0
        return min((self.done + of_this) / self.total, 1.0)

    def run(self, context: bpy.types.Context) -> None:
        """Make everything that is missing, and wait for it."""
        self._keep_what_came_before()
        while self._make_next(context):
            assert self.generation is not None
            pump.wait(context, self.generation)
            self._take(self.generation)

    def begin(self, context: bpy.types.Context) -> None:
        """Make everything that is missing while Blender goes on."""
        self._keep_what_came_before()
        self._go_on(context)

    def cancel(self) -> None:
        """Stop after what has come; nothing of that is lost."""
        self.cancelled = True
        self._to_make.clear()
        if self.generation is not None:
            pump.dispatcher().cancel(self.generation)

    def _go_on(self, context: bpy.types.Context) -> None:
        if self._make_next(context):
            assert self.generation is not None
            pump.follow(self.generation, self._arrived, shown=False)

    def _arrived(self, generation: Generation) -> bool:
        if must_wait(generation):
            return False
        self._take(generation)
        self._go_on(bpy.context)
        return True

    def _make_next(self, context: bpy.types.Context) -> bool:
        """Send the next request; False when there is none, or the run has come to its end."""
        if not self._to_make:
            return self._end(context)
        self.making = self._to_make.popleft()
        request = ClipRequest(self.making.prompt, seed=STARTER_SEED, model=self._model or None)
        try:
            # Through the queue, as every clip: it can be cancelled there, and is not lost with this Blender.
            self.generation = clip_queue.submit(
                context, request, RequestFiles(), patient=False, destination=self._library
            )
        except Exception as error:
            self.problems.append(sentence_of(error).message)
            return self._end(context)
        return True

    def _take(self, generation: Generation) -> None:
        self.generation = self.making = None
        clip_queue.settle(generation)
        if generation.outcome is Outcome.CLIP and generation.folder is not None:
            try:
                self._keep(Clip.open(generation.folder))
                clip_queue.mark_placed(generation.key, min(generation.folders))
            except Exception as error:
                self._stop_for(sentence_of(error))
        elif generation.error is not None:
            self._stop_for(generation.error)
        elif generation.outcome is Outcome.CANCELLED:
            # In the list of clips perhaps, and not here: that is meant for the whole run.
            self.cancelled = True
            self._to_make.clear()

    def _stop_for(self, error: TransPixarError) -> None:
        if error.message not in self.problems:
            self.problems.append(error.message)
        if error.field != "prompt" and error.code not in _OF_ONE_CLIP:
            # The next one would meet the same: no server, no space, no way to write.
            self._to_make.clear()

    def _keep_what_came_before(self) -> None:
        """Clips that came when a run was broken off before they became assets."""
        for clip in self._to_keep:
            try:
                self._keep(clip)
            except Exception as error:
                self._stop_for(sentence_of(error))

    def _keep(self, clip: Clip) -> None:
        keep_as_asset(clip, self._library)
        self.done += 1

    def _end(self, context: bpy.types.Context) -> bool:
        self.generation = self.making = None
        self.finished = True
        refresh_browsers(context)
        pump.redraw()
        return False


_run: StarterRun | None = None


def current() -> StarterRun | None:
    """The run at work, or the last one."""
    return _run


def is_running() -> bool:
    """Whether a starter library is being built."""
    return _run is not None and not _run.finished


def new_run(context: bpy.types.Context, model: str, patience_s: float = 0.0) -> StarterRun:
    """A run, which the panel shows from now on.

    The effects are those that the server says its model knows. A server that was not heard of yet is waited for, for
    `patience_s` at most; without an answer they are the usual ones.
    """
    global _run
    seen = server.wait_while({Condition.CHECKING}, patience_s) if patience_s else server.state()
    told = seen.model(model)
    _run = StarterRun(context, model, () if told is None else told.effects)
    return _run


def forget() -> None:
    """Let go of the run when the add-on is disabled; the pump ends what it was waiting for."""
    global _run
    _run = None
