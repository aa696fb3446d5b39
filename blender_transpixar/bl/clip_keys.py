"""The keyframes that play a clip on a plane: which file is shown, and whether one is."""

from typing import Any

import bpy

from ..core.clip import Clip
from ..core.finishing import repeats
from ..core.timing import Timing, scene_rate
from . import compat

# The lowest frame Blender knows. An image user that starts there and lasts one frame always shows the file numbered
# 1 + frame_offset, so that keyframes of frame_offset alone choose the file. Without this, the frames before
# frame_start would be opaque magenta.
_BEFORE_ALL_FRAMES = -1048574


def play(tree: Any, texture: Any, shown: Any, clip: Clip, scene: bpy.types.Scene, start: int) -> None:
    """Keyframe a clip from the scene frame `start` on; stepped keys can be moved and scaled in the Dope Sheet.

    `texture` is the image node of the node tree `tree`, `shown` the node whose second input hides the plane before and
    after the clip. The clip keeps its duration: frames are held or skipped where the scene has another rate. One that
    was made to run on and on does so, by Cycles modifiers, and is never hidden after its start.
    """
    timing = _timing(clip, scene, start)
    user = texture.image_user
    user.use_auto_refresh = True
    user.use_cyclic = False
    user.frame_duration = 1
    user.frame_start = _BEFORE_ALL_FRAMES
    runs_on = repeats(clip.sidecar.finishing)
    first = clip.sidecar.first_frame - 1
    for frame, index in [*timing.changes(), *([(timing.end, 0)] if runs_on else [])]:
        user.frame_offset = first + index
        user.keyframe_insert("frame_offset", frame=frame)
    factor = shown.inputs[1]
    for frame, value in ((start - 1, 0.0), (start, 1.0), *([] if runs_on else [(timing.end, 0.0)])):
        factor.default_value = value
        factor.keyframe_insert("default_value", frame=frame)
    _hold_between_keys(_curve(tree, texture, _FILE), runs_on)
    _hold_between_keys(_curve(tree, shown, _FACTOR), False)


def play_instead(tree: Any, texture: Any, shown: Any, clip: Clip, before: Clip, scene: bpy.types.Scene) -> None:
    """Let the keys of the clip `before` play another one, from the same frame on.

    Keys that fit stay as the artist left them. Where the artist removed them nothing is done.
    """
    if _plays_alike(clip, before):
        return
    files = _curve(tree, texture, _FILE)
    if files is None or not len(files.keyframe_points):
        return
    start = round(min(key.co.x for key in files.keyframe_points))
    for node, path in ((texture, _FILE), (shown, _FACTOR)):
        curve = _curve(tree, node, path)
        if curve is not None:
            compat.fcurves(tree).remove(curve)
    play(tree, texture, shown, clip, scene, start)


_FILE = "image_user.frame_offset"
_FACTOR = "inputs[1].default_value"


def _timing(clip: Clip, scene: bpy.types.Scene, start: int) -> Timing:
    return Timing(
        start=start,
        frame_count=clip.sidecar.frame_count,
        clip_fps=clip.sidecar.fps,
        scene_fps=scene_rate(scene.render.fps, scene.render.fps_base),
    )


def _plays_alike(clip: Clip, other: Clip) -> bool:
    facts = [
        (each.sidecar.frame_count, each.sidecar.fps, each.sidecar.first_frame, repeats(each.sidecar.finishing))
        for each in (clip, other)
    ]
    return facts[0] == facts[1]


def _curve(tree: Any, node: Any, path: str) -> Any:
    return compat.find_fcurve(tree, f"{node.path_from_id()}.{path}")


def _hold_between_keys(curve: Any, runs_on: bool) -> None:
    for key in curve.keyframe_points:
        key.interpolation = "CONSTANT"
    if runs_on:
        cycles = curve.modifiers.new("CYCLES")
        cycles.mode_before = "NONE"
    curve.update()
