"""Where a clip will stand: decided when a button is pressed, whatever the artist does until the clip is there."""

from pathlib import Path
from typing import Any

import bpy

from ..core.clip import Clip
from ..core.errors import TransPixarError
from ..core.wish import Placed
from ..placement_properties import compositor_placement_from, plane_placement_from, strip_placement_from
from . import compat
from .compositor import CompositorPlacement, check_compositor, place_in_compositor
from .placed import placed
from .placement import Placement
from .places import check_scene, collection_for, select_alone
from .plane import place_plane
from .strip import StripPlacement, place_strip
from .view import View


class Target:
    """The scene that was in front, the 3D cursor, the current frame, and what the panel says about placing.

    Raises TransPixarError where nothing can be placed in that scene.
    """

    def __init__(self, context: bpy.types.Context) -> None:
        settings: Any = context.scene.transpixar.placement
        scene = compat.sequencer_scene(context) if settings.place_as == "STRIP" else context.scene
        # Said now, and not after the minutes that a clip takes.
        check_scene(scene)
        self._scene_uid = scene.session_uid
        self._placement: Placement | StripPlacement | CompositorPlacement
        if settings.place_as == "STRIP":
            self._placement = strip_placement_from(settings, scene.frame_current)
        elif settings.place_as == "COMPOSITOR":
            check_compositor(scene)
            self._placement = compositor_placement_from(settings, scene.frame_current)
        else:
            x, y, z = scene.cursor.location
            view = View.of(context)
            self._placement = plane_placement_from(settings, (x, y, z), scene.frame_current, view, is_near=True)

    def scene(self, folder: Path) -> bpy.types.Scene:
        """The scene, for the clip in `folder`. Raises TransPixarError when another file was opened meanwhile."""
        # Names can change, pointers die with undo; the session uid is the same until another file is loaded.
        scene = next((scene for scene in bpy.data.scenes if scene.session_uid == self._scene_uid), None)
        if scene is None:
            raise TransPixarError(
                f"The scene the clip was made for is gone. The clip is kept in {folder}: "
                "use Place Clip to stand it up here.",
                code="scene_gone",
            )
        return scene

    def place_new(self, folder: Path) -> Placed:
        """Place a clip as `place` does, select it where that disturbs nothing, and tell what was placed."""
        scene, thing = self.scene(folder), self.place(folder)
        if isinstance(thing, bpy.types.Object) and bpy.context.scene == scene:
            select_alone(bpy.context, thing)
        return placed(thing, Clip.open(folder), scene, self._placement.frame_start, self._placement.playback)

    def place(self, folder: Path) -> Any:
        """Place the clip in `folder`. Raises TransPixarError; the clip on disk stays whatever happens.

        Returns the plane, the strip, or the compositor's image node.
        """
        scene, clip = self.scene(folder), Clip.open(folder)
        if isinstance(self._placement, StripPlacement):
            compat.show_in_sequencer(bpy.context, scene)
            return place_strip(clip, scene, self._placement)
        if isinstance(self._placement, CompositorPlacement):
            return place_in_compositor(clip, scene, self._placement)
        return place_plane(clip, scene, collection_for(bpy.context, scene), self._placement)
