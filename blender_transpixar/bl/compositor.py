"""A clip in a scene's compositor: image, size, Alpha Over, just before the output."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import bpy

from ..core.box import Box
from ..core.clip import Clip
from ..core.errors import TransPixarError
from ..core.playback import Playback
from ..core.sequence import Sequence
from . import compat
from .clip_image import load_frames
from .clip_keys import as_sequence, play_on
from .new_blocks import nothing_half_made
from .places import check_scene
from .provenance import remember_provenance
from .timing_keys import Screen

# Fit of the sequencer, and the Scale node's word for it; the original size needs no Scale node.
_FRAME_METHODS = {"FIT": "FIT", "FILL": "CROP", "STRETCH": "STRETCH"}
_STEP = 220.0


@dataclass(frozen=True, slots=True)
class CompositorPlacement:
    """When a clip begins in the compositor, and how it is fitted to the render: as fit_method of strips says."""

    frame_start: int
    fit_method: str = "FIT"
    playback: Playback = field(default_factory=Playback)


def place_in_compositor(clip: Clip | Sequence, scene: bpy.types.Scene, placement: CompositorPlacement) -> Any:
    """Put a clip or any sequence with alpha over what a scene's compositor gives, and return the image node.

    What was wired stays as it was: Alpha Over goes between the output and what was linked to it. Before the clip's
    start and after its end only that is seen. Raises InvalidClipError when Blender cannot read the frames, and
    TransPixarError when the scene or the tree is linked from another file; whatever it raises, nothing has changed.
    """
    check_compositor(scene)
    sequence = as_sequence(clip)
    sequence.check_countable()
    with nothing_half_made(), _as_before(scene) as tree:
        return _build(sequence, scene, tree, placement)


def check_compositor(scene: bpy.types.Scene) -> None:
    """Raises TransPixarError where nothing can be placed in a scene's compositor."""
    check_scene(scene)
    tree = compat.compositor_tree(scene)
    if tree is not None and (tree.library is not None or tree.override_library is not None):
        raise TransPixarError(
            f"The compositor of {scene.name} is linked from another file. Make it local to place a clip in it.",
            code="linked",
        )


@contextmanager
def _as_before(scene: bpy.types.Scene) -> Iterator[Any]:
    """The scene's compositor tree; scene and tree are as they were before where this ends with an exception."""
    had_tree, composited = compat.compositor_tree(scene) is not None, scene.render.use_compositing
    tree = compat.ensure_compositor_tree(scene)
    nodes = {node.name for node in tree.nodes}
    output = compat.compositor_output(tree)
    place = None if output is None else output.location.copy()
    before = output.inputs[0].links[0].from_socket if output is not None and output.inputs[0].is_linked else None
    try:
        yield tree
    except BaseException:
        for node in [node for node in tree.nodes if node.name not in nodes]:
            tree.nodes.remove(node)
        if output is not None:
            output.location = place
        if before is not None:
            tree.links.new(before, output.inputs[0])
        scene.render.use_compositing = composited
        if not had_tree:
            compat.leave_compositor_tree(scene)
        raise


def _build(sequence: Sequence, scene: bpy.types.Scene, tree: Any, placement: CompositorPlacement) -> Any:
    frames = load_frames(sequence, sequence.name)
    scene.render.use_compositing = True
    output = compat.compositor_output(tree) or compat.new_compositor_output(tree)
    image = _add_node(tree, "CompositorNodeImage", output, -3)
    image.image = frames.image
    over = _add_node(tree, "CompositorNodeAlphaOver", output, 0)
    output.location.x += _STEP
    box = Box.of(sequence.canvas, frames.width, frames.height)
    picture = _fitted(tree, _on_canvas(tree, image, box), placement.fit_method, output)
    _wire_over(tree, output, over, picture)
    play_on(
        Screen(tree, image, compat.alpha_over_inputs(over)[2]),
        image,
        sequence,
        scene,
        placement.frame_start,
        placement.playback,
    )
    if sequence.clip is not None:
        for thing in (image, frames.image):
            remember_provenance(thing, sequence.clip)
    return image


def screen_of(tree: Any, image: Any) -> Screen | None:
    """What plays on an image node that was placed; None where the artist took its Alpha Over out."""
    over = _next(image, "CompositorNodeAlphaOver")
    while over is not None and over.label == _CANVAS_LABEL:
        over = _next(over, "CompositorNodeAlphaOver")
    return None if over is None else Screen(tree, image, compat.alpha_over_inputs(over)[2])


def show_canvas(tree: Any, image: Any, box: Box) -> None:
    """Put an image node's picture where its part of the whole picture is, when the clip on it was exchanged."""
    canvas = _next(image, "CompositorNodeAlphaOver", _CANVAS_LABEL)
    old = image.outputs["Image"] if canvas is None else canvas.outputs["Image"]
    targets = [link.to_socket for link in old.links]
    if canvas is not None:
        _remove_canvas(tree, image, canvas)
        for target in targets:
            tree.links.new(image.outputs["Image"], target)
    new = _on_canvas(tree, image, box)
    if new != image.outputs["Image"]:
        for target in targets:
            tree.links.new(new, target)


_CANVAS_LABEL = "Where it was before cropping"


def _on_canvas(tree: Any, image: Any, box: Box) -> Any:
    """The socket of the whole picture: the clip itself, or moved to its place on a transparent picture of that size."""
    if box.is_whole:
        return image.outputs["Image"]
    whole = _add_node(tree, "CompositorNodeImage", image, 0)
    whole.location.y -= 300.0
    whole.image = bpy.data.images.new(f"{image.image.name} canvas", box.width, box.height, alpha=True)
    whole.image.generated_color = (0.0, 0.0, 0.0, 0.0)
    move = _add_node(tree, "CompositorNodeTranslate", image, 0)
    move.location.y -= 150.0
    move.inputs["X"].default_value = (box.left + box.right) / 2 * box.width
    move.inputs["Y"].default_value = (box.bottom + box.top) / 2 * box.height
    over = _add_node(tree, "CompositorNodeAlphaOver", image, 1)
    over.label = _CANVAS_LABEL
    background, foreground, _ = compat.alpha_over_inputs(over)
    tree.links.new(image.outputs["Image"], move.inputs["Image"])
    tree.links.new(whole.outputs["Image"], background)
    tree.links.new(move.outputs["Image"], foreground)
    return over.outputs["Image"]


def _remove_canvas(tree: Any, image: Any, canvas: Any) -> None:
    move = _next(image, "CompositorNodeTranslate")
    background = compat.alpha_over_inputs(canvas)[0]
    whole = background.links[0].from_node if background.is_linked else None
    for node in (canvas, move, whole):
        if node is not None:
            tree.nodes.remove(node)


def _fitted(tree: Any, picture: Any, fit_method: str, output: Any) -> Any:
    """The socket of the picture in the size of the render, whatever that is, also when it changes later."""
    if fit_method not in _FRAME_METHODS:
        return picture
    scale = _add_node(tree, "CompositorNodeScale", output, -2)
    compat.scale_to_render_size(scale, _FRAME_METHODS[fit_method])
    tree.links.new(picture, scale.inputs["Image"])
    return scale.outputs["Image"]


def _wire_over(tree: Any, output: Any, over: Any, picture: Any) -> None:
    background, foreground, _ = compat.alpha_over_inputs(over)
    before = output.inputs[0].links[0].from_socket if output.inputs[0].is_linked else None
    if before is not None:
        tree.links.new(before, background)
    else:
        background.default_value = (0.0, 0.0, 0.0, 0.0)
    # Premultiplied: that is what Blender makes of straight PNG and of EXR when it loads them.
    tree.links.new(picture, foreground)
    tree.links.new(over.outputs["Image"], output.inputs[0])


def _next(node: Any, kind: str, label: str | None = None) -> Any:
    """The nearest node of a kind (and label) that a node's picture goes to; None when there is none."""
    waiting, seen = [node], {node.name}
    while waiting:
        for socket in waiting.pop(0).outputs:
            for link in socket.links:
                found = link.to_node
                if found.bl_idname == kind and label in (None, found.label):
                    return found
                if found.name not in seen:
                    seen.add(found.name)
                    waiting.append(found)
    return None


def _add_node(tree: Any, kind: str, beside: Any, steps: int) -> Any:
    """A node that many steps to the right of another one, below it."""
    node = tree.nodes.new(kind)
    node.location = (beside.location.x + steps * _STEP, beside.location.y - (260.0 if steps else 0.0))
    return node
