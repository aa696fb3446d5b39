"""A request of the past as the panel's values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..properties import MODELS_OWN, NO_SOURCE, RANDOM_SEED

_NUMBERS = ("width", "height", "num_frames", "steps", "guidance")
_TEXTS = ("prompt", "negative_prompt", "model")


def set_from_request(settings: Any, request: Mapping[str, Any], files: Mapping[str, str | None]) -> None:
    """Set RequestProperties from a request; what it left to the model is left to the model again.

    `files` are the files on this computer that it began with; one that is gone is left out.
    """
    for name in _TEXTS:
        setattr(settings, name, request.get(name) or "")
    for name in _NUMBERS:
        setattr(settings, name, request.get(name) or 0)
    seed = request.get("seed")
    settings.seed = RANDOM_SEED if seed is None else seed
    settings.quality = str(request.get("quality") or MODELS_OWN).upper()
    settings.num_clips = request.get("num_clips") or 1
    settings.loop = bool(request.get("loop"))
    settings.clean_up = request.get("clean_up") is not False
    settings.footage_start = request.get("footage_start") or 0
    for name in ("first_frame", "footage"):
        path = files.get(name)
        there = path is not None and Path(path).is_file()
        setattr(settings, f"{name}_source", "FILE" if there else NO_SOURCE)
        setattr(settings, f"{name}_file", path if there else "")
