"""What was placed where and when, for the sentence about it and for whoever wants to look at it."""

from math import ceil
from typing import Any

import bpy

from ..core.clip import Clip
from ..core.playback import Playback
from ..core.sequence import Sequence
from ..core.timing import scene_rate
from ..core.wish import Placed


def placed(thing: Any, clip: Clip, scene: bpy.types.Scene, frame_start: int, playback: Playback) -> Placed:
    """What is to be known of a clip that stands in a scene as an object, a strip or a node."""
    rate = scene_rate(scene.render.fps, scene.render.fps_base)
    timing = playback.timing(Sequence.of(clip), rate, frame_start)
    is_object = isinstance(thing, bpy.types.Object)
    last = None if timing.repeats is None else frame_start + ceil(timing.run * timing.repeats) - 1
    return Placed(thing.name, frame_start, last, thing.session_uid if is_object else None)


def placed_object(scene: bpy.types.Scene, told: Placed) -> bpy.types.Object | None:
    """The object that was placed; None when it was none, or is not in the scene any more."""
    if told.object_uid is None:
        return None
    # Undo makes objects anew, by the same name and with another uid.
    return next((each for each in scene.objects if each.session_uid == told.object_uid), scene.objects.get(told.name))
