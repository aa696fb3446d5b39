"""What the OpenColorIO configuration, Blender's own or a studio's, calls things that clips need."""

from typing import Any

import bpy

# The colour space of clips: in Blender's configuration, then in those of ACES from the newest to the oldest, then as
# others call it.
_SRGB = (
    *("sRGB", "sRGB Encoded Rec.709 (sRGB)", "sRGB - Texture", "Utility - sRGB - Texture", "Input - Generic - sRGB"),
    *("Input - Generic - sRGB - Texture", "sRGB Texture", "srgb_texture", "srgb_tx", "srgb_encoded_rec709_tx"),
    *("srgb_rec709_tx", "sRGB OETF", "srgb8", "srgb"),
)
# A display that takes sRGB, and the views that show colours as they are in the files. What ACES 1.2 calls the view
# sRGB is tone-mapped, so that name is not among them.
_SRGB_DISPLAYS = ("sRGB", "sRGB - Display")
_NEUTRAL_VIEWS = ("Standard", "Un-tone-mapped", "Un-Tone-Mapped", "Untonemapped", "un_tone_mapped")


def take_for_srgb(settings: Any) -> None:
    """Give an image or a strip the colour space of clips, by its colour space settings.

    Where the configuration has none of the names that are known, it stays the one that Blender chose by the
    configuration's role for 8-bit files.
    """
    _set_first(settings, "name", _SRGB)


def neutral_view(scene: bpy.types.Scene) -> str | None:
    """The view of a scene's display that shows colours as they are in the files; None where none is known."""
    view = scene.view_settings
    if view.view_transform in _NEUTRAL_VIEWS:
        return str(view.view_transform)
    # Nothing may be set while a panel is drawn, and this tells the names without.
    name_of = bpy.types.UILayout.enum_item_name
    return next((name for name in _NEUTRAL_VIEWS if name_of(view, "view_transform", name)), None)


def show_as_srgb(scene: bpy.types.Scene) -> bool:
    """Let a scene show colours as they are, on a display of sRGB; False where no view is known to do so."""
    _set_first(scene.display_settings, "display_device", _SRGB_DISPLAYS)
    name = neutral_view(scene)
    if name is not None:
        scene.view_settings.view_transform = name
    return name is not None


def _set_first(settings: Any, attribute: str, names: tuple[str, ...]) -> None:
    """Set an attribute to the first of some names that there is."""
    for name in names:
        try:
            setattr(settings, attribute, name)
        except TypeError:
            continue
        return
