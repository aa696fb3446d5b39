"""Black point, white point and gamma of the alpha."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from server.media.colour import Frame
from server.media.steps.settings import StepSettings
from server.media.stream import ClipStream


class Levels(StepSettings):
    """Alpha `black` becomes 0 and `white` 1; a `gamma` above 1 raises what lies between. Colour is not touched."""

    step: Literal["levels"] = "levels"
    black: float = Field(default=0.0, ge=0, lt=1)
    white: float = Field(default=1.0, gt=0, le=1)
    gamma: float = Field(default=1.0, ge=0.1, le=10)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.black >= self.white:
            raise ValueError("the black point must be below the white point")
        return self

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings."""
        return stream.map(lambda frame: levelled(frame, self.black, self.white, self.gamma))


def levelled(frame: Frame, black: float, white: float, gamma: float) -> Frame:
    """A frame (H, W, 4) with the alpha ((a - black) / (white - black)) ** (1 / gamma), within 0..1."""
    alpha = np.clip((frame[..., 3:] - np.float32(black)) / np.float32(white - black), 0, 1)
    if gamma != 1:
        alpha = alpha ** np.float32(1 / gamma)
    return np.concatenate([frame[..., :3], alpha], axis=-1)
