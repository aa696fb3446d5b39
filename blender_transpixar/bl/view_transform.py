"""Whether a scene shows colours as they are in the files."""

import bpy

from .colour_spaces import neutral_view


def changes_colours(scene: bpy.types.Scene) -> bool:
    """Whether the scene's view transform or look shows a clip in other colours than its own, and need not.

    False in a studio's configuration without a view that is known to show them as they are: nothing can be offered.
    """
    view, neutral = scene.view_settings, neutral_view(scene)
    return neutral is not None and (view.view_transform != neutral or view.look != "None")


def use_standard(scene: bpy.types.Scene) -> None:
    """Show colours as they are; exposure, gamma and curves stay as the artist set them."""
    view, neutral = scene.view_settings, neutral_view(scene)
    if neutral is None:
        return
    # Looks belong to a view transform, so the look goes first.
    view.look = "None"
    view.view_transform = neutral
