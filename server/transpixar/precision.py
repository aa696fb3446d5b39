"""Which numbers a model computes in on a device."""

from __future__ import annotations

import torch

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def has_bfloat16(device: torch.device | str) -> bool:
    """Say whether a device computes in bfloat16 itself. Turing and older cards take far longer, by emulation."""
    kind = torch.device(device).type
    if kind == "cpu":
        return True
    return kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def compute_dtype(described: str, device: torch.device | str, *, bfloat16: bool | None = None) -> torch.dtype:
    """Choose what a model computes in.

    Args:
        described: what the model was published for: "float32", "bfloat16" or "float16".
        device: as torch names it.
        bfloat16: whether the device has it; None asks the device.

    Returns:
        What is described, where the device has it. A GPU without bfloat16 takes float16, which the makers of CogVideoX
        list for all their models; a processor takes bfloat16 for float16, in which its convolutions are slow.

    Raises:
        KeyError: there is no such description.
    """
    dtype = _DTYPES[described]
    kind = torch.device(device).type
    if kind == "cpu":
        return torch.bfloat16 if dtype is torch.float16 else dtype
    if dtype is torch.bfloat16 and not (has_bfloat16(device) if bfloat16 is None else bfloat16):
        return torch.float16
    return dtype
