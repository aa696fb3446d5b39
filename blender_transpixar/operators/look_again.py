"""Look for the server once more, now."""

import bpy

from ..bl import server


class TRANSPIXAR_OT_look_again(bpy.types.Operator):
    """Look for the server now instead of in a few seconds."""

    bl_idname = "transpixar.look_again"
    bl_label = "Try Again"
    bl_description = "Look for the server again"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Look; the panel shows what is found."""
        server.look_again()
        return {"FINISHED"}
