"""A clip as an image strip in the sequencer."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ..core.box import Box
from ..core.clip import Clip
from ..core.errors import InvalidClipError, TransPixarError
from ..core.playback import Playback
from ..core.sequence import Sequence
from . import compat
from .clip_image import Frames, load_frames, path_for_blend_file
from .clip_keys import as_sequence, playback_of, plays_alike, remember_playback, timing_of
from .colour_spaces import take_for_srgb
from .places import check_scene
from .provenance import remember_provenance

_log = logging.getLogger(__package__)
_CHANNELS = 128
# How many frames after the strip's first element the clip itself begins; more than 0 when its first picture is held.
_START = "transpixar_start"
_BLEND_TYPES = {"ALPHA": "ALPHA_OVER", "ADD": "ADD"}


@dataclass(frozen=True, slots=True)
class StripPlacement:
    """When a clip begins in the sequencer, and how it is fitted to the render.

    `channel` 0 takes the first free one above everything that is there at that time. `fit_method` is FIT, FILL, STRETCH
    or ORIGINAL; `blend` "ALPHA", the over operation, or "ADD".
    """

    frame_start: int
    channel: int = 0
    fit_method: str = "FIT"
    blend: str = "ALPHA"
    playback: Playback = field(default_factory=Playback)


def place_strip(clip: Clip | Sequence, scene: bpy.types.Scene, placement: StripPlacement) -> Any:
    """Put a clip or any sequence with alpha into a scene's sequencer and return the strip.

    The strip has one element for each frame of the scene, so that it plays alike in every version of Blender and can be
    cut and moved. A clip that runs for ever, or is held, does so until the scene's last frame (or from its first).
    Raises InvalidClipError when Blender cannot read the frames, TransPixarError when no channel is free or the scene is
    linked from another file; whatever it raises, nothing has changed.
    """
    check_scene(scene)
    sequence = as_sequence(clip)
    # A strip does not say whether its files can be read, nor how large they are.
    frames = load_frames(sequence, "probe")
    bpy.data.images.remove(frames.image)
    shown = _shown(sequence, scene, placement.frame_start, placement.playback)
    with _as_before(scene) as editor:
        return _build(sequence, scene, editor, placement, frames, shown)


@contextmanager
def _as_before(scene: bpy.types.Scene) -> Iterator[Any]:
    """The scene's sequence editor; what was put into it is gone again where this ends with an exception."""
    had_editor = scene.sequence_editor is not None
    editor = scene.sequence_editor_create()
    names = {strip.name for strip in compat.all_strips(scene)}
    try:
        yield editor
    except BaseException:
        holder = _edited(editor)
        for strip in [strip for strip in compat.strips(holder) if strip.name not in names]:
            compat.strips(holder).remove(strip)
        if not had_editor:
            scene.sequence_editor_clear()
        raise


def _edited(editor: Any) -> Any:
    """What is being edited: a meta strip that was entered, or all of it."""
    return editor.meta_stack[-1] if len(editor.meta_stack) else editor


def _build(
    sequence: Sequence,
    scene: bpy.types.Scene,
    editor: Any,
    placement: StripPlacement,
    frames: Frames,
    shown: list[tuple[int, int]],
) -> Any:
    holder = _edited(editor)
    start, end = shown[0][0], shown[-1][0] + 1
    channel = placement.channel or _free_channel(compat.strips(holder), start, end)
    names = _names(sequence, shown)
    strip = compat.strips(holder).new_image(
        name=sequence.name,
        filepath=path_for_blend_file(sequence.folder / names[0]),
        channel=channel,
        frame_start=start,
        fit_method=placement.fit_method,
    )
    _set_elements(strip, scene, names)
    strip.blend_type = _BLEND_TYPES[placement.blend]
    # In 8 bits, Blender 5 scales the hidden colours of transparent pixels into the edges.
    strip.use_float = True
    if sequence.clip is not None:
        take_for_srgb(strip.colorspace_settings)
    box = Box.of(sequence.canvas, frames.width, frames.height)
    _fit(strip, scene, placement.fit_method, box, frames.width, frames.height)
    remember_playback(strip, placement.playback)
    strip[_START] = placement.frame_start - start
    if sequence.clip is not None:
        remember_provenance(strip, sequence.clip)
    return strip


def show_on_strip(strip: Any, clip: Clip, scene: bpy.types.Scene, before: Box) -> None:
    """Let a strip show another version of its clip, from the same frame on; `before` is the one's part that it shows.

    Cuts at its ends are kept where the clip is as long as it was. Raises InvalidClipError.
    """
    bpy.data.images.remove(load_frames(clip, "probe").image)
    was, sequence = _clip_of(strip), Sequence.of(clip)
    if was is not None and plays_alike(was, clip):
        old = Sequence.of(was)
        numbers = {old.file_name(index): index for index in range(old.frame_count)}
        names = [sequence.file_name(numbers.get(element.filename, 0)) for element in strip.elements]
    else:
        start = compat.strip_content_start(strip) + int(strip.get(_START, 0))
        names = _names(sequence, _shown(sequence, scene, start, playback_of(strip)))
    _set_elements(strip, scene, names)
    strip.directory = path_for_blend_file(clip.folder) + "/"
    _refit(strip, before, Box.of(clip.sidecar.canvas, clip.sidecar.width, clip.sidecar.height), was, clip)
    remember_provenance(strip, clip)


def clip_folder_of(strip: Any) -> Path | None:
    """The folder of the files that an image strip shows; None for other strips."""
    if strip is None or strip.type != "IMAGE":
        return None
    return Path(bpy.path.abspath(strip.directory)).absolute()


def _clip_of(strip: Any) -> Clip | None:
    folder = clip_folder_of(strip)
    try:
        return None if folder is None else Clip.open(folder)
    except InvalidClipError:
        return None


def _shown(sequence: Sequence, scene: bpy.types.Scene, frame_start: int, playback: Playback) -> list[tuple[int, int]]:
    """Scene frame and index of each picture, in order; at least one."""
    timing = timing_of(sequence, scene, frame_start, playback)
    first = min(scene.frame_start, frame_start) if timing.hold_before else frame_start
    last = frame_start + max(int(timing.run), 1) - 1 if timing.end is None else timing.end - 1
    if timing.end is None or timing.hold_after:
        last = max(last, scene.frame_end)
    return list(timing.shown(first, last))


def _free_channel(strips: Iterable[Any], start: int, end: int) -> int:
    """Above every strip that is there between two frames; the lowest free one where that is past the last channel."""
    taken = set()
    for strip in strips:
        first, after = compat.strip_range(strip)
        if first < end and start < after:
            taken.add(strip.channel)
    if not taken:
        return 1
    if max(taken) < _CHANNELS:
        return max(taken) + 1
    for channel in range(1, _CHANNELS + 1):
        if channel not in taken:
            return channel
    raise TransPixarError("No channel is free there. Move a strip, or choose another start frame.", code="no_channel")


def _fit(strip: Any, scene: bpy.types.Scene, fit_method: str, box: Box, width: int, height: int) -> None:
    """Put a cropped clip where its part of the whole picture would be; Blender has fitted what is not cropped."""
    if box.is_whole:
        return
    render = scene.render.resolution_x / box.width, scene.render.resolution_y / box.height
    scales = {"FIT": (min(render),) * 2, "FILL": (max(render),) * 2, "STRETCH": render}.get(fit_method, (1.0, 1.0))
    strip.transform.scale_x, strip.transform.scale_y = scales
    strip.transform.offset_x, strip.transform.offset_y = _middle(box, scales)


def _refit(strip: Any, before: Box, after: Box, was: Clip | None, clip: Clip) -> None:
    """Keep a strip's picture where it is when the clip on it has another size or is another part of the picture."""
    if was is None or (before == after and _size(was) == _size(clip)):
        return
    transform = strip.transform
    old = transform.scale_x, transform.scale_y
    # The whole picture stays as large as it was, in however many pixels it is now.
    scales = old[0] * before.width / after.width, old[1] * before.height / after.height
    moved = [there - here for here, there in zip(_middle(before, old), _middle(after, scales), strict=True)]
    transform.scale_x, transform.scale_y = scales
    transform.offset_x += moved[0]
    transform.offset_y += moved[1]


def _middle(box: Box, scales: tuple[float, float]) -> tuple[float, float]:
    """The clip's centre from that of the whole picture, in pixels of the render."""
    x, y = (box.left + box.right) / 2 * box.width, (box.bottom + box.top) / 2 * box.height
    return x * scales[0], y * scales[1]


def _size(clip: Clip) -> tuple[int, int]:
    return clip.sidecar.width, clip.sidecar.height


def _names(sequence: Sequence, shown: list[tuple[int, int]]) -> list[str]:
    """The file of each scene frame."""
    names = {index: sequence.file_name(index) for index in {index for _, index in shown}}
    return [names[index] for _, index in shown]


def _set_elements(strip: Any, scene: bpy.types.Scene, names: list[str]) -> None:
    """Give a strip one element for each name; what is cut off at its ends stays cut off."""
    if len(strip.elements) != len(names):
        _set_element_count(strip, scene, len(names))
    for element, name in zip(strip.elements, names, strict=True):
        if element.filename != name:
            element.filename = name


def _set_element_count(strip: Any, scene: bpy.types.Scene, count: int) -> None:
    """Give a strip as many elements as that, whichever files they name."""
    # Blender copies all elements for each one that is appended: 12 s for 20,000 of them. This operator makes all at
    # once, and needs no editor. Newer versions sort the files, so all are the same one.
    editor = scene.sequence_editor
    active, cut = editor.active_strip, compat.strip_cuts(strip)
    folder, name = strip.directory, strip.elements[0].filename
    editor.active_strip = strip
    try:
        with compat.in_sequencer(scene):
            bpy.ops.sequencer.change_path(
                directory=bpy.path.abspath(folder), relative_path=False, files=[{"name": name}] * count
            )
    except RuntimeError:
        _log.debug("the operator cannot run here, so elements are appended", exc_info=True)
    finally:
        editor.active_strip = active
    strip.directory = folder
    if len(strip.elements) == count:
        # What is shorter than what was cut off still shows one frame.
        left = min(cut[0], count - 1)
        compat.set_strip_cuts(strip, (left, min(cut[1], count - 1 - left)))
        return
    _append_or_pop_elements(strip, name, count)


def _append_or_pop_elements(strip: Any, name: str, count: int) -> None:
    """As _set_element_count, in a time that grows with the square of the count."""
    while len(strip.elements) > count:
        strip.elements.pop(len(strip.elements) - 1)
    while len(strip.elements) < count:
        strip.elements.append(name)
