"""What a model allows, the nearest that it does, and what is wrong with a request. Sizes in pixels, lengths in frames.

The server judges for itself; this says it before anything is sent, and offers a way out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log
from typing import Any

from .model import Limits, Model

# How much a wrong shape counts against a wrong area when a size is chosen.
_SHAPE_WEIGHT = 4.0


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a model does not take a request's `field`: a sentence with named gaps, and the value that it would take."""

    field: str
    template: str
    values: Mapping[str, Any]
    fitted: Any

    @property
    def sentence(self) -> str:
        """The sentence in English."""
        return self.template.format(**self.values)


def nearest_frames(count: int, limits: Limits) -> int:
    """The allowed number of frames nearest to `count`; the longer one when two are as near."""
    return _nearest(count, limits.frames_multiple, 1, limits.min_frames, limits.max_frames)


def nearest_side(size: int, limits: Limits, largest: int) -> int:
    """The allowed width or height nearest to `size`; `largest` is `max_width` or `max_height`."""
    return _nearest(size, limits.size_multiple, 0, limits.min_size, largest)


def size_for(aspect: float, model: Model) -> tuple[int, int]:
    """The allowed (width, height) nearest to `aspect` that has about as many pixels as the model's own size."""
    limits, defaults = model.limits, model.defaults
    area = defaults.width * defaults.height

    def error(size: tuple[int, int]) -> float:
        width, height = size
        return _SHAPE_WEIGHT * abs(log(width / height / aspect)) + abs(log(width * height / area))

    widths = _allowed(limits.size_multiple, limits.min_size, limits.max_width)
    candidates = ((width, nearest_side(round(width / aspect), limits, limits.max_height)) for width in widths)
    return min(candidates, key=error, default=(defaults.width, defaults.height))


def problems(asked: Mapping[str, Any], model: Model) -> list[Problem]:
    """What `model` would refuse of a request's fields; None and absent ones are left to the model."""
    given = {name: value for name, value in asked.items() if value is not None}
    return [
        *_number_problems(given, model.limits),
        *_prompt_problems(given, model.limits),
        *_task_problems(given, model),
    ]


def _number_problems(given: Mapping[str, Any], limits: Limits) -> Iterator[Problem]:
    for field, largest in (("width", limits.max_width), ("height", limits.max_height)):
        if field in given and (fitted := nearest_side(given[field], limits, largest)) != given[field]:
            sentence = _WRONG_WIDTH if field == "width" else _WRONG_HEIGHT
            yield Problem(field, sentence, {"size": given[field], "fitted": fitted}, fitted)
    frames = given.get("num_frames")
    if frames is not None and (fitted := nearest_frames(frames, limits)) != frames:
        yield Problem(
            "num_frames", "The model cannot make {count} frames; use {fitted}.", _gaps(frames, fitted), fitted
        )
    if (steps := given.get("steps", 1)) > limits.max_steps:
        most = limits.max_steps
        yield Problem("steps", "The model takes no {count} steps; use at most {fitted}.", _gaps(steps, most), most)
    if (guidance := given.get("guidance", 0.0)) > limits.max_guidance:
        highest = limits.max_guidance
        sentence = "The model takes no guidance of {count:g}; use at most {fitted:g}."
        yield Problem("guidance", sentence, _gaps(guidance, highest), highest)
    if (clips := given.get("num_clips", 1)) > limits.max_clips:
        most = limits.max_clips
        sentence = "The model makes no {count} variations at once; use at most {fitted}."
        yield Problem("num_clips", sentence, _gaps(clips, most), most)


def _prompt_problems(given: Mapping[str, Any], limits: Limits) -> Iterator[Problem]:
    longest = limits.max_prompt_characters
    for field in ("prompt", "negative_prompt"):
        sentence = _LONG_PROMPT if field == "prompt" else _LONG_NEGATIVE_PROMPT
        text = given.get(field, "")
        if len(text) > longest:
            yield Problem(field, sentence, _gaps(len(text), longest), text[:longest])


def _task_problems(given: Mapping[str, Any], model: Model) -> Iterator[Problem]:
    title = {"model": model.title}
    if "first_frame" in given and "image" not in model.tasks:
        yield Problem("first_frame", "{model} cannot begin with a picture; choose another model.", title, None)
    if "footage" in given and "footage" not in model.tasks:
        yield Problem("footage", "{model} cannot give footage an alpha; choose another model.", title, None)
    if given.get("loop") and ("first_frame" in given or "footage" in given):
        yield Problem("loop", "A clip with a first frame or footage cannot loop; turn Loop off.", {}, False)


_WRONG_WIDTH = "The model makes no clips {size} pixels wide; use {fitted}."
_WRONG_HEIGHT = "The model makes no clips {size} pixels high; use {fitted}."
_LONG_PROMPT = "The prompt has {count} characters; shorten it to {fitted}."
_LONG_NEGATIVE_PROMPT = "The negative prompt has {count} characters; shorten it to {fitted}."


def _gaps(count: float, fitted: float) -> dict[str, float]:
    return {"count": count, "fitted": fitted}


def _allowed(step: int, low: int, high: int) -> range:
    """The multiples of `step` from `low` to `high`."""
    return range(-(-low // step) * step, high // step * step + 1, step)


def _nearest(value: int, step: int, offset: int, low: int, high: int) -> int:
    """The number nearest to `value` that is `offset` more than a multiple of `step`, from `low` to `high`."""
    allowed = _allowed(step, low - offset, high - offset)
    if not allowed:
        return value
    steps_from_low = (value - offset - allowed[0] + step // 2) // step
    return allowed[min(max(steps_from_low, 0), len(allowed) - 1)] + offset
