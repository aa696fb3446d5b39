"""A clip as a plane with an animated, transparent material."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import radians
from pathlib import Path
from typing import Any

import bpy

from ..core.clip import Clip
from ..core.errors import InvalidClipError
from ..core.timing import Timing, scene_rate
from . import compat

# The lowest frame Blender knows. An image user that starts there and lasts one frame always shows the file numbered
# 1 + frame_offset, so that keyframes of frame_offset alone choose the file. Without this, the frames before
# frame_start would be opaque magenta.
_BEFORE_ALL_FRAMES = -1048574


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
    image = _load_frames(clip, name)
    timing = Timing(
        start=placement.frame_start,
        frame_count=clip.sidecar.frame_count,
        clip_fps=clip.sidecar.fps,
        scene_fps=scene_rate(scene.render.fps, scene.render.fps_base),
    )
    material = _build_material(name, image, clip.sidecar.first_frame, timing)
    width = placement.height * clip.sidecar.width / clip.sidecar.height
    plane = bpy.data.objects.new(name, _build_mesh(name, width, placement.height, material))
    plane.location = placement.location
    plane.rotation_euler.x = radians(90.0)
    collection.objects.link(plane)
    return plane


def _load_frames(clip: Clip, name: str) -> bpy.types.Image:
    """The clip as an image sequence: alpha straight and colour sRGB, which are Blender's defaults for 8-bit PNG."""
    path = clip.first_frame_path
    try:
        # A datablock of its own: an image the artist loaded from the same file must not turn into a sequence.
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError as error:
        raise InvalidClipError(f"{path} could not be read as an image. Make the clip again.") from error
    if 0 in image.size:
        bpy.data.images.remove(image)
        raise InvalidClipError(f"{path} could not be read as an image. Make the clip again.")
    image.name = name
    image.source = "SEQUENCE"
    image.alpha_mode = "STRAIGHT"
    image.colorspace_settings.name = "sRGB"
    image.filepath = _path_for_blend_file(path)
    return image


def _path_for_blend_file(path: Path) -> str:
    """Relative to a saved .blend file if the artist wants relative paths, like Blender's own importers."""
    if not bpy.data.filepath or not bpy.context.preferences.filepaths.use_relative_paths:
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:  # another drive, on Windows
        return str(path)


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


def _build_material(name: str, image: bpy.types.Image, first_number: int, timing: Timing) -> bpy.types.Material:
    """Emission over Transparent, mixed by the clip's alpha: it looks the same in every light, in EEVEE and Cycles."""
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
    _animate(tree, texture, shown, first_number, timing)
    return material


def _add_node(tree: Any, kind: str, location: tuple[float, float], label: str = "") -> Any:
    node = tree.nodes.new(kind)
    node.location = location
    node.label = label
    return node


def _animate(tree: Any, texture: Any, shown: Any, first_number: int, timing: Timing) -> None:
    """Keyframe the file to show and whether to show one; stepped keys can be moved and scaled in the Dope Sheet."""
    user = texture.image_user
    user.use_auto_refresh = True
    user.use_cyclic = False
    user.frame_duration = 1
    user.frame_start = _BEFORE_ALL_FRAMES
    for frame, index in timing.changes():
        user.frame_offset = first_number - 1 + index
        user.keyframe_insert("frame_offset", frame=frame)
    factor = shown.inputs[1]
    for frame, value in ((timing.start - 1, 0.0), (timing.start, 1.0), (timing.end, 0.0)):
        factor.default_value = value
        factor.keyframe_insert("default_value", frame=frame)
    _hold_between_keys(compat.fcurves(tree))


def _hold_between_keys(curves: Iterable[Any]) -> None:
    for curve in curves:
        for key in curve.keyframe_points:
            key.interpolation = "CONSTANT"
        curve.update()
