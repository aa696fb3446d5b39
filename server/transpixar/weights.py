"""RGBA weights in the released file's key names: reading, checking, making and writing them.

The released ``cogvideox_rgba_lora.safetensors`` holds ``domain_emb`` and, for every block and each of the four
attention projections, ``transformer.transformer_blocks.{i}.attn1.{projection}.lora_{A|B}.weight``.
"""

import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import CogVideoXTransformer3DModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from server.files import new_file

StateDict = dict[str, torch.Tensor]

PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")
DOMAIN_KEY = "domain_emb"
_LORA_A = re.compile(r"transformer\.transformer_blocks\.(\d{1,5})\.attn1\..+\.lora_A\.weight")


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
        RGBAWeightsError: the file cannot be read, keys, shapes or ranks do not fit, or a weight is NaN or infinite.
    """
    if isinstance(weights, Mapping):
        source, state = "The state dict", dict(weights)
    else:
        source, state = f"{Path(weights)}", _load(Path(weights))
    width = inner_dim(transformer)
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    rank = check_rgba_shapes(source, shapes, width, transformer.config.num_layers)
    _check_finite(source, state)
    domain_emb = state.pop(DOMAIN_KEY)
    return RGBAWeights(lora=state, domain_emb=domain_emb.reshape(1, 1, width), rank=rank)


def check_rgba_shapes(source: str, shapes: Mapping[str, tuple[int, ...]], width: int, num_layers: int) -> int:
    """Check the names and shapes of RGBA weights against the transformer that they are for.

    Args:
        source: what the weights are called in the error, for example their file.
        shapes: of every tensor, by its key.
        width: D of the transformer.
        num_layers: its number of blocks.

    Returns:
        The rank r.

    Raises:
        RGBAWeightsError: keys, shapes or ranks do not fit.
    """
    _check_model(source, shapes, width, num_layers)
    keys = list(lora_keys(num_layers))
    _check_keys(source, shapes, keys)
    first = shapes[keys[0][0]]
    rank = first[0] if first else 0
    for key_a, key_b in keys:
        _check_shape(source, key_a, shapes[key_a], (rank, width))
        _check_shape(source, key_b, shapes[key_b], (width, rank))
    if rank < 1:
        raise RGBAWeightsError(f'{source}: "{keys[0][0]}" has rank 0; use weights that were trained for this model.')
    if shapes[DOMAIN_KEY] not in {(width,), (1, width), (1, 1, width)}:
        raise RGBAWeightsError(
            f'{source}: "{DOMAIN_KEY}" has shape {shapes[DOMAIN_KEY]}, but this model is {width} wide; '
            "use weights that were trained for this model."
        )
    return rank


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
    with new_file(path) as partial:
        save_file(dict(state), partial, metadata={"format": "pt", **(metadata or {})})


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


def _check_model(source: str, shapes: Mapping[str, tuple[int, ...]], width: int, num_layers: int) -> None:
    """Recognise weights that were made for another model, of which every single key would be wrong."""
    lora = {key: match for key in shapes if (match := _LORA_A.fullmatch(key))}
    blocks = max((int(match[1]) + 1 for match in lora.values()), default=num_layers)
    widths = {shapes[key][-1] for key in lora if shapes[key]}
    if widths and widths != {width} and len(widths) == 1:
        key = next(iter(lora))
        raise RGBAWeightsError(
            f'{source}: these weights were made for a model of width {widths.pop()}, this one has {width} ("{key}" has '
            f"shape {shapes[key]}); use weights that were trained for this model."
        )
    if blocks != num_layers:
        key = next(key for key, match in lora.items() if int(match[1]) + 1 == blocks)
        raise RGBAWeightsError(
            f"{source}: these weights were made for a model of {blocks} blocks, this one has {num_layers} (the last "
            f'block\'s are "{key}" and more); use weights that were trained for this model.'
        )


def _check_keys(source: str, shapes: Mapping[str, tuple[int, ...]], keys: list[tuple[str, str]]) -> None:
    expected = {DOMAIN_KEY, *(key for pair in keys for key in pair)}
    missing, unexpected = sorted(expected - shapes.keys()), sorted(shapes.keys() - expected)
    if missing:
        raise RGBAWeightsError(
            f'{source}: "{missing[0]}" is missing ({len(missing)} keys in all are); use RGBA weights that were trained '
            "for this model."
        )
    if unexpected:
        raise RGBAWeightsError(
            f'{source}: "{unexpected[0]}" is no RGBA weight of this model ({len(unexpected)} keys in all are not); '
            "use RGBA weights that were trained for this model, an ordinary LoRA is none."
        )


def _check_finite(source: str, state: StateDict) -> None:
    for key, value in state.items():
        # Weights on the meta device, which memory is counted with, have no values.
        if not value.is_meta and not torch.isfinite(value.float()).all():
            raise RGBAWeightsError(
                f'{source}: "{key}" holds values that are no numbers (NaN or infinite); no clip can come of it; '
                "train the LoRA anew with a lower learning rate, or get another."
            )


def _check_shape(source: str, key: str, shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    if shape != expected:
        raise RGBAWeightsError(
            f'{source}: "{key}" has shape {shape}, but {expected} was expected; use weights of one rank that were '
            "trained for this model."
        )
