"""Takes the colour of a background out of a clip's half-transparent pixels, and gives colour to the transparent ones.

Footage that was keyed, or cut out with a matte, often keeps the mixture C = a F + (1 - a) B in its edges, where
straight alpha wants F alone. A model that learns from it learns the fringe. Whether a clip has one is measured from its
pixels:

1. If all half-transparent pixels say the same B, there may have been one backdrop (see `server.media.steps.backdrop`).
   An effect whose outline has one colour of its own says so too; but its colour does not go over into B as its alpha
   does. So the mixture must explain the colours, and they must follow alpha.
2. Else, where colour and matte came as a pair, the colour is often the camera's whole picture. The colours F and B of
   the opaque and of the transparent pixels around are continued into the edge (pull-push, see `server.media.straight`),
   and k in

       C = F + k (1 - a) (B - F)

   is fitted over all of it: 0 for straight colour, 1 for a mixture. From 1/2 on the colour becomes

       F + a (C - a F - (1 - a) B)

   (Forte and Pitié, Approximate Fast Foreground Colour Estimation, 2021), which trusts the neighbours where
   alpha is low, because B is only estimated, and C itself where it is high.

Neither can be told for sure from a soft effect whose own colours change towards its outline: a white shockwave with an
orange rim is the same pixels as a white ring before orange. So what is suspected of such clips is only said, and taken
out where colour and matte came as a pair, or where it is asked for. Without it a clip is left as it is, but for the
colour where nearly nothing is visible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from server.media.colour import Frame
from server.media.steps.backdrop import estimated_backdrop
from server.media.steps.background import without_backdrop
from server.media.straight import extend_colour

Colours = npt.NDArray[np.float32]

_CORE = 0.95
_CLEAR = 1 / 255
_SOFT = 1 / 10, 9 / 10
# F and B must differ by this for a pixel to tell anything, and so many pixels must.
_LEAST_DISTANCE = 0.1
_ENOUGH_PIXELS = 100
_MIXED = 0.5
_MOST_ERROR = 0.05
_MOST_UNEVEN = 0.35


@dataclass(frozen=True)
class Contamination:
    """How the edges of a clip are mixed with a background.

    Attributes:
        kind: not at all, with one colour everywhere, or with what the transparent pixels show.
        colour: (r, g, b), display-encoded, for one colour.
    """

    kind: Literal["none", "one colour", "picture"]
    colour: tuple[float, float, float] | None = None

    def __str__(self) -> str:
        if self.colour is None:
            return "what its transparent pixels show"
        return f"a background of the colour {', '.join(f'{channel:.2f}' for channel in self.colour)}"


CLEAN, PICTURE = Contamination("none"), Contamination("picture")


def contamination_of(frames: Iterable[Frame], *, is_pair: bool) -> Contamination:
    """Measure it on some frames (H, W, 4) of a clip, of which colour and matte came as a pair or not."""
    frames = list(frames)
    # Colour under transparent pixels may be anything, also black by habit, which is no evidence of a black backdrop.
    backdrop = estimated_backdrop(map(_without_hidden_colour, frames))
    if backdrop is not None and is_mixture(frames, backdrop):
        return Contamination("one colour", (float(backdrop[0]), float(backdrop[1]), float(backdrop[2])))
    return PICTURE if is_pair and mixing(frames) >= _MIXED else CLEAN


def is_mixture(frames: Iterable[Frame], backdrop: Colours) -> bool:
    """Whether half-transparent pixels are C = a F + (1 - a) B, for the backdrop B (3,) and F from the opaque pixels.

    The median error must be small, and the way from F to B that their colours have gone must grow with 1 - a: by least
    squares about in proportion.
    """
    clearness, ways, errors = [], [], []
    for frame in frames:
        alpha = frame[..., 3]
        effect = _continued(frame[..., :3], frame[..., 3:] >= _CORE)
        soft = (alpha >= _SOFT[0]) & (alpha <= _SOFT[1])
        if effect is None or not soft.any():
            continue
        own, seen, share = effect[soft], frame[..., :3][soft], (1 - alpha)[soft]
        distance = backdrop - own
        errors.append(np.abs(seen - own - share[:, None] * distance).max(axis=1))
        ways.append(((seen - own) * distance).sum(axis=1) / np.maximum((distance * distance).sum(axis=1), 1e-4))
        clearness.append(share)
    if sum(map(len, ways)) < _ENOUGH_PIXELS or np.median(np.concatenate(errors)) > _MOST_ERROR:
        return False
    slope = float(np.polyfit(np.concatenate(clearness), np.concatenate(ways), 1)[0])
    return abs(slope - 1) <= _MOST_UNEVEN


def mixing(frames: Iterable[Frame]) -> float:
    """The k of this module, by least squares over all half-transparent pixels; 0 where there are too few."""
    above = below = 0.0
    count = 0
    for frame in frames:
        around = _surroundings(frame)
        if around is None:
            continue
        effect, behind = around
        alpha = frame[..., 3]
        distance = effect - behind
        square = (distance * distance).sum(axis=-1)
        soft = (alpha >= _SOFT[0]) & (alpha <= _SOFT[1]) & (square >= _LEAST_DISTANCE**2)
        expected = ((1 - alpha) * square)[soft]
        actual = ((effect - frame[..., :3]) * distance).sum(axis=-1)[soft]
        above += float((actual * expected).sum(dtype=np.float64))
        below += float((expected * expected).sum(dtype=np.float64))
        count += int(np.count_nonzero(soft))
    return above / below if count >= _ENOUGH_PIXELS else 0.0


def decontaminated(frame: Frame, contamination: Contamination) -> Frame:
    """A frame (H, W, 4) with the effect's own colour F everywhere, continued outwards from where alpha is."""
    if contamination.colour is not None:
        return without_backdrop(frame, contamination.colour, "display")
    alpha = frame[..., 3:]
    if not (alpha > 0).any():
        return frame
    around = _surroundings(frame) if contamination.kind == "picture" else None
    if around is not None:
        effect, behind = around
        left = frame[..., :3] - alpha * effect - (1 - alpha) * behind
        return np.concatenate([np.clip(effect + alpha * left, 0, 1), alpha], axis=-1)
    weighted = frame[..., :3] * alpha
    own = extend_colour(weighted, alpha, weighted.sum(axis=(0, 1)) / alpha.sum())
    return np.concatenate([own, alpha], axis=-1)


def _surroundings(frame: Frame) -> tuple[Colours, Colours] | None:
    """Colours (H, W, 3) of what is opaque and of what is transparent around every pixel; None where one is missing."""
    alpha = frame[..., 3:]
    effect = _continued(frame[..., :3], alpha >= _CORE)
    behind = _continued(frame[..., :3], alpha <= _CLEAR)
    return None if effect is None or behind is None else (effect, behind)


def _continued(colour: Colours, where: npt.NDArray[np.bool_]) -> Colours | None:
    """The colour (H, W, 3) of the pixels `where` (H, W, 1), continued to the others."""
    if not where.any():
        return None
    weight = where.astype(np.float32)
    weighted = colour * weight
    return extend_colour(weighted, weight, weighted.sum(axis=(0, 1)) / weight.sum())


def _without_hidden_colour(frame: Frame) -> Frame:
    """The frame whose transparent pixels take the effect's colour."""
    effect = _continued(frame[..., :3], frame[..., 3:] >= _CORE)
    if effect is None:
        return frame
    colour = np.where(frame[..., 3:] <= _CLEAR, effect, frame[..., :3])
    return np.concatenate([colour, frame[..., 3:]], axis=-1)
