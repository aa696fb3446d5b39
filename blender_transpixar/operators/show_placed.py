"""Look at a clip that was placed."""

import bpy

from ..bl.placed import placed_object
from ..bl.places import select_alone
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from .queue_poll import OfWish

# Pictures on planes are not drawn in these.
HIDING_SHADINGS = {"SOLID", "WIREFRAME"}


class TRANSPIXAR_OT_show_placed(OfWish, bpy.types.Operator):
    """Select the plane of a clip and bring it into view, with its picture, at a frame that the clip runs on."""

    bl_idname = "transpixar.show_placed"
    bl_label = "Show"
    bl_description = "Select the placed clip and bring it into view, in Material Preview where the shading hides it"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Select, frame and shade."""
        try:
            placed = self.wish().placed
            thing = None if placed is None else placed_object(context.scene, placed)
            if placed is None or thing is None:
                raise TransPixarError("This clip does not stand in the scene any more. Place it again.", code="gone")
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        is_selected = select_alone(context, thing)
        if placed.last is None or not placed.first <= context.scene.frame_current <= placed.last:
            middle = placed.first if placed.last is None else (placed.first + placed.last) // 2
            context.scene.frame_set(middle)
        for area in context.screen.areas if context.screen is not None else ():
            if area.type == "VIEW_3D":
                _show_in(context, area, may_frame=is_selected)
        return {"FINISHED"}


def _show_in(context: bpy.types.Context, area: bpy.types.Area, *, may_frame: bool) -> None:
    shading = area.spaces.active.shading
    if shading.type in HIDING_SHADINGS:
        shading.type = "MATERIAL"
    region = next((each for each in area.regions if each.type == "WINDOW"), None)
    if may_frame and region is not None and area.spaces.active.region_3d.view_perspective != "CAMERA":
        with context.temp_override(area=area, region=region):
            bpy.ops.view3d.view_selected()
