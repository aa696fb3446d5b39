"""Back from a finished clip to the raw one; needs no server."""

import bpy

from ..bl.shown_clips import all_showing, show_instead
from ..bl.subject import active_showing, chosen_or_subject, subject
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from ..core.finished import raw_clip_of


class TRANSPIXAR_OT_use_raw_clip(bpy.types.Operator):
    """Let the plane, or else every plane of the clip, show the raw clip again."""

    bl_idname = "transpixar.use_raw_clip"
    bl_label = "Use Raw Clip"
    bl_description = (
        "Show the clip as it was generated again, on the selected plane or else on every plane of the clip. "
        "The finished clip is kept"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only for a finished clip."""
        clip = subject(context)
        if clip is None or clip.sidecar.source is None:
            cls.poll_message_set("Select a plane that shows a finished clip")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Show the raw clip, from the same frame on."""
        try:
            clip = chosen_or_subject(context, "")
            raw = raw_clip_of(clip)
            active = active_showing(context)
            for showing in [active] if active is not None else all_showing(context.scene, clip):
                show_instead(showing, raw, context.scene)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        return {"FINISHED"}
