"""How long a clip will be: in its own frames, in seconds and in frames of the scene."""

from math import ceil
from typing import Any

import bpy

from ..core.fitting import nearest_frames
from ..core.timing import clip_rate, scene_rate
from .known_models import model_named

# CogVideoX models, and those made like them, are trained on 8 frames a second.
_USUAL_FPS = 8.0


def clip_fps(settings: Any) -> float:
    """Frames a second of the chosen model's clips, what is usual while the model is not known."""
    model = model_named(settings.model)
    return _USUAL_FPS if model is None else model.defaults.fps


def clip_frames(settings: Any) -> int | None:
    """The clip's length in its own frames; None when it is the model's own and the model is not known."""
    if settings.num_frames:
        return settings.num_frames
    model = model_named(settings.model)
    return None if model is None else model.defaults.num_frames


def scene_frames(settings: Any, scene: bpy.types.Scene) -> int:
    """How many frames of the scene the clip takes up; 0 when its length is not known."""
    rate = scene_rate(scene.render.fps, scene.render.fps_base)
    return ceil((clip_frames(settings) or 0) * rate / clip_rate(clip_fps(settings)))


def seconds(settings: Any) -> float:
    """The clip's length in seconds; 0 when it is not known."""
    return (clip_frames(settings) or 0) / clip_fps(settings)


def frames_in(settings: Any, duration: float) -> int:
    """The length that the model can make nearest to `duration` seconds, in frames; 0 for 0."""
    frames = round(duration * clip_fps(settings))
    if frames <= 0:
        return 0
    model = model_named(settings.model)
    return frames if model is None else nearest_frames(frames, model.limits)
