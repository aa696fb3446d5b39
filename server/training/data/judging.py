"""What has to be said about a clip, from its header and its frames. No torch here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from PIL import Image

from server.media.colour import Frame
from server.media.stream import ClipInfo
from server.training.data.buckets import Bucket, kept_share
from server.training.data.report import Problem, Thumbnails
from server.training.data.settings import PreparationSettings

# Alphas below the first are invisible, above the second opaque.
INVISIBLE = 8 / 255
_OPAQUE = 253.5 / 255
# So much of a picture may be cut off, and so much may it be enlarged, without a word.
_MOST_CUT = 0.3
_MOST_ENLARGED = 1.25
THUMBNAIL_SIDE = 96
_THUMBNAILS = 5
# Frames kept to look for a background in the edges, and how large they may be.
_KEPT = 8
_KEPT_SIDE = 1080


@dataclass
class Observed:
    """What was seen of a clip, frame by frame; `count` is how many frames it should have."""

    count: int
    seen: int = 0
    mean_alpha: float = 0.0
    highest_alpha: float = 0.0
    lowest_alpha: float = 1.0
    empty_frames: int = 0
    thumbnails: Thumbnails = field(default_factory=list)
    kept: list[Frame] = field(default_factory=list)

    def add(self, frame: Frame) -> None:
        """Take the next frame (H, W, 4)."""
        alpha = frame[..., 3]
        highest = float(alpha.max())
        self.mean_alpha += (float(alpha.mean(dtype=np.float64)) - self.mean_alpha) / (self.seen + 1)
        self.highest_alpha = max(self.highest_alpha, highest)
        self.lowest_alpha = min(self.lowest_alpha, float(alpha.min()))
        self.empty_frames += highest < INVISIBLE
        if self.seen in _spread(self.count, _THUMBNAILS):
            self.thumbnails.append(thumbnail(frame))
        if self.seen in _spread(self.count, _KEPT):
            # Single pixels rather than means, which would mix edges with what is beside them.
            every = -(-min(alpha.shape) // _KEPT_SIDE)
            self.kept.append(frame[::every, ::every].copy())
        self.seen += 1

    def problems(self, name: str) -> Iterator[Problem]:
        """What its alpha is not good for."""
        if self.highest_alpha < INVISIBLE:
            yield _error(name, "empty", "Nothing in it is visible; its alpha is empty. Render it again or remove it.")
        elif self.lowest_alpha > _OPAQUE:
            yield _error(
                name, "opaque", "Its alpha is opaque everywhere, so there is none to learn. Export it with its alpha."
            )
        elif self.empty_frames > self.seen / 2:
            yield _warning(name, "empty", f"{self.empty_frames} of its {self.seen} frames are empty; cut them off.")


def problems_of_header(
    name: str, info: ClipInfo, captions: tuple[str, ...], settings: PreparationSettings | None
) -> Iterator[Problem]:
    """What can be said before a frame is read; without settings nothing about sizes and lengths."""
    if not captions:
        yield _error(
            name,
            "no-caption",
            "It has no caption; write one into a text file of the same name, or into captions.csv (file,caption).",
        )
    for note in info.notes:
        yield _warning(name, "assumed", note)
    if settings is not None:
        yield from _problems_of_bucket(name, info, settings)


def bucket_of(info: ClipInfo, settings: PreparationSettings) -> Bucket | None:
    """Where a clip goes; None when it is too short."""
    return settings.plan.choose(info.width, info.height, frames_at_rate(info, settings.fps))


def frames_at_rate(info: ClipInfo, fps: Fraction | None) -> int:
    """How many frames the clip has at `fps` frames a second, as `at_rate` counts."""
    return info.frame_count if fps is None else max(round(info.frame_count / (info.fps / fps)), 1)


def thumbnail(frame: Frame) -> Frame:
    """A frame (H, W, 4) in at most THUMBNAIL_SIDE pixels: means, of colour weighted by alpha."""
    height, width, _ = frame.shape
    scale = min(THUMBNAIL_SIDE / max(width, height), 1)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    weight = frame[..., 3:] + np.float32(1e-4)
    channels = np.concatenate([np.clip(frame[..., :3], 0, 1) * weight, weight], axis=-1)
    planes = [Image.fromarray(np.ascontiguousarray(channels[..., c])) for c in range(4)]
    means = np.stack([np.asarray(plane.resize(size, Image.Resampling.BOX), np.float32) for plane in planes], axis=-1)
    means[..., :3] /= means[..., 3:]
    means[..., 3] -= np.float32(1e-4)
    return means.clip(0, 1)


def _problems_of_bucket(name: str, info: ClipInfo, settings: PreparationSettings) -> Iterator[Problem]:
    bucket = bucket_of(info, settings)
    frames = frames_at_rate(info, settings.fps)
    if bucket is None:
        rate = "" if settings.fps is None else f" at {float(settings.fps):g} frames a second"
        yield _error(
            name,
            "too-short",
            f"It has {frames} frames{rate}, and at least {settings.plan.lengths[0]} are needed; give a longer clip, or "
            "train at fewer frames (--frames) or another rate (--fps).",
        )
        return
    if settings.fps is not None and info.fps < settings.fps:
        yield _warning(
            name,
            "repeated",
            f"It has {float(info.fps):g} frames a second, so some are repeated to reach {float(settings.fps):g}.",
        )
    size, target = (info.width, info.height), (bucket.width, bucket.height)
    lost = 1 - kept_share(size, target)
    if lost > _MOST_CUT:
        yield _warning(
            name,
            "cropped",
            f"{lost:.0%} of its picture ({info.width} x {info.height}) is cut off for {bucket.width} x {bucket.height};"
            " add a size of its shape with --size.",
        )
    enlarged = max(target[0] / size[0], target[1] / size[1])
    if enlarged > _MOST_ENLARGED:
        yield _warning(
            name, "enlarged", f"It is {info.width} x {info.height} and is enlarged {enlarged:.1f} times; it stays soft."
        )


def _spread(count: int, most: int) -> set[int]:
    return {int(index) for index in np.linspace(0, max(count - 1, 0), min(most, max(count, 1))).round()}


def _error(name: str, kind: str, sentence: str) -> Problem:
    return Problem(name, "error", kind, sentence)


def _warning(name: str, kind: str, sentence: str) -> Problem:
    return Problem(name, "warning", kind, sentence)
