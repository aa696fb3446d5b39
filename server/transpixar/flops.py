"""Floating-point operations of a clip, from the components' configurations.

A multiplication and an addition count as two operations, as in torch's `FlopCounterMode`. Only matrix products and
convolutions are counted; norms, activations and rotations add well under one per cent at full size and are bound by
memory rather than by arithmetic. Dividing by a machine's matmul rate gives a floor: the least time that a clip can take
there without computing less.

Symbols: D width, T text tokens, L tokens of one stream, S = T + 2L the whole sequence, r LoRA rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .attention import TextToAlpha

Config = Mapping[str, Any]
"""A component's `config`, or the contents of its config.json."""


@dataclass(frozen=True, slots=True)
class LatentSize:
    """The size of the latents of ONE half of a clip; RGB and alpha have the same."""

    frames: int
    height: int
    width: int

    @classmethod
    def of_clip(cls, vae_config: Config, *, width: int, height: int, num_frames: int) -> LatentSize:
        """Return what the autoencoder makes of a clip; width and height in pixels."""
        spatial = 2 ** (len(vae_config["block_out_channels"]) - 1)
        return cls(
            (num_frames - 1) // vae_config["temporal_compression_ratio"] + 1, height // spatial, width // spatial
        )


@dataclass(frozen=True, slots=True)
class TransformerFlops:
    """The operations of one pass of an RGBA transformer, one clip, one half of guidance.

    Attributes:
        linear: the projections and the feed-forward layers of all blocks.
        lora: the RGBA adapter, on alpha tokens only.
        attention_text: text queries.
        attention_video: RGB and alpha queries.
        embedding: patches and text in, patches out.
        modulation: time embedding and the scales and shifts made from it.
    """

    linear: int
    lora: int
    attention_text: int
    attention_video: int
    embedding: int
    modulation: int

    @property
    def attention(self) -> int:
        """All attention."""
        return self.attention_text + self.attention_video

    @property
    def total(self) -> int:
        """The whole pass."""
        return self.linear + self.lora + self.attention + self.embedding + self.modulation


def stream_tokens(config: Config, latents: LatentSize) -> int:
    """Return L: a token is a patch of ``patch_size`` squared latents, of ``patch_size_t`` frames in CogVideoX 1.5."""
    patch, patch_t = config["patch_size"], config.get("patch_size_t") or 1
    return (latents.frames // patch_t) * (latents.height // patch) * (latents.width // patch)


def transformer_flops(
    config: Config,
    latents: LatentSize,
    *,
    rank: int,
    text_to_alpha: TextToAlpha = "strict",
    text_length: int | None = None,
) -> TransformerFlops:
    """Count one pass of an RGBA transformer over one clip.

    A linear layer from m to n features on k tokens costs ``2 k m n``. Per block:

    * projections q, k, v and out, D to D on S tokens: ``4 * 2 S D^2``; feed-forward, D to 4D and back:
      ``2 * 2 S D 4D``; together ``24 S D^2``.
    * LoRA, D to r to D on L alpha tokens for the four projections: ``4 * 2 * 2 L D r = 16 L D r``.
    * attention of Q queries over K keys: scores and weighted sum, ``2 * 2 Q K D``. The 2L video queries see all S keys;
      the T text queries see T + L of them in ``strict`` mode (TransPixar eq. 7), otherwise all S.
    * modulation: two layers from the time embedding's width E to 6D, on one row: ``2 * 2 * 6 E D``.

    At full size (CogVideoX-5B, 480x720, 49 frames: D 3072, 42 blocks, T 226, L 17,550) this is 336 TFLOP in linear
    layers, 5 in the LoRA and 642 in attention (644 if text saw alpha): 980 to within half a per cent. 50 steps with
    guidance take 100 passes, 98 PFLOP.

    Args:
        config: the transformer's.
        latents: size of one half.
        rank: of the RGBA LoRA; 0 without.
        text_to_alpha: see `TextToAlpha`.
        text_length: T; None for the model's own.
    """
    width = config["num_attention_heads"] * config["attention_head_dim"]
    blocks = config["num_layers"]
    text = config["max_text_seq_length"] if text_length is None else text_length
    stream = stream_tokens(config, latents)
    sequence = text + 2 * stream
    text_keys = text + stream if text_to_alpha == "strict" else sequence
    return TransformerFlops(
        linear=blocks * 24 * sequence * width**2,
        lora=blocks * 16 * stream * width * rank,
        attention_text=blocks * 4 * text * text_keys * width,
        attention_video=blocks * 4 * 2 * stream * sequence * width,
        embedding=_embedding_flops(config, text, stream, width),
        modulation=_modulation_flops(config, width),
    )


def plain_transformer_flops(
    config: Config, latents: LatentSize, *, rank: int, text_length: int | None = None
) -> TransformerFlops:
    """Count one pass of the method written plainly: all keys under a dense mask, and LoRA on all S tokens."""
    open_flops = transformer_flops(config, latents, rank=rank, text_to_alpha="open", text_length=text_length)
    text = config["max_text_seq_length"] if text_length is None else text_length
    stream = stream_tokens(config, latents)
    return TransformerFlops(
        linear=open_flops.linear,
        lora=open_flops.lora * (text + 2 * stream) // stream,
        attention_text=open_flops.attention_text,
        attention_video=open_flops.attention_video,
        embedding=open_flops.embedding,
        modulation=open_flops.modulation,
    )


def _embedding_flops(config: Config, text: int, stream: int, width: int) -> int:
    """Patches of both streams in and out, and the text once: ``2 * 2L * D * (values in + values out)``."""
    patch = config["patch_size"] ** 2 * (config.get("patch_size_t") or 1)
    values = patch * (config["in_channels"] + config["out_channels"])
    return 2 * 2 * stream * width * values + 2 * text * config["text_embed_dim"] * width


def _modulation_flops(config: Config, width: int) -> int:
    """Time embedding D to E to E, 6D twice in each block, and the last norm's 2D."""
    time = config["time_embed_dim"]
    return 2 * (width * time + time**2) + config["num_layers"] * 24 * time * width + 4 * time * width


# ---- autoencoder ----


def vae_decode_flops(config: Config, latents: LatentSize) -> int:
    """Count decoding one half of a clip, untiled; RGB and alpha take as much each.

    A convolution costs ``2 * kernel volume * C_in * C_out`` for each position of its output. The decoder works on a few
    latent frames at a time and keeps the last ones of every causal convolution, so that no frame is computed twice.
    Its stages double height and width, the first ones also the number of frames. At full size: 0.3 PFLOP.
    """
    return sum(
        _decoder_flops(config, frames, latents.height, latents.width) for frames in _frame_batches(latents.frames)
    )


def _frame_batches(frames: int, size: int = 2) -> Iterator[int]:
    """Latent frames are decoded two at a time; what is left over goes with the first batch."""
    count = max(frames // size, 1)
    yield size + frames % size if frames >= size else frames
    yield from [size] * (count - 1)


def _decoder_flops(config: Config, frames: int, height: int, width: int) -> int:
    """Count the decoder on one batch of latent frames."""
    latent_channels = config["latent_channels"]
    channels = list(reversed(config["block_out_channels"]))
    temporal_stages = config["temporal_compression_ratio"].bit_length() - 1
    positions = frames * height * width

    flops = _conv(positions, 27, latent_channels, channels[0])
    flops += 2 * _resnet(positions, channels[0], channels[0], latent_channels)
    previous = channels[0]
    for stage, current in enumerate(channels):
        flops += _resnet(positions, previous, current, latent_channels)
        flops += config["layers_per_block"] * _resnet(positions, current, current, latent_channels)
        if stage < len(channels) - 1:
            if stage < temporal_stages and frames > 1:
                # The first frame of an odd number stands for itself.
                frames = 2 * frames - frames % 2
            height, width = 2 * height, 2 * width
            positions = frames * height * width
            flops += _conv(positions, 9, current, current)
        previous = current
    return (
        flops
        + _spatial_norm(positions, previous, latent_channels)
        + _conv(positions, 27, previous, config["out_channels"])
    )


def _resnet(positions: int, channels_in: int, channels_out: int, latent_channels: int) -> int:
    flops = _spatial_norm(positions, channels_in, latent_channels) + _conv(positions, 27, channels_in, channels_out)
    flops += _spatial_norm(positions, channels_out, latent_channels) + _conv(positions, 27, channels_out, channels_out)
    return flops + (_conv(positions, 1, channels_in, channels_out) if channels_in != channels_out else 0)


def _spatial_norm(positions: int, channels: int, latent_channels: int) -> int:
    """Scale and shift made from the latents, interpolated to this size."""
    return 2 * _conv(positions, 1, latent_channels, channels)


def _conv(positions: int, kernel_volume: int, channels_in: int, channels_out: int) -> int:
    return 2 * positions * kernel_volume * channels_in * channels_out


# ---- a clip ----


@dataclass(frozen=True, slots=True)
class ClipFlops:
    """The operations of a whole clip, without the text encoder, whose one pass is a few parts in a thousand of it.

    Attributes:
        sampling: all passes of the transformer.
        decoding: both halves.
    """

    sampling: int
    decoding: int

    @property
    def total(self) -> int:
        """Sampling and decoding."""
        return self.sampling + self.decoding

    def floor_seconds(self, rate: float) -> float:
        """Return the least time at a matmul rate in operations a second."""
        return self.total / rate


def clip_flops(
    transformer_config: Config, vae_config: Config, latents: LatentSize, *, rank: int, passes: int
) -> ClipFlops:
    """Count a clip in ``strict`` mode.

    Args:
        transformer_config: the transformer's.
        vae_config: the autoencoder's.
        latents: size of one half.
        rank: of the RGBA LoRA.
        passes: of the transformer: two a step with guidance, one without.
    """
    step = transformer_flops(transformer_config, latents, rank=rank).total
    return ClipFlops(sampling=passes * step, decoding=2 * vae_decode_flops(vae_config, latents))
