"""Building an arm's transformer: what the product does not offer is made here."""

import copy
from collections.abc import Iterator

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.embeddings import apply_rotary_emb, get_3d_rotary_pos_embed
from torch import Tensor, nn

from server.training.ablations.arms import Arm, Positions
from server.transpixar import create_rgba_weights, enable_rgba
from server.transpixar.attention import RGBAAttnProcessor
from server.transpixar.tokens import TokenLayout


def build(base: CogVideoXTransformer3DModel, arm: Arm, seed: int) -> CogVideoXTransformer3DModel:
    """A copy of `base` with the arm's adapter, and what it trains marked as trainable."""
    transformer = copy.deepcopy(base)
    weights = create_rgba_weights(transformer, arm.rank, generator=torch.Generator().manual_seed(seed))
    enable_rgba(
        transformer, weights, lora_alpha=float(arm.rank), text_to_alpha="open" if arm.mask == "open" else "strict"
    )
    if arm.mask == "no-rgb-to-alpha":
        transformer.set_attn_processor(BlindRGBProcessor())
    if arm.positions == "consecutive":
        transformer.set_attn_processor(ConsecutiveProcessor())
    for parameter in base_parameters(transformer):
        parameter.requires_grad_(arm.joint)
    transformer.patch_embed.domain_emb.requires_grad_(arm.domain)  # it begins at zero, and stays there without
    return transformer


def base_parameters(transformer: CogVideoXTransformer3DModel) -> Iterator[nn.Parameter]:
    """The base's own parameters."""
    for name, parameter in transformer.named_parameters():
        if "lora" not in name and "domain_emb" not in name:
            yield parameter


def rotary(config: object, frames: int, grid: int, positions: Positions) -> tuple[Tensor, Tensor]:
    """Cos and sin of one stream, (L, head_dim), or of both, (2L, head_dim), where positions are consecutive."""
    cos, sin = get_3d_rotary_pos_embed(
        embed_dim=config.attention_head_dim,  # type: ignore[attr-defined]
        crops_coords=((0, 0), (grid, grid)),
        grid_size=(grid, grid),
        temporal_size=frames if positions == "shared" else 2 * frames,
    )
    return cos, sin


class BlindRGBProcessor(RGBAAttnProcessor):
    """Neither text nor RGB queries see alpha keys: RGB is what the base alone would make."""

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, layout: TokenLayout) -> Tensor:
        seen = layout.text_and_rgb
        others = self._dispatch(query[:, seen], key[:, seen], value[:, seen])
        alpha = self._dispatch(query[:, layout.alpha], key, value)
        return torch.cat([others, alpha], dim=1)


class ConsecutiveProcessor(RGBAAttnProcessor):
    """Alpha tokens stand where the frames after the RGB frames would."""

    def _rotate(self, states: Tensor, rotary: tuple[Tensor, Tensor], layout: TokenLayout) -> Tensor:
        video = apply_rotary_emb(states[:, layout.video], rotary, sequence_dim=1)
        return torch.cat([states[:, layout.text], video], dim=1)
