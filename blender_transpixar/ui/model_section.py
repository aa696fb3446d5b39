"""Which model makes the clip, how large and how long it is."""

from typing import Any

import bpy

from ..bl import server
from ..bl.clip_length import clip_fps, clip_frames, scene_frames
from ..bl.known_models import model_named
from ..operators.set_size import TRANSPIXAR_OT_set_size
from .sections import Section, panels_of
from .sentence import draw_sentence
from .server_panel import draw_model_button
from .size_menu import TRANSPIXAR_MT_size


class ModelSection(Section):
    """Model, size and length."""

    name = "model"
    bl_label = "Model & Size"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the model with what it is good for, then size and length."""
        settings = context.scene.transpixar
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "model")
        model = model_named(settings.model)
        if model is not None:
            note = column.column()
            note.active = False
            draw_sentence(note, context, model.problem or model.description or model.title, icon="INFO")
        offered = server.state().model(settings.model)
        if offered is not None and offered.state != "ready":
            draw_model_button(column, offered)
        _draw_size(column, settings)
        _draw_length(column, context, settings)


def _draw_size(column: Any, settings: Any) -> None:
    size = column.column(align=True)
    row = size.row(align=True)
    row.prop(settings, "width", text="Size X")
    row.menu(TRANSPIXAR_MT_size.__name__, text="", icon="PRESET")
    row = size.row(align=True)
    row.prop(settings, "height", text="Y")
    camera = row.operator(TRANSPIXAR_OT_set_size.bl_idname, text="", icon="CAMERA_DATA")
    camera.shape = "CAMERA"


def _draw_length(column: Any, context: bpy.types.Context, settings: Any) -> None:
    length = column.column(align=True)
    length.prop(settings, "num_frames")
    length.prop(settings, "seconds")
    if clip_frames(settings) is None:
        return
    text = bpy.app.translations.pgettext_iface("{clip} frames at {fps:g} fps: {scene} frames of the scene")
    note = column.row()
    note.active = False
    counts = {"clip": clip_frames(settings), "fps": clip_fps(settings), "scene": scene_frames(settings, context.scene)}
    note.label(text=text.format(**counts), translate=False)


PANELS = panels_of(ModelSection)
