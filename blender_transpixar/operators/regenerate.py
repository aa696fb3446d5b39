"""The clip on a plane or strip once more: with another seed, or the same again."""

from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import EnumProperty

from .. import preferences
from ..bl import clip_queue
from ..bl.regenerate import Replacement, request_again, subject_of
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from ..core.generation import Generation
from .repeating import is_repeated

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
    """Make the clip on the active plane or strip again and show the new one there.

    Called from Python it waits until that is done; from the interface it returns at once.
    """

    bl_idname = "transpixar.regenerate"
    bl_label = "Regenerate"
    bl_description = (
        "Make the clip on the active plane or strip again, with the prompt and settings that it was made with, and "
        "show the new one in its place. The old one is kept on the disk"
    )
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        seed: str
    else:
        seed: _SEED

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only with a plane or strip of ours, and where the server's address may be used."""
        if subject_of(context) is None:
            cls.poll_message_set("Select the plane or the strip of a clip")
            return False
        try:
            preferences.server_url(context)
        except TransPixarError as error:
            cls.poll_message_set(in_words(error.message).rstrip("."))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the clip and wait for it."""
        if is_repeated(self):
            return self.invoke(context, None)
        try:
            replacement = Replacement(context, waits=True)
            generation = self._submit(context, replacement, waits=True)
            replacement.place(clip_queue.wait(context, generation))
            clip_queue.mark_placed(generation.key, min(generation.folders))
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_("Clip saved in {folder}").format(folder=generation.folder))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event | None) -> set[str]:
        """Start the clip; the timer brings it home."""
        try:
            self._submit(context, Replacement(context), waits=False)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        # Nothing has changed yet, so there is nothing to undo yet: the timer makes the undo step.
        return {"CANCELLED"}

    def _submit(self, context: bpy.types.Context, replacement: Replacement, waits: bool) -> Generation:
        request = request_again(replacement.thing, self.seed == "NEW")
        target = None if waits else replacement
        return clip_queue.submit(context, request, clip_queue.files_of(request), target=target, patient=not waits)
