"""How the clip that is being made gets on, and what became of it."""

import textwrap
from typing import Any

import bpy

from ..bl import clip_queue, occupied, previews
from ..bl.wording import in_words
from ..core.generation import Generation, Outcome
from ..operators.cancel import TRANSPIXAR_OT_cancel
from ..operators.show_placed import HIDING_SHADINGS, TRANSPIXAR_OT_show_placed
from .sentence import draw_sentence

_PREVIEW_SCALE = 8.0
_LONGEST_NAME = 60


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
        draw_placed(layout, context, generation)
    elif generation.outcome is Outcome.CANCELLED:
        layout.label(text="Cancelled", icon="INFO")
    if waits := occupied.reason(generation):
        draw_sentence(layout, context, waits, icon="TIME")
    for warning in generation.warnings:
        draw_sentence(layout, context, warning, icon="ERROR")


def draw_placed(layout: Any, context: bpy.types.Context, generation: Generation) -> None:
    """Draw what was placed and from which frame to which, or that the clip is saved; and the button to look at it."""
    wish = clip_queue.find(generation.key)
    placed = None if wish is None else wish.placed
    iface_ = bpy.app.translations.pgettext_iface
    name = textwrap.shorten(generation.request.prompt, _LONGEST_NAME, placeholder="...")
    if placed is None:
        draw_sentence(layout, context, iface_("Clip saved: {name}").format(name=name), icon="CHECKMARK")
        return
    if placed.last is None:
        text = iface_("Placed: {name}, from frame {first} on").format(name=name, first=placed.first)
    else:
        text = iface_("Placed: {name}, frames {first} to {last}")
        text = text.format(name=name, first=placed.first, last=placed.last)
    draw_sentence(layout, context, text, icon="CHECKMARK")
    if placed.object_uid is None:
        return
    space = context.space_data
    if space is not None and space.type == "VIEW_3D" and space.shading.type in HIDING_SHADINGS:
        draw_sentence(layout, context, iface_("This shading does not show the clip's picture"), icon="INFO")
    layout.operator(TRANSPIXAR_OT_show_placed.bl_idname, icon="VIEWZOOM").key = generation.key
