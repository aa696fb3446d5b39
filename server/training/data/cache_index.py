"""What a cache holds: the one file that names its entries. Nothing here imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from server.files import write_file
from server.training.data.buckets import Bucket
from server.training.data.errors import DataError

INDEX_FILE = "cache.json"
LATENTS, TEXTS = "latents", "texts"


class _Stored(BaseModel):
    model_config = ConfigDict(frozen=True)


class CachedClip(_Stored):
    """One clip, or one part of a long one.

    `name` is the clip's path in the data folder, `part` counts from 1. `latents` and `texts` are the names (without
    suffix) of its files, one text for each of `captions`.
    """

    name: str
    part: int
    bucket: Bucket
    latents: str
    captions: tuple[str, ...]
    texts: tuple[str, ...]


class CacheIndex(_Stored):
    """The contents of `cache.json`.

    `autoencoder` and `text_encoder` identify the weights that encoded, `base` names the model for people. `rgb` is what
    a model trained on these clips decodes its RGB half to, as in `transpixar.json`. `empty_text` is the file of the
    empty caption. `settings` are those of the preparation.
    """

    format: Literal["transpixar-latents"] = "transpixar-latents"
    format_version: Literal[1] = 1
    base: str
    autoencoder: str
    text_encoder: str
    rgb: Literal["straight", "premultiplied"]
    settings: dict[str, Any]
    empty_text: str
    clips: tuple[CachedClip, ...]

    @classmethod
    def read(cls, folder: Path) -> CacheIndex:
        """The index of a cache's folder. Raises DataError."""
        path = folder / INDEX_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise DataError(
                f"{folder} holds no prepared data: it has no {INDEX_FILE}. Prepare it with "
                "`python -m server train --prepare DIR`."
            ) from None
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}).") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "file"
            raise DataError(f"{path} cannot be used ({where}: {first['msg']}); prepare the data again.") from None

    def write(self, folder: Path) -> None:
        """Replace the index of a cache's folder. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / INDEX_FILE, self.model_dump_json(indent=1).encode("utf-8") + b"\n")


def latents_file(folder: Path, name: str) -> Path:
    """Where the latents of this name lie."""
    return folder / LATENTS / f"{name}.safetensors"


def text_file(folder: Path, name: str) -> Path:
    """Where the text embedding of this name lies."""
    return folder / TEXTS / f"{name}.safetensors"
