"""From a prompt to a clip that stands in the scene."""

from pathlib import Path

import bpy

from .. import preferences
from ..bl import clip_queue, server
from ..bl.inputs import inputs_for
from ..bl.limits import check_values
from ..bl.target import Target
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from ..core.generation import Generation
from ..core.server_state import Condition
from ..properties import REQUEST_PROPERTY_NAMES, RequestProperties, request_from
from .repeating import is_repeated

# A server that Blender has just started listens within this time, or it never will.
_START_PATIENCE_S = 120.0


class TRANSPIXAR_OT_generate(RequestProperties, bpy.types.Operator):
    """Make transparent clips from the prompt and place the first one.

    Called from Python it waits until the clip is there; from the interface it returns at once, and may be called again
    while others are made. What is not given as an argument comes from the panel.
    """

    bl_idname = "transpixar.generate"
    bl_label = "Generate"
    bl_description = "Make a transparent clip from the prompt and place it, from the current frame on"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Refused when the address may not be used."""
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
            target = Target(context)
            generation = self._start(context, waits=True)
            target.place(clip_queue.wait(context, generation))
            clip_queue.mark_placed(generation.key, min(generation.folders))
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        self._report(list(generation.folders.values()), generation.warnings)
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event | None) -> set[str]:
        """Start the clip; the timer brings it home."""
        try:
            self._start(context, waits=False)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _start(self, context: bpy.types.Context, waits: bool) -> Generation:
        settings = context.scene.transpixar
        for name in REQUEST_PROPERTY_NAMES:
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        check_values(self)
        request, files = request_from(self), inputs_for(context, self)
        request = files.added_to(request)
        server.start_for_clip(context)
        if waits:
            server.wait_while({Condition.STARTING}, _START_PATIENCE_S)
        target = None if waits else Target(context)
        return clip_queue.submit(context, request, files, target=target, patient=not waits)

    def _report(self, folders: list[Path], warnings: tuple[str, ...]) -> None:
        for warning in warnings:
            self.report({"WARNING"}, in_words(warning))
        for folder in folders:
            self.report({"INFO"}, bpy.app.translations.pgettext_rpt("Clip saved in {folder}").format(folder=folder))
