"""Go to where the server's settings are."""

import bpy

from ..preferences import TransPixarPreferences


class TRANSPIXAR_OT_open_preferences(bpy.types.Operator):
    """Open Blender's preferences at this add-on's settings."""

    bl_idname = "transpixar.open_preferences"
    bl_label = "Open Preferences"
    bl_description = "Open the add-on's preferences, where the server's address, token and Python are"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Not without a window."""
        if bpy.app.background:
            cls.poll_message_set("There is no window in background mode")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Open them."""
        bpy.ops.preferences.addon_show(module=TransPixarPreferences.bl_idname)
        return {"FINISHED"}
