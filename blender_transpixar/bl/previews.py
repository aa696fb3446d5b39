"""The live preview as an icon, without creating an image datablock for each step."""

from typing import Any

import bpy.utils.previews
import numpy as np

from ..core.generation import Preview

_collection: Any = None
_shown: Preview | None = None


def icon_for(preview: Preview | None) -> int:
    """The icon of a preview for `template_icon`, 0 while there is none or its file is gone."""
    global _collection, _shown
    if preview is None:
        return 0
    if _collection is None:
        _collection = bpy.utils.previews.new()
    if preview != _shown:
        if not _load(preview):
            return 0
        _shown = preview
    return int(_collection[_name_of(preview)].icon_id)


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
    icon = _collection.new(_name_of(preview))
    icon.image_size = (preview.width, preview.height)
    icon.image_pixels_float.foreach_set((values / 255.0).astype(np.float32))
    return True
