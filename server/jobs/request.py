"""The request: one object that holds everything a clip depends on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

CfgSchedule = Literal["constant", "dynamic"]
TextToAlpha = Literal["strict", "reference", "open"]
Quality = Literal["exact", "balanced", "fast"]
AUTO_PLAN = "auto"
SEED_COUNT = 2**31


def _check_unicode(text: str) -> str:
    # JSON can spell half of a surrogate pair, which no file and no tokenizer takes. The error is a ValueError.
    text.encode("utf-8")
    return text


Text = Annotated[str, AfterValidator(_check_unicode)]
# NaN and infinity pass Python's JSON parser but are no guidance scale.
FiniteFloat = Annotated[float, Field(allow_inf_nan=False)]


# An upload is named by the SHA-256 of its contents.
UploadId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StyleLora(BaseModel):
    """An ordinary LoRA that acts on top of the RGBA adapter."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Text
    strength: FiniteFloat = 1.0


class VideoRequest(BaseModel):
    """A complete request. It is stored with the job and in the clip's sidecar and can be run again from either."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    prompt: Text
    negative_prompt: Text
    seed: int
    width: int
    height: int
    num_frames: int
    steps: int
    guidance: FiniteFloat
    cfg_schedule: CfgSchedule
    text_to_alpha: TextToAlpha
    model: Text
    # The rest has defaults, so that the sidecars of the first version can be read.
    num_clips: int = 1
    quality: Quality = "exact"
    memory_plan: Text = AUTO_PLAN
    first_frame: UploadId | None = None
    footage: UploadId | None = None
    footage_start: int = 0
    # JSON has no tuples, which strict types would ask for.
    style_loras: tuple[StyleLora, ...] = Field(default=(), strict=False)
    loop: bool = False
    # Clips of the time before this field are as the model made them.
    clean_up: bool = False

    def of_clip(self, index: int) -> VideoRequest:
        """The request that makes clip `index` (from 1) alone."""
        return self.model_copy(update={"seed": (self.seed + index - 1) % SEED_COUNT, "num_clips": 1})


class VideoRequestInput(BaseModel):
    """A request as a client sends it: only `prompt` is needed; null or absent means the model's default.

    An absent `seed` is drawn. Types are strict: `"64"` is not a width.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    prompt: Text
    negative_prompt: Text | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    num_frames: int | None = None
    steps: int | None = None
    guidance: FiniteFloat | None = None
    cfg_schedule: CfgSchedule | None = None
    text_to_alpha: TextToAlpha | None = None
    model: Text | None = None
    num_clips: int | None = None
    quality: Quality | None = None
    memory_plan: Text | None = None
    first_frame: UploadId | None = None
    footage: UploadId | None = None
    footage_start: int | None = None
    style_loras: tuple[StyleLora, ...] | None = Field(default=None, strict=False)
    loop: bool | None = None
    clean_up: bool | None = None
