"""Everything that Blender is told about, in order, and taken back in reverse."""

import bpy

from . import properties
from .bl import previews, pump
from .operators.cancel import TRANSPIXAR_OT_cancel
from .operators.generate import TRANSPIXAR_OT_generate
from .operators.place_plane import TRANSPIXAR_OT_place_plane
from .preferences import TransPixarPreferences
from .properties import TransPixarSettings
from .ui.panel import TRANSPIXAR_PT_generate

_CLASSES = (
    TransPixarPreferences,
    TransPixarSettings,
    TRANSPIXAR_OT_generate,
    TRANSPIXAR_OT_cancel,
    TRANSPIXAR_OT_place_plane,
    TRANSPIXAR_PT_generate,
)


def register() -> None:
    """Register all classes and the scene's settings."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    properties.add_to_scene()


def unregister() -> None:
    """End what runs first, then take everything back."""
    pump.stop()
    previews.clear()
    properties.remove_from_scene()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
