"""Partial LoRA: a low-rank update that acts on alpha tokens only.

TransPixar eq. 6: ``W*(x) = W(x) + gamma * LoRA(x)`` where ``x`` is an alpha token and ``W*(x) = W(x)`` elsewhere.
Built on peft's ``LoraVariant``, the extension point that peft's own aLoRA uses, so that ordinary LoRAs on the same
layers still stack and every peft and diffusers adapter call keeps working.
"""

from contextlib import nullcontext
from typing import Any, NoReturn

import torch
from peft.tuners.lora.layer import LoraLayer, LoraVariant
from torch import nn

from .tokens import TokenLayout


class AlphaOnlyLora(LoraVariant):
    """Adds the low-rank delta to the last ``n`` tokens, the alpha tokens.

    ``n`` arrives with each call under ``alora_offsets``, the keyword that peft passes through to variants ("act on the
    last n tokens" is what it means for aLoRA too); see `project`.
    """

    def supports_lora_conversion(self) -> bool:
        """Say no: a delta that depends on the token's place is no plain LoRA."""
        return False

    @staticmethod
    def init(module: LoraLayer, adapter_name: str, **kwargs: Any) -> None:
        """Need nothing beyond the A and B matrices that peft makes."""

    @staticmethod
    def merge_safe(module: LoraLayer, active_adapter: str, orig_weight: torch.Tensor) -> NoReturn:
        """Refuse to be fused into the weights."""
        _refuse_merge()

    @staticmethod
    def merge_unsafe(module: LoraLayer, active_adapter: str, orig_weight: torch.Tensor) -> NoReturn:
        """Refuse to be fused into the weights."""
        _refuse_merge()

    @staticmethod
    def unmerge(module: LoraLayer, active_adapter: str, orig_weight: torch.Tensor) -> NoReturn:
        """Refuse: nothing was ever merged."""
        _refuse_merge()

    @staticmethod
    def forward(
        module: LoraLayer,
        active_adapter: str,
        x: torch.Tensor,
        result: torch.Tensor,
        *,
        alora_offsets: list[int] | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Add ``scaling * B(A(x))`` to ``result`` at the alpha tokens.

        Args:
            module: the wrapped linear layer.
            active_adapter: the adapter's name.
            x: the layer's input, ``(B, S, D_in)``.
            result: the layer's output so far, ``(B, S, D_out)``; other adapters may already be in it.
            alora_offsets: the number of trailing alpha tokens of every batch item, a list of one.
            kwargs: whatever else peft passes on.

        Raises:
            RuntimeError: the caller did not say which tokens are alpha.
        """
        if alora_offsets is None:
            raise RuntimeError(
                "The RGBA adapter needs to know which tokens are alpha; keep the attention processor that "
                "enable_rgba installed."
            )
        alpha_length = alora_offsets[0]
        lora_a, lora_b = module.lora_A[active_adapter], module.lora_B[active_adapter]
        alpha = module.lora_dropout[active_adapter](x[:, -alpha_length:])  # (B, L, D_in)
        # In training A and B are float32 on a base in bfloat16; they compute in the base's dtype all the same.
        is_master = lora_a.weight.dtype == torch.float32 and alpha.dtype in (torch.bfloat16, torch.float16)
        with torch.autocast(alpha.device.type, alpha.dtype) if is_master else nullcontext():
            delta = lora_b(lora_a(alpha)) * module.scaling[active_adapter]  # (B, L, D_out)
        # In place: `result` is the fresh output of a linear layer, which autograd does not need again, and at full
        # size a copy would be 200 MB for every projection of every block.
        result[:, -alpha_length:] += delta.to(result.dtype)
        return result


def make_alpha_only(model: nn.Module, adapter_name: str) -> None:
    """Turn the ordinary LoRA ``adapter_name`` of a model into an alpha-only one."""
    for module in model.modules():
        if isinstance(module, LoraLayer) and adapter_name in module.lora_A:
            module.lora_variant[adapter_name] = AlphaOnlyLora()


def project(linear: nn.Module, tokens: torch.Tensor, layout: TokenLayout) -> torch.Tensor:
    """Apply a LoRA-wrapped linear layer to tokens ``(B, S, D)``, telling it which of them are alpha."""
    # One for all items of the batch: a list as long as the batch would be compiled anew for every number of clips.
    return linear(tokens, alora_offsets=[layout.stream_length])


def _refuse_merge() -> NoReturn:
    raise RuntimeError(
        "The RGBA adapter acts on alpha tokens only and cannot be merged into the weights; leave it as it is."
    )
