"""Something to drag in a minute after installing: a clip of each effect that the model knows."""

from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from .. import preferences
from ..bl import starter_run
from ..bl.starter_run import StarterRun
from ..bl.wording import in_words
from ..core.errors import TransPixarError
from .repeating import is_repeated

# How long a script waits to hear which effects the model knows.
_PATIENCE_S = 5.0

_MODEL = StringProperty(
    name="Model",
    description="The model's name on the server; empty uses the one chosen in the panel",
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_build_starter_library(bpy.types.Operator):
    """Make a clip of each effect that the model knows and keep all of them as assets.

    Called from Python it waits until they are there; from the interface it returns at once. What the library has of
    them already is not made again.
    """

    bl_idname = "transpixar.build_starter_library"
    bl_label = "Build Starter Library"
    bl_description = (
        "Make a clip of each effect that the model knows and keep them in the asset library. "
        "Those that are there already are not made again, so it can be stopped and continued"
    )
    bl_options = {"REGISTER"}

    if TYPE_CHECKING:
        model: str
    else:
        model: _MODEL

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """One at a time, and only where the server's address may be used."""
        if starter_run.is_running():
            cls.poll_message_set("The starter library is being built. Wait for it or cancel it")
            return False
        try:
            preferences.server_url(context)
        except TransPixarError as error:
            cls.poll_message_set(in_words(error.message).rstrip("."))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Build it and wait."""
        if is_repeated(self):
            return self.invoke(context, None)
        run = starter_run.new_run(context, self._chosen_model(context), patience_s=_PATIENCE_S)
        run.run(context)
        return self._report(context, run)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event | None) -> set[str]:
        """Begin; the timer does the rest."""
        run = starter_run.new_run(context, self._chosen_model(context))
        run.begin(context)
        return self._report(context, run) if run.finished else {"FINISHED"}

    def _chosen_model(self, context: bpy.types.Context) -> str:
        return self.model or context.scene.transpixar.model

    def _report(self, context: bpy.types.Context, run: StarterRun) -> set[str]:
        if run.problems:
            self.report({"ERROR"}, in_words(run.problems[0]))
            return {"CANCELLED"}
        told = rpt_("{done} of {total} effects are in {folder}")
        folder = preferences.library_folder(context)
        self.report({"INFO"}, told.format(done=run.done, total=run.total, folder=folder))
        return {"CANCELLED"} if run.cancelled else {"FINISHED"}
