"""What every section of the sidebar has in common: drawn by the same code in every editor that has the tab."""

from typing import Any, ClassVar

import bpy

from ..bl.known_clips import drawing

# Where clips are placed, and where first frames and footage are looked at.
_SPACES = (
    ("", "VIEW_3D"),
    ("_sequencer", "SEQUENCE_EDITOR"),
    ("_compositor", "NODE_EDITOR"),
    ("_image", "IMAGE_EDITOR"),
    ("_footage", "CLIP_EDITOR"),
)


class Section:
    """A panel of the TransPixar tab, without the editor that it stands in; `panels_of` makes the panels.

    Blender looks for a panel's parent among those of the same editor, so each editor needs panels of its own.
    """

    #: The end of the panels' names: `finish` gives `TRANSPIXAR_PT_finish` and `TRANSPIXAR_PT_finish_sequencer`.
    name: ClassVar[str]
    #: The `name` of the section that this one is in; empty for the outermost.
    parent: ClassVar[str] = "generate"
    bl_region_type = "UI"
    bl_category = "TransPixar"
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    layout: Any

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the section."""
        raise NotImplementedError


def panels_of(section: type[Section]) -> tuple[type, ...]:
    """The panels to register for a section, one for each editor."""
    return tuple(_panel(section, suffix, space) for suffix, space in _SPACES)


def _panel(section: type[Section], suffix: str, space: str) -> type:
    def draw(self: Any, context: bpy.types.Context) -> None:
        with drawing():
            section.draw(self, context)

    identifier = f"TRANSPIXAR_PT_{section.name}{suffix}"
    told: dict[str, Any] = {"__module__": section.__module__, "__doc__": section.__doc__, "draw": draw}
    told |= {"bl_idname": identifier, "bl_space_type": space}
    if space == "NODE_EDITOR":
        told["poll"] = classmethod(_is_compositor)
    if section.parent:
        told["bl_parent_id"] = f"TRANSPIXAR_PT_{section.parent}{suffix}"
    return type(identifier, (section, bpy.types.Panel), told)


def _is_compositor(cls: type, context: bpy.types.Context) -> bool:
    """Not among the nodes of materials or geometry."""
    return bool(context.space_data.tree_type == "CompositorNodeTree")
