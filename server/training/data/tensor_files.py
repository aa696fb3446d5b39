"""Safetensors files that appear complete or not at all, and whose damage is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from server.files import write_file
from server.training.data.errors import DataError

_DIGEST = "sha256"


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors with a digest of their bytes, by renaming. Raises OSError; nothing is left then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_file(path, save(kept, metadata={_DIGEST: digest(kept)}))


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read what `write_tensors` wrote. Raises DataError when the file is missing, cut off or changed."""
    try:
        with safe_open(path, framework="pt") as file:
            written = (file.metadata() or {}).get(_DIGEST)
            # Copies, because what is mapped from the file would change with it.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{path.name} of the cache cannot be read ({error}); prepare the data again, which makes what is missing."
        ) from None
    if written != digest(tensors):
        raise DataError(f"{path.name} of the cache is damaged; prepare the data again, which makes it anew.")
    return tensors


def read_number(path: Path, name: str) -> float | None:
    """One number of a file, without reading the rest; None when there is none of that name. Raises DataError."""
    if name not in shapes(path):
        return None
    with safe_open(path, framework="pt") as file:
        return float(file.get_tensor(name).item())


def is_sound(path: Path) -> bool:
    """Whether `read_tensors` would succeed. Reads all of the file."""
    if not path.is_file():
        return False
    try:
        read_tensors(path)
    except DataError:
        return False
    return True


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The tensors' shapes by name, from the header, which tells a file that was cut off. Raises DataError."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{path.name} of the cache is missing or damaged ({error}); prepare the data again, which makes it anew."
        ) from None


def digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of names, types, shapes and bytes, in hex digits."""
    result = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        result.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        result.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return result.hexdigest()
