"""Read the licences of a model, and accept them."""

import textwrap
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, StringProperty

from ..bl import server, server_models
from ..bl.wording import in_words
from ..core.errors import TransPixarError

_DIALOG_WIDTH_PX = 480
_LETTERS = 78
_MODEL = StringProperty(name="Model", description="The model's name on the server", options={"SKIP_SAVE"})
_ACCEPT = BoolProperty(
    name="I have read the licences and accept them",
    description="Without this the model is not downloaded and not used",
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_accept_licences(bpy.types.Operator):
    """Accept all licences of a model; from Python, `accept=True` says that a person has read them."""

    bl_idname = "transpixar.accept_licences"
    bl_label = "Accept Licences"
    bl_description = "Read the licences of the model, and accept them so that it can be downloaded and used"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        model: str
        accept: bool
    else:
        model: _MODEL
        accept: _ACCEPT

    _from_dialog = False

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show the licences."""
        self._from_dialog = True
        return context.window_manager.invoke_props_dialog(self, width=_DIALOG_WIDTH_PX)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw each licence with its notice and a button that opens it, then the box to tick."""
        model = server.state().model(self.model)
        for licence in model.licences if model is not None else ():
            box = self.layout.box()
            row = box.row()
            row.label(text=licence.name, translate=False)
            row.operator("wm.url_open", text="Read", icon="URL").url = licence.url
            for line in textwrap.wrap(licence.notice, _LETTERS):
                box.label(text=line, translate=False)
        self.layout.prop(self, "accept")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Tell the server, when they were accepted."""
        if not self.accept:
            self.report({"WARNING"}, "The licences were not accepted, so the model stays unused")
            return {"CANCELLED"}
        try:
            licences = server_models.licences_of(self.model)
            server_models.manage(context, self.model, "accept-licences", licences, wait=not self._from_dialog)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        return {"FINISHED"}
