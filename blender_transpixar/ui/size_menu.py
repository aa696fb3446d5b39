"""Sizes that the chosen model takes."""

import bpy

from ..bl.clip_size import SHAPES, size_of_shape
from ..operators.set_size import TRANSPIXAR_OT_set_size


class TRANSPIXAR_MT_size(bpy.types.Menu):
    """Each shape with the size that it comes to."""

    bl_label = "Size"
    bl_description = "Sizes that fit the model"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw one entry per shape, with its size where the model is known."""
        translate = bpy.app.translations.pgettext_iface
        for shape, label, _description in SHAPES:
            size = size_of_shape(shape, context)
            text = translate(label) if size is None else f"{translate(label)}: {size[0]} × {size[1]}"
            self.layout.operator(TRANSPIXAR_OT_set_size.bl_idname, text=text, translate=False).shape = shape
