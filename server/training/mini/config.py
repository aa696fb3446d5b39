"""Sizes of `mini`, in one place: every stage reads them from here."""

from dataclasses import dataclass
from pathlib import Path

from server.training.effects import families

EMBEDDED = Path(__file__).parents[2] / "models" / "mini"

# Families that the embedded model learns: every one that is drawn.
FAMILIES = tuple(families.FAMILIES)

# How often a clip of a family is drawn in training, where not once: in samples, these shapes were the last to be right.
EMPHASIS = {"leaves": 4.0, "bubbles": 3.0, "confetti": 3.0, "lightning": 1.5, "sparks": 1.5, "splash": 1.5}


@dataclass(frozen=True)
class MiniConfig:
    """Architecture and clip size. Latents are (frames - 1) / 2 + 1 by size / 4 by size / 4."""

    size: int = 96
    num_frames: int = 9
    fps: int = 8
    # Autoencoder: temporal 2, spatial 4. Eight channels, so that a token (patch 4 x 4) holds 128 numbers, less than the
    # transformer's width; with more, its last layer cannot tell them apart and the clips turn out grainy.
    latent_channels: int = 8
    vae_channels: tuple[int, ...] = (16, 32, 64)
    # Transformer.
    patch_size: int = 4
    heads: int = 3
    head_dim: int = 64
    layers: int = 6
    lora_rank: int = 64
    lora_alpha: float = 64.0
    # Text.
    vocabulary: int = 20_000
    text_width: int = 64
    text_layers: int = 2
    text_length: int = 24

    @property
    def latent_frames(self) -> int:
        """Latent frames of a clip."""
        return (self.num_frames - 1) // 2 + 1

    @property
    def latent_size(self) -> int:
        """Latent rows and columns."""
        return self.size // 4


CONFIG = MiniConfig()
