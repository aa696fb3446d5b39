"""A raw clip with clean edges, the scene's frame rate, a loop: as a new clip beside it."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .. import preferences
from ..bl import pump, undo
from ..bl.finishing import finishing_from
from ..bl.occupied import must_wait
from ..bl.shown_clips import AnyShowing, all_showing, show_instead, showing_on
from ..bl.subject import chosen_or_subject
from ..bl.target import Target
from ..bl.wording import in_words
from ..core.clip import Clip
from ..core.content import CLIP_FORMAT
from ..core.delivery import Delivery
from ..core.errors import TransPixarError
from ..core.finished import is_same_clip
from ..finishing_properties import FINISHING_PROPERTY_NAMES, FinishingProperties
from .delivery_poll import may_deliver
from .repeating import is_repeated

_FILEPATH = StringProperty(
    name="Clip",
    description="The clip's folder or .transpixar file; if not given, that of the active object or the last one",
    subtype="FILE_PATH",
    options={"SKIP_SAVE"},
)


class TRANSPIXAR_OT_finish_clip(FinishingProperties, bpy.types.Operator):
    """Finish a clip as a new one beside it, and let the planes of the raw one show it.

    Called from Python it waits until that is done; from the interface it returns at once. What is not given as an
    argument comes from the panel.
    """

    bl_idname = "transpixar.finish_clip"
    bl_label = "Finish Clip"
    bl_description = (
        "Make a finished version of the clip beside it and show that instead, on the selected plane or else on every "
        "plane of the clip. The raw clip is kept"
    )
    bl_options = {"REGISTER", "UNDO"}

    if TYPE_CHECKING:
        filepath: str
    else:
        filepath: _FILEPATH

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Refused while something else is fetched, or when the address may not be used."""
        return may_deliver(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Finish the clip and wait for it."""
        if is_repeated(self):
            return self.invoke(context, None)
        target = _Target(context)
        try:
            delivery = self._start(context)
            pump.wait(context, delivery)
            target.show(delivery)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        self.report(
            {"INFO"}, bpy.app.translations.pgettext_rpt("Finished clip saved in {path}").format(path=delivery.path)
        )
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event | None) -> set[str]:
        """Start; the timer brings the clip home."""
        target = _Target(context)
        try:
            delivery = self._start(context)
        except TransPixarError as error:
            self.report({"ERROR"}, in_words(error.message))
            return {"CANCELLED"}
        pump.follow(delivery, target.show_when_possible)
        # Nothing has changed yet, so there is nothing to undo yet: the timer makes the undo step.
        return {"CANCELLED"}

    def _start(self, context: bpy.types.Context) -> Delivery:
        settings = context.scene.transpixar.finishing
        for name in FINISHING_PROPERTY_NAMES:
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        clip = chosen_or_subject(context, self.filepath)
        finishing = finishing_from(self, context.scene).to_json()
        server = preferences.server_url(context)
        return pump.dispatcher().fetch(clip.sidecar, server, CLIP_FORMAT, finishing, clip.folder.parent)


class _Target(Target):
    """Shows what was finished: on the plane that was active, or on every plane of the clip, or on a new one."""

    def __init__(self, context: bpy.types.Context) -> None:
        super().__init__(context)
        self._active_uid = context.active_object.session_uid if context.active_object else None

    def show(self, delivery: Delivery) -> None:
        """Show the finished clip. Raises TransPixarError, also when there is none."""
        if delivery.path is None:
            raise delivery.error or TransPixarError("Finishing was cancelled.", code="cancelled")
        clip = Clip.open(delivery.path)
        scene = self.scene(clip.folder)
        planes = self._planes(scene, clip)
        if not planes:
            self.place(clip.folder)
        for showing in planes:
            show_instead(showing, clip, scene)

    def show_when_possible(self, delivery: Delivery) -> bool:
        """Show it unless Blender is in the middle of something; False asks to be called again."""
        if delivery.path is None:
            return True
        if must_wait(delivery):
            return False
        try:
            self.show(delivery)
        except TransPixarError as error:
            delivery.fail(error)
        else:
            undo.push("Finish Clip")
        return True

    def _planes(self, scene: bpy.types.Scene, clip: Clip) -> list[AnyShowing]:
        active = next((each for each in scene.objects if each.session_uid == self._active_uid), None)
        showing = showing_on(active)
        if showing is not None and is_same_clip(showing.clip, clip):
            return [showing]
        return all_showing(scene, clip)
