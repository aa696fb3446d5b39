"""Stop finishing or exporting."""

import bpy

from ..bl import pump


class TRANSPIXAR_OT_cancel_delivery(bpy.types.Operator):
    """Stop finishing or exporting the clip."""

    bl_idname = "transpixar.cancel_delivery"
    bl_label = "Cancel"
    bl_description = "Stop finishing or exporting the clip; nothing is left of it"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while there is something to stop."""
        delivery = pump.delivery()
        if delivery is None or delivery.finished:
            cls.poll_message_set("No clip is being finished or exported")
            return False
        if delivery.cancelling:
            cls.poll_message_set("It is being cancelled already")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Tell the courier; the panel shows when it is done."""
        delivery = pump.delivery()
        if delivery is not None:
            pump.dispatcher().cancel(delivery)
            pump.redraw()
        return {"FINISHED"}
