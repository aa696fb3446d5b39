"""What Blender offers for files that are dragged in from outside.

A handler cannot see which file is dragged, only its ending. For pictures Blender has handlers of its own, and a second
one makes it ask which is meant, at every picture; so ours takes part only where the preferences say so.
"""

import bpy

from .preferences import takes_dropped_pictures

_EDITORS = ("VIEW_3D", "SEQUENCE_EDITOR")


def _is_over_an_editor(context: bpy.types.Context) -> bool:
    if context.area is None or context.area.type not in _EDITORS:
        return False
    return context.region is not None and context.region.type in ("WINDOW", "PREVIEW")


class TRANSPIXAR_FH_clip(bpy.types.FileHandler):
    """A clip's sidecar."""

    bl_idname = "TRANSPIXAR_FH_clip"
    bl_label = "TransPixar clip"
    bl_import_operator = "transpixar.drop_clip"
    bl_file_extensions = ".transpixar"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """On the 3D viewport and on the sequencer."""
        return _is_over_an_editor(context)


class TRANSPIXAR_FH_sequence(bpy.types.FileHandler):
    """A frame of a clip, or of any sequence with alpha."""

    bl_idname = "TRANSPIXAR_FH_sequence"
    bl_label = "Animated effect with alpha"
    bl_import_operator = "transpixar.drop_clip"
    bl_file_extensions = ".png;.exr;.tif;.tiff"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """On the 3D viewport and on the sequencer, if the preferences ask for it."""
        return takes_dropped_pictures(context) and _is_over_an_editor(context)


CLASSES = (TRANSPIXAR_FH_clip, TRANSPIXAR_FH_sequence)
