"""From a prompt to a clip that stands in the scene."""

from typing import Any

import bpy

from .. import preferences
from ..bl import pump
from ..bl.plane import Placement, place_plane
from ..core.clip import Clip
from ..core.errors import TransPixarError
from ..core.generation import Generation, Outcome
from ..properties import REQUEST_PROPERTY_NAMES, RequestProperties, request_from

PLANE_HEIGHT_M = 1.0


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
            pump.show(generation)
            _wait(context, generation)
            if generation.outcome is not Outcome.CLIP:
                raise generation.error or TransPixarError("The clip was cancelled.", code="cancelled")
            target.place(generation)
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


class _Target:
    """Where the plane will stand: decided when Generate is pressed, whatever the artist does until then."""

    def __init__(self, context: bpy.types.Context) -> None:
        x, y, z = context.scene.cursor.location
        self._scene_uid = context.scene.session_uid
        self._placement = Placement(
            location=(x, y, z),
            height=PLANE_HEIGHT_M,
            frame_start=context.scene.frame_current,
        )

    def place(self, generation: Generation) -> Any:
        """Place the finished clip. Raises TransPixarError; the clip on disk stays whatever happens."""
        assert generation.folder is not None
        # Names can change, pointers die with undo; the session uid is the same until another file is loaded.
        scene = next((scene for scene in bpy.data.scenes if scene.session_uid == self._scene_uid), None)
        if scene is None:
            raise TransPixarError(
                f"The scene the clip was made for is gone. The clip is kept in {generation.folder}: "
                "use Place Clip to stand it up here.",
                code="scene_gone",
            )
        collection = _collection_for(scene)
        return place_plane(Clip.open(generation.folder), scene, collection, self._placement)

    def place_when_possible(self, generation: Generation) -> bool:
        """Place the clip unless Blender is in the middle of something; False asks to be called again."""
        if generation.outcome is not Outcome.CLIP:
            return True
        if _is_blender_occupied():
            return False
        try:
            self.place(generation)
        except TransPixarError as error:
            generation.fail(error)
        else:
            bpy.ops.ed.undo_push(message="Generate Clip")
        return True


def _collection_for(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The active collection when the scene is the one in front, otherwise the scene's own."""
    context = bpy.context
    return context.collection if context.scene == scene and context.collection else scene.collection


def _is_blender_occupied() -> bool:
    """Whether a render or a modal tool, such as moving an object, holds on to the scene."""
    if bpy.app.is_job_running("RENDER"):
        return True
    return any(len(window.modal_operators) for window in bpy.context.window_manager.windows)


def _wait(context: bpy.types.Context, generation: Generation) -> None:
    """Wait for a generation, with Blender's progress cursor."""
    manager = context.window_manager
    manager.progress_begin(0.0, 1.0)
    try:
        pump.dispatcher().wait(generation, lambda changed: manager.progress_update(changed.fraction))
    except KeyboardInterrupt:
        pump.dispatcher().cancel(generation)
        pump.dispatcher().wait(generation)
    finally:
        manager.progress_end()
