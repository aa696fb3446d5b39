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
