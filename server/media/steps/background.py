"""Takes the colour that an effect was made on out of its half-transparent pixels."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from server.media.colour import Frame, linear_from_srgb, srgb_from_linear
from server.media.steps.backdrop import estimated_backdrop
from server.media.steps.settings import StepSettings
from server.media.straight import extend_colour
from server.media.stream import ClipStream

Channel = Annotated[float, Field(ge=0, le=1)]
Space = Literal["linear", "display"]

# The backdrop is looked for in this many frames, evenly spaced.
_LOOKED_AT = 16


class RemoveBackground(StepSettings):
    """Un-mixes the backdrop of the `colour` (display-encoded), or of one that is estimated.

    `display` takes the mixture to be one of encoded values, as the models that make clips have learned it; `linear` one
    of light, as cameras see it. An estimation reads the clip once more.
    """

    step: Literal["remove_background"] = "remove_background"
    colour: Literal["auto"] | tuple[Channel, Channel, Channel] = "auto"
    space: Space = "display"

    def __call__(self, stream: ClipStream) -> ClipStream:
        """See StepSettings. Without a backdrop of one colour the clip stays as it is, and a note says so."""
        if self.colour == "auto":
            with closing(_some(stream)) as frames:
                found = estimated_backdrop(frames)
            if found is None:
                return _noted(stream, "No background of one colour was found in the clip's edges; they stay.")
            colour = (float(found[0]), float(found[1]), float(found[2]))
            written = ", ".join(f"{channel:.3f}" for channel in colour)
            stream = _noted(stream, f"The background's colour was estimated as {written}.")
        else:
            colour = self.colour
        return stream.map(lambda frame: without_backdrop(frame, colour, self.space))


def without_backdrop(frame: Frame, backdrop: tuple[float, float, float], space: Space) -> Frame:
    """A frame (H, W, 4) with the effect's own colour F = (C - (1 - a) B) / a, within the range of colours.

    The result over the backdrop is the frame itself. Where alpha is below 1/16 the quotient is mostly error, and the
    colour comes from around, as in `server.media.straight`.
    """
    alpha = frame[..., 3:]
    colour, behind = frame[..., :3], np.asarray(backdrop, np.float32)
    if space == "linear":
        colour, behind = linear_from_srgb(colour), linear_from_srgb(behind)
    highest = max(float(colour.max()), 1)
    weighted = np.clip(colour - (1 - alpha) * behind, 0, alpha * highest)
    if not (alpha > 0).any():
        return frame
    own = extend_colour(weighted, alpha, weighted.sum(axis=(0, 1)) / alpha.sum())
    if space == "linear":
        own = srgb_from_linear(own)
    return np.concatenate([own, alpha], axis=-1)


def _some(stream: ClipStream) -> Generator[Frame, None, None]:
    count = stream.info.frame_count
    picks = set(np.linspace(0, count - 1, min(_LOOKED_AT, count)).round().astype(int))
    with closing(stream.frames()) as frames:
        yield from (frame for index, frame in enumerate(frames) if index in picks)


def _noted(stream: ClipStream, note: str) -> ClipStream:
    return ClipStream(replace(stream.info, notes=(*stream.info.notes, note)), stream.frames)
