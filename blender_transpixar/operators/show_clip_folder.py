"""Open the folder of a clip of the queue."""

from pathlib import Path

import bpy

from ..bl.wording import in_words
from ..core.errors import InvalidClipError, TransPixarError
from .queue_poll import OfWish


class TRANSPIXAR_OT_show_clip_folder(OfWish, bpy.types.Operator):
    """Show the frames of a clip in the file manager."""

    bl_idname = "transpixar.show_clip_folder"
    bl_label = "Show Folder"
    bl_description = "Show the frames of this clip in the file manager"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Open it with whatever the system has for folders."""
        try:
            folder = _folder(self.wish().clips[0].folder if self.wish().clips else None)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(folder))
        return {"FINISHED"}


def _folder(path: str | None) -> Path:
    if path is None:
        raise InvalidClipError("This clip has not come yet. Wait for it, or retry it.")
    folder = Path(path)
    if not folder.is_dir():
        raise InvalidClipError(f"{folder} is not there any more. Retry the clip to have it made again.")
    return folder
