"""Go to where Blender is allowed to use the network."""

import bpy


class TRANSPIXAR_OT_open_online_access(bpy.types.Operator):
    """Open Blender's preferences where online access is allowed."""

    bl_idname = "transpixar.open_online_access"
    bl_label = "Open System Preferences"
    bl_description = "Open Preferences > System, where Allow Online Access is"
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
        bpy.ops.screen.userpref_show(section="SYSTEM")
        return {"FINISHED"}
