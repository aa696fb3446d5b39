"""Whether Blender can be changed just now."""

import bpy


def is_blender_occupied() -> bool:
    """Whether a render or a modal tool, such as moving an object, holds on to the scene."""
    if bpy.app.is_job_running("RENDER"):
        return True
    return any(len(window.modal_operators) for window in bpy.context.window_manager.windows)
