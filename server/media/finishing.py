"""A finished clip: a new clip folder made from another one by a recipe.

The new folder names its source instead of holding the source's frames. The raw clip is a folder of its own that is
never changed, a finished one costs seconds to make again from it, and copies would double what every variant takes on
disk. What a finished clip holds is enough to undo it and to check that: the recipe, the source's folder, and the
SHA-256 of the source's sidecar, which in turn holds that of every raw frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from server.files import new_folder, reason_of
from server.media.clip_reader import open_clip
from server.media.colour import quantised
from server.media.errors import ExportCancelled, MediaError
from server.media.naming import FRAME_PATTERN, SIDECAR_SUFFIX, frame_name, partial_name
from server.media.png import encode_png
from server.media.report import ClipReport, Measure, report_of
from server.media.sidecar import Sidecar, SidecarError, SidecarSource
from server.media.steps.bounds import VISIBLE, bounds_of, margin_warnings
from server.media.steps.recipe import Recipe
from server.media.stream import ClipInfo, ClipStream


@dataclass(frozen=True)
class FinishedClip:
    """A clip folder that was written, what there is to say about it, and the reports on its source and on it."""

    folder: Path
    sidecar: Sidecar
    before: ClipReport
    after: ClipReport
    warnings: tuple[str, ...]


def apply_recipe(
    clip_folder: Path,
    recipe: Recipe,
    clips_folder: Path | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> FinishedClip:
    """Write the clip of `clip_folder` after a recipe as a new clip folder into `clips_folder`, else beside it.

    `progress` is called with the number of frames written and of all; `should_stop` is asked before every frame. The
    folder's name comes from the source's name and the recipe. Raises MediaError, also when that clip is there already
    or the disk refuses, and ExportCancelled; nothing is left then.
    """
    path, source = _read_sidecar(clip_folder)
    raw = open_clip(path)
    stream = recipe.apply(raw)
    info = stream.info
    digest = hashlib.sha256(path.read_bytes())
    identity = hashlib.sha256((digest.hexdigest() + recipe.to_json()).encode()).hexdigest()
    folder = (clips_folder or clip_folder.resolve().parent) / f"{clip_folder.resolve().name}_finished-{identity[:8]}"
    if folder.exists():
        raise MediaError(f"{folder} is this clip after this recipe already; delete it to make it again.")
    before = report_of(raw)
    measure = Measure()
    try:
        with new_folder(folder, folder.parent / partial_name(identity)) as partial:
            sha256 = _write_frames(stream, partial, measure, progress, should_stop)
            origin = SidecarSource(name=clip_folder.resolve().name, sidecar=path.name, sha256=digest.hexdigest())
            sidecar = _finished_sidecar(source, origin, info, recipe, sha256)
            (partial / path.name).write_bytes(sidecar.to_json())
    except OSError as error:
        raise MediaError(f"{folder.name} cannot be written: {reason_of(error)}.") from None
    bounds = bounds_of(stream_of_folder(folder), VISIBLE)
    warnings = tuple(dict.fromkeys((*info.notes, *margin_warnings(bounds, info))))
    return FinishedClip(folder, sidecar, before, measure.report(), warnings)


def stream_of_folder(folder: Path) -> ClipStream:
    """A clip folder as a stream. Raises MediaError."""
    return open_clip(_read_sidecar(folder)[0])


def source_of(folder: Path) -> Path | None:
    """The folder beside a finished clip that it was made from; None for a raw clip.

    Raises MediaError when it is gone or is another clip by now.
    """
    _, sidecar = _read_sidecar(folder)
    if sidecar.source is None:
        return None
    source = folder.resolve().parent / sidecar.source.name
    file = source / sidecar.source.sidecar
    try:
        same = hashlib.sha256(file.read_bytes()).hexdigest() == sidecar.source.sha256
    except OSError:
        raise MediaError(f"{folder.name} was made from {source.name}, which is not beside it any more.") from None
    if not same:
        raise MediaError(f"{folder.name} was not made from the {source.name} that is beside it.")
    return source


def _read_sidecar(folder: Path) -> tuple[Path, Sidecar]:
    paths = sorted(folder.glob("*" + SIDECAR_SUFFIX)) if folder.is_dir() else []
    if not paths:
        raise MediaError(f"{folder} is no clip folder; finish a clip of this server, or convert a file to another.")
    try:
        return paths[0], Sidecar.from_json(paths[0].read_bytes())
    except OSError as error:
        raise MediaError(f"{paths[0].name} cannot be read ({error.strerror}).") from None
    except SidecarError as error:
        raise MediaError(f"{paths[0].name}: {error}") from None


def _write_frames(
    stream: ClipStream,
    folder: Path,
    measure: Measure,
    progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool] | None,
) -> dict[str, str]:
    """Write the frames as 8-bit PNG and return their SHA-256 by name."""
    sha256: dict[str, str] = {}
    with closing(stream.frames()) as frames:
        for number, frame in enumerate(frames, start=1):
            if should_stop and should_stop():
                raise ExportCancelled("Finishing was cancelled.")
            measure.add(frame)
            data = encode_png(quantised(frame, 8).astype("uint8", copy=False))
            sha256[frame_name(number)] = hashlib.sha256(data).hexdigest()
            (folder / frame_name(number)).write_bytes(data)
            if progress:
                progress(number, stream.info.frame_count)
    return sha256


def _finished_sidecar(
    raw: Sidecar, origin: SidecarSource, info: ClipInfo, recipe: Recipe, sha256: dict[str, str]
) -> Sidecar:
    return raw.model_copy(
        update={
            "fps": int(info.fps) if info.fps.denominator == 1 else float(info.fps),
            "fps_fraction": None if info.fps.denominator == 1 else str(info.fps),
            "frame_count": info.frame_count,
            "width": info.width,
            "height": info.height,
            "first_frame": 1,
            "pattern": FRAME_PATTERN,
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "sha256": sha256,
            "finishing": recipe.to_dict(),
            "source": origin,
            "notes": info.notes,
            "canvas": info.canvas,
        }
    )
