"""Make a clip of the queue once more."""

import bpy

from ..bl import clip_queue, pump
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from .queue_poll import OfWish


class TRANSPIXAR_OT_retry_clip(OfWish, bpy.types.Operator):
    """Make a clip that failed or was cancelled again; one that was interrupted goes on where it was."""

    bl_idname = "transpixar.retry_clip"
    bl_label = "Retry"
    bl_description = "Make the clip with the same settings again; what was interrupted goes on where it was"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Send the wish on its way again; the timer brings it home."""
        try:
            clip_queue.retry(self.settled_wish(), context)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        pump.redraw()
        return {"FINISHED"}
