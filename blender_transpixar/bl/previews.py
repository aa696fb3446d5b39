"""Previews as icons, without creating an image datablock for each step. The timer reads them, drawing never does."""

import time
from typing import Any

import bpy.utils.previews
import numpy as np

from ..core.generation import Preview
from . import pump

# How much of a tick may go into reading pictures; one at the least.
_READING_S = 0.004

_collection: Any = None
# What each picture shows at the moment, by its name in the collection.
_shown: dict[str, Preview] = {}
# What is to be read, and what could not be, by the same name.
_wanted: dict[str, Preview] = {}
_unreadable: dict[str, Preview] = {}


def icon_of(preview: Preview | None) -> int:
    """The number of a preview's icon for `template_icon`; 0 while there is none, and always in background mode.

    It is read by the timer, which then has the panel drawn again; until then it is the picture of before.
    """
    if preview is None:
        return 0
    name = str(preview.path)
    if _shown.get(name) != preview and _unreadable.get(name) != preview:
        _wanted[name] = preview
        pump.keep_calling(_read_on)
    picture = None if _collection is None else _collection.get(name)
    return 0 if picture is None else int(picture.icon_id)


def is_awaited(preview: Preview | None) -> bool:
    """Whether a preview is about to be read, so that its place can be kept."""
    return preview is not None and _wanted.get(str(preview.path)) == preview


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
    for each in (_shown, _wanted, _unreadable):
        each.clear()


def _read_on() -> bool:
    """Read what panels have asked for, for a while; False when all is read."""
    deadline = time.perf_counter() + _READING_S
    read = 0
    while _wanted and (not read or time.perf_counter() < deadline):
        name, preview = next(iter(_wanted.items()))
        del _wanted[name]
        picture_of(preview)
        if _shown.get(name) != preview:
            # Of one that is being replaced the next one is told of; one that is gone stays away.
            _unreadable[name] = preview
        read += 1
    pump.redraw()
    return bool(_wanted)


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
