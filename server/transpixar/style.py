"""Ordinary style LoRAs on top of the RGBA adapter.

    W*(x) = W(x) + sum_i s_i gamma_i B_i A_i x    for every token,    + gamma B A x    for alpha tokens (eq. 6)

with the strengths ``s_i`` of the style LoRAs; RGBA's own is always 1.
"""

import hashlib
import math
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from diffusers import CogVideoXPipeline, CogVideoXTransformer3DModel
from peft.tuners.lora.layer import LoraLayer
from peft.utils import get_peft_model_state_dict

from .adapter import RGBA_ADAPTER, is_rgba_enabled
from .style_formats import StateDict, StyleLoraError, read_style_lora

__all__ = ["StyleLora", "StyleLoraError", "set_style_loras"]

StyleLora = tuple[str | os.PathLike[str], float]
"""A safetensors file in one of the formats of `style_formats`, and the strength to use it at."""


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
    new = {name: read_style_lora(path, transformer) for name, (path, _) in wanted.items() if name not in loaded}

    _drop(transformer, loaded - wanted.keys())
    for name, converted in new.items():
        _load(pipe, name, wanted[name][0], converted)
    transformer.set_adapters([RGBA_ADAPTER, *wanted], [1.0, *(strength for _, strength in wanted.values())])


@contextmanager
def styles_scaled(transformer: CogVideoXTransformer3DModel, scale: float) -> Iterator[None]:
    """Multiply the strengths of all style LoRAs while the context lasts; RGBA keeps its own.

    Raises:
        ValueError: the scale is no finite number.
    """
    if not math.isfinite(scale):
        raise ValueError(f"The scale {scale} is no number to multiply with; use for example 1.0.")
    layers = [layer for layer in transformer.modules() if isinstance(layer, LoraLayer)] if scale != 1.0 else []
    before = [dict(layer.scaling) for layer in layers]
    for layer in layers:
        layer.scaling.update({name: scale * own for name, own in layer.scaling.items() if name != RGBA_ADAPTER})
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            layer.scaling.update(own)


def save_style_loras(transformer: CogVideoXTransformer3DModel, folder: Path) -> list[tuple[str, float]]:
    """Write every LoRA but RGBA's as a file that diffusers and `set_style_loras` read.

    Args:
        transformer: may have none.
        folder: made where need be.

    Returns:
        The files' names in the folder and the strengths, in the order that they act in; 0 for one that is off.
    """
    saved: list[tuple[str, float]] = []
    names = [name for name in getattr(transformer, "peft_config", {}) if name != RGBA_ADAPTER]
    active = transformer.active_adapters() if names else []
    for number, name in enumerate(names):
        file = f"{number:02}_{re.sub(r'[^A-Za-z0-9_-]+', '_', name)[:50]}.safetensors"
        CogVideoXPipeline.save_lora_weights(
            folder,
            transformer_lora_layers=get_peft_model_state_dict(transformer, adapter_name=name),
            transformer_lora_adapter_metadata=transformer.peft_config[name].to_dict(),
            weight_name=file,
        )
        saved.append((file, _strength(transformer, name) if name in active else 0.0))
    return saved


def _strength(transformer: CogVideoXTransformer3DModel, name: str) -> float:
    """Return the strength that an adapter is used at; the same in all layers."""
    layer = next(each for each in transformer.modules() if isinstance(each, LoraLayer) and name in each.scaling)
    return layer.scaling[name] * layer.r[name] / layer.lora_alpha[name]


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


def _load(pipe: CogVideoXPipeline, name: str, path: Path, converted: StateDict | None) -> None:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")  # several are what is wanted
            # By its path, diffusers also reads the scale that training scripts write into the header.
            given = str(path) if converted is None else converted
            pipe.load_lora_weights(given, adapter_name=name, use_safetensors=True, local_files_only=True)
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        _drop(pipe.transformer, set(pipe.transformer.peft_config) - {RGBA_ADAPTER})
        pipe.transformer.set_adapters(RGBA_ADAPTER)
        raise StyleLoraError(f"{path}: this LoRA cannot be loaded ({error}); get it anew or leave it out.") from error


def _drop(transformer: CogVideoXTransformer3DModel, names: set[str]) -> None:
    if names:
        transformer.delete_adapters(sorted(names))
