"""A clip as a plane with an animated, transparent material."""

from dataclasses import dataclass
from math import radians
from typing import Any

import bpy

from ..core.clip import Clip
from . import compat
from .clip_image import load_frames
from .clip_keys import play


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a plane stands: location of its centre in metres, height in metres, scene frame of its first picture."""

    location: tuple[float, float, float]
    height: float
    frame_start: int


def place_plane(clip: Clip, scene: bpy.types.Scene, collection: bpy.types.Collection, placement: Placement) -> Any:
    """Stand a clip up in a scene, facing -Y (the front view), and return the object.

    The clip keeps its duration: frames are held or skipped where the scene has another frame rate. Before its start and
    after its end the plane is there but fully transparent. Raises InvalidClipError when Blender cannot read the frames.
    """
    name = clip.sidecar_path.stem
    image = load_frames(clip, name)
    material, texture, shown = _build_material(name, image)
    play(material.node_tree, texture, shown, clip, scene, placement.frame_start)
    width = placement.height * clip.sidecar.width / clip.sidecar.height
    plane = bpy.data.objects.new(name, _build_mesh(name, width, placement.height, material))
    plane.location = placement.location
    plane.rotation_euler.x = radians(90.0)
    collection.objects.link(plane)
    return plane


def _build_mesh(name: str, width: float, height: float, material: bpy.types.Material) -> bpy.types.Mesh:
    """A quad centred on its origin, `width` x `height` metres in X and Y, the picture filling it."""
    mesh = bpy.data.meshes.new(name)
    x, y = width / 2.0, height / 2.0
    mesh.from_pydata([(-x, -y, 0.0), (x, -y, 0.0), (x, y, 0.0), (-x, y, 0.0)], [], [(0, 1, 2, 3)])
    corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    for loop, corner in zip(mesh.uv_layers.new(name="UVMap").data, corners, strict=True):
        loop.uv = corner
    mesh.materials.append(material)
    mesh.update()
    return mesh


def _build_material(name: str, image: bpy.types.Image) -> tuple[bpy.types.Material, Any, Any]:
    """Emission over Transparent, mixed by the clip's alpha: it looks the same in every light, in EEVEE and Cycles.

    Returns the material, its image node, and the node that takes alpha times whether the clip is shown.
    """
    material = bpy.data.materials.new(name)
    compat.enable_nodes(material)
    tree = material.node_tree
    tree.nodes.clear()
    texture = _add_node(tree, "ShaderNodeTexImage", (-600, 100))
    shown = _add_node(tree, "ShaderNodeMath", (-280, 260), label="Shown during the clip")
    transparent = _add_node(tree, "ShaderNodeBsdfTransparent", (-280, 60))
    emission = _add_node(tree, "ShaderNodeEmission", (-280, -40))
    mix = _add_node(tree, "ShaderNodeMixShader", (-40, 100))
    output = _add_node(tree, "ShaderNodeOutputMaterial", (180, 100))
    texture.image = image
    texture.extension = "CLIP"
    shown.operation = "MULTIPLY"
    # By index, because the factor of a Mix Shader has another name since 5.0.
    tree.links.new(texture.outputs["Color"], emission.inputs["Color"])
    tree.links.new(texture.outputs["Alpha"], shown.inputs[0])
    tree.links.new(shown.outputs[0], mix.inputs[0])
    tree.links.new(transparent.outputs[0], mix.inputs[1])
    tree.links.new(emission.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], output.inputs["Surface"])
    return material, texture, shown


def _add_node(tree: Any, kind: str, location: tuple[float, float], label: str = "") -> Any:
    node = tree.nodes.new(kind)
    node.location = location
    node.label = label
    return node
