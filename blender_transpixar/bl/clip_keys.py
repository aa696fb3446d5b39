"""Playing clips on planes, and other clips in their stead."""

from typing import Any

import bpy

from ..core.clip import Clip
from ..core.playback import Playback
from ..core.sequence import Sequence
from ..core.timing import Timing, scene_rate
from .timing_keys import Screen

_PLAYBACK = "transpixar_playback"


def play(
    tree: Any,
    texture: Any,
    shown: Any,
    clip: Clip | Sequence,
    scene: bpy.types.Scene,
    start: int,
    playback: Playback | None = None,
) -> None:
    """Keyframe a clip from the scene frame `start` on; stepped keys can be moved and scaled in the Dope Sheet.

    `texture` is the image node of the node tree `tree`, `shown` the node whose second input hides the plane before and
    after the clip. Without a playback it is the one that the node played with before.
    """
    if playback is None:
        playback = playback_of(texture)
    play_on(Screen(tree, texture.image_user, shown.inputs[1]), texture, clip, scene, start, playback)


def play_on(
    screen: Screen, keeper: Any, clip: Clip | Sequence, scene: bpy.types.Scene, start: int, playback: Playback
) -> None:
    """Keyframe a clip on any screen, from the scene frame `start` on; `keeper` is the node that remembers how."""
    sequence = as_sequence(clip)
    remember_playback(keeper, playback)
    screen.play(timing_of(sequence, scene, start, playback), sequence.first)


def play_instead(screen: Screen, keeper: Any, clip: Clip, before: Clip, scene: bpy.types.Scene) -> None:
    """Let the keys of the clip `before` play another one, from the same frame on.

    Keys that fit stay as the artist left them. Where the artist removed them nothing is done.
    """
    start = screen.start()
    if start is not None and not plays_alike(clip, before):
        play_on(screen, keeper, clip, scene, start, playback_of(keeper))


def as_sequence(clip: Clip | Sequence) -> Sequence:
    """A clip's pictures; a sequence is its own."""
    return Sequence.of(clip) if isinstance(clip, Clip) else clip


def timing_of(sequence: Sequence, scene: bpy.types.Scene, start: int, playback: Playback) -> Timing:
    """The timing of a sequence in a scene, from its frame `start` on."""
    return playback.timing(sequence, scene_rate(scene.render.fps, scene.render.fps_base), start)


def remember_playback(keeper: Any, playback: Playback) -> None:
    """Keep a playback with a node or strip, for what is shown there later."""
    keeper[_PLAYBACK] = playback.to_json()


def playback_of(keeper: Any) -> Playback:
    """What remember_playback kept; the default where nothing was kept."""
    return Playback.from_json(keeper.get(_PLAYBACK))


def plays_alike(clip: Clip, other: Clip) -> bool:
    """Whether two clips are timed alike, so that keys of one fit the other."""
    facts = []
    for each in (clip, other):
        sequence = Sequence.of(each)
        facts.append((sequence.frame_count, sequence.fps, sequence.first, sequence.runs_on))
    return facts[0] == facts[1]
