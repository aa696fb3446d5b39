"""How and where new clips are placed."""

import bpy

from .placement_section import draw_placement
from .sections import Section, panels_of


class PlacementSection(Section):
    """Plane, strip or compositor, and how the clip runs there."""

    name = "placement"
    bl_label = "Placement"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw what placing offers."""
        draw_placement(self.layout, context)


PANELS = panels_of(PlacementSection)
