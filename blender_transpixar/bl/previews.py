"""The live preview as an icon, without creating an image datablock for each step."""

from typing import Any

import bpy.utils.previews
import numpy as np

from ..core.generation import Preview

_collection: Any = None
_shown: Preview | None = None


def icon_of(preview: Preview | None) -> int:
    """The number of a preview's icon for `template_icon`; 0 while there is none, and always in background mode."""
    picture = picture_of(preview)
    return 0 if picture is None else int(picture.icon_id)


def picture_of(preview: Preview | None) -> bpy.types.ImagePreview | None:
    """A preview as Blender's ImagePreview; None while there is none or when its file is gone."""
    global _collection, _shown
    if preview is None:
        return None
    if _collection is None:
        _collection = bpy.utils.previews.new()
    if preview != _shown:
        if not _load(preview):
            return None
        _shown = preview
    return _collection[_name_of(preview)]


def clear() -> None:
    """Free the icons."""
    global _collection, _shown
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
    _collection = _shown = None


def _name_of(preview: Preview) -> str:
    return str(preview.path)


def _load(preview: Preview) -> bool:
    try:
        values = np.fromfile(preview.path, np.uint8)
    except OSError:
        return False
    if values.size != preview.width * preview.height * 4:
        return False
    _collection.clear()
    picture = _collection.new(_name_of(preview))
    picture.image_size = (preview.width, preview.height)
    picture.image_pixels_float.foreach_set((values / 255.0).astype(np.float32))
    return True
