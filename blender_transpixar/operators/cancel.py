"""Stop a clip that is being made."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from ..bl import clip_queue, pump
from ..core.generation import Generation

_KEY = StringProperty(
    name="Key",
    description="Which clip of the queue is meant; empty means the one that the panel shows",
    options={"SKIP_SAVE", "HIDDEN"},
)


class TRANSPIXAR_OT_cancel(bpy.types.Operator):
    """Stop making a clip."""

    bl_idname = "transpixar.cancel"
    bl_label = "Cancel"
    bl_description = "Stop making the clip; variations that are finished already are kept"
    bl_options = {"INTERNAL"}

    if TYPE_CHECKING:
        key: str
    else:
        key: _KEY

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only while a clip is being made."""
        if _shown() is None and not any(wish.at_work for wish in clip_queue.wishes()):
            cls.poll_message_set("No clip is being made")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Tell the courier; the panel shows when it is done."""
        wish = clip_queue.find(self.key) if self.key else None
        generation = wish.generation if wish is not None else _shown()
        if generation is None or generation.finished:
            self.report({"INFO"}, "This clip is not being made any more.")
            return {"CANCELLED"}
        pump.dispatcher().cancel(generation)
        pump.redraw()
        return {"FINISHED"}


def _shown() -> Generation | None:
    """The generation in the panel, while it can be cancelled."""
    generation = pump.current()
    return None if generation is None or generation.finished or generation.cancelling else generation
