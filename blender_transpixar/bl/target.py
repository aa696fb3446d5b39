"""Where a plane will stand: decided when a button is pressed, whatever the artist does until the clip is there."""

from pathlib import Path
from typing import Any

import bpy

from ..core.clip import Clip
from ..core.errors import TransPixarError
from .plane import Placement, place_plane

PLANE_HEIGHT_M = 1.0


class Target:
    """The scene that was in front, the 3D cursor and the current frame."""

    def __init__(self, context: bpy.types.Context) -> None:
        x, y, z = context.scene.cursor.location
        self._scene_uid = context.scene.session_uid
        self._placement = Placement(
            location=(x, y, z),
            height=PLANE_HEIGHT_M,
            frame_start=context.scene.frame_current,
        )

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

    def place(self, folder: Path) -> Any:
        """Stand the clip in `folder` up. Raises TransPixarError; the clip on disk stays whatever happens."""
        scene = self.scene(folder)
        return place_plane(Clip.open(folder), scene, _collection_for(scene), self._placement)


def _collection_for(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The active collection when the scene is the one in front, otherwise the scene's own."""
    context = bpy.context
    return context.collection if context.scene == scene and context.collection else scene.collection
