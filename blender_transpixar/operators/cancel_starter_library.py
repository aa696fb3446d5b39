"""Stop building the starter library."""

import bpy

from ..bl import starter_run


class TRANSPIXAR_OT_cancel_starter_library(bpy.types.Operator):
    """Stop the clip that is being made for the starter library, and make no further ones."""

    bl_idname = "transpixar.cancel_starter_library"
    bl_label = "Cancel"
    bl_description = "Stop building the starter library. What has been made stays, and building can be continued later"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while it is being built."""
        if not starter_run.is_running():
            cls.poll_message_set("No starter library is being built")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Stop it; the clip being made ends when the server says so."""
        run = starter_run.current()
        if run is not None:
            run.cancel()
        return {"FINISHED"}
