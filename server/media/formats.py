"""The formats that a clip can be handed on in, and the one way to write any of them."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from server.files import reason_of, sync, sync_folder
from server.media.colour import Frame
from server.media.errors import ExportCancelled, MediaError
from server.media.image_writers import write_exr, write_matte_sequence, write_png8, write_png16
from server.media.movie_writers import (
    write_ffv1,
    write_ffv1_16,
    write_matte_movie,
    write_prores4444,
    write_prores4444_straight,
    write_qtrle,
    write_webm,
    write_webm_small,
)
from server.media.naming import can_be_named
from server.media.sprite_sheet import DESCRIPTION_NAME, SHEET_NAME, write_sprite_sheet
from server.media.stream import AlphaMode, ClipStream
from server.media.webp import write_webp


@dataclass(frozen=True)
class Format:
    """A hand-off format. `suffix` is that of its file, empty for a folder; `alpha_mode` how the colour is stored."""

    name: str
    title: str
    suffix: str
    alpha_mode: AlphaMode
    write: Callable[[ClipStream, Path], None]


FORMATS = {
    format.name: format
    for format in (
        Format("png8", "PNG sequence, 8 bit", "", "straight", write_png8),
        Format("png16", "PNG sequence, 16 bit", "", "straight", write_png16),
        Format("exr", "OpenEXR sequence, half float, linear", "", "premultiplied", write_exr),
        Format("prores4444", "ProRes 4444, for Blender 4.5 and later", ".mov", "premultiplied", write_prores4444),
        Format("prores4444-straight", "ProRes 4444, straight alpha", ".mov", "straight", write_prores4444_straight),
        Format("ffv1", "FFV1 Matroska, 8 bit, lossless", ".mkv", "straight", write_ffv1),
        Format("ffv1-16", "FFV1 Matroska, 16 bit, lossless", ".mkv", "straight", write_ffv1_16),
        Format("qtrle", "QuickTime Animation, 8 bit, lossless", ".mov", "straight", write_qtrle),
        Format("webm", "VP9 WebM, alpha exact", ".webm", "straight", write_webm),
        Format("webm-small", "VP9 WebM, small, for sharing only", ".webm", "straight", write_webm_small),
        Format("webp", "animated WebP, alpha exact", ".webp", "straight", write_webp),
        Format("sprite-sheet", "sprite sheet PNG and JSON", "", "straight", write_sprite_sheet),
        Format("matte", "luma matte, grey PNG sequence, 8 bit", "", "opaque", write_matte_sequence),
        Format("matte-movie", "luma matte, QuickTime Animation, lossless", ".mov", "opaque", write_matte_movie),
    )
}


def export(
    stream: ClipStream,
    format_name: str,
    target: Path,
    *,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Write a clip as a file or folder `target`, which appears complete or not at all, and return it.

    `force` replaces what an earlier export left there. `progress` is called with the number of frames written so far;
    `should_stop` is asked before every frame. Raises MediaError (also when the disk refuses), and ExportCancelled.
    """
    format = FORMATS.get(format_name)
    if format is None:
        raise MediaError(f"There is no format '{format_name}'; use one of {', '.join(FORMATS)}.")
    check_target(target, format, force=force)
    new_folders = _missing_folders(target.parent)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # In the target's own folder, because a rename does not cross disks.
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=target.parent, ignore_cleanup_errors=True) as folder:
            partial = Path(folder) / target.name
            format.write(_observed(stream, progress, should_stop), partial)
            sync(partial)
            _put_in_place(partial, target, Path(folder) / "replaced")
        sync_folder(target.parent)
    except OSError as error:
        _remove_empty(new_folders)
        raise MediaError(f"{target.name} cannot be written: {reason_of(error)}.") from None
    except BaseException:
        _remove_empty(new_folders)
        raise
    return target


def _put_in_place(partial: Path, target: Path, replaced: Path) -> None:
    """Rename what is complete; an old folder, which a rename cannot replace, steps aside and comes back on failure."""
    if not target.is_dir():
        partial.replace(target)
        return
    target.rename(replaced)
    try:
        partial.rename(target)
    except OSError:
        replaced.rename(target)
        raise


def _observed(
    stream: ClipStream, progress: Callable[[int], None] | None, should_stop: Callable[[], bool] | None
) -> ClipStream:
    def frames() -> Iterator[Frame]:
        with closing(stream.frames()) as inner:
            for count, frame in enumerate(inner):
                if should_stop and should_stop():
                    raise ExportCancelled("The export was cancelled.")
                if progress and count:
                    progress(count)
                yield frame
        if progress:
            progress(stream.info.frame_count)

    return ClipStream(stream.info, frames)


def check_target(target: Path, format: Format, *, force: bool) -> None:
    """Raises MediaError when the name does not fit the format, or something stands there that may not be replaced."""
    if format.suffix and target.suffix.lower() != format.suffix:
        raise MediaError(f"A {format.name} file ends with {format.suffix}; name it {target.stem}{format.suffix}.")
    if not can_be_named(target.name):
        raise MediaError(f"Windows has no files called {target.name}; choose another name with --out.")
    folder = next((each for each in target.parents if each.is_dir()), None)
    if folder is not None and not os.access(folder, os.W_OK):
        raise MediaError(f"The folder {folder} is read-only; choose another place with --out.")
    if not os.path.lexists(target):
        return
    if not force:
        raise MediaError(f"{target} exists already; replace it with --force, or choose another name with --out.")
    if target.is_dir() != (not format.suffix):
        raise MediaError(f"{target} is {'a folder' if target.is_dir() else 'a file'}, which is not replaced.")
    if target.is_dir() and not all(_is_ours(file) for file in target.iterdir()):
        raise MediaError(f"{target} holds more than an exported clip, so it is not replaced; choose another name.")


def _is_ours(file: Path) -> bool:
    """Whether an export writes files of this name; a clip folder has a sidecar besides."""
    numbered = re.fullmatch(r"\d{4,}\.(png|exr)", file.name) is not None
    return file.is_file() and (numbered or file.name in (SHEET_NAME, DESCRIPTION_NAME))


def _missing_folders(folder: Path) -> list[Path]:
    """Those that have to be made, the innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return
