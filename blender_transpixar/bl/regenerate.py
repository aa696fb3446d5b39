"""Making a clip that stands in the scene once more, and showing the new one in its place."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from .. import preferences
from ..core.clip import Clip
from ..core.content import CLIP_FORMAT
from ..core.delivery import Delivery
from ..core.errors import InvalidClipError, TransPixarError
from ..core.request import ClipRequest
from . import compat, pump, undo
from .clip_image import show_frames
from .occupied import must_wait
from .places import check_own
from .provenance import provenance_of, remember_provenance
from .shown_clips import Showing, StripShowing, box_of, show_instead, showing_on, showing_on_strip
from .strip import show_on_strip
from .target import Target


def subject_of(context: bpy.types.Context) -> Any:
    """The active plane or strip with a clip of ours, in the sequencer the strip first; None when neither is one."""
    editor = compat.sequencer_scene(context).sequence_editor
    strip = None if editor is None else editor.active_strip
    things: list[Any] = [context.active_object, strip]
    if context.area is not None and context.area.type == "SEQUENCE_EDITOR":
        things.reverse()
    return next((thing for thing in things if thing is not None and _request_on(thing)), None)


def request_again(thing: Any, new_seed: bool) -> ClipRequest:
    """The request that made the clip on a plane or strip; with `new_seed` the server draws another seed.

    Raises InvalidRequestError when what is known of it is no request.
    """
    request = ClipRequest.from_json({"prompt": "", **_request_on(thing)})
    return replace(request, seed=None) if new_seed else request


class Replacement(Target):
    """The plane or strip whose clip is made again; found once more when the clip has come, whatever happened meanwhile.

    A clip that was finished is finished in the same way again: with `waits` before `place` returns, else while Blender
    goes on. Raises InvalidClipError when no plane or strip of a clip is active.
    """

    def __init__(self, context: bpy.types.Context, waits: bool = False) -> None:
        super().__init__(context)
        thing = subject_of(context)
        if thing is None:
            raise InvalidClipError("The active object or strip shows no clip that can be made again. Select one.")
        check_own(thing)
        self.thing = thing
        self._is_strip = not isinstance(thing, bpy.types.Object)
        self._scene_uid = (compat.sequencer_scene(context) if self._is_strip else context.scene).session_uid
        # Strips have no uid; pointers die with undo.
        self._which = thing.name if self._is_strip else thing.session_uid
        showing = _showing(thing)
        self._recipe = None if showing is None else showing.clip.sidecar.finishing
        self._waits = waits

    def place(self, folder: Path) -> Any:
        """Show the clip in `folder` instead, from the same frame on; the old one stays on the disk.

        Raises TransPixarError.
        """
        thing = self._show(folder)
        if self._recipe is not None:
            self._finish(Clip.open(folder), self._recipe)
        return thing

    def _finish(self, clip: Clip, recipe: Mapping[str, Any]) -> None:
        delivery = pump.dispatcher().fetch(
            clip.sidecar, preferences.server_url(bpy.context), CLIP_FORMAT, recipe, clip.folder.parent
        )
        if not self._waits:
            pump.follow(delivery, self._show_finished)
            return
        pump.wait(bpy.context, delivery)
        if delivery.path is None:
            raise delivery.error or TransPixarError("Finishing was cancelled.", code="cancelled")
        self._show(delivery.path)

    def _show_finished(self, delivery: Delivery) -> bool:
        """Show what came, unless Blender is in the middle of something; False asks to be called again."""
        if delivery.path is None:
            return True
        if must_wait(delivery):
            return False
        try:
            self._show(delivery.path)
        except TransPixarError as error:
            delivery.fail(error)
        else:
            undo.push("Finish Clip")
        return True

    def _show(self, folder: Path) -> Any:
        scene, clip = self.scene(folder), Clip.open(folder)
        thing = self._found(scene)
        if thing is None:
            raise TransPixarError(
                f"What showed the old clip is gone. The new clip is kept in {folder}: use Place Clip to stand it up.",
                code="plane_gone",
            )
        showing = _showing(thing)
        if showing is not None:
            show_instead(showing, clip, scene)
        elif self._is_strip:
            show_on_strip(thing, clip, scene, box_of(clip))
        else:
            _show_on_lost(thing, clip)
        return thing

    def _found(self, scene: bpy.types.Scene) -> Any:
        if self._is_strip:
            return next((strip for strip in compat.all_strips(scene) if strip.name == self._which), None)
        return next((thing for thing in bpy.data.objects if thing.session_uid == self._which), None)


def _showing(thing: Any) -> Showing | StripShowing | None:
    return showing_on(thing) if isinstance(thing, bpy.types.Object) else showing_on_strip(thing)


def _request_on(thing: Any) -> Mapping[str, Any]:
    """What is known of the request: from the sidecar, or where that is gone, from the datablock itself."""
    showing = _showing(thing)
    if showing is not None:
        return showing.clip.sidecar.request
    provenance = provenance_of(thing)
    return {} if provenance is None else provenance.request


def _show_on_lost(plane: bpy.types.Object, clip: Clip) -> None:
    """Show a clip on a plane whose own is gone from the disk: as it has the same settings, the keys of that one fit."""
    for slot in plane.material_slots:
        material = slot.material
        tree = None if material is None or material.library is not None else material.node_tree
        for node in () if tree is None else tree.nodes:
            if node.type == "TEX_IMAGE" and _is_ours(node.image):
                show_frames(node.image, clip)
                for thing in (plane, material, node.image):
                    remember_provenance(thing, clip)


def _is_ours(image: Any) -> bool:
    """Whether an image shows a clip and can be changed in this file."""
    return image is not None and image.library is None and provenance_of(image) is not None
