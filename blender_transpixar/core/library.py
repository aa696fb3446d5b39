"""The folder of an asset library: one folder for each clip, with its frames, its sidecar and the asset beside them."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from .clip import SIDECAR_SUFFIX, Clip
from .errors import InvalidClipError
from .saving import make_temporary_folder, move_into_place, os_errors_as_sentences, write_synced

ASSET_SUFFIX = ".blend"


def asset_file(clip: Clip) -> Path:
    """The .blend file in which a library's clip is an asset; it need not exist."""
    return clip.sidecar_path.with_suffix(ASSET_SUFFIX)


def clips_in(library: Path) -> Iterator[Clip]:
    """The complete clips of a library, by name; what is none is passed over."""
    for sidecar in sorted(library.glob(f"*/*{SIDECAR_SUFFIX}")):
        if sidecar.parent.name.startswith("."):
            continue  # being copied just now, or a copy that was broken off
        try:
            yield Clip.open(sidecar)
        except InvalidClipError:
            continue


def bring_in(clip: Clip, library: Path) -> Clip:
    """The clip in the library: itself if it lies there, the same one if it is there already, else a checked copy.

    The copy stands complete under its name or not at all; the original stays. Raises InvalidClipError when a frame is
    not what the sidecar says, FolderNotWritableError or DiskFullError when it cannot be copied.
    """
    if clip.folder.parent.resolve() == library.resolve():
        return clip
    present = _same_in(library, clip)
    if present is not None:
        return present
    with os_errors_as_sentences(library):
        target = library / clip.folder.name
        temporary = make_temporary_folder(target)
        try:
            _copy(clip, temporary)
            folder = move_into_place(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return Clip.open(folder / clip.sidecar_path.name)


def _same_in(library: Path, clip: Clip) -> Clip | None:
    """The same clip in a library: a folder of that name, numbered perhaps, with the same sidecar, complete."""
    wanted = clip.sidecar_path.read_bytes()
    # Not a pattern: a clip that a person renamed may have brackets in its name.
    for folder in sorted(library.iterdir()) if library.is_dir() else []:
        if not folder.name.startswith(clip.folder.name):
            continue
        try:
            found = Clip.open(folder)
        except InvalidClipError:
            continue
        if found.sidecar_path.read_bytes() == wanted:
            return found
    return None


def _copy(clip: Clip, folder: Path) -> None:
    for name in clip.sidecar.frame_names():
        data = (clip.folder / name).read_bytes()
        expected = clip.sidecar.sha256.get(name)
        if expected is not None and hashlib.sha256(data).hexdigest() != expected:
            raise InvalidClipError(
                f"{name} in {clip.folder} is not the frame that was made: it was changed or is damaged. "
                "Generate the clip again, then keep it."
            )
        write_synced(folder / name, data)
    write_synced(folder / clip.sidecar_path.name, clip.sidecar_path.read_bytes())
