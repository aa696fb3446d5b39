"""The prepared clips of a run: opened, checked against the base, and dealt out to devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from server.training.data.cache import LatentCache, Sample
from server.training.data.errors import DataError
from server.training.data.identity import identity_of_weights
from server.training.data.sampler import BucketSampler
from server.training.lora.bases import Base
from server.training.lora.config import TrainingConfig
from server.training.lora.errors import TrainingError
from server.transpixar.flops import Config, LatentSize


class TrainingData:
    """The clips of a run, in the order of training.

    Every device goes through the same passes in turn and reads its own, so the clips of an update are the same however
    many devices there are.

    Attributes:
        empty_text: what the text encoder makes of no caption, ``(T, D_text)``.
        sizes: the latents of one half and the text tokens of every bucket.
        rgb: what the RGB half of the clips is, "straight" colour or "premultiplied", as in `transpixar.json`.
    """

    def __init__(self, base: Base, transformer: Config, config: TrainingConfig) -> None:
        """Open the cache and check it against the base, whose transformer's configuration is given.

        Raises:
            TrainingError: it cannot be used.
        """
        try:
            self._cache = LatentCache.open(config.cache)
            self._sampler = BucketSampler(self._cache, config.micro_batch_size, config.seed)
            self.empty_text = self._cache.empty_text
            buckets = {self._cache.bucket(clip): clip for clip in range(len(self._cache))}
            samples = [self._cache[clip] for clip in buckets.values()]
        except DataError as error:
            raise TrainingError(str(error)) from error
        self.rgb = self._cache.index.rgb
        self._micro_batch_size = config.micro_batch_size
        for sample in samples:
            _check(sample, base, transformer, config)
        self.sizes = [(_latent_size(sample), sample.text.shape[0]) for sample in samples]

    def __len__(self) -> int:
        """How many clips there are."""
        return len(self._cache)

    def is_encoded_by(self, base: Base) -> bool:
        """Say whether the clips were encoded by the base's own autoencoder, as far as its files tell.

        Raises:
            TrainingError: the files cannot be read.
        """
        try:
            return self._cache.index.autoencoder.startswith(identity_of_weights(base.folder, ["vae"]))
        except DataError as error:
            raise TrainingError(str(error)) from error

    def passes(self, count: int, rank: int, world: int) -> Iterator[tuple[int, list[Sample]]]:
        """Read the clips of one update that this device passes through.

        Args:
            count: passes of each device.
            rank: which of the devices this is.
            world: how many there are.

        Yields:
            The first clip's place among those of the update, and the clips of the pass.

        Raises:
            TrainingError: a file of the cache was damaged since the run began.
        """
        try:
            for turn in range(count * world):
                picks = next(self._sampler)
                if turn % world == rank:
                    yield turn * self._micro_batch_size, [self._cache[pick] for pick in picks]
        except DataError as error:
            raise TrainingError(str(error)) from error

    def state_dict(self) -> dict[str, Any]:
        """Where the run is in its data."""
        return self._sampler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`. Raises TrainingError when the data is another."""
        try:
            self._sampler.load_state_dict(state)
        except DataError as error:
            raise TrainingError(str(error)) from error


def _latent_size(sample: Sample) -> LatentSize:
    _, _, frames, height, width = sample.latents.shape  # (2, C, F, H, W)
    return LatentSize(frames, height, width)


def _check(sample: Sample, base: Base, wanted: Config, config: TrainingConfig) -> None:
    """Check that clips were prepared for a base. Raises TrainingError."""
    channels, size = sample.latents.shape[1], _latent_size(sample)
    anew = f"prepare them for {base.name} with `python -m server train --prepare`."
    if channels != wanted["out_channels"]:
        raise TrainingError(
            f"The clips in {config.cache} have latents of {channels} channels, and {base.name} reads "
            f"{wanted['out_channels']}; {anew}"
        )
    length, width = sample.text.shape
    # Where positions are added, text and video have them in one table.
    length_is_free = wanted["use_rotary_positional_embeddings"] and not wanted["use_learned_positional_embeddings"]
    if width != wanted["text_embed_dim"] or not (length_is_free or length == wanted["max_text_seq_length"]):
        raise TrainingError(
            f"The captions in {config.cache} are {length} tokens of {width} numbers, and {base.name} reads "
            f"{wanted['max_text_seq_length']} of {wanted['text_embed_dim']}; {anew}"
        )
    if (
        size.height % wanted["patch_size"]
        or size.width % wanted["patch_size"]
        or size.frames % (wanted["patch_size_t"] or 1)
    ):
        raise TrainingError(
            f"The clips of {sample.bucket} in {config.cache} do not divide into the patches of {base.name}; {anew}"
        )
    if wanted["use_learned_positional_embeddings"] and (size.height, size.width) != (
        wanted["sample_height"],
        wanted["sample_width"],
    ):
        raise TrainingError(f"{base.name} reads clips of one size only, not {sample.bucket}; {anew}")
    if wanted["in_channels"] > wanted["out_channels"] and sample.first_frame is None and config.image_dropout < 1:
        raise TrainingError(
            f"{base.name} starts from an image, and the clips in {config.cache} were prepared without their first "
            f"frames; {anew} Or train it from words alone: --image-dropout 1."
        )
