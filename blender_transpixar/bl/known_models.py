"""The models that the server has, as far as it is known: never asks, so that panels and searches may call it."""

from collections.abc import Iterator
from typing import Any

import bpy

from ..core.model import Model


def known_models() -> tuple[Model, ...]:
    """The server's models, its default first; empty while the server has not been heard of."""
    return ()


def model_named(name: str) -> Model | None:
    """The model of a name, for an empty one the server's default; None when it is not known."""
    models = known_models()
    if not name:
        return models[0] if models else None
    return next((model for model in models if model.name == name), None)


def suggest_models(values: Any, context: bpy.types.Context, typed: str) -> Iterator[tuple[str, str]]:
    """What the model field suggests: (name, title), those that contain what was typed."""
    for model in known_models():
        if typed.lower() in f"{model.name} {model.title}".lower():
            yield model.name, model.title
