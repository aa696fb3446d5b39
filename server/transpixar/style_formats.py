"""Reads LoRAs in the namings that programs write them in, and gives them the names that diffusers loads.

For the layer ``transformer_blocks.0.attn1.to_q``:

    transformer.transformer_blocks.0.attn1.to_q.lora_A.weight      diffusers
    base_model.model.transformer_blocks.0.attn1.to_q.lora_A.weight peft
    diffusion_model.transformer_blocks.0.attn1.to_q.lora_A.weight  ComfyUI, also with lora_down or lora_A.default
    lora_unet_transformer_blocks_0_attn1_to_q.lora_down.weight     kohya, VideoX-Fun; also lora_transformer_

diffusers has converters of its own for other models, none for CogVideoX. A layer is found by the model's own names, so
that an underscore is never taken for a dot by guess. kohya's ``.alpha`` scales ``lora_up @ lora_down`` by alpha / rank;
in the other namings the product is taken as it is.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

StateDict = dict[str, torch.Tensor]

_KEY = re.compile(
    r"(?P<module>.+)\.(?:lora_(?P<half>[AB])(?:\.\w+)?\.weight|lora[_.](?P<kohya>down|up)\.weight|(?P<alpha>alpha))"
)
_HALVES = {"down": "A", "up": "B"}
_DOTTED = re.compile(r"(?:base_model\.model\.|model\.)?(?:transformer\.|diffusion_model\.)?")
_UNDERSCORED = re.compile(r"lora_(?:unet|transformer)_+")
_OTHER = {"A": "B", "B": "A", "down": "up", "up": "down"}


class StyleLoraError(ValueError):
    """A style LoRA that cannot be used; the message names the file and, where it is about one, the key."""


def read_style_lora(path: Path, transformer: nn.Module) -> StateDict | None:
    """Check that a file is a LoRA of layers that the transformer has, of the right shapes and with finite weights.

    Returns:
        Its tensors under diffusers' names; None where the file has those names already.

    Raises:
        StyleLoraError: it is none.
    """
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise StyleLoraError(f"{path}: this is not a readable safetensors file ({error}); get it anew.") from error
    if not state:
        raise StyleLoraError(f"{path}: this file holds no weights; give a LoRA for CogVideoX.")
    keys = _sorted_by_layer(path, state, transformer)
    converted: StateDict = {}
    for layer, parts in keys.items():
        for part, key in parts.items():
            if not torch.isfinite(state[key].float()).all():
                raise StyleLoraError(
                    f'{path}: "{key}" holds values that are no numbers (NaN or infinite); no clip can come of it; '
                    "train the LoRA anew with a lower learning rate, or get another."
                )
            if part != "alpha" and _OTHER[part] not in parts:
                raise StyleLoraError(
                    f'{path}: "{key}" is there, but "{_other_half(key)}" is missing; get the file anew.'
                )
        if "A" not in parts:
            raise StyleLoraError(f'{path}: "{parts["alpha"]}" is there without its LoRA; get the file anew.')
        a, b = state[parts["A"]], state[parts["B"]]
        _check_shape(path, parts["A"], (*a.shape,), (*b.shape,), transformer.get_submodule(layer), is_a=True)
        _check_shape(path, parts["B"], (*b.shape,), (*a.shape,), transformer.get_submodule(layer), is_a=False)
        if "alpha" in parts:
            b = (b.float() * (state[parts["alpha"]].float().reshape(-1)[0] / a.shape[0])).to(b.dtype)
        converted |= {f"transformer.{layer}.lora_A.weight": a, f"transformer.{layer}.lora_B.weight": b}
    return None if converted.keys() == state.keys() else converted


def _sorted_by_layer(
    path: Path, state: Mapping[str, torch.Tensor], transformer: nn.Module
) -> dict[str, dict[str, str]]:
    """Return, by layer of the transformer, the key of its ``A``, ``B`` and ``alpha``."""
    # Without what peft has put into layers that have a LoRA already.
    names = [
        name
        for name, layer in transformer.named_modules()
        if getattr(layer, "weight", None) is not None and ".base_layer" not in name and ".lora_" not in name
    ]
    layers = {name: name for name in names}
    underscored = {name.replace(".", "_"): name for name in names}
    found: dict[str, dict[str, str]] = {}
    for key, tensor in state.items():
        match = _KEY.fullmatch(key)
        if match is None or (match["alpha"] and tensor.numel() != 1):
            raise StyleLoraError(
                f'{path}: "{key}" is no LoRA key that this program knows, such as diffusers\' '
                '"transformer.transformer_blocks.0.attn1.to_q.lora_A.weight" or kohya\'s '
                '"lora_unet_transformer_blocks_0_attn1_to_q.lora_down.weight"; give a LoRA in such a format.'
            )
        module = match["module"]
        layer = layers.get(_DOTTED.sub("", module, count=1)) if "." in module else None
        if layer is None and (prefix := _UNDERSCORED.match(module)):
            layer = underscored.get(module[prefix.end() :])
        if layer is None:
            raise StyleLoraError(
                f'{path}: "{key}" is for a layer that this model does not have; use a LoRA made for it.'
            )
        part = match["half"] or _HALVES.get(match["kohya"], "alpha")
        parts = found.setdefault(layer, {})
        if part in parts:
            raise StyleLoraError(f'{path}: "{parts[part]}" and "{key}" are for the same layer; get the file anew.')
        parts[part] = key
    return found


def _other_half(key: str) -> str:
    return re.sub(r"(?<=lora[_.])(A|B|down|up)\b", lambda half: _OTHER[half[0]], key)


def _check_shape(
    path: Path, key: str, shape: tuple[int, ...], other: tuple[int, ...], layer: nn.Module, is_a: bool
) -> None:
    """Check A ``(r, D_in, ...)`` or B ``(D_out, r, ...)`` against the layer's weight and its other half."""
    weight = getattr(layer, "weight").shape  # noqa: B009  (mypy knows no weight of a Module)
    if len(shape) == len(other) == len(weight):
        rank = other[1] if is_a else other[0]
        expected = (rank, *weight[1:]) if is_a else (weight[0], rank, *(1 for _ in weight[2:]))
        if rank and shape == expected:
            return
    raise StyleLoraError(
        f'{path}: "{key}" has the shape {shape}, which does not fit this model\'s layer of {tuple(weight)}; use a LoRA '
        "made for this model."
    )
