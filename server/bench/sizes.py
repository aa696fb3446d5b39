"""The two sizes that are timed: the full model, and one of the same make for a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CLIP_STEPS = 50


@dataclass(frozen=True)
class BenchSize:
    """A model by its configurations, and the clip to time it with.

    Attributes:
        name: "full" or "small".
        transformer: configuration of a `CogVideoXTransformer3DModel`.
        vae: configuration of an `AutoencoderKLCogVideoX`.
        text_encoder: configuration of a `T5EncoderModel`, for its size in memory.
        rank: of the RGBA LoRA, with alpha 1 as released.
        width: in pixels.
        height: in pixels.
        num_frames: of the clip.
    """

    name: str
    transformer: dict[str, Any]
    vae: dict[str, Any]
    text_encoder: dict[str, Any]
    rank: int
    width: int
    height: int
    num_frames: int


def _vae(block_out_channels: list[int], **entries: Any) -> dict[str, Any]:
    blocks = len(block_out_channels)
    return {
        "down_block_types": ["CogVideoXDownBlock3D"] * blocks,
        "up_block_types": ["CogVideoXUpBlock3D"] * blocks,
        "block_out_channels": block_out_channels,
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": 16,
        "temporal_compression_ratio": 4,
        "scaling_factor": 0.7,
        "sample_height": 480,
        "sample_width": 720,
        **entries,
    }


def _t5(**entries: int) -> dict[str, Any]:
    return {"vocab_size": 32128, "feed_forward_proj": "gated-gelu", **entries}


FULL = BenchSize(
    name="full",
    # CogVideoX-5B
    transformer={
        "num_attention_heads": 48,
        "attention_head_dim": 64,
        "in_channels": 16,
        "out_channels": 16,
        "time_embed_dim": 512,
        "text_embed_dim": 4096,
        "num_layers": 42,
        "sample_width": 90,
        "sample_height": 60,
        "sample_frames": 49,
        "patch_size": 2,
        "temporal_compression_ratio": 4,
        "max_text_seq_length": 226,
        "use_rotary_positional_embeddings": True,
    },
    vae=_vae([128, 256, 256, 512], layers_per_block=3),
    # T5-XXL
    text_encoder=_t5(d_model=4096, d_kv=64, num_heads=64, d_ff=10240, num_layers=24),
    rank=128,
    width=720,
    height=480,
    num_frames=49,
)

SMALL = BenchSize(
    name="small",
    # Narrow and shallow enough for a CPU, with the full model's heads of 64, its rank of 1/24 of the width, and more
    # work in attention than in linear layers.
    transformer={
        **FULL.transformer,
        "num_attention_heads": 6,
        "num_layers": 2,
        "time_embed_dim": 128,
        "text_embed_dim": 256,
        "sample_width": 32,
        "sample_height": 24,
        "max_text_seq_length": 64,
    },
    vae=_vae([16, 16, 32], layers_per_block=1, norm_num_groups=4),
    text_encoder=_t5(d_model=256, d_kv=64, num_heads=4, d_ff=512, num_layers=4),
    rank=16,
    width=128,
    height=96,
    num_frames=29,
)

SIZES = {size.name: size for size in (FULL, SMALL)}
