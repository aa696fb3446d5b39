"""A size that the model takes, by shape."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty

from ..bl.clip_size import SHAPES, size_of_shape
from ..bl.known_models import model_named

_SHAPE = EnumProperty(name="Shape", description="The shape of the clip's frames", items=SHAPES, options={"SKIP_SAVE"})


class TRANSPIXAR_OT_set_size(bpy.types.Operator):
    """Set the clip's size to the one of a shape that fits the model."""

    bl_idname = "transpixar.set_size"
    bl_label = "Set Size"
    bl_description = "Set the clip's size to one that fits the model"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    if TYPE_CHECKING:
        shape: str
    else:
        shape: _SHAPE

    @classmethod
    def description(cls, context: bpy.types.Context, properties: "TRANSPIXAR_OT_set_size") -> str:
        """What the shape means."""
        return bpy.app.translations.pgettext_tip({name: tip for name, _label, tip in SHAPES}[properties.shape])

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where the model's limits are known."""
        if model_named(context.scene.transpixar.model) is None:
            cls.poll_message_set("The model's sizes are known once its server has answered")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set width and height."""
        size = size_of_shape(self.shape, context)
        if size is None:
            return {"CANCELLED"}
        context.scene.transpixar.width, context.scene.transpixar.height = size
        return {"FINISHED"}
