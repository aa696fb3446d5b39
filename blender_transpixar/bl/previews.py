"""Previews as icons, without creating an image datablock for each step."""

from typing import Any

import bpy.utils.previews
import numpy as np

from ..core.generation import Preview

_collection: Any = None
# What each picture shows at the moment, by its name in the collection.
_shown: dict[str, Preview] = {}


def icon_of(preview: Preview | None) -> int:
    """The number of a preview's icon for `template_icon`; 0 while there is none, and always in background mode."""
    picture = picture_of(preview)
    return 0 if picture is None else int(picture.icon_id)


def picture_of(preview: Preview | None) -> bpy.types.ImagePreview | None:
    """A preview as Blender's ImagePreview; None while there is none or when its file is gone."""
    global _collection
    if preview is None:
        return None
    if _collection is None:
        _collection = bpy.utils.previews.new()
    name = str(preview.path)
    if _shown.get(name) != preview:
        if not _load(name, preview):
            # The file may just be replaced by a newer one: the picture of before is better than none.
            return _collection.get(name)
        _shown[name] = preview
    return _collection[name]


def clear() -> None:
    """Free the icons."""
    global _collection
    if _collection is not None:
        bpy.utils.previews.remove(_collection)
    _collection = None
    _shown.clear()


def _load(name: str, preview: Preview) -> bool:
    try:
        values = np.fromfile(preview.path, np.uint8)
    except OSError:
        return False
    if values.size != preview.width * preview.height * 4:
        return False
    if name in _collection:
        del _collection[name]
    picture = _collection.new(name)
    picture.image_size = (preview.width, preview.height)
    picture.image_pixels_float.foreach_set((values / 255.0).astype(np.float32))
    return True
