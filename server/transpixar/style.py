"""Ordinary style LoRAs on top of the RGBA adapter.

    W*(x) = W(x) + sum_i s_i gamma_i B_i A_i x    for every token,    + gamma B A x    for alpha tokens (eq. 6)

with the strengths ``s_i`` of the style LoRAs; RGBA's own is always 1.
"""

import hashlib
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import CogVideoXPipeline, CogVideoXTransformer3DModel
from safetensors import SafetensorError, safe_open
from torch import nn

from .adapter import RGBA_ADAPTER, is_rgba_enabled

_PREFIX = "transformer."
_SUFFIXES = (".lora_A.weight", ".lora_B.weight")

StyleLora = tuple[str | os.PathLike[str], float]
"""A safetensors file in diffusers' format, and the strength to use it at."""


class StyleLoraError(ValueError):
    """A style LoRA that cannot be used; the message names the file and, where it is about one, the key."""


def set_style_loras(pipe: CogVideoXPipeline, loras: Sequence[StyleLora]) -> None:
    """Make these the style LoRAs of a pipeline; those of before are dropped, and an empty sequence drops all.

    Files that stay are not read again. RGBA keeps its strength of 1 throughout.

    Raises:
        StyleLoraError: a file cannot be used; the pipeline is then unchanged, or, where only loading showed it, has no
            style LoRA at all.
        ValueError: the pipeline's transformer has no RGBA enabled.
    """
    transformer = pipe.transformer
    if not is_rgba_enabled(transformer):
        raise ValueError("This pipeline has no RGBA weights; call enable_rgba on its transformer first.")
    loaded = set(transformer.peft_config) - {RGBA_ADAPTER}
    wanted = _by_name(loras)
    for name, (path, _) in wanted.items():
        if name not in loaded:
            _check_file(path, transformer)

    _drop(transformer, loaded - wanted.keys())
    for name in wanted.keys() - loaded:
        _load(pipe, name, wanted[name][0])
    transformer.set_adapters([RGBA_ADAPTER, *wanted], [1.0, *(strength for _, strength in wanted.values())])


def _by_name(loras: Sequence[StyleLora]) -> dict[str, tuple[Path, float]]:
    """Name each LoRA's adapter after its file as it is now, so that a file that changed is another adapter."""
    wanted: dict[str, tuple[Path, float]] = {}
    for given, strength in loras:
        path = Path(given)
        if not math.isfinite(strength):
            raise StyleLoraError(f"{path}: the strength {strength} is no number to multiply with; use for example 1.0.")
        try:
            stat = path.stat()
        except OSError as error:
            raise StyleLoraError(f"{path}: this file cannot be read ({error.strerror}); give a LoRA's path.") from error
        identity = f"{path.resolve()} {stat.st_mtime_ns} {stat.st_size}"
        name = f"style_{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        if name in wanted:
            raise StyleLoraError(f"{path}: this file is given twice; give it once, with the sum of the strengths.")
        wanted[name] = (path, float(strength))
    return wanted


def _check_file(path: Path, transformer: CogVideoXTransformer3DModel) -> None:
    """Check that every key is half of a LoRA of a layer that the transformer has, of the right shape."""
    try:
        with safe_open(path, "pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise StyleLoraError(f"{path}: this is not a readable safetensors file ({error}); get it anew.") from error
    if not shapes:
        raise StyleLoraError(f"{path}: this file holds no weights; give a LoRA for CogVideoX.")
    layers = dict(transformer.named_modules())
    for key, shape in shapes.items():
        layer, suffix = _layer_of(path, key, layers)
        other = f"{key.removesuffix(suffix)}{_SUFFIXES[1 - _SUFFIXES.index(suffix)]}"
        if other not in shapes:
            raise StyleLoraError(f'{path}: "{key}" is there, but "{other}" is missing; get the file anew.')
        _check_shape(path, key, suffix, shape, shapes[other], layer)


def _layer_of(path: Path, key: str, layers: dict[str, nn.Module]) -> tuple[nn.Module, str]:
    """Return the layer that a key belongs to, and the key's suffix."""
    suffix = next((suffix for suffix in _SUFFIXES if key.endswith(suffix)), None)
    if suffix is None or not key.startswith(_PREFIX):
        raise StyleLoraError(
            f'{path}: "{key}" is no LoRA key of diffusers, which look like '
            '"transformer.transformer_blocks.0.attn1.to_q.lora_A.weight"; give a LoRA in that format.'
        )
    layer = layers.get(key.removeprefix(_PREFIX).removesuffix(suffix))
    if layer is None or getattr(layer, "weight", None) is None:
        raise StyleLoraError(f'{path}: "{key}" is for a layer that this model does not have; use a LoRA made for it.')
    return layer, suffix


def _check_shape(
    path: Path, key: str, suffix: str, shape: tuple[int, ...], other: tuple[int, ...], layer: nn.Module
) -> None:
    """Check A ``(r, D_in, ...)`` or B ``(D_out, r, ...)`` against the layer's weight and its other half."""
    weight = getattr(layer, "weight").shape  # noqa: B009  (mypy knows no weight of a Module)
    is_a = suffix == _SUFFIXES[0]
    if len(shape) == len(other) == len(weight):
        rank = other[1] if is_a else other[0]
        expected = (rank, *weight[1:]) if is_a else (weight[0], rank, *(1 for _ in weight[2:]))
        if shape == expected:
            return
    raise StyleLoraError(
        f'{path}: "{key}" has the shape {shape}, which does not fit this model\'s layer of {tuple(weight)}; use a LoRA '
        "made for this model."
    )


def _load(pipe: CogVideoXPipeline, name: str, path: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")  # several are what is wanted
            pipe.load_lora_weights(str(path), adapter_name=name, use_safetensors=True, local_files_only=True)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        _drop(pipe.transformer, set(pipe.transformer.peft_config) - {RGBA_ADAPTER})
        pipe.transformer.set_adapters(RGBA_ADAPTER)
        raise StyleLoraError(f"{path}: this LoRA cannot be loaded ({error}); get it anew or leave it out.") from error


def _drop(transformer: CogVideoXTransformer3DModel, names: set[str]) -> None:
    if names:
        transformer.delete_adapters(sorted(names))
