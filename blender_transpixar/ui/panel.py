"""The TransPixar tab at first sight: a prompt, and the button that makes a clip of it."""

from typing import Any

import bpy

from ..bl import pump
from ..bl.limits import problems_of, sentence_of
from ..operators.fit_to_model import TRANSPIXAR_OT_fit_to_model
from ..operators.generate import TRANSPIXAR_OT_generate
from ..operators.place_in_compositor import TRANSPIXAR_OT_place_in_compositor
from ..operators.place_plane import TRANSPIXAR_OT_place_plane
from ..operators.place_strip import TRANSPIXAR_OT_place_strip
from .progress import draw_generation
from .prompt_presets import draw_presets_button
from .sections import Section, panels_of
from .sentence import draw_sentence
from .server_panel import draw_state_row
from .storage_notes import draw_storage_notes

_AS_PLANE = (TRANSPIXAR_OT_place_plane.bl_idname, "IMAGE_PLANE")
# What a clip becomes in the editor that the button is pressed in.
_PLACED_IN = {
    "SEQUENCE_EDITOR": (TRANSPIXAR_OT_place_strip.bl_idname, "SEQUENCE"),
    "NODE_EDITOR": (TRANSPIXAR_OT_place_in_compositor.bl_idname, "NODE_COMPOSITING"),
}


class GenerateSection(Section):
    """Prompt in, clip out."""

    name = "generate"
    parent = ""
    bl_label = "TransPixar"
    bl_options = set()

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what the server needs, the prompt and the button, then how it goes."""
        layout = self.layout
        draw_state_row(layout, context)
        settings = context.scene.transpixar
        row = layout.row(align=True)
        row.prop(settings, "prompt", text="", placeholder="An effect, such as orange smoke")
        draw_presets_button(row)
        _draw_problems(layout, context, settings)
        row = layout.row()
        row.scale_y = 1.5
        row.operator(TRANSPIXAR_OT_generate.bl_idname, icon="RENDER_ANIMATION")
        generation = pump.current()
        if generation is not None:
            draw_generation(layout, context, generation)
        draw_storage_notes(layout, context)
        operator, icon = _PLACED_IN.get(context.area.type if context.area else "", _AS_PLANE)
        layout.operator(operator, text="Place Clip...", icon=icon)


def _draw_problems(layout: Any, context: bpy.types.Context, settings: Any) -> None:
    found = problems_of(settings)
    if not found:
        return
    box = layout.box()
    for problem in found:
        draw_sentence(box, context, sentence_of(problem), icon="ERROR")
    box.operator(TRANSPIXAR_OT_fit_to_model.bl_idname, icon="CHECKMARK")


PANELS = panels_of(GenerateSection)
