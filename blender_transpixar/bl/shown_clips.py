"""Which clips stand in the scene, and letting what shows them show another version of the same clip."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..core.box import Box
from ..core.clip import Clip
from ..core.finished import is_same_clip
from . import compat
from .clip_image import show_frames
from .clip_keys import play_instead
from .compositor import screen_of, show_canvas
from .known_clips import clip_in
from .plane import reshape
from .provenance import remember_provenance
from .strip import clip_folder_of, show_on_strip
from .timing_keys import Screen


@dataclass(frozen=True, slots=True)
class Showing:
    """A material with a clip: its image node, and the node that hides the plane before and after the clip."""

    material: bpy.types.Material
    texture: Any
    shown: Any
    clip: Clip

    def show(self, clip: Clip, scene: bpy.types.Scene) -> None:
        """Show another version of the clip, from the same frame on. Raises InvalidClipError."""
        show_frames(self.texture.image, clip)
        screen = Screen(self.material.node_tree, self.texture.image_user, self.shown.inputs[1])
        play_instead(screen, self.texture, clip, self.clip, scene)
        planes = [each for each in scene.objects if any(slot.material == self.material for slot in each.material_slots)]
        for mesh in {plane.data.session_uid: plane.data for plane in planes if plane.type == "MESH"}.values():
            reshape(mesh, box_of(self.clip), box_of(clip))
        for thing in (*planes, self.material, self.texture.image):
            remember_provenance(thing, clip)


@dataclass(frozen=True, slots=True)
class StripShowing:
    """A strip with a clip."""

    strip: Any
    clip: Clip

    def show(self, clip: Clip, scene: bpy.types.Scene) -> None:
        """Show another version of the clip, from the same frame on. Raises InvalidClipError."""
        show_on_strip(self.strip, clip, scene, box_of(self.clip))


@dataclass(frozen=True, slots=True)
class NodeShowing:
    """An image node with a clip in a scene's compositor."""

    tree: Any
    node: Any
    clip: Clip

    def show(self, clip: Clip, scene: bpy.types.Scene) -> None:
        """Show another version of the clip, from the same frame on. Raises InvalidClipError."""
        screen = screen_of(self.tree, self.node)
        show_frames(self.node.image, clip)
        if screen is not None:
            play_instead(screen, self.node, clip, self.clip, scene)
        show_canvas(self.tree, self.node, box_of(clip))
        for thing in (self.node, self.node.image):
            remember_provenance(thing, clip)


AnyShowing = Showing | StripShowing | NodeShowing


def showing_on(thing: bpy.types.Object | None) -> Showing | None:
    """The clip on an object; None when it has none, it is linked, or the clip is not on the disk any more."""
    for slot in getattr(thing, "material_slots", ()):
        showing = _showing_in(slot.material)
        if showing is not None:
            return showing
    return None


def showing_on_strip(strip: Any) -> StripShowing | None:
    """The clip on a strip; None when it has none, or the clip is not on the disk any more."""
    folder = clip_folder_of(strip)
    clip = None if folder is None else clip_in(folder)
    return None if clip is None else StripShowing(strip, clip)


def all_showing(scene: bpy.types.Scene, clip: Clip) -> list[AnyShowing]:
    """Everything in the scene that shows the same clip, raw or finished: planes, strips, and the compositor."""
    planes: dict[int, AnyShowing] = {}
    for each in scene.objects:
        showing = showing_on(each)
        if showing is not None and is_same_clip(showing.clip, clip):
            planes[showing.material.session_uid] = showing
    others: list[AnyShowing] = [*_on_strips(scene), *_in_compositor(scene)]
    return [*planes.values(), *(each for each in others if is_same_clip(each.clip, clip))]


def show_instead(showing: AnyShowing, clip: Clip, scene: bpy.types.Scene) -> None:
    """Let something show another version of its clip, from the same frame on. Raises InvalidClipError."""
    showing.show(clip, scene)


def box_of(clip: Clip) -> Box:
    """Which part of the whole picture a clip is."""
    return Box.of(clip.sidecar.canvas, clip.sidecar.width, clip.sidecar.height)


def clip_shown_by(image: bpy.types.Image | None) -> Clip | None:
    """The clip whose frames an image sequence shows; None for other images, also for others beside a clip."""
    if image is None or image.source != "SEQUENCE":
        return None
    path = Path(bpy.path.abspath(image.filepath, library=image.library))
    clip = clip_in(path.parent)
    return clip if clip is not None and path.name in clip.sidecar.frame_names() else None


def _showing_in(material: bpy.types.Material | None) -> Showing | None:
    # What is linked from another file cannot be changed in this one.
    if material is None or material.node_tree is None or material.library is not None:
        return None
    for texture in material.node_tree.nodes:
        clip = clip_shown_by(texture.image) if texture.type == "TEX_IMAGE" else None
        if clip is not None:
            shown = next(_multiplied(texture), None)
            if shown is not None:
                return Showing(material, texture, shown, clip)
    return None


def _multiplied(texture: Any) -> Iterator[Any]:
    """The nodes that multiply the clip's alpha."""
    for link in texture.outputs["Alpha"].links:
        if link.to_node.type == "MATH" and link.to_node.operation == "MULTIPLY":
            yield link.to_node


def _on_strips(scene: bpy.types.Scene) -> Iterator[StripShowing]:
    for strip in compat.all_strips(scene):
        showing = showing_on_strip(strip)
        if showing is not None:
            yield showing


def _in_compositor(scene: bpy.types.Scene) -> Iterator[NodeShowing]:
    tree = compat.compositor_tree(scene)
    for node in tree.nodes if tree is not None and tree.library is None else ():
        clip = clip_shown_by(node.image) if node.bl_idname == "CompositorNodeImage" else None
        if clip is not None:
            yield NodeShowing(tree, node, clip)
