"""More about what the clip shows."""

import bpy

from .sections import Section, panels_of


class PromptSection(Section):
    """What the clip should not show."""

    name = "prompt"
    bl_label = "Prompt"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the prompt in full and its opposite."""
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(context.scene.transpixar, "prompt")
        column.prop(context.scene.transpixar, "negative_prompt", text="Negative")


PANELS = panels_of(PromptSection)
