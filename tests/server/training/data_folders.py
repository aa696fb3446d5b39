"""Folders of training clips as people keep them, in small."""

from fractions import Fraction
from pathlib import Path

import numpy as np

from server.media.clip import write_clip
from server.media.colour import premultiplied
from server.media.formats import export
from server.media.images import write_image
from server.media.stream import ClipInfo, ClipStream
from tests.server.jobs.small_requests import REQUEST
from tests.server.media.made_streams import effect

FPS = Fraction(8)


def movie(path: Path, frames: np.ndarray | None = None, fps: Fraction = FPS, format: str | None = None) -> Path:
    """A clip (F, H, W, 4) in a format of `convert`, by default the one that goes with the suffix."""
    frames = effect(48, 32, 6) if frames is None else frames
    name = format or {".mov": "prores4444", ".mkv": "ffv1", ".webm": "webm", "": "png8"}[path.suffix]
    count, height, width, _ = frames.shape
    info = ClipInfo(path.name, width, height, fps, count)
    return export(ClipStream(info, lambda: iter(frames)), name, path)


def captioned(path: Path, *captions: str) -> Path:
    """The clip with a text file beside it."""
    text = path.with_name(f"{path.name if path.is_dir() else path.stem}.txt")
    text.write_text("".join(f"{caption}\n" for caption in captions), "utf-8")
    return path


def tiff_sequence(folder: Path, frames: np.ndarray, *, associated: bool) -> Path:
    """16-bit TIFF, premultiplied as the format has it by default, or straight."""
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, start=1):
        # OpenImageIO takes what it is given to be straight, and says so in the file.
        stored = premultiplied(frame) if associated else frame
        pixels = (stored * 65535 + 0.5).astype(np.uint16)
        write_image(folder / f"{number:04d}.tif", pixels, {"oiio:UnassociatedAlpha": int(not associated)})
    return folder


def pair(folder: Path, name: str, frames: np.ndarray, *, as_movies: bool) -> None:
    """`fgr/name` and `pha/name`, lossless: colour and alpha as two opaque clips."""
    opaque, grey = frames.copy(), np.ones_like(frames)
    opaque[..., 3] = 1
    grey[..., :3] = frames[..., 3:]
    for part, pictures in (("fgr", opaque), ("pha", grey)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        if as_movies:
            movie(folder / part / f"{name}.mkv", pictures)
        else:
            movie(folder / part / name, pictures)


def clip_folder(folder: Path, frames: np.ndarray, prompt: str) -> Path:
    """A clip of the server with its sidecar."""
    made = write_clip(
        folder,
        "0123456789abcdef0123456789abcdef",
        REQUEST.model_copy(update={"prompt": prompt}),
        (frames * 255 + 0.5).astype(np.uint8),
        fps=8,
        model={"name": "mini", "title": "mini", "licence": "GPL-3.0-or-later"},
        versions={},
        created_at="2026-01-01T00:00:00Z",
    )
    return Path(made.folder)
