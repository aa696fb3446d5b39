"""Attention for training on a CPU."""

import torch
from torch import Tensor

from server.transpixar.attention import RGBAAttnProcessor


class MatmulProcessor(RGBAAttnProcessor):
    """Attention written out as two matrix products and a softmax.

    At 384 tokens the scores fit into memory, and PyTorch's fused kernel is the slower one on a CPU: a training step of
    12 clips takes 1.24 s so and 1.36 s with it, on one core of an AMD EPYC (benchmarks/mini_attention.py).
    """

    def _dispatch(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        batch, heads = query.shape[0], query.shape[2]
        query, key, value = (x.transpose(1, 2).flatten(0, 1) for x in (query, key, value))  # (B, S, H, D) -> (BH, S, D)
        scores = torch.bmm(query * query.shape[-1] ** -0.5, key.transpose(1, 2))  # (BH, S, S')
        attended = torch.bmm(scores.softmax(dim=-1), value)
        return attended.unflatten(0, (batch, heads)).transpose(1, 2)  # (BH, S, D) -> (B, S, H, D)
