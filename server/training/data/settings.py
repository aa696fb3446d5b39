"""How clips are read and prepared. No torch here."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from server.media.stream import AlphaMode
from server.training.data.background import Background
from server.training.data.base_model import BaseModelFacts
from server.training.data.buckets import BucketPlan

Decontaminate = Literal["auto", "always", "off"]


@dataclass(frozen=True)
class Reading:
    """What replaces what the clips' files say of themselves.

    Attributes:
        fps: frames a second of every clip; None for what each says.
        alpha: how alpha is stored in every clip but the pairs; None for what each says.
    """

    fps: Fraction | None = None
    alpha: AlphaMode | None = None


@dataclass(frozen=True)
class PreparationSettings:
    """What the prepared clips depend on besides the clips and the model's weights.

    Attributes:
        plan: sizes and lengths.
        fps: frames a second that clips are brought to; None leaves each at its own.
        most_parts: into how many clips a long one is cut at most.
        background: what the RGB half shows where the effect is not.
        decontaminate: whether a background's colour is taken out of the edges: of pairs of colour and matte where one
            is found, of every clip that has or hides one, or never.
        reading: how the files are read.
        tiled: whether the autoencoder works in tiles, which takes less memory and changes the latents a little.
    """

    plan: BucketPlan
    fps: Fraction | None
    background: Background
    most_parts: int = 4
    decontaminate: Decontaminate = "auto"
    reading: Reading = Reading()
    tiled: bool = False

    @property
    def rgb(self) -> Literal["straight", "premultiplied"]:
        """What a model trained on these clips decodes its RGB half to, as `transpixar.json` calls it."""
        return "straight" if self.background == "blurred" else "premultiplied"

    def as_json(self) -> dict[str, Any]:
        """The settings in plain values, for the index and for people."""
        return {
            "sizes": [f"{width}x{height}" for width, height in self.plan.sizes],
            "lengths": list(self.plan.lengths),
            "most_parts": self.most_parts,
            **self.pixels(),
        }

    def pixels(self) -> dict[str, Any]:
        """Those that a clip's latents depend on, beside its own bucket and part."""
        return {
            "fps": None if self.fps is None else str(self.fps),
            "background": self.background,
            "decontaminate": self.decontaminate,
            "input_fps": None if self.reading.fps is None else str(self.reading.fps),
            "input_alpha": self.reading.alpha,
            "tiled": self.tiled,
        }


def settings_for(
    model: BaseModelFacts,
    *,
    sizes: tuple[tuple[int, int], ...] = (),
    lengths: tuple[int, ...] = (),
    fps: Fraction | Literal["own"] | None = None,
    background: Background | None = None,
    **others: Any,
) -> PreparationSettings:
    """The settings asked for, and the model's own for the rest.

    `fps` None is the model's rate, `own` each clip's. `others` are attributes of PreparationSettings. Raises DataError
    when the model cannot make a size or length.
    """
    return PreparationSettings(
        plan=BucketPlan.for_model(model, sizes, lengths),
        fps=None if fps == "own" else fps or Fraction(model.fps),
        background=background or ("black" if model.rgb == "premultiplied" else "blurred"),
        **others,
    )
