"""Every difference between the supported versions of Blender (4.2 and newer) stands here."""

from collections.abc import Iterator
from typing import Any

import bpy

_IS_5 = bpy.app.version >= (5, 0, 0)

# Options of a path property that may begin with "//"; versions that know the option warn where it is missing.
BLEND_RELATIVE_PATH: set[str] = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()

# Whether asset libraries have a page of their own in Blender's preferences, as since 5.2; they were among File Paths.
HAS_ASSET_PREFERENCES = "ASSETS" in bpy.types.Preferences.bl_rna.properties["active_section"].enum_items


def enable_nodes(material: bpy.types.Material) -> None:
    """Give a new material its node tree; 5.0 and newer always have one and warn when asked."""
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True


def find_fcurve(animated: Any, path: str) -> Any:
    """The F-curve of a property of an animated datablock; None when it is not animated, or not any more."""
    data = animated.animation_data
    if data is None or data.action is None:
        return None
    if bpy.app.version < (5, 0, 0):
        return data.action.fcurves.find(path)
    for layer in data.action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(data.action_slot) if data.action_slot is not None else None
            if bag is not None:
                return bag.fcurves.find(path)
    return None


def fcurves(animated: Any) -> Any:
    """The F-curves of an animated datablock: on its action before 5.0, in the action's channel bag since."""
    data = animated.animation_data
    if bpy.app.version < (5, 0, 0):
        return data.action.fcurves
    return data.action.layers[0].strips[0].channelbag(data.action_slot).fcurves


def show_in_sequencer(context: bpy.types.Context, scene: bpy.types.Scene) -> None:
    """Let the sequencer show a scene where it shows none; before 5.0 it shows the window's."""
    workspace: Any = context.workspace
    if hasattr(workspace, "sequencer_scene") and workspace.sequencer_scene is None:
        workspace.sequencer_scene = scene


def strips(holder: Any) -> Any:
    """The strips of a sequence editor or meta strip, by their name since 4.4; an empty list of them is false."""
    return holder.strips if hasattr(holder, "strips") else holder.sequences


def all_strips(scene: bpy.types.Scene) -> Iterator[Any]:
    """Every strip of a scene, those in meta strips too."""
    editor: Any = scene.sequence_editor
    if editor is not None:
        yield from editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def strip_range(strip: Any) -> tuple[int, int]:
    """The first frame of a strip and the first one after it, by their names since 5.2."""
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def strip_content_start(strip: Any) -> int:
    """The scene frame of a strip's first element, also where that is cut off."""
    return int(strip.content_start if hasattr(strip, "content_start") else strip.frame_start)


def strip_cuts(strip: Any) -> tuple[int, int]:
    """How many frames of a strip's content its left and its right handle cut off; fewer than 0 where they hold one."""
    if hasattr(strip, "left_handle_offset"):
        return int(strip.left_handle_offset), int(strip.right_handle_offset)
    return int(strip.frame_offset_start), int(strip.frame_offset_end)


def set_strip_cuts(strip: Any, cuts: tuple[int, int]) -> None:
    """Cut that many frames off a strip's content at both ends."""
    names = ("left_handle_offset", "right_handle_offset")
    if not hasattr(strip, names[0]):
        names = ("frame_offset_start", "frame_offset_end")
    for name, frames in zip(names, cuts, strict=True):
        setattr(strip, name, frames)


def in_sequencer(scene: bpy.types.Scene) -> Any:
    """A context manager in which the operators of the sequencer work on a scene."""
    members: dict[str, Any] = {"scene": scene}
    if _IS_5:
        members["sequencer_scene"] = scene
    return bpy.context.temp_override(**members)


def compositor_tree(scene: bpy.types.Scene) -> Any:
    """The compositor's node tree; None where the scene has none, or does not use it."""
    if _IS_5:
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def ensure_compositor_tree(scene: bpy.types.Scene) -> Any:
    """The compositor's node tree, made with the render result as its output where the scene has none."""
    if not _IS_5:
        scene.use_nodes = True
        return scene.node_tree
    if scene.compositing_node_group is None:
        tree: Any = bpy.data.node_groups.new("Compositor Nodes", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        layers = tree.nodes.new("CompositorNodeRLayers")
        layers.location = (-300.0, 0.0)
        output = tree.nodes.new("NodeGroupOutput")
        output.location = (300.0, 0.0)
        tree.links.new(layers.outputs["Image"], output.inputs[0])
        scene.compositing_node_group = tree
    return scene.compositing_node_group


def leave_compositor_tree(scene: bpy.types.Scene) -> None:
    """Let a scene that had no compositor be without one again; before 5.0 the tree stays, unused."""
    if _IS_5:
        scene.compositing_node_group = None
    else:
        scene.use_nodes = False


def compositor_output(tree: Any) -> Any:
    """The node that is the compositor's result; None where the artist removed it."""
    kind = "NodeGroupOutput" if _IS_5 else "CompositorNodeComposite"
    outputs = [node for node in tree.nodes if node.bl_idname == kind and not node.mute]
    return next((node for node in outputs if getattr(node, "is_active_output", False)), next(iter(outputs), None))


def new_compositor_output(tree: Any) -> Any:
    """A new output for a tree that has none."""
    if _IS_5 and not any(item.in_out == "OUTPUT" for item in tree.interface.items_tree):
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    return tree.nodes.new("NodeGroupOutput" if _IS_5 else "CompositorNodeComposite")


def alpha_over_inputs(node: Any) -> tuple[Any, Any, Any]:
    """Background, foreground and factor of an Alpha Over node, which stand in another order since 5.0."""
    if _IS_5:
        return node.inputs[0], node.inputs[1], node.inputs[2]
    return node.inputs[1], node.inputs[2], node.inputs[0]


def scale_to_render_size(node: Any, frame_method: str) -> None:
    """Let a Scale node fit its picture to the render size, smoothly: STRETCH, FIT, or CROP, which fills."""
    if _IS_5:
        node.inputs["Type"].default_value = "Render Size"
        node.inputs["Frame Type"].default_value = frame_method.capitalize()
        node.inputs["Interpolation"].default_value = "Bilinear"
        return
    node.space = "RENDER_SIZE"
    node.frame_method = frame_method
    if hasattr(node, "interpolation"):
        node.interpolation = "BILINEAR"


def own_action(animated: Any) -> None:
    """Give a datablock that was copied its own copy of its action, which copying leaves shared."""
    data = animated.animation_data
    if data is None or data.action is None:
        return
    slot = data.action_slot.identifier if getattr(data, "action_slot", None) is not None else None
    data.action = data.action.copy()
    # Since 4.4 an action animates through a slot, which is found by its name or lost.
    if slot is not None and data.action_slot is None:
        data.action_slot = data.action.slots[slot]


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene that the sequencer shows: since 5.0 the workspace's own choice, if it has made one."""
    return getattr(context, "sequencer_scene", None) or context.scene


def write_png(settings: Any) -> dict[str, str]:
    """Let a scene's image settings write 8-bit PNGs with alpha; returns what they were, for `write_as`."""
    png = {"file_format": "PNG", "color_mode": "RGBA", "color_depth": "8"}
    # 5.0 and newer must be told first that it is images at all.
    media = {"media_type": "IMAGE"} if bpy.app.version >= (5, 0, 0) else {}
    before = {name: getattr(settings, name) for name in media | png}
    write_as(settings, media | png)
    return before


def write_as(settings: Any, values: dict[str, str]) -> None:
    """Set a scene's image settings, in this order: each one decides what the next may be."""
    for name, value in values.items():
        setattr(settings, name, value)
