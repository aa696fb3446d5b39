"""Bytes that a clip needs, from the components' configurations alone: nothing is loaded, no tensor is made.

The formulas count what is alive at the worst moment of a phase. They were derived by following every allocation of a
full-size pass without a GPU (benchmarks/memory.py, which also checks them) and are written out below each name.

Symbols: B batch, D width, T text tokens, L tokens of one stream, S = T + 2L the whole sequence, e bytes of a number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

from .flops import Config, LatentSize, stream_tokens
from .parameters import (
    autoencoder_parameters,
    block_linear_parameters,
    block_parameters,
    rgba_parameters,
    text_encoder_parameters,
    transformer_parameters,
    transformer_width,
)

_FLOAT32, _FLOAT16 = 4, 2
_CACHE_FRAMES = 2  # a causal convolution of 3 taps in time keeps the last two frames for the next chunk


@dataclass(frozen=True, slots=True)
class ClipSize:
    """The size of a request; width and height in pixels, `clips` made in one batch."""

    width: int
    height: int
    num_frames: int
    clips: int = 1


@dataclass(frozen=True)
class ModelMemory:
    """What a model's components need.

    Attributes:
        transformer: its configuration.
        text_encoder: likewise.
        vae: likewise.
        lora_rank: r of the RGBA adapter.
        text_length: T, number of text tokens.
        dtype_bytes: e, bytes of a weight and of an activation: 2 for bfloat16, 4 for float32.
    """

    transformer: Config
    text_encoder: Config
    vae: Config
    lora_rank: int
    text_length: int
    dtype_bytes: int = _FLOAT16

    @classmethod
    def from_folder(cls, folder: Path, *, lora_rank: int, text_length: int, dtype_bytes: int) -> ModelMemory:
        """Read the configurations of a model in diffusers' layout.

        Raises:
            OSError: a configuration is missing.
            ValueError: one is no JSON.
        """
        transformer, text_encoder, vae = (
            json.loads((folder / component / "config.json").read_text("utf-8"))
            for component in ("transformer", "text_encoder", "vae")
        )
        return cls(transformer, text_encoder, vae, lora_rank, text_length, dtype_bytes)

    # ---- weights ----

    def transformer_weights(self, storage_bytes: int | None = None) -> int:
        """Bytes of the transformer and its RGBA adapter.

        Args:
            storage_bytes: of a weight of the blocks' projections and feed-forward layers, 1 for fp8 and int8; norms,
                embeddings and the adapter keep e. None for e.
        """
        count = transformer_parameters(self.transformer) + rgba_parameters(self.transformer, self.lora_rank)
        saved = 0 if storage_bytes is None else self.dtype_bytes - storage_bytes
        shrunk = self.transformer["num_layers"] * block_linear_parameters(self.transformer)
        return count * self.dtype_bytes - shrunk * saved

    def offloaded_transformer_weights(self) -> int:
        """Bytes of the transformer that are on the device while its blocks come and go.

        One block at work, the next on its way, and everything that is in no block.
        """
        layers = self.transformer["num_layers"]
        block = block_parameters(self.transformer) * self.dtype_bytes
        block += rgba_parameters(self.transformer, self.lora_rank) * self.dtype_bytes // layers
        return self.transformer_weights() - (layers - min(2, layers)) * block

    def text_encoder_weights(self) -> int:
        """Bytes of the text encoder."""
        return text_encoder_parameters(self.text_encoder) * self.dtype_bytes

    def vae_weights(self) -> int:
        """Bytes of the autoencoder."""
        return autoencoder_parameters(self.vae) * self.dtype_bytes

    # ---- activations ----

    def text_activations(self, prompts: int) -> int:
        """Bytes alive in the text encoder, at most, for `prompts` sequences.

        Attention makes scores, scores with the position bias and their softmax, ``(B, heads, T, T)`` in float32 each,
        and a copy in the compute dtype; the gated feed-forward makes three ``(B, T, d_ff)``. Four ``(B, T, d_model)``
        go along.
        """
        config, e = self.text_encoder, self.dtype_bytes
        scores = prompts * config["num_heads"] * self.text_length**2
        tokens = prompts * self.text_length * (3 * config["d_ff"] + 4 * config["d_model"])
        return scores * (3 * _FLOAT32 + e) + tokens * e

    def transformer_activations(self, clip: ClipSize, passes: int) -> int:
        """Bytes alive in the transformer, at most; `passes` is 2 where both halves of guidance are one batch.

        The worst moment is the activation function in a block's feed-forward, with u = B S D e:

            the block's input and its sum with attention's output    2 u
            attention's output, which the block still holds            u
            the normalised tokens, text and video joined               u
            the feed-forward's inner tokens, 4 D wide, before
            and after the activation function                        8 u
            together                                                12 u

        In attention it is 10 u: input, normalised and joined tokens 3 u, query, key and value 3 u, and 4 u while one
        stream is rotated in float32. Flash kernels add their output and B S heads float32; nothing is quadratic in S.
        """
        batch = clip.clips * passes
        return 12 * batch * self._tokens(clip) * transformer_width(self.transformer) * self.dtype_bytes

    def cache_state(self, clip: ClipSize) -> int:
        """Bytes that FirstBlockCache keeps between steps.

        For each half of guidance, in one batch or not: the first block's output and residual and the other blocks'
        residual, B S D e each.
        """
        return 3 * 2 * clip.clips * self._tokens(clip) * transformer_width(self.transformer) * self.dtype_bytes

    def latents(self, clip: ClipSize) -> int:
        """Bytes of the latents between steps: the sample, the last two estimates of it and the prediction, in float32.

        ``(B, 2F, C, H, W)`` each.
        """
        size = self._latent_size(clip)
        count = 2 * clip.clips * size.frames * self.vae["latent_channels"] * size.height * size.width
        return 4 * count * _FLOAT32

    def decoder_activations(self, clip: ClipSize, *, tiled: bool) -> int:
        """Bytes alive in the autoencoder's decoder, at most, one clip and one half at a time.

        The decoder takes two latent frames at a time (the first time three, where their number is odd). At a level of
        ``c`` input channels and ``t h w`` output positions, the first conditioned norm holds six tensors: its input,
        scale, shift, the normalised input, its product with the scale and the sum, ``6 c t h w e``; behind it, with
        ``c'`` output channels, ``(c + 7 c') t h w e``, because the level's input stays alive. The latents, enlarged for
        scale and shift, add their channels. Every convolution of three taps in time keeps two frames of its input.
        """
        size = self._latent_size(clip)
        height, width = size.height, size.width
        tiles = 0
        if tiled:
            tile = self._tile()
            height, width = min(height, tile[0]), min(width, tile[1])
            tiles = self._blended_tiles(size, height)
        first, others = (size.frames, 0) if size.frames < 2 else (2 + size.frames % 2, 2)
        chunks = [self._decoder_peak(first, height, width, is_first=True)]
        if size.frames > first:
            chunks.append(self._decoder_peak(others, height, width, is_first=False))
        return max(chunks) + tiles

    def _decoder_peak(self, frames: int, height: int, width: int, *, is_first: bool) -> int:
        """Bytes alive in the decoder for a chunk of latent frames ``height`` by ``width``.

        What the convolutions keep is read and replaced one by one, so later chunks always find about all of it; in the
        first chunk it grows from level to level.
        """
        levels = list(_decoder_levels(self.vae, frames))
        kept = [_CACHE_FRAMES * height * width * level.scale**2 * level.cached_channels for level in levels]
        latent, peak = 2 * self.vae["latent_channels"], 0
        for index, level in enumerate(levels):
            positions = level.frames * height * width * level.scale**2
            kept_before, kept_behind = (kept[:index], kept[: index + 1]) if is_first else (kept, kept)
            at_first_norm = positions * (6 * level.before + latent) + sum(kept_before)
            behind = positions * (level.before + 7 * level.after + latent) + sum(kept_behind)
            peak = max(peak, at_first_norm, behind)
        return peak * self.dtype_bytes

    def _blended_tiles(self, size: LatentSize, tile_height: int) -> int:
        """Bytes of the decoded tiles that wait for their neighbours: two rows of them, all frames, three channels."""
        spatial = _spatial_scale(self.vae)
        frames = (size.frames - 1) * self.vae["temporal_compression_ratio"] + 1
        # Tiles overlap, by a fifth of their width.
        row = int(size.width * spatial * 1.25) * tile_height * spatial
        return 2 * row * frames * self.vae["out_channels"] * self.dtype_bytes

    def _tile(self) -> tuple[int, int]:
        """Height and width of a tile in latents: half of the size that the autoencoder was made for, as diffusers."""
        spatial = _spatial_scale(self.vae)
        return self.vae["sample_height"] // 2 // spatial, self.vae["sample_width"] // 2 // spatial

    def _latent_size(self, clip: ClipSize) -> LatentSize:
        return LatentSize.of_clip(self.vae, width=clip.width, height=clip.height, num_frames=clip.num_frames)

    def _tokens(self, clip: ClipSize) -> int:
        """Return S."""
        return self.text_length + 2 * stream_tokens(self.transformer, self._latent_size(clip))


@dataclass(frozen=True, slots=True)
class _DecoderLevel:
    """One up block of the decoder: channels in and out, frames of a chunk, scale against the latents, and the channels
    that its convolutions keep from chunk to chunk."""

    before: int
    after: int
    frames: int
    scale: int
    cached_channels: int


def _decoder_levels(config: Config, frames: int) -> Iterator[_DecoderLevel]:
    """Yield the levels that a chunk of latent frames goes through; the first holds the middle block too."""
    channels: tuple[Any, ...] = tuple(reversed(config["block_out_channels"]))
    temporal_levels = int(log2(config["temporal_compression_ratio"]))
    resnets = config["layers_per_block"] + 1
    before = channels[0]
    for index, after in enumerate(channels):
        cached = before + (2 * resnets - 1) * after
        if index == 0:
            cached += config["latent_channels"] + 4 * before  # conv_in and the middle block's two
        if index == len(channels) - 1:
            cached += after  # conv_out
        yield _DecoderLevel(before, after, frames, 2**index, cached)
        if index < temporal_levels:
            frames = _twice(frames)
        before = after


def _twice(frames: int) -> int:
    """Return the frames after a temporal upsampling, which leaves the first of an odd number alone."""
    return 2 * frames - frames % 2


def _spatial_scale(config: Config) -> int:
    return 2 ** (len(config["block_out_channels"]) - 1)
