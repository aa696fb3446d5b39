"""Stop the clip that is being made."""

import bpy

from ..bl import pump


class TRANSPIXAR_OT_cancel(bpy.types.Operator):
    """Stop making the clip."""

    bl_idname = "transpixar.cancel"
    bl_label = "Cancel"
    bl_description = "Stop making the clip"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while a clip is being made."""
        generation = pump.current()
        if generation is None or generation.finished:
            cls.poll_message_set("No clip is being made")
            return False
        if generation.cancelling:
            cls.poll_message_set("The clip is being cancelled already")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Tell the courier; the panel shows when it is done."""
        generation = pump.current()
        if generation is not None:
            pump.dispatcher().cancel(generation)
            pump.redraw()
        return {"FINISHED"}
