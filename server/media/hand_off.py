"""A clip of this server as the one file that is handed on: in any format, after a recipe; several files are a zip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from server.media.archive import archived
from server.media.clip_reader import open_clip
from server.media.colour import Frame
from server.media.errors import ExportCancelled, MediaError
from server.media.finishing import apply_recipe
from server.media.formats import FORMATS, export
from server.media.hand_off_formats import ARCHIVE_SUFFIX, CLIP_FOLDER
from server.media.steps.recipe import Recipe
from server.media.stream import ClipStream


class ClipTooLarge(MediaError):
    """A clip that would have more pixels than it may."""


def hand_off(
    clip_folder: Path,
    format_name: str,
    recipe: Recipe,
    folder: Path,
    *,
    max_pixels: int,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Path:
    """Write a clip into `folder`, which may get other files besides, and return the file that is to be handed on.

    `max_pixels` is how many all frames together may have after any of the recipe's steps. `progress` is called with the
    number of frames written and of all; `should_stop` is asked before every frame. Raises ClipTooLarge and other
    MediaErrors, OSError, and ExportCancelled.
    """
    source = _stoppable(open_clip(clip_folder), should_stop)
    finished = _finished(source, recipe, max_pixels)
    if format_name == CLIP_FOLDER:
        if recipe.steps:
            # This goes through the recipe by itself; above it was found to be possible.
            made = apply_recipe(clip_folder, recipe, folder, progress=progress, should_stop=should_stop)
            clip_folder = made.folder
        return archived(clip_folder, folder / f"{clip_folder.name}{ARCHIVE_SUFFIX}", should_stop)
    format = FORMATS[format_name]
    name = f"{clip_folder.name}_{format.name}"
    written = export(
        finished,
        format.name,
        folder / f"{name}{format.suffix}",
        progress=(lambda count: progress(count, finished.info.frame_count)) if progress else None,
        should_stop=should_stop,
    )
    return written if format.suffix else archived(written, folder / f"{name}{ARCHIVE_SUFFIX}", should_stop)


def _finished(stream: ClipStream, recipe: Recipe, max_pixels: int) -> ClipStream:
    for number, step in enumerate(recipe.steps, start=1):
        stream = step(stream)
        info = stream.info
        pixels = info.width * info.height * info.frame_count
        if pixels > max_pixels:
            raise ClipTooLarge(
                f"After step {number} of the recipe ({step.step}) all frames together have {pixels / 1e6:.0f} million "
                f"pixels; this server makes at most {max_pixels / 1e6:.0f} million. Use fewer frames or a smaller size."
            )
    return stream


def _stoppable(stream: ClipStream, should_stop: Callable[[], bool] | None) -> ClipStream:
    """The same clip; steps that read it to its end before they give anything stop as well."""

    def frames() -> Iterator[Frame]:
        with closing(stream.frames()) as source:
            for frame in source:
                if should_stop and should_stop():
                    raise ExportCancelled("The export was cancelled.")
                yield frame

    return ClipStream(stream.info, frames)
