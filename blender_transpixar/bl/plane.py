"""A clip as a plane with an animated, transparent material."""

from typing import Any

import bpy

from ..core.box import Box
from ..core.clip import Clip
from ..core.sequence import Sequence
from .clip_image import load_frames
from .clip_keys import as_sequence, play
from .material import build_material
from .new_blocks import nothing_half_made
from .placement import Placement, stand
from .provenance import remember_provenance

__all__ = ["Placement", "place_plane"]


def place_plane(
    clip: Clip | Sequence, scene: bpy.types.Scene, collection: bpy.types.Collection, placement: Placement
) -> Any:
    """Stand a clip or any sequence with alpha up in a scene and return the object.

    Before its start and after its end the plane is there but fully transparent, unless the placement holds it there. A
    clip that was cropped stands where its part of the whole picture would. Raises InvalidClipError when Blender cannot
    read the frames, and TransPixarError when the placement needs a camera and there is none; then nothing was added.
    """
    sequence = as_sequence(clip)
    # Tried first, because a scene without a camera should not be left with half a plane.
    placement.size(scene, 1.0)
    sequence.check_countable()
    with nothing_half_made():
        return _build(sequence, scene, collection, placement)


def _build(sequence: Sequence, scene: bpy.types.Scene, collection: bpy.types.Collection, placement: Placement) -> Any:
    frames = load_frames(sequence, sequence.name)
    box = Box.of(sequence.canvas, frames.width, frames.height)
    material, texture, shown = build_material(sequence.name, frames.image, placement.look)
    play(material.node_tree, texture, shown, sequence, scene, placement.frame_start, placement.playback)
    size = placement.size(scene, box.aspect)
    plane = bpy.data.objects.new(sequence.name, _build_mesh(sequence.name, box, size, material))
    plane.visible_shadow = placement.look.shadows
    collection.objects.link(plane)
    stand(plane, scene, placement, size)
    if sequence.clip is not None:
        for thing in (plane, material, frames.image):
            remember_provenance(thing, sequence.clip)
    return plane


def reshape(mesh: bpy.types.Mesh, before: Box, after: Box) -> None:
    """Let a plane's mesh show another part of the same whole picture, wherever it stands and however it was cut up."""
    if before == after or mesh.library is not None or not len(mesh.vertices):
        return
    edges = {
        0: ((before.left, before.right), (after.left, after.right)),
        _up(mesh): ((before.bottom, before.top), (after.bottom, after.top)),
    }
    for axis, (old, new) in edges.items():
        places = [vertex.co[axis] for vertex in mesh.vertices]
        low, size = min(places), max(places) - min(places)
        if not size:
            continue
        whole = size / (old[1] - old[0])
        middle = low - old[0] * whole
        for vertex, place in zip(mesh.vertices, places, strict=True):
            vertex.co[axis] = middle + whole * (new[0] + (place - low) / size * (new[1] - new[0]))
    mesh.update()


def _up(mesh: bpy.types.Mesh) -> int:
    """The axis along which the picture's height lies: Z; Y in the planes of earlier versions, which lay flat."""
    ys, zs = ([vertex.co[axis] for vertex in mesh.vertices] for axis in (1, 2))
    return 2 if max(zs) - min(zs) >= max(ys) - min(ys) else 1


def _build_mesh(name: str, box: Box, size: tuple[float, float], material: bpy.types.Material) -> bpy.types.Mesh:
    """A quad that stands upright and faces -Y, the picture of `size` metres (X, Z) filling it.

    Its origin is the middle of the whole picture's lower edge. Blender rotates what is dragged in to what it is dropped
    on, so an upright pose in the object's rotation would be lost there.
    """
    mesh = bpy.data.meshes.new(name)
    left, right = box.left * size[0], box.right * size[0]
    bottom, top = (box.bottom + 0.5) * size[1], (box.top + 0.5) * size[1]
    corners = ((left, 0.0, bottom), (right, 0.0, bottom), (right, 0.0, top), (left, 0.0, top))
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    places = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    for loop, place in zip(mesh.uv_layers.new(name="UVMap").data, places, strict=True):
        loop.uv = place
    mesh.materials.append(material)
    mesh.update()
    return mesh
