"""Everything that a training run depends on. Nothing here imports torch."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from server.training.lora.errors import TrainingError

RECIPES = Path(__file__).parent / "recipes"

# What may differ between the parts of one run: it does not change what is learned.
_FREE_ON_RESUME = frozenset(
    {
        "cache", "out", "data_licence", "gradient_checkpointing", "device",
        "checkpoint_every", "keep_checkpoints", "validation_every", "validation_prompts", "validation_images",
        "validation_steps", "validation_guidance", "validation_size", "validation_frames", "validation_seed",
    }
)  # fmt: skip


class TrainingConfig(BaseModel):
    """A training run. The defaults are the paper's recipe; docs/training.md explains each of them.

    A file holds these names as TOML keys, and each is an option of the command too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # What is trained, on what
    base: str = Field("cogvideox-5b", description="a model of the server by its name, or a folder in diffusers' layout")
    cache: Path = Field(description="folder of prepared clips, from `train --prepare`")
    out: Path = Field(description="folder of the run: checkpoints, losses, validation clips and the result")
    data_licence: str = Field("", description="licence of the clips in a few words, for the result's header")

    # Adapter
    rank: int = Field(128, ge=1, description="r of every LoRA")
    lora_alpha: float = Field(1.0, gt=0, description="the LoRA acts with strength lora_alpha / rank")
    text_to_alpha: Literal["strict", "reference", "open"] = Field(
        "strict", description="what text queries see of alpha keys"
    )

    # Loss
    rgb_weight: float = Field(1.0, ge=0, description="weight of the RGB half's loss")
    alpha_weight: float = Field(1.0, gt=0, description="weight of the alpha half's loss")
    caption_dropout: float = Field(0.1, ge=0, le=1, description="share of clips that are shown without a caption")
    image_dropout: float = Field(0.1, ge=0, le=1, description="share of clips shown without their first frame")
    image_alpha_dropout: float = Field(
        0.1, ge=0, le=1, description="share of first frames shown without their alpha, as a photograph comes"
    )

    # Optimisation
    iterations: int = Field(5000, ge=1, description="updates of the weights")
    batch_size: int = Field(8, ge=1, description="clips in an update, over all devices")
    micro_batch_size: int = Field(1, ge=1, description="clips in one pass of one device")
    optimizer: Literal["adamw", "adamw8bit"] = Field("adamw", description="adamw8bit needs bitsandbytes")
    learning_rate: float = Field(2e-4, gt=0)
    lr_schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="after the warm-up")
    warmup: int = Field(200, ge=0, description="updates that the learning rate rises in")
    weight_decay: float = Field(0.01, ge=0)
    adam_beta1: float = Field(0.9, ge=0, lt=1)
    adam_beta2: float = Field(0.999, ge=0, lt=1)
    max_gradient_norm: float = Field(1.0, gt=0, description="longer gradients are shortened to this")
    ema_decay: float = Field(0.0, ge=0, lt=1, description="of the weights' moving average; 0 for none")
    seed: int = Field(0, ge=0, description="number that order, noise and initial weights come from")

    # Machine
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="of the base and of every pass; what is trained is kept in fp32"
    )
    gradient_checkpointing: bool = Field(True, description="compute activations twice rather than keep them")

    # Checkpoints and validation
    checkpoint_every: int = Field(500, ge=1, description="updates between checkpoints")
    keep_checkpoints: int = Field(3, ge=1, description="newest checkpoints that stay")
    validation_every: int = Field(500, ge=1, description="updates between validation clips")
    validation_prompts: tuple[str, ...] = Field((), description="a clip is made of each; none for no validation")
    validation_images: tuple[Path, ...] = Field(
        (), description="first frames, one for each prompt; image-to-video bases need them"
    )
    validation_size: tuple[int, int] | None = Field(None, description="width and height; the base's own if not given")
    validation_frames: int | None = Field(None, ge=1, description="the base's own if not given")
    validation_steps: int = Field(50, ge=1)
    validation_guidance: float = Field(6.0, ge=0)
    validation_seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _agrees(self) -> TrainingConfig:
        if self.batch_size % self.micro_batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of micro_batch_size {self.micro_batch_size}; "
                "change one of the two"
            )
        if self.validation_images and len(self.validation_images) != len(self.validation_prompts):
            raise ValueError("give as many validation_images as validation_prompts, or none")
        return self

    def changed_since(self, before: Mapping[str, Any]) -> list[str]:
        """Name what is different from the configuration of a checkpoint, of what may not be within one run.

        The number of devices may: neither batches nor noise nor dropout hang on it.
        """
        now = self.model_dump(mode="json")
        return sorted(name for name in now if name not in _FREE_ON_RESUME and before.get(name) != now[name])

    def to_toml(self) -> str:
        """Write the configuration as a file that `read_config` takes."""
        given = {name: value for name, value in self.model_dump(mode="json").items() if value is not None}
        # JSON's strings, numbers, truth values and lists are TOML's too.
        return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in given.items())


def read_config(source: str | Path | None, options: Mapping[str, Any]) -> TrainingConfig:
    """Read a configuration.

    Args:
        source: a TOML file, or the name of a recipe; None for the paper's.
        options: by field name; they go before the file's.

    Raises:
        TrainingError: the file cannot be read, or a value cannot be used.
    """
    fields: dict[str, Any] = {}
    if source is not None:
        path = _find(source)
        try:
            fields = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(f"{path} cannot be read ({error}); correct it or name another with --config.") from None
    try:
        return TrainingConfig.model_validate(fields | dict(options))
    except ValidationError as error:
        raise TrainingError(_sentence(error)) from None


def _find(source: str | Path) -> Path:
    named = RECIPES / f"{source}.toml"
    return named if named.is_file() else Path(source)


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    option = f"--{name.replace('_', '-')}"
    if first["type"] == "missing":
        return f"{name} is missing; give {option}, or write it into the file."
    if first["type"] == "extra_forbidden":
        return f"There is no setting '{name}'; `python -m server train --help` lists them all."
    if not name:
        return first["msg"].removeprefix("Value error, ").capitalize() + "."
    return f'{name} cannot be "{str(first["input"])[:80]}": {first["msg"]}. Change it in the file, or with {option}.'
