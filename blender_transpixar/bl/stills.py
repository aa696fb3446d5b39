"""Pictures of Blender's as files: an image, the last render, or the camera's view.

The files are kept in the extension's own folder, named after what is in them, because a request may have to wait for
its server until after Blender was closed.
"""

import hashlib
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from .. import preferences
from ..core.errors import InvalidRequestError, from_os_error
from . import compat
from .colour_spaces import show_as_srgb
from .known_models import model_named

_KEPT_DAYS = 30
_FIELD = "first_frame"


def image_still(image: bpy.types.Image) -> Path:
    """An image in the colours of its file. Raises InvalidRequestError.

    In a studio's configuration without a view that is known to leave colours alone, an image of more than 8 bits is
    taken as that configuration shows it.
    """
    if image.source not in ("FILE", "GENERATED"):
        raise _wrong("The first frame must be a single image. Choose one that is no movie, sequence or tiles.")
    width, height = image.size
    if not width or not height:
        raise _wrong("The first frame has no picture: its file is missing. Choose another image.")
    with _scene("Still") as scene:
        if show_as_srgb(scene) or image.is_float:
            return _kept(lambda path: image.save_render(str(path), scene=scene))
    return _kept(lambda path: _save_bytes(image, path))


def render_result_still(scene: bpy.types.Scene) -> Path:
    """What was rendered last, as the scene shows it. Raises InvalidRequestError."""
    result = next((image for image in bpy.data.images if image.type == "RENDER_RESULT"), None)
    if result is None:
        raise _wrong("Nothing has been rendered yet. Render an image first.")
    # Blender keeps a result for each scene, so this cannot be asked of a copy.
    before = compat.write_png(scene.render.image_settings)
    try:
        return _kept(lambda path: result.save_render(str(path), scene=scene))
    except RuntimeError:
        # Blender does not say in any other way that there is no picture in it.
        raise _wrong("Nothing has been rendered yet. Render an image first.") from None
    finally:
        compat.write_as(scene.render.image_settings, before)


def camera_still(scene: bpy.types.Scene, values: Any) -> Path:
    """The camera's view of the current frame over a transparent background, as large as the clip will be.

    It is rendered in a copy of the scene, so that settings and Render Result stay as they are. Raises
    InvalidRequestError.
    """
    if scene.camera is None:
        raise _wrong("The scene has no camera to take the first frame from. Add one, or choose another first frame.")
    if bpy.app.is_job_running("RENDER"):
        raise _wrong("Blender is rendering. Wait until it has finished, then try again.")
    with _scene_like(scene) as still:
        render = still.render
        size = _clip_size(values)
        if size is not None:
            render.resolution_x, render.resolution_y = size
            render.resolution_percentage = 100
            render.pixel_aspect_x = render.pixel_aspect_y = 1.0
        render.film_transparent = True
        # Both could put an opaque picture behind it, or another one in its place.
        render.use_compositing = render.use_sequencer = False
        return _kept(lambda path: _render(still, path))


def _save_bytes(image: bpy.types.Image, path: Path) -> None:
    """Write an image of 8 bits without any conversion."""
    width, height = image.size
    pixels = array("f", bytes(4 * width * height * 4))
    image.pixels.foreach_get(pixels)
    copy = bpy.data.images.new("Still", width, height, alpha=True)
    try:
        copy.alpha_mode = "STRAIGHT"
        copy.pixels.foreach_set(pixels)
        copy.filepath_raw, copy.file_format = str(path), "PNG"
        copy.save()
    finally:
        bpy.data.images.remove(copy)


def _render(scene: bpy.types.Scene, path: Path) -> None:
    scene.render.filepath = str(path)
    bpy.ops.render.render("EXEC_DEFAULT", write_still=True, scene=scene.name)


def _clip_size(values: Any) -> tuple[int, int] | None:
    model = model_named(values.model)
    width = values.width or (model.defaults.width if model else 0)
    height = values.height or (model.defaults.height if model else 0)
    return (width, height) if width and height else None


@contextmanager
def _scene(name: str) -> Iterator[bpy.types.Scene]:
    """An empty scene for its settings, gone afterwards."""
    with _temporary(bpy.data.scenes.new(name)) as scene:
        yield scene


@contextmanager
def _scene_like(scene: bpy.types.Scene) -> Iterator[bpy.types.Scene]:
    """A copy of a scene with the same objects, gone afterwards."""
    with _temporary(scene.copy()) as copy:
        yield copy


@contextmanager
def _temporary(scene: bpy.types.Scene) -> Iterator[bpy.types.Scene]:
    try:
        compat.write_png(scene.render.image_settings)
        yield scene
    finally:
        bpy.data.scenes.remove(scene)


def _kept(write: Any) -> Path:
    """Let `write` write a PNG and keep it under a name made from its bytes."""
    folder = preferences.own_folder() / "first_frames"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_old(folder)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            written = Path(temporary) / "still.png"
            write(written)
            name = hashlib.sha256(written.read_bytes()).hexdigest()[:16]
            return written.replace(folder / f"{name}.png")
    except OSError as error:
        raise from_os_error(error, folder) from error


def _remove_old(folder: Path) -> None:
    oldest = time.time() - _KEPT_DAYS * 24 * 3600
    for path in folder.glob("*.png"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def _wrong(sentence: str) -> InvalidRequestError:
    return InvalidRequestError(bpy.app.translations.pgettext_rpt(sentence), field=_FIELD)
