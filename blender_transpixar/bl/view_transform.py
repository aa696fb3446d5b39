"""Whether a scene shows colours as they are in the files."""

import bpy

_STANDARD = "Standard"


def changes_colours(scene: bpy.types.Scene) -> bool:
    """Whether the scene's view transform or look shows a clip in other colours than its own."""
    view = scene.view_settings
    return view.view_transform != _STANDARD or view.look != "None"


def use_standard(scene: bpy.types.Scene) -> None:
    """Show colours as they are; exposure, gamma and curves stay as the artist set them."""
    view = scene.view_settings
    # Looks belong to a view transform, so the look goes first.
    view.look = "None"
    view.view_transform = _STANDARD
