"""The contents of a model folder's `transpixar.json`. Nothing here imports torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

DESCRIPTION_FILE = "transpixar.json"


class ModelFolderError(Exception):
    """A model folder that cannot be used; the message is a sentence that says what to change."""


class _Described(BaseModel):
    # Unknown keys are ignored, so that a folder made for a later version still loads.
    model_config = ConfigDict(frozen=True, extra="ignore")


Task = Literal["text", "image", "footage"]
"""What a clip can be made from: a prompt alone, a prompt and a first frame, or footage that gets an alpha."""


class Files(_Described):
    """Where files of a model lie: in a folder, or in a repository of the Hugging Face hub.

    Attributes:
        folder: an absolute path, or one below the description's own folder.
        repo: `owner/name` on the hub.
        revision: a branch, tag or commit of `repo`; None for its main branch.
        approximate_bytes: what the files of `repo` come to, to show before the hub has been asked for its own figure.
    """

    folder: Path | None = None
    repo: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str | None = None
    approximate_bytes: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _is_in_one_place(self) -> Self:
        if self.folder is not None and self.repo is not None:
            raise ValueError("give a folder or a repo, not both")
        return self


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


class Vocabulary(_Described):
    """The words that a small model was taught: those that name its effects, and the others in its captions."""

    effects: dict[str, tuple[str, ...]]
    others: tuple[str, ...] = ()


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
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    licences: tuple[Licence, ...] = ()
    rgb: Literal["straight", "premultiplied"]
    # The kinds of clips that a small model was trained on; empty for a model of the whole world.
    effects: tuple[str, ...] = ()
    vocabulary: Vocabulary | None = None
    max_sequence_length: int = Field(default=226, ge=1)
    # Measured by `calibrate_mag_cache`; without them the faster qualities use FirstBlockCache.
    mag_ratios: tuple[float, ...] | None = None
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
