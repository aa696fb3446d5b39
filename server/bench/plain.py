"""The baseline: TransPixar's attention written plainly from the paper's equations (arXiv 2501.03006, eq. 5 to 7).

One dense mask over the whole sequence, both streams rotated by one long table, and the LoRA computed for all tokens and
then cut to the alpha tokens. It uses the product's own weights and gives its numbers; only the work differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import apply_rotary_emb
from torch import nn

from server.transpixar import RGBA_ADAPTER


class PlainAttnProcessor:
    """Attention of every block under eq. 7's mask; one instance serves all blocks and makes the mask once."""

    def __init__(self) -> None:
        self._mask: torch.Tensor | None = None

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attend; arguments and results as `RGBAAttnProcessor`'s."""
        text = encoder_hidden_states.shape[1]
        stream = hidden_states.shape[1] // 2
        tokens = torch.cat([encoder_hidden_states, hidden_states], dim=1)  # (B, S, D)

        # Eq. 6
        query = self._heads(attn, attn.to_q, tokens, stream)  # (B, H, S, head_dim)
        key = self._heads(attn, attn.to_k, tokens, stream)
        value = self._heads(attn, attn.to_v, tokens, stream)
        if attn.norm_q is not None:
            query = attn.norm_q(query)
        if attn.norm_k is not None:
            key = attn.norm_k(key)

        # Eq. 5: token m > L takes the position of m - L
        if image_rotary_emb is not None:
            both = tuple(torch.cat([table, table]) for table in image_rotary_emb)  # (2L, head_dim) each
            query[:, :, text:] = apply_rotary_emb(query[:, :, text:], both)
            key[:, :, text:] = apply_rotary_emb(key[:, :, text:], both)

        # Eq. 7
        tokens = F.scaled_dot_product_attention(query, key, value, attn_mask=self._dense_mask(query, text, stream))
        tokens = tokens.transpose(1, 2).flatten(2)  # (B, H, S, head_dim) -> (B, S, D)

        tokens = attn.to_out[1](_project(attn.to_out[0], tokens, stream))
        return tokens[:, text:], tokens[:, :text]

    def _heads(self, attn: Attention, linear: nn.Module, tokens: torch.Tensor, stream: int) -> torch.Tensor:
        """Project ``(B, S, D)`` and split it into heads, ``(B, H, S, head_dim)``."""
        return _project(linear, tokens, stream).unflatten(2, (attn.heads, -1)).transpose(1, 2)

    def _dense_mask(self, query: torch.Tensor, text: int, stream: int) -> torch.Tensor:
        """Make eq. 7's mask ``(S, S)`` in the model's precision: 0, and -inf from text to alpha."""
        length = text + 2 * stream
        if self._mask is None or self._mask.shape[0] != length:
            self._mask = query.new_zeros(length, length)
            self._mask[:text, text + stream :] = -torch.inf
        return self._mask


@contextmanager
def plain_method(transformer: CogVideoXTransformer3DModel) -> Iterator[None]:
    """Let an RGBA transformer compute by the plain method, in ``strict`` mode, while the context lasts."""
    before = transformer.transformer_blocks[0].attn1.processor
    transformer.set_attn_processor(PlainAttnProcessor())
    try:
        yield
    finally:
        transformer.set_attn_processor(before)


def _project(linear: Any, tokens: torch.Tensor, stream: int) -> torch.Tensor:
    """Apply ``W x``, and ``+ gamma B A x`` at alpha tokens (eq. 6); the LoRA runs on all of ``(B, S, D)``."""
    projected = linear.base_layer(tokens)
    delta = linear.lora_B[RGBA_ADAPTER](linear.lora_A[RGBA_ADAPTER](tokens)) * linear.scaling[RGBA_ADAPTER]
    projected[:, -stream:] += delta[:, -stream:]
    return projected
