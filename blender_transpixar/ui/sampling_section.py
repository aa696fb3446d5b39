"""How the model goes about it."""

from typing import Any

import bpy

from ..operators.dice_seed import TRANSPIXAR_OT_dice_seed
from .sections import Section, panels_of


class SamplingSection(Section):
    """Seed, variations, steps, guidance, quality."""

    name = "sampling"
    bl_label = "Sampling"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the settings of the model's work."""
        settings = context.scene.transpixar
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        _draw_seed(column, settings)
        column.prop(settings, "num_clips")
        column.separator()
        for name in ("steps", "guidance", "quality", "loop", "clean_up"):
            column.prop(settings, name)
        if not settings.steps or not settings.guidance:
            hint = column.row()
            hint.active = False
            hint.label(text="0: the model's own")


def _draw_seed(column: Any, settings: Any) -> None:
    row = column.row(align=True)
    field = row.row(align=True)
    field.active = settings.seed_locked
    field.prop(settings, "seed")
    row.operator(TRANSPIXAR_OT_dice_seed.bl_idname, text="", icon="FILE_REFRESH")
    row.prop(settings, "seed_locked", text="", icon="LOCKED" if settings.seed_locked else "UNLOCKED")


PANELS = panels_of(SamplingSection)
