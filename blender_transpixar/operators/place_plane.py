"""Stand a clip on disk up as a plane; needs no server."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import FloatProperty, FloatVectorProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from ..bl.plane import Placement, place_plane
from ..core.clip import Clip
from ..core.errors import TransPixarError

_FILEPATH = StringProperty(
    name="Clip", description="A clip's folder or its .transpixar file", subtype="FILE_PATH", options={"SKIP_SAVE"}
)
_FILTER_GLOB = StringProperty(default="*.transpixar", options={"HIDDEN"})
_HEIGHT = FloatProperty(name="Height", description="Height of the plane", default=1.0, min=0.001, unit="LENGTH")
_FRAME_START = IntProperty(
    name="Start Frame",
    description="The scene's frame on which the clip begins; the current one when it is not given",
    options={"SKIP_SAVE"},
)
_LOCATION = FloatVectorProperty(
    name="Location",
    description="Where the plane's centre stands; the 3D cursor when it is not given",
    subtype="TRANSLATION",
    size=3,
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_place_plane(bpy.types.Operator, ImportHelper):
    """Stand a finished clip up as a plane with an animated, transparent material."""

    bl_idname = "transpixar.place_plane"
    bl_label = "Place Clip"
    bl_description = "Stand a finished clip up as a plane at the 3D cursor, from the current frame on"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".transpixar"
    if TYPE_CHECKING:
        filepath: str
        filter_glob: str
        height: float
        frame_start: int
        location: tuple[float, float, float]
    else:
        filepath: _FILEPATH
        filter_glob: _FILTER_GLOB
        height: _HEIGHT
        frame_start: _FRAME_START
        location: _LOCATION

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only in object mode, where a new object can be selected."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Go to Object Mode to place a clip")
            return False
        return True

    def draw(self, context: bpy.types.Context) -> None:
        """In the file browser only the height; place and time are known once the plane stands, in the redo panel."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "height")
        if context.space_data is None or context.space_data.type != "FILE_BROWSER":
            layout.prop(self, "frame_start")
            layout.prop(self, "location")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Place the clip, select the plane and make it active."""
        # Set, not only read, so that the redo panel shows the values that were used.
        if not self.properties.is_property_set("frame_start"):
            self.frame_start = context.scene.frame_current
        if not self.properties.is_property_set("location"):
            self.location = context.scene.cursor.location
        x, y, z = self.location
        placement = Placement((x, y, z), self.height, self.frame_start)
        try:
            clip = Clip.open(Path(bpy.path.abspath(self.filepath)).absolute())
            plane = place_plane(clip, context.scene, context.collection, placement)
        except TransPixarError as error:
            self.report({"ERROR"}, error.message)
            return {"CANCELLED"}
        for selected in context.selected_objects:
            selected.select_set(False)
        context.view_layer.objects.active = plane
        # Not selectable when the active collection is hidden.
        if plane.name in context.view_layer.objects:
            plane.select_set(True)
        return {"FINISHED"}
