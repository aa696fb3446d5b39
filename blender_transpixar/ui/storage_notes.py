"""What the tab says about where clips are, when that needs the artist."""

from typing import Any

import bpy

from ..bl import collect, work_folder
from ..operators.collect_clips import TRANSPIXAR_OT_collect_clips
from .sentence import draw_sentence


def draw_storage_notes(layout: Any, context: bpy.types.Context) -> None:
    """Say that clips could not be moved to the artist's folder, and that some would not follow the saved file."""
    problem = work_folder.problem()
    if problem:
        draw_sentence(layout, context, problem, icon="ERROR")
    count = collect.known_elsewhere()
    if count:
        translate = bpy.app.translations.pgettext_iface
        if count == 1:
            sentence = translate("1 clip is not beside this file")
        else:
            sentence = translate("{count} clips are not beside this file").format(count=count)
        draw_sentence(layout, context, sentence, icon="INFO")
        layout.operator(TRANSPIXAR_OT_collect_clips.bl_idname, icon="FILE_FOLDER")
