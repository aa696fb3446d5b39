"""A clip as an asset: a .blend file beside its frames, written without a trace in the open file."""

from pathlib import Path
from typing import Any

import bpy

from ..core.catalogs import ensure_catalog
from ..core.clip import Clip
from ..core.effect_kinds import kind_of, tags_of
from ..core.library import asset_file, bring_in
from ..core.saving import os_errors_as_sentences, temporary_path
from .asset_drop import mark_to_start_when_dropped
from .asset_preview import set_preview
from .new_blocks import nothing_left_behind
from .plane import Placement, place_plane
from .shown_clips import showing_on

_HEIGHT_M = 1.0
_SIDECAR = "transpixar_sidecar"
_LONGEST_NAME = 60


def keep_as_asset(clip: Clip, library: Path) -> Path:
    """Bring a clip into a library and make it an asset there; returns the asset's .blend file.

    One that is an asset there already stays as it is. Raises TransPixarError; what the library held stays whatever
    happens, and the open file is as before.
    """
    clip = bring_in(clip, library)
    target = asset_file(clip)
    if not target.is_file():
        catalog_id = ensure_catalog(library, kind_of(prompt_of(clip)))
        _write(clip, catalog_id, target)
    return target


def prompt_of(clip: Clip) -> str:
    """The prompt that made a clip; its file name when the sidecar does not tell."""
    return str(clip.sidecar.request.get("prompt") or clip.sidecar_path.stem.replace("-", " "))


def _write(clip: Clip, catalog_id: str, target: Path) -> None:
    temporary = temporary_path(target).with_suffix(".blend")
    try:
        with nothing_left_behind():
            scene = bpy.data.scenes.new("TransPixar Asset")
            plane = place_plane(clip, scene, scene.collection, Placement((0.0, 0.0, 0.0), _HEIGHT_M, 1))
            plane.name = _name_of(clip)
            _point_to_library(plane, clip)
            _describe(plane, clip, catalog_id)
            mark_to_start_when_dropped(plane)
            with os_errors_as_sentences(target.parent):
                # Relative paths, so that the library can be moved with its frames. It does not touch the session's.
                bpy.data.libraries.write(str(temporary), {plane}, path_remap="RELATIVE_ALL", compress=True)
        with os_errors_as_sentences(target.parent):
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _point_to_library(plane: bpy.types.Object, clip: Clip) -> None:
    """The path among the custom properties too, which Blender does not make relative."""
    showing = showing_on(plane)
    for thing in (plane,) if showing is None else (plane, showing.material, showing.texture.image):
        thing[_SIDECAR] = f"//{clip.sidecar_path.name}"


def _describe(plane: bpy.types.Object, clip: Clip, catalog_id: str) -> None:
    plane.asset_mark()
    asset: Any = plane.asset_data
    prompt, model, request = prompt_of(clip), clip.sidecar.model, clip.sidecar.request
    title = str(model.get("title") or model.get("name") or "TransPixar")
    asset.description = f"{prompt}\nSeed {request.get('seed', 'unknown')}, made by {title}"
    asset.author = title
    asset.license = str(model.get("licence") or "")
    asset.catalog_id = catalog_id
    for tag in (*tags_of(prompt), kind_of(prompt)):
        asset.tags.new(tag, skip_if_exists=True)
    set_preview(plane, clip)


def _name_of(clip: Clip) -> str:
    """The prompt as a title; the folder's name, which is unlike any other, where an object of that title is there."""
    words = prompt_of(clip).strip()
    title = (words[:1].upper() + words[1:])[:_LONGEST_NAME].rstrip(" ,.")
    taken = not title or title in bpy.data.objects
    return clip.folder.name[:_LONGEST_NAME] if taken else title
