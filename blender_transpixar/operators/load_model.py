"""Bring a model into the server's memory, or out of it."""

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import StringProperty

from ..bl import server_models
from ..bl.wording import in_words
from ..core.errors import TransPixarError

_MODEL = StringProperty(name="Model", description="The model's name on the server", options={"SKIP_SAVE"})


class TRANSPIXAR_OT_load_model(bpy.types.Operator):
    """Load a model. From Python it waits until the server has taken the wish; loading goes on."""

    bl_idname = "transpixar.load_model"
    bl_label = "Load Model"
    bl_description = "Bring the model into memory now instead of with the next clip; what is missing is downloaded"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        model: str
    else:
        model: _MODEL

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Ask and wait for the answer."""
        return _ask(self, context, "load", wait=True)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask; the panel shows how it goes."""
        return _ask(self, context, "load", wait=False)


class TRANSPIXAR_OT_unload_model(bpy.types.Operator):
    """Unload a model. From Python it waits until the server has taken the wish."""

    bl_idname = "transpixar.unload_model"
    bl_label = "Unload Model"
    bl_description = "Take the model out of memory, for example to render with Cycles; the next clip loads it again"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        model: str
    else:
        model: _MODEL

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Ask and wait for the answer."""
        return _ask(self, context, "unload", wait=True)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask; the panel shows how it goes."""
        return _ask(self, context, "unload", wait=False)


def _ask(operator: Any, context: bpy.types.Context, action: str, wait: bool) -> set[str]:
    try:
        server_models.manage(context, operator.model, action, wait=wait)
    except TransPixarError as error:
        operator.report({"ERROR"}, in_words(error.message))
        return {"CANCELLED"}
    return {"FINISHED"}
