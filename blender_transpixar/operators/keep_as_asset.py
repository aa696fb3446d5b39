"""Keep a clip in the asset library; needs no server."""

from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ..bl.asset_clip import keep_as_asset
from ..bl.asset_library import refresh_browsers
from ..bl.subject import chosen_or_subject
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from ..preferences import library_folder

_FILEPATH = StringProperty(
    name="Clip",
    description="The clip's folder or .transpixar file; if not given, that of the active object or the last one",
    subtype="FILE_PATH",
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_keep_as_asset(bpy.types.Operator):
    """Copy a clip into the library and make it an asset there."""

    bl_idname = "transpixar.keep_as_asset"
    bl_label = "Keep as Asset"
    bl_description = (
        "Copy the clip into the asset library, with a picture, tags and its prompt, so that it can be dragged into any "
        "scene from the Asset Browser"
    )
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        filepath: str
    else:
        filepath: _FILEPATH

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Keep the clip."""
        try:
            file = keep_as_asset(chosen_or_subject(context, self.filepath), library_folder(context))
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        refresh_browsers(context)
        self.report({"INFO"}, rpt_("Kept in {folder}").format(folder=file.parent))
        return {"FINISHED"}
