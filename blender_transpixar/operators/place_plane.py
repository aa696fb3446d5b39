"""Stand a clip on disk up as a plane; needs no server."""

from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, FloatVectorProperty

from ..bl.places import collection_for, select_alone
from ..bl.plane import place_plane
from ..bl.view import View
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
_IS_NEAR = BoolProperty(
    name="Near",
    description="Let the plane stand a little away from its location where an object or another clip is in its place",
    options={"SKIP_SAVE", "HIDDEN"},
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
        is_near: bool
    else:
        location: _LOCATION
        is_near: _IS_NEAR

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

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Place the clip; a height that is given alone is the one that is meant."""
        if self.properties.is_property_set("height") and not self.properties.is_property_set("size_mode"):
            self.size_mode = "ABSOLUTE"
        return super().execute(context)

    def place(self, context: bpy.types.Context, sequence: Sequence) -> None:
        """Place the clip; in Object Mode, select the plane and make it active."""
        is_given = self.properties.is_property_set("location")
        is_near = self.is_near or not is_given
        x, y, z = self.location if is_given else context.scene.cursor.location
        placement = plane_placement_from(self, (x, y, z), self.frame_start, View.of(context), is_near=is_near)
        collection = collection_for(context, context.scene)
        plane = place_plane(sequence, context.scene, collection, placement)
        # For the redo panel, which begins with where it stands.
        self.location = (x, y, z) if plane.parent is not None else plane.location
        self.is_near = False
        if not select_alone(context, plane) and context.mode != "OBJECT":
            self.report({"INFO"}, rpt_("The plane is placed. To select it, go to Object Mode"))
