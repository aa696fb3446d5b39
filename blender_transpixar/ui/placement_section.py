"""How and where clips are placed: in the sidebar, in file browsers and in redo panels."""

from typing import Any

import bpy

from ..bl.view_transform import changes_colours
from .sentence import draw_sentence


def draw_placement(layout: Any, context: bpy.types.Context) -> None:
    """Draw the buttons that place a clip from disk, and how new clips are placed (`scene.transpixar.placement`)."""
    settings: Any = context.scene.transpixar.placement
    column = layout.column(align=True)
    column.label(text="Place from Disk")
    # By name, because the operators draw parts of this themselves.
    column.operator("transpixar.place_plane", text="Plane...", icon="IMAGE_PLANE")
    column.operator("transpixar.place_strip", text="Strip...", icon="SEQUENCE")
    column.operator("transpixar.place_in_compositor", text="Compositor...", icon="NODE_COMPOSITING")
    settings_column = layout.column()
    settings_column.use_property_split = True
    settings_column.use_property_decorate = False
    settings_column.prop(settings, "place_as")
    if settings.place_as == "PLANE":
        draw_plane(settings_column, settings)
    else:
        settings_column.prop(settings, "fit_method")
        if settings.place_as == "STRIP":
            settings_column.prop(settings, "blend")
    draw_playback(settings_column, settings)
    if changes_colours(context.scene):
        changes = bpy.app.translations.pgettext_iface("{view} changes the colors of clips")
        name = context.scene.view_settings.view_transform
        draw_sentence(layout, context, changes.format(view=name), icon="INFO")
        layout.operator("transpixar.use_standard_view", icon="COLOR")
    if bpy.data.filepath:
        layout.operator("transpixar.collect_clips", icon="FILE_FOLDER")


def draw_plane(layout: Any, settings: Any) -> None:
    """Draw PlaneProperties."""
    layout.prop(settings, "size_mode")
    if settings.size_mode == "CAMERA":
        layout.prop(settings, "fill_mode")
        layout.prop(settings, "distance")
        layout.prop(settings, "align_track")
    else:
        if settings.size_mode == "ABSOLUTE":
            layout.prop(settings, "height")
        layout.prop(settings, "align_axis")
        if settings.align_axis in ("CAM", "CAM_AX"):
            layout.prop(settings, "align_track")
    layout.separator()
    layout.prop(settings, "blend")
    layout.prop(settings, "shader")
    if settings.shader == "EMISSION":
        layout.prop(settings, "emit_strength")
    layout.prop(settings, "shadows")
    layout.prop(settings, "render_method")


def draw_playback(layout: Any, settings: Any) -> None:
    """Draw PlaybackProperties."""
    layout.separator()
    layout.prop(settings, "speed")
    if settings.speed == "STRETCH":
        layout.prop(settings, "stretch")
    layout.prop(settings, "repeat")
    if settings.repeat == "COUNT":
        layout.prop(settings, "repeat_count")
    layout.prop(settings, "reverse")
    layout.prop(settings, "ping_pong")
    layout.prop(settings, "hold_first")
    layout.prop(settings, "hold_last")
    layout.prop(settings, "fps")
