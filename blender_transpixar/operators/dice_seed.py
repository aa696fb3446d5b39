"""A seed by chance."""

import bpy

from ..bl.clip_seed import drawn_seed


class TRANSPIXAR_OT_dice_seed(bpy.types.Operator):
    """Draw a seed and keep it."""

    bl_idname = "transpixar.dice_seed"
    bl_label = "Draw Seed"
    bl_description = "Draw a new seed by chance and keep it for the next clips"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the scene's seed."""
        context.scene.transpixar.seed = drawn_seed()
        return {"FINISHED"}
