"""Completes a request from its model's defaults and checks it against the model's limits."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection

from server.jobs.errors import RequestError
from server.jobs.inputs import check_footage_length, check_source, check_style_loras, default_frames, usable_frames
from server.jobs.request import AUTO_PLAN, SEED_COUNT, VideoRequest, VideoRequestInput
from server.jobs.uploads import NoUploads, UploadLookup
from server.models import ModelDescription, ModelRegistry, RequestLimits
from server.typed_text import trimmed

MAX_SEED = SEED_COUNT - 1

__all__ = ["MAX_SEED", "RequestError", "check_request", "complete_request", "draw_seed"]


def draw_seed() -> int:
    """A seed for a request that has none, 0..MAX_SEED."""
    return secrets.randbelow(MAX_SEED + 1)


def complete_request(
    sent: VideoRequestInput,
    models: ModelRegistry,
    *,
    uploads: UploadLookup | None = None,
    plans: Collection[str] = (),
    style_loras: Collection[str] = (),
    draw_seed: Callable[[], int] = draw_seed,
) -> VideoRequest:
    """Fill in what `sent` leaves out and check all of it.

    `plans` are the names of the memory plans, `style_loras` those of the style LoRAs that there are. Raises
    RequestError for the first thing that is wrong.
    """
    model = _model(sent.model, models)
    defaults = model.defaults
    footage = check_source(sent, model, uploads or NoUploads())
    footage_frames = usable_frames(sent, footage, model.limits)
    request = VideoRequest(
        prompt=trimmed(sent.prompt),
        negative_prompt=trimmed(sent.negative_prompt or ""),
        seed=draw_seed() if sent.seed is None else sent.seed,
        width=defaults.width if sent.width is None else sent.width,
        height=defaults.height if sent.height is None else sent.height,
        num_frames=default_frames(footage_frames, model) if sent.num_frames is None else sent.num_frames,
        steps=defaults.steps if sent.steps is None else sent.steps,
        guidance=defaults.guidance if sent.guidance is None else sent.guidance,
        cfg_schedule=sent.cfg_schedule or defaults.cfg_schedule,
        text_to_alpha=sent.text_to_alpha or "strict",
        model=model.name,
        num_clips=1 if sent.num_clips is None else sent.num_clips,
        quality=sent.quality or defaults.quality,
        memory_plan=AUTO_PLAN if sent.memory_plan is None else sent.memory_plan,
        first_frame=sent.first_frame,
        footage=sent.footage,
        footage_start=sent.footage_start or 0,
        loop=bool(sent.loop),
        clean_up=sent.clean_up is not False,
        style_loras=sent.style_loras or (),
    )
    check_request(request, model.limits)
    check_footage_length(request, footage_frames, model.limits)
    _check_plan(request.memory_plan, plans)
    check_style_loras(request.style_loras, style_loras)
    return request


def check_request(request: VideoRequest, limits: RequestLimits) -> None:
    """Raise RequestError for the first field of `request` that `limits` do not allow."""
    _check_prompts(request, limits)
    _check_size("width", request.width, limits.max_width, limits)
    _check_size("height", request.height, limits.max_height, limits)
    _check_frames(request.num_frames, limits)
    _check_range("steps", request.steps, 1, limits.max_steps)
    _check_range("guidance", request.guidance, 0, limits.max_guidance)
    _check_range("seed", request.seed, 0, MAX_SEED)
    if not 1 <= request.num_clips <= limits.max_clips:
        message = f"{request.num_clips} clips are out of range; use {_span(1, limits.max_clips)}."
        raise RequestError("clips_out_of_range", message, "num_clips")


def _model(name: str | None, models: ModelRegistry) -> ModelDescription:
    model = models.get(models.default if name is None else name)
    if model is None:
        raise RequestError(
            "unknown_model", f"There is no model {name!r} on this server; use {_either(models.names)}.", "model"
        )
    return model


def _check_prompts(request: VideoRequest, limits: RequestLimits) -> None:
    if not request.prompt:
        message = "The prompt is empty; describe the effect, for example 'orange fire'."
        raise RequestError("prompt_empty", message, "prompt")
    for field, label in (("prompt", "prompt"), ("negative_prompt", "negative prompt")):
        length, longest = len(getattr(request, field)), limits.max_prompt_characters
        if length > longest:
            message = f"The {label} has {length} characters; shorten it to at most {longest}."
            raise RequestError("prompt_too_long", message, field)


def _check_size(field: str, size: int, largest: int, limits: RequestLimits) -> None:
    step = limits.size_multiple
    low, high = _round_up(limits.min_size, step), largest // step * step
    if size % step:
        near = _either(_neighbours(size, step, 0, low, high))
        message = f"{field.capitalize()} {size} is not a multiple of {step}; use {near}."
        raise RequestError("size_not_multiple", message, field)
    if not low <= size <= high:
        message = f"{field.capitalize()} {size} is out of range; use {_span(low, high, f' in steps of {step}')}."
        raise RequestError("size_out_of_range", message, field)


def _check_frames(frames: int, limits: RequestLimits) -> None:
    step = limits.frames_multiple
    low, high = _round_up(limits.min_frames - 1, step) + 1, (limits.max_frames - 1) // step * step + 1
    if (frames - 1) % step:
        near = _either(_neighbours(frames, step, 1, low, high))
        message = f"{frames} frames are not possible: the count must be a multiple of {step} plus 1; use {near}."
        raise RequestError("frames_not_allowed", message, "num_frames")
    if not low <= frames <= high:
        message = f"{frames} frames are out of range; use {_span(low, high, f' in steps of {step}')}."
        raise RequestError("frames_out_of_range", message, "num_frames")


def _check_plan(name: str, plans: Collection[str]) -> None:
    if name != AUTO_PLAN and name not in plans:
        message = f"There is no memory plan {name!r}; use {_either([AUTO_PLAN, *plans])}."
        raise RequestError("unknown_plan", message, "memory_plan")


def _check_range(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        message = f"{field.capitalize()} {value} is out of range; use {_span(low, high)}."
        raise RequestError(f"{field}_out_of_range", message, field)


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def _neighbours(value: int, step: int, offset: int, low: int, high: int) -> list[int]:
    """The allowed values next to `value`: those that are `offset` more than a multiple of `step`, low..high."""
    below = (value - offset) // step * step + offset
    return sorted({min(max(near, low), high) for near in (below, below + step)})


def _span(low: float, high: float, steps: str = "") -> str:
    return _number(low) if low == high else f"{_number(low)} to {_number(high)}{steps}"


def _number(value: float) -> str:
    # 2147483647 must not become 2.14748e+09.
    return str(int(value)) if value == int(value) else f"{value:g}"


def _either(values: list[int] | list[str]) -> str:
    words = [repr(value) if isinstance(value, str) else str(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
