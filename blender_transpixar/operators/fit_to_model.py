"""The way out when the model does not take what was set."""

import bpy

from ..bl.limits import problems_of
from ..properties import NO_SOURCE

_SOURCES = {"first_frame": "first_frame_source", "footage": "footage_source"}


class TRANSPIXAR_OT_fit_to_model(bpy.types.Operator):
    """Change each setting that the model does not take to the nearest that it does."""

    bl_idname = "transpixar.fit_to_model"
    bl_label = "Fit to Model"
    bl_description = "Change what the model does not take to the nearest that it does"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when something does not fit."""
        if not problems_of(context.scene.transpixar):
            cls.poll_message_set("The settings fit the model")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set what each problem says would fit."""
        settings = context.scene.transpixar
        for problem in problems_of(settings):
            if problem.field in _SOURCES:
                setattr(settings, _SOURCES[problem.field], NO_SOURCE)
            else:
                setattr(settings, problem.field, problem.fitted)
        return {"FINISHED"}
