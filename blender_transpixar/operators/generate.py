"""From a prompt to a clip that stands in the scene."""

import bpy

from .. import preferences
from ..bl import pump
from ..bl.occupied import is_blender_occupied
from ..bl.target import Target
from ..core.errors import TransPixarError
from ..core.generation import Generation, Outcome
from ..properties import REQUEST_PROPERTY_NAMES, RequestProperties, request_from


class TRANSPIXAR_OT_generate(RequestProperties, bpy.types.Operator):
    """Make a transparent clip from the prompt and stand it up at the 3D cursor.

    Called from Python it waits until the plane is there; from the interface it returns at once. What is not given as
    an argument comes from the panel.
    """

    bl_idname = "transpixar.generate"
    bl_label = "Generate"
    bl_description = "Make a transparent clip from the prompt and stand it up at the 3D cursor, from the current frame"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Refused while a clip is being made, or when the address may not be used."""
        if pump.is_busy():
            cls.poll_message_set("A clip is being made. Wait for it or cancel it")
            return False
        try:
            preferences.server_url(context)
        except TransPixarError as error:
            cls.poll_message_set(error.message.rstrip("."))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the clip and wait for it."""
        target = _Target(context)
        try:
            generation = self._start(context)
            pump.wait(context, generation)
            if generation.outcome is not Outcome.CLIP or generation.folder is None:
                raise generation.error or TransPixarError("The clip was cancelled.", code="cancelled")
            target.place(generation.folder)
        except TransPixarError as error:
            self.report({"ERROR"}, error.message)
            return {"CANCELLED"}
        self.report({"INFO"}, f"Clip saved in {generation.folder}")
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Start the clip; the timer brings it home."""
        target = _Target(context)
        try:
            generation = self._start(context)
        except TransPixarError as error:
            self.report({"ERROR"}, error.message)
            return {"CANCELLED"}
        pump.follow(generation, target.place_when_possible)
        return {"FINISHED"}

    def _start(self, context: bpy.types.Context) -> Generation:
        settings = context.scene.transpixar
        for name in REQUEST_PROPERTY_NAMES:
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        return pump.dispatcher().start(
            request_from(self),
            preferences.server_url(context),
            preferences.clip_folder(context),
            pump.preview_folder(),
        )


class _Target(Target):
    """Places what was generated."""

    def place_when_possible(self, generation: Generation) -> bool:
        """Place the clip unless Blender is in the middle of something; False asks to be called again."""
        if generation.outcome is not Outcome.CLIP or generation.folder is None:
            return True
        if is_blender_occupied():
            return False
        try:
            self.place(generation.folder)
        except TransPixarError as error:
            generation.fail(error)
        else:
            bpy.ops.ed.undo_push(message="Generate Clip")
        return True
