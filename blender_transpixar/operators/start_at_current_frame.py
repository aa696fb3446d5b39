"""Move clips that stand in the scene to the current frame."""

import bpy

from ..bl.asset_start import start_at


class TRANSPIXAR_OT_start_at_current_frame(bpy.types.Operator):
    """Let the clips of the selected planes begin at the current frame."""

    bl_idname = "transpixar.start_at_current_frame"
    bl_label = "Start at Current Frame"
    bl_description = (
        "Let the clips on the selected planes begin at the current frame, in the scene's frame rate. "
        "Planes that shared a material get one each"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Something must be selected; whether it shows a clip is seen when it is done."""
        if not context.selected_objects:
            cls.poll_message_set("Select the plane of a clip")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Move every selected plane that shows a clip."""
        scene = context.scene
        moved = [plane for plane in context.selected_objects if start_at(plane, scene, scene.frame_current)]
        if not moved:
            self.report(
                {"ERROR"},
                "None of the selected objects shows a clip that can be moved. Select the plane of a clip; of a linked "
                "one, use Object > Relations > Make Local > All first.",
            )
            return {"CANCELLED"}
        return {"FINISHED"}
