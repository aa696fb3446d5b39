"""Put a clip on disk into the sequencer; needs no server."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import IntProperty

from ..bl import compat
from ..bl.strip import place_strip
from ..core.sequence import Sequence
from ..placement_properties import BlendProperties, FitProperties, PlaybackProperties, strip_placement_from
from ..ui.placement_section import draw_playback
from .placing import PlaceClip, is_choosing_a_file

_CHANNEL = IntProperty(
    name="Channel",
    description="Channel to place this strip into; 0 takes the first free one above what is there",
    min=0,
    max=128,
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_place_strip(FitProperties, BlendProperties, PlaybackProperties, PlaceClip, bpy.types.Operator):
    """Put a finished clip, or any sequence with alpha, into the sequencer over what is there."""

    bl_idname = "transpixar.place_strip"
    bl_label = "Place Clip as Strip"
    bl_description = (
        "Put a finished clip, or any image sequence with alpha, into the sequencer over what is there, from the "
        "current frame on"
    )

    properties_of_panel = (FitProperties, BlendProperties, PlaybackProperties)
    if TYPE_CHECKING:
        channel: int
    else:
        channel: _CHANNEL

    def scene(self, context: bpy.types.Context) -> bpy.types.Scene:
        """The scene that the sequencer shows."""
        return compat.sequencer_scene(context)

    def draw(self, context: bpy.types.Context) -> None:
        """In the file browser how it is fitted and runs; channel and time too once the strip is there."""
        layout = self.layout
        layout.use_property_split = True
        if not is_choosing_a_file(context):
            layout.prop(self, "frame_start")
            layout.prop(self, "channel")
        layout.prop(self, "fit_method")
        layout.prop(self, "blend")
        draw_playback(layout, self)

    def place(self, context: bpy.types.Context, sequence: Sequence) -> None:
        """Place the strip, select it and make it active."""
        scene = self.scene(context)
        placement = strip_placement_from(self, self.frame_start, self.channel)
        strip = place_strip(sequence, scene, placement)
        compat.show_in_sequencer(context, scene)
        for other in compat.all_strips(scene):
            other.select = False
        strip.select = True
        scene.sequence_editor.active_strip = strip
        self.channel = strip.channel
