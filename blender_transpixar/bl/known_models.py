"""The models that the server has, as far as it is known: never asks, so that panels and searches may call it."""

from collections.abc import Iterator
from typing import Any

import bpy

from ..core.model import Model
from . import server

# What a server said holds until it says something else, also while it does not run.
_last_known: tuple[str, tuple[Model, ...]] = "", ()


def known_models() -> tuple[Model, ...]:
    """The server's models, its default first; empty while the server has not been heard of."""
    global _last_known
    state = server.state()
    if state.models:
        _last_known = state.url, tuple(told.model for told in state.models if told.model is not None)
    url, models = _last_known
    return models if url == state.url else ()


def model_named(name: str) -> Model | None:
    """The model of a name, for an empty one the server's default; None when it is not known."""
    models = known_models()
    if not name:
        return models[0] if models else None
    return next((model for model in models if model.name == name), None)


def forget() -> None:
    """Forget the models when the add-on is disabled."""
    global _last_known
    _last_known = "", ()


def suggest_models(values: Any, context: bpy.types.Context, typed: str) -> Iterator[tuple[str, str]]:
    """What the model field suggests: (name, title), those that contain what was typed."""
    for model in known_models():
        if typed.lower() in f"{model.name} {model.title}".lower():
            yield model.name, model.title
