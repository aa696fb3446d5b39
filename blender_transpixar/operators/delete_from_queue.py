"""Take a clip out of the queue."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty

from ..bl import clip_queue, pump
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from .queue_poll import OfWish

_WITH_CLIPS = BoolProperty(
    name="Delete Frames Too",
    description="Delete the frames on this computer as well, for good; scenes that show them will lack them",
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_delete_from_queue(OfWish, bpy.types.Operator):
    """Forget a wish, here and on the server; its frames on this computer stay unless they are asked to go."""

    bl_idname = "transpixar.delete_from_queue"
    bl_label = "Delete"
    bl_description = "Take this clip out of the list and off the server. You are asked first"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        with_clips: bool
    else:
        with_clips: _WITH_CLIPS

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first, and what is to become of the frames."""
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        """The one choice."""
        self.layout.label(text="Take this clip out of the list and off the server?")
        self.layout.prop(self, "with_clips")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Delete it."""
        try:
            clip_queue.delete(self.settled_wish(), self.with_clips)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        pump.redraw()
        return {"FINISHED"}
