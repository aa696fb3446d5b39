"""Everything that Blender is told about, in order, and taken back in reverse."""

import bpy

from . import settings
from .bl import previews, pump
from .finishing_properties import TransPixarFinishing
from .operators.cancel import TRANSPIXAR_OT_cancel
from .operators.cancel_delivery import TRANSPIXAR_OT_cancel_delivery
from .operators.export_clip import TRANSPIXAR_OT_export_clip
from .operators.finish_clip import TRANSPIXAR_OT_finish_clip
from .operators.generate import TRANSPIXAR_OT_generate
from .operators.place_plane import TRANSPIXAR_OT_place_plane
from .operators.use_raw_clip import TRANSPIXAR_OT_use_raw_clip
from .preferences import TransPixarPreferences
from .settings import TransPixarSettings
from .ui.finish_panel import TRANSPIXAR_PT_finish
from .ui.panel import TRANSPIXAR_PT_generate

_CLASSES = (
    TransPixarPreferences,
    TransPixarFinishing,
    TransPixarSettings,
    TRANSPIXAR_OT_generate,
    TRANSPIXAR_OT_cancel,
    TRANSPIXAR_OT_place_plane,
    TRANSPIXAR_OT_finish_clip,
    TRANSPIXAR_OT_use_raw_clip,
    TRANSPIXAR_OT_export_clip,
    TRANSPIXAR_OT_cancel_delivery,
    TRANSPIXAR_PT_generate,
    TRANSPIXAR_PT_finish,
)


def register() -> None:
    """Register all classes and the scene's settings."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    settings.add_to_scene()


def unregister() -> None:
    """End what runs first, then take everything back."""
    pump.stop()
    previews.clear()
    settings.remove_from_scene()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
