"""Where the files of a model lie, and whether it can be used. Nothing here imports torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from server.models.cache import HubPart, hub_parts, presence
from server.models.checks import COMPONENT_CLASSES, check_base, check_rgba_lora
from server.models.description import DESCRIPTION_FILE, ModelDescription, ModelFolderError
from server.models.headers import read_header
from server.models.licences import Acceptances


class NotDownloadedError(ModelFolderError):
    """A model some of whose files are still on the hub only."""


class ModelStatus(StrEnum):
    """Whether a model can be used, and if not, what it takes."""

    READY = "ready"
    NOT_DOWNLOADED = "not_downloaded"
    LICENCE_NOT_ACCEPTED = "licence_not_accepted"
    UNUSABLE = "unusable"


@dataclass(frozen=True)
class ModelFiles:
    """Where the parts of a model lie.

    Attributes:
        base: the folder in diffusers' layout.
        rgba_lora: the safetensors file of the RGBA adapter.
        lora_alpha: the adapter acts with strength lora_alpha / rank.
    """

    base: Path
    rgba_lora: Path
    lora_alpha: float


FileIdentity = tuple[str, int, int] | None
"""A file as it is at one moment: its path, when it was last written in ns, and its bytes. None where there is none."""


@dataclass(frozen=True)
class ModelState:
    """Whether a model can be used.

    Attributes:
        state: see `ModelStatus`.
        problem: what is wrong with an unusable model, a sentence that says what to do; else None.
        bytes_total: what the model's files on the hub come to; None when it has none or nobody knows yet.
        bytes_present: what of that is on disk.
    """

    state: ModelStatus
    problem: str | None
    bytes_total: int | None
    bytes_present: int


def locate(description: ModelDescription, folder: Path, hub_folder: Path) -> ModelFiles:
    """Find the files of the model that `folder` describes; what is on the hub lies in `hub_folder`.

    Raises NotDownloadedError when something of it is not downloaded, and another ModelFolderError when something that
    should be on this machine is not.
    """
    # First, because a download is no use where the LoRA cannot be had.
    rgba_lora = _rgba_lora_file(description, folder, hub_folder)
    base = _base_folder(description, folder, hub_folder)
    return ModelFiles(base, rgba_lora, _lora_alpha(rgba_lora, description.rgba_lora.lora_alpha))


def identity_of(path: Path) -> FileIdentity:
    """A file's identity; another one means that its contents may be others."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return str(path), stat.st_mtime_ns, stat.st_size


def identity_of_model(folder: Path, files: ModelFiles) -> frozenset[FileIdentity]:
    """The identity of everything that a model is loaded from: its description, its LoRA and the files of its base."""
    parts = [path for part in COMPONENT_CLASSES for path in (files.base / part).glob("*") if path.is_file()]
    alone = [folder / DESCRIPTION_FILE, files.rgba_lora, files.base / "model_index.json"]
    return frozenset(identity_of(path) for path in (*alone, *parts))


def model_state(description: ModelDescription, folder: Path, hub_folder: Path, accepted: Acceptances) -> ModelState:
    """Say whether the model that `folder` describes can be used.

    Quick enough to be asked for every answer of the API: reads only configurations and the headers of the weights.
    """
    parts = [presence(part, hub_folder) for part in hub_parts(description)]
    totals = [part.bytes_total for part in parts if part.bytes_total is not None]
    bytes_total = sum(totals) if parts and len(totals) == len(parts) else None
    bytes_present = sum(part.bytes_present for part in parts)
    status, problem = ModelStatus.READY, None
    try:
        files = locate(description, folder, hub_folder)
        try:
            check_files(files)
        except ModelFolderError as error:
            raise ModelFolderError(f"{error}{_how_to_get_anew(description)}") from None
    except NotDownloadedError:
        status = ModelStatus.NOT_DOWNLOADED
    except ModelFolderError as error:
        status, problem = ModelStatus.UNUSABLE, str(error)
    if problem is None and not accepted.has_all(description):
        status = ModelStatus.LICENCE_NOT_ACCEPTED
    return ModelState(status, problem, bytes_total, bytes_present)


def check_files(files: ModelFiles) -> None:
    """Check everything about a model's files that can be checked without torch.

    Raises ModelFolderError, naming the file and what is wrong with it.
    """
    check_base(files.base)
    check_rgba_lora(files.rgba_lora)


def _base_folder(description: ModelDescription, folder: Path, hub_folder: Path) -> Path:
    base = description.base
    if base is not None and base.repo is not None:
        return _snapshot(description, hub_folder, hub_parts(description)[0])
    path = folder if base is None or base.folder is None else folder / base.folder
    if not path.is_dir():
        raise ModelFolderError(
            f"The base model of '{description.name}' is not there any more: {path}. Put the folder back, or remove the "
            f"model and add it again."
        )
    return path


def _rgba_lora_file(description: ModelDescription, folder: Path, hub_folder: Path) -> Path:
    lora = description.rgba_lora
    if lora.repo is not None:
        path = _snapshot(description, hub_folder, hub_parts(description)[-1]) / lora.file
    else:
        path = (folder if lora.folder is None else folder / lora.folder) / lora.file
    if not path.is_file():
        raise ModelFolderError(
            f"'{description.name}' has no RGBA LoRA: there is no file {path}. Put it there, or add a model with a LoRA "
            f"of your own: `python -m server models add NAME --base {description.name} --rgba-lora FILE`."
        )
    return path


def _how_to_get_anew(description: ModelDescription) -> str:
    if not hub_parts(description):
        return ""
    name = description.name
    return f" To download it again: `python -m server models remove {name}`, then `... models download {name}`."


def _snapshot(description: ModelDescription, hub_folder: Path, part: HubPart) -> Path:
    found = presence(part, hub_folder)
    if found.snapshot is None or not found.complete:
        raise NotDownloadedError(
            f"The files of {part.repo} are not on this machine yet; download the model with "
            f"`python -m server models download {description.name}`."
        )
    return found.snapshot


def _lora_alpha(rgba_lora: Path, described: float) -> float:
    """The adapter's alpha: the one in the file, as this project's trainer writes it, else the described one."""
    written = read_header(rgba_lora).metadata.get("lora_alpha")
    if written is None:
        return described
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ModelFolderError(
            f'{rgba_lora}: "lora_alpha" in its header is {written[:50]!r}, not a positive number; get the file anew.'
        )
    return value
