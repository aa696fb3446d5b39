"""A user's own models: an RGBA LoRA of one's own on a base that is there or on the hub. Nothing here imports torch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from server.files import new_folder
from server.models.checks import check_rgba_lora
from server.models.configurations import describe_configurations
from server.models.description import DESCRIPTION_FILE, ModelDescription, ModelFolderError
from server.models.hub import download_configurations
from server.models.places import ModelPlaces
from server.models.registry import ModelRegistry

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REPO = re.compile(r"[\w.-]+/[\w.-]+")

Rgb = Literal["straight", "premultiplied"]


@dataclass(frozen=True)
class NewModel:
    """What a user says of a model to add.

    Attributes:
        name: for requests; lower-case letters, digits, dots, hyphens and underscores.
        base: the name of a model on offer, a folder in the diffusers layout, or `owner/name` on the hub.
        rgba_lora: a safetensors file.
        lora_alpha: used where the file does not say it.
        rgb: what the RGB half decodes to; None for what the base is described with, straight where it is not.
        licence: in a few words; None for the base's.
    """

    name: str
    base: str
    rgba_lora: Path
    lora_alpha: float = 1.0
    rgb: Rgb | None = None
    licence: str | None = None


def describe_new_model(new: NewModel, registry: ModelRegistry, places: ModelPlaces) -> ModelDescription:
    """The description of a model to add.

    Of a base on the hub that is not described here, the configurations are downloaded.

    Raises ModelFolderError when the name is taken, or base or LoRA cannot be used, and DownloadError.
    """
    if not _NAME.fullmatch(new.name):
        raise ModelFolderError(
            f"'{new.name[:80]}' is no name for a model; use up to 64 lower-case letters, digits, dots, hyphens and "
            "underscores, for example my-smoke."
        )
    if new.name in registry.names or (places.models / new.name).exists():
        raise ModelFolderError(
            f"There is a model '{new.name}' already; choose another name, or remove that one first: "
            f"`python -m server models remove {new.name}`."
        )
    rgba_lora = new.rgba_lora.expanduser().absolute()
    check_rgba_lora(rgba_lora)
    fields = _describe_base(new.base, registry, places)
    fields |= {
        "name": new.name,
        "title": new.name,
        "description": f"{rgba_lora.name} on {new.base}.",
        "rgba_lora": {"folder": str(rgba_lora.parent), "file": rgba_lora.name, "lora_alpha": new.lora_alpha},
    }
    fields |= {key: value for key, value in (("rgb", new.rgb), ("licence", new.licence)) if value is not None}
    try:
        return ModelDescription.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelFolderError(
            f"The base {new.base} cannot be described ({where}: {first['msg']}); choose another."
        ) from None


def write_description(description: ModelDescription, places: ModelPlaces) -> Path:
    """Write a new model's description into a folder of its own under `places.models`; return that folder.

    Raises FileExistsError when there is one of that name, and OSError when it cannot be written.
    """
    folder = places.models / description.name
    places.models.mkdir(parents=True, exist_ok=True)
    text = json.dumps(description.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    # An empty folder would keep the name from being used again.
    with new_folder(folder, places.models / f".{description.name}.partial") as partial:
        (partial / DESCRIPTION_FILE).write_bytes(text.encode())
    return folder


def remove_description(folder: Path) -> bool:
    """Take a model's description out of its folder. True when nothing else was in it, and the folder is gone too."""
    (folder / DESCRIPTION_FILE).unlink()
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _describe_base(base: str, registry: ModelRegistry, places: ModelPlaces) -> dict[str, Any]:
    """The entries of a description that come from the base."""
    known = registry.get(base)
    if known is not None:
        return _inherit(known, registry.folder(base))
    folder = Path(base).expanduser()
    if folder.is_dir():
        folder = folder.resolve()
        entries = {"base": {"folder": str(folder)}, "licence": "that of the base model", "licences": []}
        return entries | describe_configurations(folder)
    if _REPO.fullmatch(base):
        return _describe_repo(base, places)
    raise ModelFolderError(
        f"There is no base '{base}'; use the name of a model ({', '.join(registry.names)}), a folder in the diffusers "
        "layout, or a repository on the hub such as zai-org/CogVideoX-5b."
    )


def _inherit(known: ModelDescription, folder: Path) -> dict[str, Any]:
    fields = known.model_dump(mode="json")
    base = known.base
    if base is None or base.repo is None:
        path = folder if base is None or base.folder is None else folder / base.folder
        fields["base"] = {"folder": str(path)}
    licences = [licence for licence in fields["licences"] if licence["part"] == "base"]
    fields["licences"] = licences
    if licences:
        fields["licence"] = ", ".join(licence["name"] for licence in licences)
    return fields


def _describe_repo(repo: str, places: ModelPlaces) -> dict[str, Any]:
    licence = {
        "id": repo.lower().replace("/", "--"),
        "part": "base",
        "name": f"the licence of {repo}",
        "url": f"https://huggingface.co/{repo}",
        "notice": "This program does not know the licence of this model. Read its page before you accept: it may "
        "forbid commercial use.",
    }
    entries: dict[str, Any] = {"base": {"repo": repo}, "licence": licence["name"], "licences": [licence]}
    return entries | describe_configurations(download_configurations(repo, places.hub))
