"""What the clip begins with: a picture, or footage that gets an alpha."""

from typing import Any

import bpy

from ..properties import NO_SOURCE
from .sections import Section, panels_of


class InputsSection(Section):
    """First frame or footage; one leaves the other out."""

    name = "inputs"
    bl_label = "First Frame & Footage"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw where the picture or the footage comes from."""
        settings = context.scene.transpixar
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        picture, footage = column.column(), column.column()
        # Only one of them can be asked for; greyed is what the other one leaves no room for.
        picture.active = settings.footage_source == NO_SOURCE
        footage.active = settings.first_frame_source == NO_SOURCE
        _draw_first_frame(picture, settings)
        _draw_footage(footage, settings)
        if not picture.active and not footage.active:
            column.label(text="Set one of them to None", icon="ERROR")


def _draw_first_frame(column: Any, settings: Any) -> None:
    column.prop(settings, "first_frame_source")
    if settings.first_frame_source == "IMAGE":
        column.template_ID(settings, "first_frame_image", open="image.open")
    elif settings.first_frame_source == "FILE":
        column.prop(settings, "first_frame_file")


def _draw_footage(column: Any, settings: Any) -> None:
    column.prop(settings, "footage_source")
    if settings.footage_source == "MOVIE_CLIP":
        column.template_ID(settings, "footage_clip", open="clip.open")
    elif settings.footage_source == "FILE":
        column.prop(settings, "footage_file")
    if settings.footage_source in {"MOVIE_CLIP", "FILE"}:
        column.prop(settings, "footage_start")
    elif settings.footage_source == "STRIP":
        column.label(text="Begins where the strip does", icon="INFO")


PANELS = panels_of(InputsSection)
