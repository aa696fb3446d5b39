"""Clips beside the file that shows them."""

import bpy

from ..bl.collect import FOLDER_NAME, clips_elsewhere, collect
from ..bl.wording import in_words
from ..core.errors import TransPixarError


class TRANSPIXAR_OT_collect_clips(bpy.types.Operator):
    """Copy the clips of a file to a folder beside it, and show the copies."""

    bl_idname = "transpixar.collect_clips"
    bl_label = "Collect Clips Beside the File"
    bl_description = (
        f"Copy every placed clip into the folder {FOLDER_NAME} beside this file, check the copies, and use them with "
        "relative paths, so that file and folder can be moved together. The originals are kept"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only in a saved file."""
        if not bpy.data.filepath:
            cls.poll_message_set("Save the file first: the clips are put beside it")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Copy, check, and use the copies."""
        if not clips_elsewhere():
            self.report({"INFO"}, "Every clip is beside the file already")
            return {"CANCELLED"}
        try:
            count = collect()
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        self.report({"INFO"}, bpy.app.translations.pgettext_rpt("Clips copied: {count}").format(count=count))
        return {"FINISHED"}
