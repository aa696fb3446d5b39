"""Which clips stand in the scene, and letting their planes show another version of the same clip."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..core.clip import Clip
from ..core.errors import InvalidClipError
from ..core.finished import is_same_clip
from .clip_image import show_frames
from .clip_keys import play_instead

# The panel asks at every redraw; a clip folder that was complete once is read again only when it has changed.
_read: dict[Path, tuple[int, Clip | None]] = {}


@dataclass(frozen=True, slots=True)
class Showing:
    """A material with a clip: its image node, and the node that hides the plane before and after the clip."""

    material: bpy.types.Material
    texture: Any
    shown: Any
    clip: Clip


def showing_on(thing: bpy.types.Object | None) -> Showing | None:
    """The clip on an object; None when it has none, it is linked, or the clip is not on the disk any more."""
    for slot in getattr(thing, "material_slots", ()):
        showing = _showing_in(slot.material)
        if showing is not None:
            return showing
    return None


def all_showing(scene: bpy.types.Scene, clip: Clip) -> list[Showing]:
    """Every material of the scene that shows the same clip, raw or finished."""
    found = {}
    for each in scene.objects:
        showing = showing_on(each)
        if showing is not None and is_same_clip(showing.clip, clip):
            found[showing.material.session_uid] = showing
    return list(found.values())


def show_instead(showing: Showing, clip: Clip, scene: bpy.types.Scene) -> None:
    """Let a material show another version of its clip, from the same frame on. Raises InvalidClipError."""
    show_frames(showing.texture.image, clip)
    play_instead(showing.material.node_tree, showing.texture, showing.shown, clip, showing.clip, scene)


def open_cached(folder: Path) -> Clip | None:
    """A clip's folder as Clip.open reads it, without reading it each time; None when it is none."""
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return None
    if folder not in _read or _read[folder][0] != changed:
        try:
            clip = Clip.open(folder)
        except InvalidClipError:
            clip = None
        _read[folder] = changed, clip
    return _read[folder][1]


def _showing_in(material: bpy.types.Material | None) -> Showing | None:
    # What is linked from another file cannot be changed in this one.
    if material is None or material.node_tree is None or material.library is not None:
        return None
    for texture in material.node_tree.nodes:
        if texture.type != "TEX_IMAGE" or texture.image is None or texture.image.source != "SEQUENCE":
            continue
        path = Path(bpy.path.abspath(texture.image.filepath, library=texture.image.library))
        clip = open_cached(path.parent)
        shown = next(_multiplied(texture), None)
        if clip is not None and shown is not None:
            return Showing(material, texture, shown, clip)
    return None


def _multiplied(texture: Any) -> Iterator[Any]:
    """The nodes that multiply the clip's alpha."""
    for link in texture.outputs["Alpha"].links:
        if link.to_node.type == "MATH" and link.to_node.operation == "MULTIPLY":
            yield link.to_node
