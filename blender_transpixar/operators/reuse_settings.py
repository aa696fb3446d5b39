"""Take the settings of a clip of the queue over into the panel."""

import bpy

from ..bl.reused_settings import set_from_request
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from .queue_poll import OfWish


class TRANSPIXAR_OT_reuse_settings(OfWish, bpy.types.Operator):
    """Write the request of a clip into the panel, with the seed that made it."""

    bl_idname = "transpixar.reuse_settings"
    bl_label = "Reuse Settings"
    bl_description = "Set the prompt, the seed and all else in the panel as they were for this clip"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the scene's settings."""
        try:
            entry = self.wish().entry
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        seeds = [clip.seed for clip in entry.clips if clip.seed is not None]
        # A seed that was left to chance is known now.
        drawn = {"seed": seeds[0]} if seeds and entry.request.get("seed") is None else {}
        files = {"first_frame": entry.first_frame_file, "footage": entry.footage_file}
        set_from_request(context.scene.transpixar, {**entry.request, **drawn}, files)
        return {"FINISHED"}
