"""Below the prompt: finish the clip, and hand it on."""

from typing import Any

import bpy

from ..bl import occupied, pump
from ..bl.subject import subject
from ..bl.wording import in_words
from ..core.clip import Clip
from ..core.content import CLIP_FORMAT
from ..core.delivery import Delivery
from ..core.finishing import summary
from ..operators.cancel_delivery import TRANSPIXAR_OT_cancel_delivery
from ..operators.export_clip import TRANSPIXAR_OT_export_clip
from ..operators.finish_clip import TRANSPIXAR_OT_finish_clip
from ..operators.use_raw_clip import TRANSPIXAR_OT_use_raw_clip
from .sections import Section, panels_of
from .sentence import draw_sentence


class FinishSection(Section):
    """From a raw clip to one that composites right."""

    name = "finish"
    bl_label = "Finish"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw which clip, the settings, and the buttons or the progress."""
        layout = self.layout
        clip = subject(context)
        if clip is None:
            draw_sentence(layout, context, "Generate a clip, or select the plane of one", icon="INFO")
            return
        _draw_clip(layout, context, clip)
        _draw_settings(layout, context.scene.transpixar.finishing)
        delivery = pump.delivery()
        if delivery is not None and not delivery.finished:
            layout.progress(factor=delivery.fraction, text=in_words(delivery.phase))
            layout.operator(TRANSPIXAR_OT_cancel_delivery.bl_idname, icon="CANCEL")
        else:
            _draw_buttons(layout, clip)
        if delivery is not None:
            _draw_outcome(layout, context, delivery)


def _draw_clip(layout: Any, context: bpy.types.Context, clip: Clip) -> None:
    layout.label(text=clip.sidecar_path.stem, icon="IMAGE_DATA")
    if clip.sidecar.source is not None:
        steps = ", ".join(in_words(step) for step in summary(clip.sidecar.finishing).split(", "))
        finished = bpy.app.translations.pgettext_iface("Finished: {steps}")
        draw_sentence(layout, context, finished.format(steps=steps), icon="CHECKMARK")


def _draw_settings(layout: Any, settings: Any) -> None:
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    _draw_picture(column, settings)
    column.separator()
    _draw_time(column, settings)
    column.separator()
    column.prop(settings, "scale")


def _draw_picture(column: Any, settings: Any) -> None:
    column.prop(settings, "alpha_from")
    column.prop(settings, "background")
    if settings.background == "COLOUR":
        column.prop(settings, "background_colour")
    levels = column.column(align=True)
    for name in ("black", "white", "gamma"):
        levels.prop(settings, name)
    column.prop(settings, "choke")
    column.prop(settings, "fade_edges")
    column.prop(settings, "smooth")
    column.prop(settings, "extend")
    if settings.extend:
        column.prop(settings, "extend_below")
    column.prop(settings, "crop")
    if settings.crop:
        column.prop(settings, "crop_margin")
    column.prop(settings, "recentre")


def _draw_time(column: Any, settings: Any) -> None:
    trim = column.column(align=True)
    for name in ("trim_first", "trim_last"):
        trim.prop(settings, name)
    column.prop(settings, "frame_rate")
    if settings.frame_rate == "SCENE":
        column.prop(settings, "method")
    column.prop(settings, "reverse")
    column.prop(settings, "repeat")
    if settings.repeat == "LOOP":
        column.prop(settings, "overlap")
    hold = column.column(align=True)
    for name in ("hold_start", "hold_end"):
        hold.prop(settings, name)


def _draw_buttons(layout: Any, clip: Clip) -> None:
    layout.operator(TRANSPIXAR_OT_finish_clip.bl_idname, icon="BRUSH_DATA")
    row = layout.row(align=True)
    if clip.sidecar.source is not None:
        row.operator(TRANSPIXAR_OT_use_raw_clip.bl_idname, icon="LOOP_BACK")
    row.operator(TRANSPIXAR_OT_export_clip.bl_idname, text="Export...", icon="EXPORT")


def _draw_outcome(layout: Any, context: bpy.types.Context, delivery: Delivery) -> None:
    if delivery.error is not None:
        draw_sentence(layout.box(), context, delivery.error.message, icon="ERROR")
    elif delivery.path is not None and delivery.format != CLIP_FORMAT:
        exported = bpy.app.translations.pgettext_iface("Exported: {name}")
        layout.label(text=exported.format(name=delivery.path.name), icon="CHECKMARK", translate=False)
    elif delivery.cancelled:
        layout.label(text="Cancelled", icon="INFO")
    if waits := occupied.reason(delivery):
        draw_sentence(layout, context, waits, icon="TIME")


PANELS = panels_of(FinishSection)
