"""Put a clip on disk over the compositor's picture; needs no server."""

import bpy

from ..bl.compositor import place_in_compositor
from ..core.sequence import Sequence
from ..placement_properties import FitProperties, PlaybackProperties, compositor_placement_from
from ..ui.placement_section import draw_playback
from .placing import PlaceClip, is_choosing_a_file


class TRANSPIXAR_OT_place_in_compositor(FitProperties, PlaybackProperties, PlaceClip, bpy.types.Operator):
    """Put a finished clip, or any sequence with alpha, over the picture in the compositor."""

    bl_idname = "transpixar.place_in_compositor"
    bl_label = "Place Clip in Compositor"
    bl_description = (
        "Put a finished clip, or any image sequence with alpha, over the scene's picture in the compositor, from the "
        "current frame on. What is wired there stays"
    )

    properties_of_panel = (FitProperties, PlaybackProperties)

    def draw(self, context: bpy.types.Context) -> None:
        """In the file browser how it is fitted and runs; time too once it is there."""
        layout = self.layout
        layout.use_property_split = True
        if not is_choosing_a_file(context):
            layout.prop(self, "frame_start")
        layout.prop(self, "fit_method")
        draw_playback(layout, self)

    def place(self, context: bpy.types.Context, sequence: Sequence) -> None:
        """Place the clip in the compositor of the scene."""
        place_in_compositor(sequence, context.scene, compositor_placement_from(self, self.frame_start))
