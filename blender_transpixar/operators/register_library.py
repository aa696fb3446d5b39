"""Add the library to those that Blender's Asset Browser shows, after asking."""

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ..bl import compat
from ..bl.asset_library import register_library, registered
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from ..preferences import library_folder


class TRANSPIXAR_OT_register_library(bpy.types.Operator):
    """Make the library's folder and add it to the asset libraries in Blender's preferences."""

    bl_idname = "transpixar.register_library"
    bl_label = "Show in Asset Browser"
    bl_description = (
        "Add the library's folder to the asset libraries in Blender's preferences, under the name TransPixar, "
        "so that kept clips can be dragged from the Asset Browser"
    )
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Once is enough."""
        if registered(context) is not None:
            cls.poll_message_set("The library is among the asset libraries already")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first: this changes Blender's preferences, not only the file."""
        return context.window_manager.invoke_props_dialog(self, width=420)

    def draw(self, context: bpy.types.Context) -> None:
        """Say what will be done."""
        column = self.layout.column(align=True)
        column.label(text="This adds an asset library to Blender's preferences:")
        column.label(text="TransPixar", icon="ASSET_MANAGER")
        column.label(text=str(library_folder(context)), icon="FILE_FOLDER")
        if compat.HAS_ASSET_PREFERENCES:
            column.label(text="It can be removed in Preferences > Asset Libraries.")
        else:
            column.label(text="It can be removed in Preferences > File Paths.")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add the library."""
        try:
            library = register_library(context)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        told = rpt_("{name} is an asset library now: {folder}").format(name=library.name, folder=library.path)
        self.report({"INFO"}, told)
        return {"FINISHED"}
