"""The sidebar of the 3D viewport: TransPixar."""

from typing import Any

import bpy

from ..bl import previews, pump
from ..core.generation import Generation, Outcome
from ..operators.cancel import TRANSPIXAR_OT_cancel
from ..operators.generate import TRANSPIXAR_OT_generate
from ..operators.place_plane import TRANSPIXAR_OT_place_plane
from .sentence import draw_sentence

_PREVIEW_SCALE = 8.0


class TRANSPIXAR_PT_generate(bpy.types.Panel):
    """Prompt in, clip out."""

    bl_idname = "TRANSPIXAR_PT_generate"
    bl_label = "TransPixar"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "TransPixar"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw settings, then the button or the progress, then how it went."""
        generation = pump.current()
        _draw_settings(self.layout, context.scene.transpixar)
        if generation is not None and not generation.finished:
            _draw_progress(self.layout, generation)
        else:
            row = self.layout.row()
            row.scale_y = 1.5
            row.operator(TRANSPIXAR_OT_generate.bl_idname, icon="RENDER_ANIMATION")
        if generation is not None:
            _draw_preview(self.layout, generation)
            _draw_outcome(self.layout, context, generation)
        self.layout.operator(TRANSPIXAR_OT_place_plane.bl_idname, text="Place Clip...", icon="IMAGE_PLANE")


def _draw_settings(layout: Any, settings: Any) -> None:
    layout.prop(settings, "prompt", text="", placeholder="An effect, such as orange smoke")
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(settings, "seed")
    size = column.column(align=True)
    size.prop(settings, "width", text="Size X")
    size.prop(settings, "height", text="Y")
    column.prop(settings, "num_frames")
    hint = layout.row()
    hint.active = False
    hint.label(text="Seed -1: a new one. 0: the model's own")
    header, body = layout.panel("transpixar_more", default_closed=True)
    header.label(text="More")
    if body is not None:
        body.use_property_split = True
        body.use_property_decorate = False
        body.prop(settings, "negative_prompt")
        body.prop(settings, "model")


def _draw_progress(layout: Any, generation: Generation) -> None:
    layout.progress(factor=generation.fraction, text=generation.phase)
    layout.operator(TRANSPIXAR_OT_cancel.bl_idname, icon="CANCEL")


def _draw_preview(layout: Any, generation: Generation) -> None:
    icon = previews.icon_of(generation.preview)
    if icon:
        layout.box().template_icon(icon_value=icon, scale=_PREVIEW_SCALE)


def _draw_outcome(layout: Any, context: bpy.types.Context, generation: Generation) -> None:
    if generation.error is not None:
        draw_sentence(layout.box(), context, generation.error.message, icon="ERROR")
    elif generation.outcome is Outcome.CLIP and generation.folder is not None:
        layout.label(text=f"Clip saved: {generation.folder.name}", icon="CHECKMARK")
    elif generation.outcome is Outcome.CANCELLED:
        layout.label(text="Cancelled", icon="INFO")
