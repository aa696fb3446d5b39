"""Place a clip of the queue."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import IntProperty

from ..bl import clip_queue, pump
from ..bl.target import Target
from ..bl.wording import in_words
from ..core.errors import InvalidClipError, TransPixarError
from ..core.history_entry import KeptClip
from ..core.wish import Wish
from .queue_poll import OfWish

_INDEX = IntProperty(
    name="Variation",
    description="Which of the wish's clips, counted from 1; 0 means the first that was not placed yet",
    min=0,
    max=100,
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_place_from_queue(OfWish, bpy.types.Operator):
    """Place a clip of the queue in this scene, as the panel says."""

    bl_idname = "transpixar.place_from_queue"
    bl_label = "Place"
    bl_description = "Place this clip in the scene, as set under Placement, from the current frame on"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    if TYPE_CHECKING:
        index: int
    else:
        index: _INDEX

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Place it, and write down that it was."""
        try:
            wish = self.wish()
            clip = _chosen(wish, self.index)
            wish.placed = Target(context).place_new(Path(clip.folder))
            clip_queue.mark_placed(wish.key, clip.index)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        pump.redraw()
        return {"FINISHED"}


def _chosen(wish: Wish, index: int) -> KeptClip:
    clips = wish.clips
    if index:
        chosen = next((clip for clip in clips if clip.index == index), None)
    else:
        chosen = next((clip for clip in clips if not clip.placed), clips[0] if clips else None)
    if chosen is None:
        raise InvalidClipError("This clip has not come yet. Wait for it, or retry it.")
    return chosen
