"""Random inputs of a transformer, with the rotary table of one half."""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.embeddings import get_3d_rotary_pos_embed


@dataclass
class Inputs:
    hidden_states: torch.Tensor  # (B, 2F, C, H, W)
    encoder_hidden_states: torch.Tensor  # (B, T, D_text)
    timestep: torch.Tensor  # (B,)
    image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None  # (L, head_dim) each

    def arguments(self) -> dict[str, Any]:
        return vars(self)


def random_inputs(
    transformer: CogVideoXTransformer3DModel, *, batch=2, frames=3, height=8, width=12, text_length=None
) -> Inputs:
    config, device = transformer.config, transformer.device
    grid = (height // config.patch_size, width // config.patch_size)
    rotary = None
    if config.use_rotary_positional_embeddings:
        rotary = get_3d_rotary_pos_embed(config.attention_head_dim, ((0, 0), grid), grid, frames, device=device)
    return Inputs(
        hidden_states=torch.randn(batch, 2 * frames, config.in_channels, height, width, device=device),
        encoder_hidden_states=torch.randn(
            batch, text_length or config.max_text_seq_length, config.text_embed_dim, device=device
        ),
        timestep=torch.randint(0, 1000, (batch,), device=device),
        image_rotary_emb=rotary,
    )
