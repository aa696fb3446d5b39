"""What a preparation has to make: the parts of every clip, and the names of their files. No torch here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from server.training.data.buckets import Bucket
from server.training.data.cache_index import CachedClip
from server.training.data.captions import Captions
from server.training.data.checking import describe, problems_of_folder
from server.training.data.finding import FoundClip, find_clips
from server.training.data.fitting import starts_of_parts
from server.training.data.identity import digest_of_files, key_of
from server.training.data.judging import bucket_of, frames_at_rate, problems_of_header
from server.training.data.reading import named
from server.training.data.report import CheckedClip, Report
from server.training.data.settings import PreparationSettings

# Raised when the same settings begin to give other pixels.
_VERSION = 1


@dataclass(frozen=True)
class Encoders:
    """Which model encodes: `autoencoder` and `text_encoder` name weights and number type; the rest as in the facts."""

    autoencoder: str
    text_encoder: str
    text_length: int
    first_frames: bool

    def text_key(self, caption: str) -> str:
        """The name of a caption's file."""
        return key_of({"text_encoder": self.text_encoder, "length": self.text_length, "caption": caption})


@dataclass(frozen=True)
class PlannedClip:
    """One clip and its parts: where each starts at the training rate, and the name of its latents' file."""

    clip: FoundClip
    bucket: Bucket
    captions: tuple[str, ...]
    starts: tuple[int, ...]
    latents: tuple[str, ...]

    def cached(self, encoders: Encoders) -> list[CachedClip]:
        """The entries of the index."""
        texts = tuple(encoders.text_key(caption) for caption in self.captions)
        return [
            CachedClip(
                name=self.clip.name, part=part, bucket=self.bucket, latents=key, captions=self.captions, texts=texts
            )
            for part, key in enumerate(self.latents, start=1)
        ]


def plan(
    folder: Path,
    settings: PreparationSettings,
    encoders: Encoders,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[list[PlannedClip], Report]:
    """Look at the header of every clip in a folder; what cannot be prepared is in the report. Raises DataError."""
    found = find_clips(folder)
    captions = Captions(folder, found.clips)
    report = Report(folder, problems=[*found.problems, *captions.problems])
    report.add(problems_of_folder(found.clips))
    planned = []
    for number, clip in enumerate(found.clips):
        if progress:
            progress(number, len(found.clips), clip.name)
        checked = CheckedClip(clip.name)
        report.clips.append(checked)
        with named(clip.name, report.problems):
            info = clip.open(fps=settings.reading.fps, alpha=settings.reading.alpha).info
            words = captions.of(clip, info.metadata.get("prompt"))
            describe(checked, info, words, settings)
            report.add(problems_of_header(clip.name, info, words, settings))
            bucket = bucket_of(info, settings)
            if bucket is None or not words:
                continue
            starts = starts_of_parts(frames_at_rate(info, settings.fps), bucket.num_frames, settings.most_parts)
            content = digest_of_files(clip.files())
            keys = tuple(_latents_key(content, clip, bucket, start, settings, encoders) for start in starts)
            planned.append(PlannedClip(clip, bucket, words, starts, keys))
    return planned, report


def _latents_key(
    content: str,
    clip: FoundClip,
    bucket: Bucket,
    start: int,
    settings: PreparationSettings,
    encoders: Encoders,
) -> str:
    return key_of(
        {
            "version": _VERSION,
            "content": content,
            "is_pair": clip.matte is not None,
            "bucket": list(bucket),
            "start": start,
            "autoencoder": encoders.autoencoder,
            "first_frame": encoders.first_frames,
            **settings.pixels(),
        }
    )
