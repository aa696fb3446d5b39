"""Making a clip that stands in the scene once more, and showing the new one in its place."""

from dataclasses import replace
from typing import Any

import bpy

from .. import preferences
from ..core.clip import Clip
from ..core.errors import InvalidClipError, TransPixarError
from ..core.generation import Generation, Outcome
from ..core.request import ClipRequest
from . import pump
from .occupied import is_blender_occupied
from .shown_clips import Showing, show_instead, showing_on


def request_again(clip: Clip, new_seed: bool) -> ClipRequest:
    """The request that made a clip; with `new_seed` the server draws another seed. Raises TransPixarError."""
    told = {**clip.sidecar.request, "prompt": str(clip.sidecar.request.get("prompt") or "")}
    request = ClipRequest.from_json(told)
    return replace(request, seed=None) if new_seed else request


class Replacement:
    """The plane whose clip is made again; found once more when the clip has come, whatever happened meanwhile."""

    def __init__(self, plane: bpy.types.Object, scene: bpy.types.Scene) -> None:
        showing = showing_on(plane)
        if showing is None:
            raise InvalidClipError("The selected object shows no clip. Select the plane of a clip.")
        self.clip = showing.clip
        self._plane_uid = plane.session_uid
        self._scene_uid = scene.session_uid

    def start(self, context: bpy.types.Context, new_seed: bool) -> Generation:
        """Send the request. Raises TransPixarError."""
        return pump.dispatcher().start(
            request_again(self.clip, new_seed),
            preferences.server_url(context),
            preferences.clip_folder(context),
            pump.preview_folder(),
        )

    def show(self, generation: Generation) -> Clip:
        """Show the new clip on the plane, from the same frame on; the old one stays on the disk.

        Raises TransPixarError, also when no clip has come.
        """
        if generation.outcome is not Outcome.CLIP or generation.folder is None:
            raise generation.error or TransPixarError("The clip was cancelled.", code="cancelled")
        clip = Clip.open(generation.folder)
        show_instead(self._showing(clip), clip, self._scene())
        return clip

    def show_when_possible(self, generation: Generation) -> bool:
        """Show it unless Blender is in the middle of something; False asks to be called again."""
        if generation.outcome is not Outcome.CLIP or generation.folder is None:
            return True
        if is_blender_occupied():
            return False
        try:
            self.show(generation)
        except TransPixarError as error:
            generation.fail(error)
        else:
            bpy.ops.ed.undo_push(message="Regenerate Clip")
        return True

    def _showing(self, clip: Clip) -> Showing:
        plane = _by_uid(bpy.data.objects, self._plane_uid)
        showing = showing_on(plane)
        if showing is None:
            raise TransPixarError(
                f"The plane is gone or shows no clip any more. The new clip is kept in {clip.folder}: "
                "use Place Clip to stand it up.",
                code="plane_gone",
            )
        return showing

    def _scene(self) -> bpy.types.Scene:
        # Only its frame rate is asked for, so any scene does when the one in front then is gone.
        return _by_uid(bpy.data.scenes, self._scene_uid) or bpy.context.scene


def _by_uid(blocks: Any, uid: int) -> Any:
    return next((block for block in blocks if block.session_uid == uid), None)
