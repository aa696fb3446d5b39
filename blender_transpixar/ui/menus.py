"""Entries in Blender's own menus: where artists look for such things, and where its search (F3) finds them.

The search knows menus only; no operator is found that stands in none.
"""

from collections.abc import Callable
from typing import Any

import bpy

from ..bl.known_clips import drawing
from ..bl.subject import active_showing

_Draw = Callable[[Any, bpy.types.Context], None]


class TRANSPIXAR_MT_clip(bpy.types.Menu):
    """What can be done with the clip on the active object or strip."""

    bl_label = "TransPixar Clip"
    bl_description = "Finish, export, keep or make again the clip of the active object or strip"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the operators that are about the clip."""
        layout = self.layout
        layout.operator("transpixar.finish_clip", icon="BRUSH_DATA")
        layout.operator("transpixar.use_raw_clip")
        layout.operator("transpixar.export_clip", text="Export Clip...", icon="EXPORT")
        layout.separator()
        layout.operator("transpixar.regenerate", icon="FILE_REFRESH").seed = "NEW"
        layout.operator("transpixar.start_at_current_frame", icon="PLAY")
        layout.operator("transpixar.keep_as_asset", icon="ASSET_MANAGER")


class TRANSPIXAR_MT_main(bpy.types.Menu):
    """Everything that is not about one clip, in the same words as in the sidebar."""

    bl_label = "TransPixar"
    bl_description = "Generate transparent clips, and look after them, their library and their server"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the operators."""
        layout = self.layout
        layout.operator("transpixar.generate", icon="RENDER_ANIMATION")
        layout.menu(TRANSPIXAR_MT_clip.__name__)
        layout.separator()
        layout.operator("transpixar.use_standard_view", icon="COLOR")
        layout.operator("transpixar.collect_clips", icon="FILE_FOLDER")
        layout.operator("transpixar.build_starter_library")
        layout.operator("transpixar.register_library", icon="ASSET_MANAGER")
        layout.separator()
        layout.operator("transpixar.start_server", icon="PLAY")
        layout.operator("transpixar.stop_server", icon="CANCEL")
        layout.operator("transpixar.show_server_log", icon="TEXT")


def add_to_menus() -> None:
    """Append the entries."""
    for name, draw in _ENTRIES:
        getattr(bpy.types, name).append(draw)


def remove_from_menus() -> None:
    """Take them back."""
    for name, draw in _ENTRIES:
        getattr(bpy.types, name).remove(draw)


def _draw_import(self: Any, context: bpy.types.Context) -> None:
    self.layout.operator("transpixar.place_plane", text="TransPixar Clip (.transpixar)")


def _draw_add_plane(self: Any, context: bpy.types.Context) -> None:
    self.layout.operator("transpixar.place_plane", text="TransPixar Clip...", icon="IMAGE_PLANE")


def _draw_add_strip(self: Any, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("transpixar.place_strip", text="TransPixar Clip...", icon="SEQUENCE")


def _draw_add_node(self: Any, context: bpy.types.Context) -> None:
    if context.space_data.tree_type == "CompositorNodeTree":
        self.layout.separator()
        self.layout.operator("transpixar.place_in_compositor", text="TransPixar Clip...", icon="NODE_COMPOSITING")


def _draw_clip(self: Any, context: bpy.types.Context) -> None:
    with drawing():
        showing = active_showing(context)
    if showing is not None:
        self.layout.separator()
        self.layout.menu(TRANSPIXAR_MT_clip.__name__)


def _draw_main(self: Any, context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.menu(TRANSPIXAR_MT_main.__name__)


_ENTRIES: tuple[tuple[str, _Draw], ...] = (
    ("TOPBAR_MT_file_import", _draw_import),
    ("TOPBAR_MT_render", _draw_main),
    ("VIEW3D_MT_image_add", _draw_add_plane),
    ("SEQUENCER_MT_add", _draw_add_strip),
    ("NODE_MT_add", _draw_add_node),
    ("VIEW3D_MT_object_context_menu", _draw_clip),
    ("SEQUENCER_MT_context_menu", _draw_clip),
)
CLASSES = (TRANSPIXAR_MT_clip, TRANSPIXAR_MT_main)
