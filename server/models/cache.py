"""What of a hub repository lies in the hub folder, found without the network. Nothing here imports torch.

The folder is a Hugging Face cache (`models--owner--name/refs`, `snapshots/<commit>`, `trees`), so a cache that was
filled elsewhere can be copied there.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import get_cached_repo_tree
from huggingface_hub.errors import CachedRepoTreeNotFoundError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import filter_repo_objects

from server.models.description import ModelDescription

INCOMPLETE = ".incomplete"
"""What the name of a file ends in while it is being downloaded."""

# Exactly what the pipeline loads. Never pickles (.bin, .pt), whose loading can run any code.
BASE_SMALL = (
    "model_index.json",
    "scheduler/*.json",
    "text_encoder/*.json",
    "tokenizer/*.json",
    "tokenizer/*.model",
    "transformer/*.json",
    "vae/*.json",
)
BASE_WEIGHTS = (
    "text_encoder/model*.safetensors",
    "transformer/diffusion_pytorch_model*.safetensors",
    "vae/diffusion_pytorch_model*.safetensors",
)
WEIGHT_FOLDERS = ("text_encoder", "transformer", "vae")
# Copies of the weights in another precision, which some repositories hold as well.
IGNORED = ("*.fp16*", "*.bf16*", "*.fp32*")

_MAIN = "main"


@dataclass(frozen=True)
class HubPart:
    """A part of a model that comes from the hub: a repository and the files of it that are needed."""

    repo: str
    revision: str | None
    patterns: tuple[str, ...]
    approximate_bytes: int | None = None

    def select(self, paths: Iterable[str]) -> list[str]:
        """Those of a repository's files that this part needs."""
        return list(filter_repo_objects(paths, allow_patterns=list(self.patterns), ignore_patterns=list(IGNORED)))


@dataclass(frozen=True)
class Presence:
    """How much of a part is on disk.

    Attributes:
        snapshot: the folder of its files, once there is one.
        complete: whether every file is there.
        bytes_total: what all of it comes to; None when nobody knows yet.
        bytes_present: what of it is there, half downloaded files included.
    """

    snapshot: Path | None
    complete: bool
    bytes_total: int | None
    bytes_present: int


def hub_parts(description: ModelDescription) -> list[HubPart]:
    """The parts of a model that come from the hub."""
    parts = []
    base, lora = description.base, description.rgba_lora
    if base is not None and base.repo is not None:
        parts.append(HubPart(base.repo, base.revision, BASE_SMALL + BASE_WEIGHTS, base.approximate_bytes))
    if lora.repo is not None:
        parts.append(HubPart(lora.repo, lora.revision, (lora.file,), lora.approximate_bytes))
    return parts


def repo_folder(part: HubPart, hub_folder: Path) -> Path:
    """The folder of a part's repository within the hub folder."""
    return hub_folder / repo_folder_name(repo_id=part.repo, repo_type="model")


def recorded_commit(part: HubPart, hub_folder: Path) -> str | None:
    """The commit that was taken when the part was first downloaded; None before."""
    revision = part.revision or _MAIN
    folder = repo_folder(part, hub_folder)
    if (folder / "snapshots" / revision).is_dir():
        return revision
    try:
        return (folder / "refs" / revision).read_text("utf-8").strip() or None
    except (OSError, ValueError):
        return None


def presence(part: HubPart, hub_folder: Path) -> Presence:
    """How much of a part is on disk."""
    commit = recorded_commit(part, hub_folder)
    if commit is None:
        return Presence(None, False, part.approximate_bytes, 0)
    snapshot = repo_folder(part, hub_folder) / "snapshots" / commit
    try:
        tree = get_cached_repo_tree(part.repo, revision=commit, cache_dir=hub_folder)
    except CachedRepoTreeNotFoundError:
        return _presence_without_listing(part, snapshot)
    sizes = {file.path: file.size for file in tree}
    needed = part.select(sizes)
    return Presence(
        snapshot=snapshot if snapshot.is_dir() else None,
        complete=bool(needed) and all((snapshot / path).is_file() for path in needed),
        bytes_total=sum(sizes[path] for path in needed),
        bytes_present=sum(min(bytes_on_disk(snapshot / path), sizes[path]) for path in needed),
    )


def bytes_on_disk(path: Path) -> int:
    """The bytes of a file that are there, be it complete or half downloaded."""
    for candidate in (path, path.with_name(path.name + INCOMPLETE)):
        try:
            return candidate.stat().st_size
        except OSError:
            continue
    return 0


def remove_download(description: ModelDescription, hub_folder: Path, others: Iterable[ModelDescription]) -> int:
    """Remove a model's files from the hub folder, but no repository that one of `others` has downloaded as well.

    Returns the number of bytes that this has freed. Raises OSError when a file cannot be removed.
    """
    kept = {
        part.repo
        for other in others
        if other.name != description.name and all(presence(part, hub_folder).bytes_present for part in hub_parts(other))
        for part in hub_parts(other)
    }
    freed = 0
    for part in hub_parts(description):
        folder = repo_folder(part, hub_folder)
        if part.repo not in kept and folder.is_dir():
            freed += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
            shutil.rmtree(folder)
    return freed


def _presence_without_listing(part: HubPart, snapshot: Path) -> Presence:
    """The presence in a cache that another program has filled, which may lack the hub's listing of the repository."""
    if not snapshot.is_dir():
        return Presence(None, False, part.approximate_bytes, 0)
    everything = [file.relative_to(snapshot).as_posix() for file in snapshot.rglob("*") if file.is_file()]
    files = part.select(everything)
    if part.patterns[0] == BASE_SMALL[0]:
        holders = {file.split("/")[0] for file in files if file.endswith(".safetensors")}
        complete = BASE_SMALL[0] in files and holders >= set(WEIGHT_FOLDERS)
    else:
        complete = bool(files)
    present = sum(bytes_on_disk(snapshot / file) for file in files)
    return Presence(snapshot, complete, present if complete else part.approximate_bytes, present)
