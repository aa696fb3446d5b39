"""Turn a text-to-video transformer into a text-to-RGBA one, and back."""

import os
from collections.abc import Mapping
from typing import Any, NoReturn

import torch
from accelerate import init_empty_weights
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0

from .attention import RGBAAttnProcessor, TextToAlpha, check_text_to_alpha
from .embedding import RGBAPatchEmbed
from .lora import make_alpha_only
from .weights import (
    DOMAIN_KEY,
    PROJECTIONS,
    StateDict,
    lora_keys,
    read_rgba_weights,
    write_rgba_weights,
)

RGBA_ADAPTER = "rgba"
"""The peft adapter's name, for `set_adapters` beside other LoRAs."""


def enable_rgba(
    transformer: CogVideoXTransformer3DModel,
    weights: str | os.PathLike[str] | Mapping[str, torch.Tensor],
    *,
    lora_alpha: float = 1.0,
    text_to_alpha: str = "strict",
) -> CogVideoXTransformer3DModel:
    """Make a CogVideoX transformer generate RGB and alpha together (TransPixar, arXiv 2501.03006).

    Afterwards ``forward`` takes and returns ``(B, 2F, C, H, W)``, RGB frames then alpha frames, with an
    ``image_rotary_emb`` of the F frames of one half. As always with peft, adding the adapter freezes the base and
    leaves the adapter trainable; call ``requires_grad_`` to choose otherwise.

    Args:
        transformer: changed in place.
        weights: a safetensors file or a state dict in the released file's key names.
        lora_alpha: the LoRA acts with strength ``lora_alpha / rank``; 1.0 for the released weights.
        text_to_alpha: "strict" (the paper), "reference" (the released code) or "open"; see `TextToAlpha`.

    Returns:
        The same transformer.

    Raises:
        RGBAWeightsError: the weights do not fit; the transformer is then unchanged.
        ValueError: the mode is unknown, or RGBA is enabled already.
    """
    mode = check_text_to_alpha(text_to_alpha)
    if is_rgba_enabled(transformer):
        raise ValueError("This transformer has RGBA enabled already; call disable_rgba first to give it other weights.")
    checked = read_rgba_weights(weights, transformer)

    # 1. Alpha-only LoRA. Without metadata diffusers would take lora_alpha = rank.
    transformer.load_lora_adapter(
        checked.lora,
        prefix="transformer",
        adapter_name=RGBA_ADAPTER,
        metadata={
            "transformer.r": checked.rank,
            "transformer.lora_alpha": lora_alpha,
            "transformer.target_modules": list(PROJECTIONS),
        },
    )
    make_alpha_only(transformer, RGBA_ADAPTER)

    # 2. Domain embedding and shared positions
    RGBAPatchEmbed.install(transformer.patch_embed, checked.domain_emb)

    # 3. Attention
    transformer.set_attn_processor(RGBAAttnProcessor(mode))

    # 4. What diffusers can and cannot do with it
    transformer._repeated_blocks = ["CogVideoXBlock"]  # for compile_repeated_blocks
    transformer.fuse_qkv_projections = _refuse_fused_projections
    transformer.fuse_lora = _refuse_fused_lora
    return transformer


def disable_rgba(transformer: CogVideoXTransformer3DModel) -> CogVideoXTransformer3DModel:
    """Undo `enable_rgba`, leaving the base model as its own file would load. Drops every LoRA, not only RGBA's.

    To save the base of a model in training: ``base_transformer(transformer).save_pretrained(folder)``.
    """
    _require_rgba(transformer)
    transformer.unload_lora()
    RGBAPatchEmbed.uninstall(transformer.patch_embed)
    transformer.set_attn_processor(CogVideoXAttnProcessor2_0())
    del transformer._repeated_blocks, transformer.fuse_qkv_projections, transformer.fuse_lora
    return transformer


def base_transformer(transformer: CogVideoXTransformer3DModel) -> CogVideoXTransformer3DModel:
    """Return the base as a stock transformer of its own, without RGBA and without any LoRA.

    Args:
        transformer: with or without RGBA; stays as it is. Its weights are shared, not copied.
    """
    with init_empty_weights():
        base = CogVideoXTransformer3DModel.from_config(transformer.config)
    state = {
        name.replace(".base_layer.", "."): value
        for name, value in transformer.state_dict().items()
        if ".lora_" not in name and name != "patch_embed.domain_emb"
    }
    base.load_state_dict(state, assign=True)
    return base.train(transformer.training)


def is_rgba_enabled(transformer: CogVideoXTransformer3DModel) -> bool:
    """Say whether `enable_rgba` was applied."""
    return isinstance(transformer.patch_embed, RGBAPatchEmbed)


def get_text_to_alpha(transformer: CogVideoXTransformer3DModel) -> TextToAlpha:
    """Return the mode that text queries see alpha keys in."""
    return _processor(transformer).text_to_alpha


def set_text_to_alpha(transformer: CogVideoXTransformer3DModel, mode: str) -> None:
    """Change the mode that text queries see alpha keys in; it holds from the next call on.

    Raises:
        ValueError: the mode is unknown or RGBA is not enabled.
    """
    _processor(transformer).text_to_alpha = check_text_to_alpha(mode)


def rgba_state_dict(transformer: CogVideoXTransformer3DModel) -> StateDict:
    """Return the RGBA weights under the released file's key names, on the CPU; `enable_rgba` takes them back."""
    _require_rgba(transformer)
    parameters: dict[str, torch.Tensor] = dict(transformer.named_parameters())
    state: StateDict = {DOMAIN_KEY: parameters["patch_embed.domain_emb"]}
    for pair in lora_keys(transformer.config.num_layers):
        for key in pair:
            name = key.removeprefix("transformer.").removesuffix("weight") + f"{RGBA_ADAPTER}.weight"
            state[key] = parameters[name]
    return {key: value.detach().cpu().clone().contiguous() for key, value in state.items()}


def save_rgba_weights(
    transformer: CogVideoXTransformer3DModel,
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
    *,
    dtype: torch.dtype | None = None,
) -> None:
    """Write the RGBA weights as a safetensors file in the released key names.

    Args:
        transformer: one with RGBA enabled.
        path: the file; replaced only when all is written.
        metadata: further entries for the file's header; ``lora_alpha`` is always written there.
        dtype: convert to this on the way; None keeps the parameters' own.
    """
    state = {key: value.to(dtype) if dtype else value for key, value in rgba_state_dict(transformer).items()}
    lora_alpha = transformer.peft_config[RGBA_ADAPTER].lora_alpha
    write_rgba_weights(state, path, {"lora_alpha": str(lora_alpha), **(metadata or {})})


def _processor(transformer: CogVideoXTransformer3DModel) -> RGBAAttnProcessor:
    _require_rgba(transformer)
    return transformer.transformer_blocks[0].attn1.processor


def _require_rgba(transformer: CogVideoXTransformer3DModel) -> None:
    if not is_rgba_enabled(transformer):
        raise ValueError("This transformer has no alpha yet; call enable_rgba(transformer, weights) first.")


def _refuse_fused_projections(*args: Any, **kwargs: Any) -> NoReturn:
    raise RuntimeError(
        "The query, key and value projections of an RGBA transformer cannot be fused, because each carries its own "
        "alpha-only LoRA; leave out fuse_qkv_projections()."
    )


def _refuse_fused_lora(*args: Any, **kwargs: Any) -> NoReturn:
    # Fusing another LoRA would silence RGBA too: where anything is merged, peft calls the base layer alone.
    raise RuntimeError(
        "An RGBA transformer's LoRAs cannot be fused, because alpha tokens need theirs apart; leave out fuse_lora()."
    )
