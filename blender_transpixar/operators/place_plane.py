"""Stand a clip on disk up as a plane; needs no server."""

from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import FloatVectorProperty

from ..bl.places import collection_for, select_alone
from ..bl.plane import place_plane
from ..core.sequence import Sequence
from ..placement_properties import PlaneProperties, PlaybackProperties, plane_placement_from
from ..ui.placement_section import draw_plane, draw_playback
from .placing import PlaceClip, is_choosing_a_file

_LOCATION = FloatVectorProperty(
    name="Location",
    description="Where the middle of the plane's lower edge stands; at the 3D cursor when it is not given",
    subtype="TRANSLATION",
    size=3,
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_place_plane(PlaneProperties, PlaybackProperties, PlaceClip, bpy.types.Operator):
    """Stand a finished clip, or any sequence with alpha, up as a plane with an animated, transparent material."""

    bl_idname = "transpixar.place_plane"
    bl_label = "Place Clip"
    bl_description = (
        "Stand a finished clip, or any image sequence with alpha, up as a plane at the 3D cursor, from the current "
        "frame on"
    )

    properties_of_panel = (PlaneProperties, PlaybackProperties)
    if TYPE_CHECKING:
        location: tuple[float, float, float]
    else:
        location: _LOCATION

    def draw(self, context: bpy.types.Context) -> None:
        """In the file browser how it looks and runs; place and time once the plane stands, in the redo panel."""
        layout = self.layout
        layout.use_property_split = True
        if not is_choosing_a_file(context):
            layout.prop(self, "frame_start")
            if self.size_mode != "CAMERA":
                layout.prop(self, "location")
        draw_plane(layout, self)
        draw_playback(layout, self)

    def place(self, context: bpy.types.Context, sequence: Sequence) -> None:
        """Place the clip; in Object Mode, select the plane and make it active."""
        if not self.properties.is_property_set("location"):
            self.location = context.scene.cursor.location
        x, y, z = self.location
        placement = plane_placement_from(self, (x, y, z), self.frame_start)
        collection = collection_for(context, context.scene)
        plane = place_plane(sequence, context.scene, collection, placement)
        if not select_alone(context, plane) and context.mode != "OBJECT":
            self.report({"INFO"}, rpt_("The plane is placed. To select it, go to Object Mode"))
