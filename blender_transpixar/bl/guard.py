"""A net under everything that Blender calls: what raises there is written down and costs nothing else.

Blender removes a timer whose function raises, for good, and shows a traceback where an operator does.
"""

import functools
import inspect
import logging
import traceback
from collections.abc import Callable
from typing import Any

import bpy

from ..core.errors import TransPixarError, unexpected
from .wording import in_words

_log = logging.getLogger(__package__)
# What was written down already: a panel that is drawn again and again would fill the console.
_written: set[str] = set()


def sentence_of(error: Exception) -> TransPixarError:
    """An error for the artist; one that nobody foresaw is written down for the console, each place once."""
    if isinstance(error, TransPixarError):
        return error
    where = "".join(traceback.format_tb(error.__traceback__))
    if where not in _written:
        _written.add(where)
        _log.error("unforeseen, to be reported", exc_info=error)
    return unexpected(error)


def guarded(callback: Callable[..., None]) -> Callable[..., None]:
    """For handlers of Blender's: what raises in one is written down, and Blender and other add-ons go on."""
    code = callback.__code__
    # As Blender does, which counts the arguments of a plain function: one that takes one is not given the second.
    taken = None if code.co_flags & inspect.CO_VARARGS else code.co_argcount

    @functools.wraps(callback)
    def call(*arguments: Any) -> None:
        try:
            callback(*arguments[:taken])
        except Exception as error:
            sentence_of(error)

    return call


def guard_operator(cls: type[bpy.types.Operator]) -> None:
    """Let an operator report what it did not foresee as a sentence, and end as one that was cancelled."""
    # Blender counts the arguments of these, so each has its own.
    if (execute := _unguarded(cls, "execute")) is not None:

        def guarded_execute(self: Any, context: bpy.types.Context) -> set[str]:
            return _reporting(self, lambda: execute(self, context))

        _replace(cls, "execute", guarded_execute, execute)
    if (invoke := _unguarded(cls, "invoke")) is not None:

        def guarded_invoke(self: Any, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
            return _reporting(self, lambda: invoke(self, context, event))

        _replace(cls, "invoke", guarded_invoke, invoke)


def _unguarded(cls: type, name: str) -> Callable[..., set[str]] | None:
    method = getattr(cls, name, None)
    return None if method is None or hasattr(method, "transpixar_guarded") else method


def _replace(cls: type, name: str, guard: Any, method: Any) -> None:
    guard.transpixar_guarded = True
    setattr(cls, name, functools.update_wrapper(guard, method))


def _reporting(operator: Any, call: Callable[[], set[str]]) -> set[str]:
    try:
        return call()
    except Exception as error:
        operator.report({"ERROR"}, in_words(sentence_of(error).message))
        return {"CANCELLED"}
