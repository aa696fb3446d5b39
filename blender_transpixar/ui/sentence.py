"""Sentences in a narrow sidebar."""

import textwrap
from typing import Any

import bpy

from ..bl.wording import in_words

# The average width of a letter in Blender's interface font, in pixels at a scale of 1.
_LETTER_WIDTH_PX = 6.5
_MARGIN_PX = 70


def draw_sentence(layout: Any, context: bpy.types.Context, sentence: str, icon: str) -> None:
    """A sentence over as many lines as it needs, in the artist's language where the add-on knows it."""
    column = layout.column(align=True)
    # Before it is wrapped: nobody translates half sentences.
    sentence = in_words(sentence)
    for number, line in enumerate(textwrap.wrap(sentence, _letters_in(context))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)


def _letters_in(context: bpy.types.Context) -> int:
    """How many letters fit in one line of the sidebar."""
    scale = context.preferences.system.ui_scale
    return max(16, int((context.region.width / scale - _MARGIN_PX) / _LETTER_WIDTH_PX))
