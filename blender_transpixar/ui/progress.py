"""How the clip that is being made gets on, and what became of it."""

from typing import Any

import bpy

from ..bl import occupied, previews
from ..bl.wording import in_words
from ..core.generation import Generation, Outcome
from ..operators.cancel import TRANSPIXAR_OT_cancel
from .sentence import draw_sentence

_PREVIEW_SCALE = 8.0


def draw_generation(layout: Any, context: bpy.types.Context, generation: Generation) -> None:
    """Draw progress and preview of a clip being made, then its outcome."""
    if not generation.finished:
        layout.progress(factor=generation.fraction, text=in_words(generation.phase))
        layout.operator(TRANSPIXAR_OT_cancel.bl_idname, icon="CANCEL").key = generation.key
    icon = previews.icon_of(generation.preview)
    if icon:
        layout.box().template_icon(icon_value=icon, scale=_PREVIEW_SCALE)
    _draw_outcome(layout, context, generation)


def _draw_outcome(layout: Any, context: bpy.types.Context, generation: Generation) -> None:
    if generation.error is not None:
        draw_sentence(layout.box(), context, generation.error.message, icon="ERROR")
    elif generation.outcome is Outcome.CLIP and generation.folder is not None:
        text = bpy.app.translations.pgettext_iface("Clip saved: {name}").format(name=generation.folder.name)
        layout.label(text=text, icon="CHECKMARK", translate=False)
    elif generation.outcome is Outcome.CANCELLED:
        layout.label(text="Cancelled", icon="INFO")
    if waits := occupied.reason(generation):
        draw_sentence(layout, context, waits, icon="TIME")
    for warning in generation.warnings:
        draw_sentence(layout, context, warning, icon="ERROR")
