"""Encodes a folder of clips once; several processes may do it at the same time, and any of them may be stopped.

Every file of the cache is named after everything that it depends on and appears complete or not at all, so what is
there is not made again, whatever became of the process that made it. Per clip a lock says who is at it; a process that
finds one taken goes on with the next clip and comes back in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from server.media.stream import ClipStream
from server.training.data.base_model import BaseModelFacts
from server.training.data.cache_index import CachedClip, CacheIndex, latents_file, text_file
from server.training.data.checking import edges_of
from server.training.data.decontamination import decontaminated
from server.training.data.encoding import TextEncoder, VideoEncoder, default_dtype, encode_part
from server.training.data.fitting import Frames, at_training_rate, cover, parts_of
from server.training.data.identity import identity_of_weights
from server.training.data.judging import INVISIBLE, Observed
from server.training.data.planning import Encoders, PlannedClip, plan
from server.training.data.reading import named
from server.training.data.report import Problem, Report
from server.training.data.settings import PreparationSettings
from server.training.data.tensor_files import is_sound, read_number, write_tensors

Progress = Callable[[int, int, str], None]
_LOCKS = "locks"


@dataclass(frozen=True)
class Prepared:
    """What a preparation came to.

    Attributes:
        cache: the folder, for `LatentCache.open`; without an index when no clip could be used.
        report: about the data; clips with errors are not in the cache.
        clips: how many the cache holds, parts of long ones counted one by one.
        made: how many of them this process encoded; the rest were there, or another process made them.
    """

    cache: Path
    report: Report
    clips: int
    made: int


def prepare(
    folder: Path,
    model: BaseModelFacts,
    cache: Path,
    settings: PreparationSettings,
    *,
    base: str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Encode all clips of a folder and their captions into a cache.

    Args:
        folder: the data.
        model: whose autoencoder and text encoder are used.
        cache: a folder, which may hold other caches' files already.
        settings: see `settings_for`.
        base: the model's name, for people; that of its folder if not given.
        device: what encodes.
        dtype: in which numbers; see `default_dtype`.
        progress: called with how many clips are done, how many there are, and the name of the next.

    Raises:
        DataError: there is no such folder, or the model has no autoencoder or text encoder.
        OSError: the cache cannot be written.
    """
    device = torch.device(device)
    dtype = dtype or default_dtype(device)
    encoders = _encoders(model, dtype)
    planned, report = plan(folder, settings, encoders)
    made = 0
    if planned:
        texts = TextEncoder(model, device, dtype)
        report.add(_too_long(planned, encoders, texts))
        _encode_texts(cache, planned, encoders, texts)
        del texts  # 9.5 GB at full size
        work = _Work(cache, settings, report, model, device, dtype)
        made = work.run(planned, progress)
    whole = [clip for clip in planned if _is_whole(cache, clip)]
    entries = [entry for clip in whole for entry in clip.cached(encoders) if _is_visible(cache, entry)]
    if entries:
        CacheIndex(
            base=base or model.folder.name,
            autoencoder=encoders.autoencoder,
            text_encoder=encoders.text_encoder,
            rgb=settings.rgb,
            settings=settings.as_json(),
            empty_text=encoders.text_key(""),
            clips=tuple(entries),
        ).write(cache)
    return Prepared(cache, report, len(entries), made)


def _encoders(model: BaseModelFacts, dtype: torch.dtype) -> Encoders:
    number = str(dtype).removeprefix("torch.")
    return Encoders(
        autoencoder=f"{identity_of_weights(model.folder, ['vae'])}-{number}",
        text_encoder=f"{identity_of_weights(model.folder, ['tokenizer', 'text_encoder'])}-{number}",
        text_length=model.text_length,
        first_frames=model.is_image_to_video,
    )


def _too_long(planned: list[PlannedClip], encoders: Encoders, texts: TextEncoder) -> Iterator[Problem]:
    for clip in planned:
        count = max(texts.token_count(caption) for caption in clip.captions)
        if count > encoders.text_length:
            sentence = (
                f"A caption of it has {count} tokens, of which the model reads the first {encoders.text_length}; "
                "shorten it."
            )
            yield Problem(clip.clip.name, "warning", "captions", sentence)


def _encode_texts(cache: Path, planned: list[PlannedClip], encoders: Encoders, encode: TextEncoder) -> None:
    """Make the missing embeddings. One process does; two text encoders would not fit."""
    captions = dict.fromkeys(["", *(caption for clip in planned for caption in clip.captions)])
    with _lock(cache, "texts"):
        for caption in captions:
            path = text_file(cache, encoders.text_key(caption))
            if not is_sound(path):
                write_tensors(path, {"embedding": encode(caption)})


class _Work:
    """Encodes clip after clip; the autoencoder is loaded with the first that needs it."""

    def __init__(
        self,
        cache: Path,
        settings: PreparationSettings,
        report: Report,
        model: BaseModelFacts,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._cache, self._settings, self._report, self._model = cache, settings, report, model
        self._device, self._dtype = device, dtype
        self._encoder: VideoEncoder | None = None

    def run(self, planned: list[PlannedClip], progress: Progress | None) -> int:
        """Make what is missing and return how many parts this process made. Raises OSError."""
        made, done = 0, 0
        busy: list[PlannedClip] = []
        # First whatever nobody else is at, then what others had begun: they may have been stopped.
        for clips, wait in ((planned, False), (busy, True)):
            for clip in clips:
                if progress:
                    progress(done, len(planned), clip.clip.name)
                try:
                    with _lock(self._cache, clip.latents[0], wait=wait):
                        made += self._make(clip)
                        done += 1
                except Timeout:
                    busy.append(clip)
        return made

    def _make(self, planned: PlannedClip) -> int:
        missing = [
            (start, key)
            for start, key in zip(planned.starts, planned.latents, strict=True)
            if not is_sound(latents_file(self._cache, key))
        ]
        if not missing:
            return 0
        problems: list[Problem] = []
        made = 0
        with closing(self._parts(planned, [start for start, _ in missing], problems)) as parts:
            for (_, key), frames in zip(missing, parts, strict=False):
                write_tensors(latents_file(self._cache, key), self._encoded(frames))
                made += 1
        self._report.add(problems)
        return made

    def _parts(self, planned: PlannedClip, starts: list[int], problems: list[Problem]) -> Generator[Frames, None, None]:
        """The parts that begin at `starts`, each (F, H, W, 4); fewer, and a problem, where the clip is not sound."""
        settings, bucket, name = self._settings, planned.bucket, planned.clip.name
        with named(name, problems):
            stream = planned.clip.open(fps=settings.reading.fps, alpha=settings.reading.alpha)
            observed = self._observed(stream, name, problems)
            if any(problem.severity == "error" for problem in problems):
                return
            found, remarks = edges_of(planned.clip, observed, settings.decontaminate)
            problems.extend(remarks)
            stream = at_training_rate(stream, settings.fps)
            if settings.decontaminate != "off":
                stream = stream.map(lambda frame: decontaminated(frame, found))
            yield from parts_of(cover(stream, bucket.width, bucket.height), starts, bucket.num_frames)

    def _observed(self, stream: ClipStream, name: str, problems: list[Problem]) -> Observed:
        """Read all of the clip once: a damaged one is found before anything of it is encoded. Raises MediaError."""
        observed = Observed(stream.info.frame_count)
        with closing(stream.frames()) as frames:
            for frame in frames:
                observed.add(frame)
        problems.extend(observed.problems(name))
        return observed

    def _encoded(self, frames: Frames) -> dict[str, torch.Tensor]:
        if self._encoder is None:
            self._encoder = VideoEncoder(self._model.folder, self._device, self._dtype, tiled=self._settings.tiled)
        return encode_part(self._encoder, frames, self._settings, first_frame=self._model.is_image_to_video)


def _is_whole(cache: Path, planned: PlannedClip) -> bool:
    return all(latents_file(cache, key).is_file() for key in planned.latents)


def _is_visible(cache: Path, entry: CachedClip) -> bool:
    """Whether anything is seen in this part of a clip; a caption must not be learned as nothing."""
    highest = read_number(latents_file(cache, entry.latents), "highest_alpha")
    return highest is None or highest >= INVISIBLE


def _lock(cache: Path, name: str, *, wait: bool = True) -> FileLock:
    folder = cache / _LOCKS
    folder.mkdir(parents=True, exist_ok=True)
    # A process that dies lets go: the system's own locks.
    return FileLock(folder / f"{name}.lock", timeout=-1 if wait else 0)
