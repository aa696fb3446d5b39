"""What is being made and was made: the queue and its history, newest first."""

from typing import Any

import bpy

from ..bl import clip_queue, occupied, previews
from ..bl.wording import in_words
from ..core.history import History
from ..core.history_entry import EntryState
from ..core.wish import Wish
from ..operators.cancel import TRANSPIXAR_OT_cancel
from ..operators.delete_from_queue import TRANSPIXAR_OT_delete_from_queue
from ..operators.place_from_queue import TRANSPIXAR_OT_place_from_queue
from ..operators.retry_clip import TRANSPIXAR_OT_retry_clip
from ..operators.reuse_settings import TRANSPIXAR_OT_reuse_settings
from ..operators.show_clip_folder import TRANSPIXAR_OT_show_clip_folder
from .sections import Section, panels_of
from .sentence import draw_sentence

iface = bpy.app.translations.pgettext_iface

# Drawn without being asked for; older ones are behind a fold.
_NEWEST = 5
_MOST_OLDER = 50
_PREVIEW_SCALE = 4.0
_PLACE_IN_A_ROW = 3
_ICONS = {
    EntryState.OPEN: "PAUSE",
    EntryState.DELIVERED: "CHECKMARK",
    EntryState.FAILED: "ERROR",
    EntryState.CANCELLED: "X",
}


class QueueSection(Section):
    """Every wish for a clip, with what can be done about it."""

    name = "queue"
    bl_label = "Queue"

    def draw_header(self, context: bpy.types.Context) -> None:
        """How many clips are being made; drawn while the section is closed, too."""
        clip_queue.want()
        at_work = sum(wish.at_work for wish in clip_queue.wishes())
        if at_work:
            self.layout.label(text=str(at_work), icon="RENDER_ANIMATION", translate=False)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the newest wishes, and the older ones behind a fold."""
        clip_queue.want()
        wishes = clip_queue.wishes()
        if not wishes:
            self.layout.label(text="Clips that you generate are listed here", icon="INFO")
        history = clip_queue.history()
        for wish in wishes[:_NEWEST]:
            _draw_wish(self.layout, context, wish, history)
        _draw_older(self.layout, context, wishes[_NEWEST:], history)
        _draw_unreadable(self.layout, context)


def _draw_older(layout: Any, context: bpy.types.Context, wishes: list[Wish], history: History) -> None:
    if not wishes:
        return
    header, body = layout.panel("transpixar_older_clips", default_closed=True)
    header.label(text="Older")
    if body is not None:
        for wish in wishes[:_MOST_OLDER]:
            _draw_wish(body, context, wish, history)


def _draw_wish(layout: Any, context: bpy.types.Context, wish: Wish, history: History) -> None:
    box = layout.box()
    box.label(text=wish.entry.prompt, icon=_icon(wish), translate=False)
    preview = wish.preview(history.picture_path(wish.key))
    picture = previews.icon_of(preview)
    if picture or previews.is_awaited(preview):
        box.template_icon(icon_value=picture, scale=_PREVIEW_SCALE)
    generation = wish.generation
    if generation is not None and wish.at_work:
        # What is happening and how long it will take, as one line.
        text = " - ".join(in_words(part) for part in (generation.phase, generation.eta) if part)
        box.progress(factor=generation.fraction, text=text)
    else:
        box.label(text=wish.phase)
    if wish.problem:
        draw_sentence(box, context, wish.problem, icon="TIME" if wish.at_work else "ERROR")
    if waits := occupied.reason(generation):
        draw_sentence(box, context, waits, icon="TIME")
    for warning in wish.warnings:
        draw_sentence(box, context, warning, icon="INFO")
    _draw_buttons(box, wish)


def _draw_buttons(layout: Any, wish: Wish) -> None:
    row = layout.row(align=True)
    for number, clip in enumerate(wish.clips):
        if number and number % _PLACE_IN_A_ROW == 0:
            row = layout.row(align=True)
        text = "Place" if len(wish.clips) == 1 else iface("Place {number}").format(number=clip.index)
        place = row.operator(TRANSPIXAR_OT_place_from_queue.bl_idname, text=text, icon="IMAGE_PLANE")
        place.key, place.index = wish.key, clip.index
    row = row if len(wish.clips) <= 1 else layout.row(align=True)
    if wish.at_work:
        row.operator(TRANSPIXAR_OT_cancel.bl_idname, icon="CANCEL").key = wish.key
        return
    if wish.is_settled and wish.state is not EntryState.DELIVERED:
        row.operator(TRANSPIXAR_OT_retry_clip.bl_idname, icon="FILE_REFRESH").key = wish.key
    row.operator(TRANSPIXAR_OT_reuse_settings.bl_idname, text="", icon="LOOP_BACK").key = wish.key
    if wish.clips:
        row.operator(TRANSPIXAR_OT_show_clip_folder.bl_idname, text="", icon="FILE_FOLDER").key = wish.key
    if wish.is_settled:
        row.operator(TRANSPIXAR_OT_delete_from_queue.bl_idname, text="", icon="TRASH").key = wish.key


def _draw_unreadable(layout: Any, context: bpy.types.Context) -> None:
    names = clip_queue.unreadable()
    if names:
        text = iface("Not read, and left as they are: {names}")
        draw_sentence(layout, context, text.format(names=", ".join(names)), icon="QUESTION")


def _icon(wish: Wish) -> str:
    if wish.at_work:
        return "TIME" if wish.problem else "RENDER_ANIMATION"
    return "LINKED" if wish.elsewhere else _ICONS[wish.state]


PANELS = panels_of(QueueSection)
