"""What Blender asks of the server about its models: to load one, to unload it, to take note of accepted licences."""

import bpy

from .. import preferences
from ..core.errors import TransPixarError
from ..core.model_task import ModelTask
from . import pump, server

_last: ModelTask | None = None


def last() -> ModelTask | None:
    """The wish that was sent last; its `error` says why the server did not do it."""
    return _last


def licences_of(name: str) -> tuple[str, ...]:
    """The ids of the licences that a model lists. Raises TransPixarError when the model is not known."""
    model = server.state().model(name)
    if model is None:
        raise TransPixarError(f'The server has no model "{name}". Choose another one.', code="unknown_model")
    return tuple(licence.id for licence in model.licences)


def manage(
    context: bpy.types.Context, name: str, action: str, licences: tuple[str, ...] = (), *, wait: bool
) -> ModelTask:
    """Ask the server for `action` on a model, see `protocol.ManageModel`.

    Raises the errors of `preferences.server_url` and CourierStoppedError, and with `wait` what the server answers.
    """
    global _last
    _last = pump.dispatcher().manage_model(preferences.server_url(context), name, action, licences)
    if wait:
        pump.wait(context, _last)
        if _last.error is not None:
            raise _last.error
        server.look_again()
    else:
        pump.follow(_last, _on_answer)
    return _last


def forget() -> None:
    """Forget the last wish when the add-on is disabled."""
    global _last
    _last = None


def _on_answer(task: ModelTask) -> bool:
    server.look_again()
    return True
