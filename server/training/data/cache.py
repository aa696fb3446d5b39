"""Prepared clips as a training loop reads them: latents and text embeddings from disk.

cache = LatentCache.open(folder)
for picks in BucketSampler(cache, batch=8, seed=1):
    samples = [cache[pick] for pick in picks]
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

from server.training.data.buckets import Bucket
from server.training.data.cache_index import CachedClip, CacheIndex, latents_file, text_file
from server.training.data.errors import DataError
from server.training.data.tensor_files import read_tensors, shapes

# Embeddings kept in memory; 1.9 MB each for CogVideoX.
_TEXTS_KEPT = 256


class Pick(NamedTuple):
    """A clip by its place in the cache, and which of its captions."""

    clip: int
    caption: int = 0


@dataclass(frozen=True)
class Sample:
    """One clip as a model is trained on it.

    Attributes:
        latents: of RGB and alpha ``(2, C, F', H', W')``, float16, times the autoencoder's scaling factor: what the
            model denoises. The mode of the autoencoder's posterior.
        text: the caption's embedding ``(L, D)``.
        first_frame: the latents that an image-to-video base reads ``(2, C, 1, H', W')``, float16, scaled as that base
            has it; None for a text-to-video base.
        bucket: size and length in pixels and frames.
    """

    latents: torch.Tensor
    text: torch.Tensor
    first_frame: torch.Tensor | None
    bucket: Bucket


class LatentCache:
    """The clips that `prepare` encoded, by their place in the index.

    Attributes:
        folder: where it lies.
        index: what it holds, and which model encoded it.
    """

    def __init__(self, folder: Path, index: CacheIndex) -> None:
        self.folder, self.index = folder, index
        self._read_text = lru_cache(_TEXTS_KEPT)(self._text)

    @classmethod
    def open(cls, folder: Path) -> LatentCache:
        """Open a cache and look at the header of every file, so that training does not stop at a missing one later.

        Raises:
            DataError: there is no cache, it is empty, or a file is missing or cut off; prepare the data again.
        """
        index = CacheIndex.read(folder)
        if not index.clips:
            raise DataError(f"The cache in {folder} has no clips; prepare the data again.")
        for clip in index.clips:
            _check_latents(latents_file(folder, clip.latents), clip)
        for name in {index.empty_text, *(text for clip in index.clips for text in clip.texts)}:
            shapes(text_file(folder, name))
        return cls(folder, index)

    def __len__(self) -> int:
        """How many clips there are; parts of a long one count one by one."""
        return len(self.index.clips)

    def __getitem__(self, pick: int | Pick) -> Sample:
        """Read a clip with one of its captions, the first for a plain number.

        Raises:
            DataError: a file was damaged since; it is named.
            IndexError: there is no such clip or caption.
        """
        number, caption = pick if isinstance(pick, tuple) else (pick, 0)
        clip = self.index.clips[number]
        tensors = read_tensors(latents_file(self.folder, clip.latents))
        return Sample(tensors["latents"], self._read_text(clip.texts[caption]), tensors.get("first_frame"), clip.bucket)

    @property
    def empty_text(self) -> torch.Tensor:
        """The embedding of the empty caption ``(L, D)``, for guidance dropout."""
        return self._read_text(self.index.empty_text)

    def bucket(self, clip: int) -> Bucket:
        """The size and length of a clip."""
        return self.index.clips[clip].bucket

    def captions(self, clip: int) -> tuple[str, ...]:
        """The captions of a clip; at least one."""
        return self.index.clips[clip].captions

    def name(self, clip: int) -> str:
        """The path of a clip in the data folder."""
        return self.index.clips[clip].name

    @property
    def has_first_frames(self) -> bool:
        """Whether the clips were prepared for an image-to-video base."""
        return "first_frame" in shapes(latents_file(self.folder, self.index.clips[0].latents))

    @cached_property
    def fingerprint(self) -> str:
        """Changes when clips, captions or preparation do: what an order of training depends on."""
        return hashlib.sha256(self.index.model_dump_json(exclude={"base"}).encode()).hexdigest()[:16]

    def _text(self, name: str) -> torch.Tensor:
        return read_tensors(text_file(self.folder, name))["embedding"]


def _check_latents(path: Path, clip: CachedClip) -> None:
    found = shapes(path).get("latents", ())
    if len(found) != 5 or found[0] != 2:
        raise DataError(f"{path.name} of the cache ({clip.name}) holds no latents; prepare the data again.")
