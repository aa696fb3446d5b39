"""The clip on a plane once more: with another seed, or the same again."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty

from .. import preferences
from ..bl import pump
from ..bl.regenerate import Replacement
from ..bl.shown_clips import showing_on
from ..core.errors import TransPixarError

_SEED = EnumProperty(
    name="Seed",
    description="What to begin the new clip with",
    items=[
        ("NEW", "New Seed", "Another clip of the same prompt and settings"),
        ("SAME", "Same Seed", "The same clip again, for example after its frames were lost or the model was updated"),
    ],
    default="NEW",
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_regenerate(bpy.types.Operator):
    """Make the clip on the active plane again and show the new one there.

    Called from Python it waits until that is done; from the interface it returns at once.
    """

    bl_idname = "transpixar.regenerate"
    bl_label = "Regenerate"
    bl_description = (
        "Make the clip on the selected plane or strip again, with the prompt and settings that it was made with, and "
        "show the new one in its place. The old one is kept on the disk"
    )
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        seed: str
    else:
        seed: _SEED

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with the plane of a clip, and where the server's address may be used."""
        if showing_on(context.active_object) is None:
            cls.poll_message_set("Select the plane of a clip")
            return False
        try:
            preferences.server_url(context)
        except TransPixarError as error:
            cls.poll_message_set(error.message.rstrip("."))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the clip and wait for it."""
        try:
            replacement = Replacement(context.active_object, context.scene)
            generation = replacement.start(context, self.seed == "NEW")
            pump.wait(context, generation)
            clip = replacement.show(generation)
        except TransPixarError as error:
            self.report({"ERROR"}, error.message)
            return {"CANCELLED"}
        self.report({"INFO"}, f"Clip saved in {clip.folder}")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Start the clip; the timer brings it home."""
        try:
            replacement = Replacement(context.active_object, context.scene)
            generation = replacement.start(context, self.seed == "NEW")
        except TransPixarError as error:
            self.report({"ERROR"}, error.message)
            return {"CANCELLED"}
        pump.follow(generation, replacement.show_when_possible)
        # Nothing has changed yet, so there is nothing to undo yet: the timer makes the undo step.
        return {"CANCELLED"}
