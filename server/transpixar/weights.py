"""RGBA weights in the released file's key names: reading, checking, making and writing them.

The released ``cogvideox_rgba_lora.safetensors`` holds ``domain_emb`` and, for every block and each of the four
attention projections, ``transformer.transformer_blocks.{i}.attn1.{projection}.lora_{A|B}.weight``.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import CogVideoXTransformer3DModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

StateDict = dict[str, torch.Tensor]

PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
DOMAIN_KEY = "domain_emb"


class RGBAWeightsError(ValueError):
    """RGBA weights that cannot be used; the message names the source, the key and what was expected."""


@dataclass(frozen=True)
class RGBAWeights:
    """Checked RGBA weights.

    Attributes:
        lora: the A ``(r, D)`` and B ``(D, r)`` matrices under the released key names.
        domain_emb: ``(1, 1, D)``.
        rank: r, the same for every layer.
    """

    lora: StateDict
    domain_emb: torch.Tensor
    rank: int


def lora_keys(num_layers: int) -> Iterator[tuple[str, str]]:
    """Yield the A and B keys of every adapted projection, block by block."""
    for block in range(num_layers):
        for projection in PROJECTIONS:
            stem = f"transformer.transformer_blocks.{block}.attn1.{projection}"
            yield f"{stem}.lora_A.weight", f"{stem}.lora_B.weight"


def read_rgba_weights(
    weights: str | os.PathLike[str] | Mapping[str, torch.Tensor], transformer: CogVideoXTransformer3DModel
) -> RGBAWeights:
    """Read RGBA weights and check every key and shape against the transformer that they are for.

    Args:
        weights: a safetensors file, or a state dict in the same key names.
        transformer: gives the number of blocks and the width D.

    Raises:
        RGBAWeightsError: the file cannot be read, or keys, shapes or ranks do not fit.
    """
    if isinstance(weights, Mapping):
        source, state = "The state dict", dict(weights)
    else:
        source, state = f"{Path(weights)}", _load(Path(weights))
    width = inner_dim(transformer)
    keys = list(lora_keys(transformer.config.num_layers))
    _check_keys(source, state, keys, transformer.config.num_layers)
    rank = state[keys[0][0]].shape[0]
    for key_a, key_b in keys:
        _check_shape(source, state, key_a, (rank, width))
        _check_shape(source, state, key_b, (width, rank))
    domain_emb = state.pop(DOMAIN_KEY)
    if tuple(domain_emb.shape) not in {(width,), (1, width), (1, 1, width)}:
        raise RGBAWeightsError(
            f'{source}: "{DOMAIN_KEY}" has shape {tuple(domain_emb.shape)}, but this model is {width} wide; '
            "use weights that were trained for this model."
        )
    return RGBAWeights(lora=state, domain_emb=domain_emb.reshape(1, 1, width), rank=rank)


def create_rgba_weights(
    transformer: CogVideoXTransformer3DModel, rank: int, *, generator: torch.Generator | None = None
) -> StateDict:
    """Make fresh RGBA weights to start training from: A Kaiming-uniform, B and the domain embedding zero.

    A transformer with these weights treats alpha tokens exactly as RGB tokens.

    Args:
        transformer: gives the number of blocks and the width D.
        rank: r of every LoRA, at least 1.
        generator: randomness for A.

    Raises:
        ValueError: the rank is less than 1.
    """
    if rank < 1:
        raise ValueError(f"The rank is {rank}; use at least 1.")
    width = inner_dim(transformer)
    state: StateDict = {DOMAIN_KEY: torch.zeros(1, 1, width)}
    for key_a, key_b in lora_keys(transformer.config.num_layers):
        state[key_a] = torch.empty(rank, width)
        nn.init.kaiming_uniform_(state[key_a], a=math.sqrt(5), generator=generator)
        state[key_b] = torch.zeros(width, rank)
    return state


def write_rgba_weights(
    state: Mapping[str, torch.Tensor], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a state dict as a safetensors file. A file that is already there is replaced only when all is written."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    save_file(dict(state), partial, metadata={"format": "pt", **(metadata or {})})
    partial.replace(path)


def inner_dim(transformer: CogVideoXTransformer3DModel) -> int:
    """Return D, the width of the transformer's tokens."""
    return transformer.config.num_attention_heads * transformer.config.attention_head_dim


def _load(path: Path) -> StateDict:
    if not path.is_file():
        raise RGBAWeightsError(f"{path}: there is no such file; give the path of an RGBA LoRA in safetensors format.")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise RGBAWeightsError(f"{path}: this is not a readable safetensors file ({error}); get it anew.") from error


def _check_keys(source: str, state: StateDict, keys: list[tuple[str, str]], num_layers: int) -> None:
    expected = {DOMAIN_KEY, *(key for pair in keys for key in pair)}
    missing, unexpected = sorted(expected - state.keys()), sorted(state.keys() - expected)
    if missing:
        raise RGBAWeightsError(
            f'{source}: "{missing[0]}" is missing ({len(missing)} keys in all are); this model has {num_layers} '
            "blocks, use weights that were trained for it."
        )
    if unexpected:
        raise RGBAWeightsError(
            f'{source}: "{unexpected[0]}" is no RGBA weight of this model ({len(unexpected)} keys in all are not); '
            f"it has {num_layers} blocks, use weights that were trained for it."
        )


def _check_shape(source: str, state: StateDict, key: str, expected: tuple[int, int]) -> None:
    if tuple(state[key].shape) != expected:
        raise RGBAWeightsError(
            f'{source}: "{key}" has shape {tuple(state[key].shape)}, but {expected} was expected; use weights of one '
            "rank that were trained for this model."
        )
