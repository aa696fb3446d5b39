"""The autoencoder's convolutions on a CPU: around a slow path of PyTorch's.

A float32 ``conv3d`` whose batch x channels x frames x height is at most 20,480 does not go to oneDNN but to a fallback
that multiplies unfolded columns (`use_mkldnn` in PyTorch's ``aten/src/ATen/native/Convolution.cpp``). `mini` is small
enough for that in every layer. The same convolution as a sum of two-dimensional ones, one for each frame that the
kernel spans, is five times as fast there; with more channels, and in bfloat16, oneDNN's own is the faster one
(``python -m benchmarks.convolutions``).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import CogVideoXSafeConv3d
from torch import nn

# From more than this on, PyTorch uses oneDNN.
SLOW_UP_TO = 20_480


class CpuConv3d(CogVideoXSafeConv3d):
    """diffusers' convolution, around PyTorch's slow path."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Convolve ``(B, C, T, H, W)``; T becomes T - K + 1 for a kernel of K frames."""
        return self._by_frames(input) if self._is_slow_for(input) else super().forward(input)

    def _is_slow_for(self, input: torch.Tensor) -> bool:
        is_plain = self.stride == self.dilation == (1, 1, 1) and self.groups == 1 and self.padding_mode == "zeros"
        if not is_plain or self.kernel_size[0] == 1 or isinstance(self.padding, str) or self.padding[0]:
            return False
        on_cpu = input.device.type == "cpu" and input.dtype == torch.float32
        return on_cpu and input.shape[:4].numel() <= SLOW_UP_TO

    def _by_frames(self, input: torch.Tensor) -> torch.Tensor:
        batch, _, frames, height, width = input.shape
        span = self.kernel_size[0]
        left = frames - span + 1
        by_frame = input.transpose(1, 2)  # (B, T, C, H, W)
        total: torch.Tensor | None = None
        for offset in range(span):
            shown = by_frame[:, offset : offset + left].reshape(batch * left, -1, height, width)
            bias = self.bias if offset == 0 else None
            part = F.conv2d(shown, self.weight[:, :, offset], bias, padding=self.padding[1:])
            total = part if total is None else total + part
        assert total is not None
        return total.unflatten(0, (batch, left)).transpose(1, 2)


def use_cpu_convolutions(autoencoder: nn.Module) -> None:
    """Let an autoencoder's convolutions avoid the slow path on a CPU; elsewhere they are what they were."""
    for module in autoencoder.modules():
        if type(module) is CogVideoXSafeConv3d:
            # The same weights and the same state dict: only `forward` differs.
            module.__class__ = CpuConv3d
