"""A sequence as a transparent, animated material."""

from dataclasses import dataclass
from typing import Any

import bpy

from . import compat


@dataclass(frozen=True, slots=True)
class Look:
    """How a plane is shaded and put over what is behind it.

    `shader` is "PRINCIPLED" (lit by the scene), "SHADELESS" (its own colours, lighting nothing) or "EMISSION" (lighting
    the scene, `emit_strength` times as bright). `blend` is "ALPHA", the over operation, or "ADD", which adds light and
    hides nothing; what is added is never lit by the scene. `shadows` says whether it casts any. `render_method` is
    EEVEE's: "DITHERED" or "BLENDED".
    """

    shader: str = "SHADELESS"
    emit_strength: float = 1.0
    blend: str = "ALPHA"
    shadows: bool = True
    render_method: str = "DITHERED"


def build_material(name: str, image: bpy.types.Image, look: Look) -> tuple[bpy.types.Material, Any, Any]:
    """A material that shows an image.

    Returns it, its image node, and the node that takes alpha times whether the clip is shown.
    """
    material = bpy.data.materials.new(name)
    compat.enable_nodes(material)
    material.surface_render_method = look.render_method
    material.use_transparent_shadow = True
    tree = material.node_tree
    tree.nodes.clear()
    texture = _add_node(tree, "ShaderNodeTexImage", (-600, 100))
    texture.image = image
    texture.extension = "CLIP"
    shown = _add_node(tree, "ShaderNodeMath", (-280, 260), "Shown during the clip")
    shown.operation = "MULTIPLY"
    shown.inputs[1].default_value = 1.0
    tree.links.new(texture.outputs["Alpha"], shown.inputs[0])
    output = _add_node(tree, "ShaderNodeOutputMaterial", (460, 100))
    tree.links.new(_surface(tree, texture, shown, look), output.inputs["Surface"])
    return material, texture, shown


def _surface(tree: Any, texture: Any, shown: Any, look: Look) -> Any:
    """The shader's output."""
    if look.blend == "ADD":
        return _added(tree, texture, shown, look)
    if look.shader == "PRINCIPLED":
        principled = _add_node(tree, "ShaderNodeBsdfPrincipled", (140, 100))
        tree.links.new(texture.outputs["Color"], principled.inputs["Base Color"])
        tree.links.new(shown.outputs[0], principled.inputs["Alpha"])
        return principled.outputs[0]
    # By index, because the factor of a Mix Shader has another name since 5.0.
    mix = _add_node(tree, "ShaderNodeMixShader", (240, 100))
    tree.links.new(shown.outputs[0], mix.inputs[0])
    tree.links.new(_add_node(tree, "ShaderNodeBsdfTransparent", (0, 60)).outputs[0], mix.inputs[1])
    tree.links.new(_emission(tree, texture, look).outputs[0], mix.inputs[2])
    return mix.outputs[0]


def _added(tree: Any, texture: Any, shown: Any, look: Look) -> Any:
    """Transparent plus emission in the strength of the alpha: colour times alpha is added to what is behind."""
    emission = _emission(tree, texture, look)
    strength = emission.inputs["Strength"]
    times_alpha = _add_node(tree, "ShaderNodeMath", (-140, -160), "Times alpha")
    times_alpha.operation = "MULTIPLY"
    times_alpha.inputs[1].default_value = strength.default_value
    tree.links.new(shown.outputs[0], times_alpha.inputs[0])
    for link in list(strength.links):
        tree.links.new(link.from_socket, times_alpha.inputs[1])
    tree.links.new(times_alpha.outputs[0], strength)
    both = _add_node(tree, "ShaderNodeAddShader", (240, 100))
    tree.links.new(_add_node(tree, "ShaderNodeBsdfTransparent", (0, 60)).outputs[0], both.inputs[0])
    tree.links.new(emission.outputs[0], both.inputs[1])
    return both.outputs[0]


def _emission(tree: Any, texture: Any, look: Look) -> Any:
    """The image's colours as light: seen by the camera and in reflections, and lighting the scene when asked to."""
    emission = _add_node(tree, "ShaderNodeEmission", (0, -40))
    tree.links.new(texture.outputs["Color"], emission.inputs["Color"])
    if look.shader == "EMISSION":
        emission.inputs["Strength"].default_value = look.emit_strength
        return emission
    lights_nothing = _add_node(tree, "ShaderNodeMath", (-280, -160), "Lights nothing")
    lights_nothing.operation = "SUBTRACT"
    lights_nothing.inputs[0].default_value = 1.0
    path = _add_node(tree, "ShaderNodeLightPath", (-600, -200))
    tree.links.new(path.outputs["Is Diffuse Ray"], lights_nothing.inputs[1])
    tree.links.new(lights_nothing.outputs[0], emission.inputs["Strength"])
    return emission


def _add_node(tree: Any, kind: str, location: tuple[float, float], label: str = "") -> Any:
    node = tree.nodes.new(kind)
    node.location = location
    node.label = label
    return node
