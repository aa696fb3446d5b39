"""Colours as they are in the files."""

import bpy

from ..bl.view_transform import changes_colours, use_standard


class TRANSPIXAR_OT_use_standard_view(bpy.types.Operator):
    """Let a scene show colours as they are in the files."""

    bl_idname = "transpixar.use_standard_view"
    bl_label = "Use Standard View Transform"
    bl_description = (
        "Show colors as they are in the files. AgX and Filmic change those of every clip, photo and video; for "
        "rendered light they may look better"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only where another one is used."""
        if not changes_colours(context.scene):
            cls.poll_message_set("The scene shows colors as they are already")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the scene's view transform."""
        use_standard(context.scene)
        return {"FINISHED"}
