"""The models that this server offers: folders in the diffusers layout with a `transpixar.json` beside them.

Built-in models are the sub-folders of this package; others are added by path. Nothing here imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

DESCRIPTION_FILE = "transpixar.json"
BUILT_IN_MODELS = Path(__file__).parent


class ModelFolderError(Exception):
    """A model folder that cannot be used; the message is a sentence that says what to change."""


class _Described(BaseModel):
    # Unknown keys are ignored, so that a folder made for a later version still loads.
    model_config = ConfigDict(frozen=True, extra="ignore")


Task = Literal["text", "image", "footage"]
"""What a clip can be made from: a prompt alone, a prompt and a first frame, or footage that gets an alpha."""


class Files(_Described):
    """Where files of a model lie: in a folder, or in a repository of the Hugging Face hub."""

    folder: Path | None = None
    repo: str | None = None
    revision: str | None = None


class RgbaLora(Files):
    """The RGBA adapter of a model: a safetensors file and the adapter's alpha.

    The file is inside `folder` or `repo`, or in the model's own folder when neither is given.
    """

    file: str
    lora_alpha: float


class Licence(_Described):
    """A licence that a person must accept before a part of the model is used; `notice` says what matters in it."""

    id: str
    part: Literal["base", "rgba_lora"]
    name: str
    url: str
    notice: str


class RequestDefaults(_Described):
    """What a request gets for the fields that it leaves out. Sizes in pixels, `fps` in frames a second."""

    width: int
    height: int
    num_frames: int
    steps: int
    guidance: float
    cfg_schedule: Literal["constant", "dynamic"] = "constant"
    quality: Literal["exact", "balanced", "fast"] = "exact"
    fps: int = Field(default=8, ge=1)


class RequestLimits(_Described):
    """What a request may ask of a model. Sizes in pixels; `num_frames` must be `k * frames_multiple + 1`."""

    size_multiple: int = Field(default=16, ge=1)
    min_size: int = Field(ge=1)
    max_width: int
    max_height: int
    frames_multiple: int = Field(ge=1)
    min_frames: int = Field(ge=1)
    max_frames: int
    max_steps: int = Field(ge=1)
    max_guidance: float = Field(ge=0)
    max_prompt_characters: int = Field(ge=1)
    max_clips: int = Field(default=16, ge=1)


class ModelDescription(_Described):
    """The contents of `transpixar.json`."""

    name: str = Field(min_length=1)
    title: str
    description: str
    licence: str
    tasks: tuple[Task, ...] = ("text",)
    # None when the base lies beside the description.
    base: Files | None = None
    rgba_lora: RgbaLora
    dtype: Literal["float32", "bfloat16"] = "float32"
    licences: tuple[Licence, ...] = ()
    rgb: Literal["straight", "premultiplied"]
    max_sequence_length: int = Field(default=226, ge=1)
    defaults: RequestDefaults
    limits: RequestLimits

    @classmethod
    def read(cls, folder: Path) -> ModelDescription:
        """Read `folder/transpixar.json`.

        Raises ModelFolderError when the file is missing, is no JSON or lacks something.
        """
        path = folder / DESCRIPTION_FILE
        try:
            return cls.model_validate(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            raise ModelFolderError(
                f"{folder} is not a model folder: it has no {DESCRIPTION_FILE}. Choose the folder that holds one."
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ModelFolderError(f"{path} cannot be used: {where}: {first['msg']}. Correct it.") from None
        except (OSError, ValueError) as error:
            raise ModelFolderError(f"{path} cannot be read ({error}). Install the model again.") from None


class ModelRegistry:
    """The models on offer, by name, in the order found: built-in ones first, then the added folders."""

    def __init__(self, folders: Iterable[Path]) -> None:
        """Read every folder's description.

        Raises ModelFolderError when one is unusable or two models have the same name.
        """
        self._folders: dict[str, Path] = {}
        self._descriptions: dict[str, ModelDescription] = {}
        for folder in folders:
            folder = folder.resolve()
            description = ModelDescription.read(folder)
            if description.name in self._folders:
                raise ModelFolderError(
                    f"Two folders hold a model named '{description.name}': {self._folders[description.name]} and "
                    f"{folder}. Rename one of them in its {DESCRIPTION_FILE}."
                )
            self._folders[description.name] = folder
            self._descriptions[description.name] = description

    @classmethod
    def discover(cls, added: Iterable[Path] = (), built_in: Path = BUILT_IN_MODELS) -> ModelRegistry:
        """The built-in models and the folders in `added`. Raises ModelFolderError as the constructor does."""
        found = sorted(path.parent for path in built_in.glob(f"*/{DESCRIPTION_FILE}"))
        return cls([*found, *added])

    def __iter__(self) -> Iterator[ModelDescription]:
        return iter(self._descriptions.values())

    def __len__(self) -> int:
        return len(self._descriptions)

    @property
    def names(self) -> list[str]:
        """The models' names, in order."""
        return list(self._descriptions)

    @property
    def default(self) -> str:
        """The name of the model that a request gets when it names none. Raises LookupError without models."""
        if not self._descriptions:
            raise LookupError("there is no model")
        return next(iter(self._descriptions))

    def get(self, name: str) -> ModelDescription | None:
        """The description of the model `name`, or None."""
        return self._descriptions.get(name)

    def folder(self, name: str) -> Path:
        """The folder of the model `name`. Raises KeyError when there is none."""
        return self._folders[name]
