"""Bringing what a file shows to a folder beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..core.collecting import copy_beside
from ..core.errors import TransPixarError
from ..core.sequence import Sequence
from . import compat
from .clip_image import path_for_blend_file
from .guard import guarded
from .provenance import PREFIX, provenance_of
from .strip import clip_folder_of

FOLDER_NAME = "transpixar"

# How many clips were not beside the file when it was last opened, saved or collected.
_elsewhere = 0


@dataclass(frozen=True, slots=True)
class _Use:
    """Something that shows a file: the file, and how to let it show the same one in another folder."""

    path: Path
    point_to: Callable[[Path], None]


def clips_elsewhere() -> list[Path]:
    """The folders of placed clips and sequences that are not in the folder beside the open, saved .blend file."""
    beside = _beside().resolve()
    folders = {use.path.parent for use in _uses()}
    return sorted(folder for folder in folders if folder.parent != beside)


def collect() -> int:
    """Copy what is placed to the folder beside the open, saved .blend file, and show the copies; returns how many.

    Originals stay. Raises TransPixarError when one cannot be found or copied; those before are then collected.
    """
    beside = _beside()
    collected: dict[tuple[Path, str], Path] = {}
    for use in list(_uses()):
        if use.path.parent.parent == beside.resolve():
            continue
        sequence = Sequence.open(use.path)
        key = (sequence.folder, sequence.first_path.name)
        if key not in collected:
            collected[key] = copy_beside(sequence, beside)
        use.point_to(collected[key] / use.path.name)
    _count()
    return len(collected)


def known_elsewhere() -> int:
    """How many clips will not follow the file when it is copied; of when it was opened, saved or collected.

    Panels ask while they draw, so nothing is looked at here.
    """
    return _elsewhere


def add_handlers() -> None:
    """Count when a file is opened or saved."""
    for handlers in (bpy.app.handlers.load_post, bpy.app.handlers.save_post):
        handlers.append(_on_file)


def remove_handlers() -> None:
    """Count no more."""
    for handlers in (bpy.app.handlers.load_post, bpy.app.handlers.save_post):
        while _on_file in handlers:
            handlers.remove(_on_file)


@persistent
@guarded
def _on_file(*_: Any) -> None:
    _count()


def _count() -> None:
    global _elsewhere
    _elsewhere = len(clips_elsewhere()) if bpy.data.filepath else 0


def _beside() -> Path:
    if not bpy.data.filepath:
        raise TransPixarError("Save the file first: the clips are put beside it.", code="unsaved")
    return Path(bpy.data.filepath).parent / FOLDER_NAME


def _uses() -> Iterator[_Use]:
    """What shows our clips, and any sequence on our planes, strips and nodes."""
    for image in bpy.data.images:
        if image.source == "SEQUENCE" and image.library is None and image.users and PREFIX + "placed" in image:
            yield _Use(_absolute(image.filepath), _image_pointer(image))
    for scene in bpy.data.scenes:
        for strip in compat.all_strips(scene) if scene.library is None else ():
            folder = clip_folder_of(strip)
            if folder is not None and PREFIX + "playback" in strip:
                yield _Use(folder.resolve() / strip.elements[0].filename, _strip_pointer(strip))


def _absolute(path: str) -> Path:
    return Path(bpy.path.abspath(path)).resolve()


def _image_pointer(image: Any) -> Callable[[Path], None]:
    def point_to(path: Path) -> None:
        image.filepath = path_for_blend_file(path)
        _tell(image, path.parent)

    return point_to


def _strip_pointer(strip: Any) -> Callable[[Path], None]:
    def point_to(path: Path) -> None:
        strip.directory = path_for_blend_file(path.parent) + "/"
        _tell(strip, path.parent)

    return point_to


def _tell(thing: Any, folder: Path) -> None:
    """Let what is kept about a clip's origin name the sidecar's new place."""
    provenance = provenance_of(thing)
    if provenance is not None and provenance.sidecar:
        thing[PREFIX + "sidecar"] = path_for_blend_file(folder / _absolute(provenance.sidecar).name)
