"""Colours as they are in the files."""

import bpy

from ..bl.colour_spaces import neutral_view
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
        """Only where another one is used, and there is one that shows colours as they are."""
        if neutral_view(context.scene) is None:
            cls.poll_message_set("This color configuration has no view that is known to show colors as they are")
            return False
        if not changes_colours(context.scene):
            cls.poll_message_set("The scene shows colors as they are already")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the scene's view transform."""
        use_standard(context.scene)
        return {"FINISHED"}
