"""Numbers that tell whether a clip's alpha is a usable one. Frames come one after the other; three are kept.

For a frame with alpha a (H, W) in 0..1 and display-encoded colour c (H, W, 3):

coverage           the mean of a over all pixels and frames.
haze               the share of partially opaque pixels in the background. The effect's core is where a >= 0.5 * p, p
                   the frame's highest alpha; the background is what lies farther than a tenth of the shorter side from
                   the core (everything, when p < 8/255); a pixel of it counts when 1/255 < a < 254/255.
alpha_flicker      the mean of |a[t-1] - 2 a[t] + a[t+1]| / 2 over the pixels where one of the three exceeds 1/255: what
                   goes up and at once down again. Even change is 0, alternation between 0 and 1 is 1; fast movement
                   counts too.
coverage_flicker   the same of each frame's mean alpha, divided by the coverage: pulsing of the whole effect, which
                   movement does not change.
edge_agreement     1 - the mean distance between the colour at the outline and the effect's colour beside it. Outline:
                   0.25 <= a / p <= 0.75, and within 1/20 of the shorter side (at least 4 pixels) a pixel with
                   a >= 0.9 * p, the nearest of which is compared; distance: the largest of |R|, |G|, |B| differences.
                   1: both halves draw the same shape; lower: a fringe of another colour, or an effect whose colour
                   changes towards its outline. None without such pixels.
edge_frames        for each side, how many frames have a >= 0.05 somewhere on the outermost line of pixels.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from server.media.colour import Frame
from server.media.stream import ClipStream

Alpha = npt.NDArray[np.float32]

_VISIBLE = 1 / 255
_NO_EFFECT = 8 / 255
_AT_THE_EDGE = 0.05
SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True)
class ClipReport:
    """See this module for the formulas; all are shares from 0 to 1 but `edge_frames`, in frames."""

    coverage: float
    highest_alpha: float
    haze: float
    alpha_flicker: float
    coverage_flicker: float
    edge_agreement: float | None
    edge_frames: dict[str, int]


def report_of(stream: ClipStream) -> ClipReport:
    """Read a clip from its first frame to its last. Raises MediaError."""
    measure = Measure()
    with closing(stream.frames()) as frames:
        for frame in frames:
            measure.add(frame)
    return measure.report()


@dataclass
class Measure:
    """The sums behind a report, for who has the frames in hand anyway."""

    _means: list[float] = field(default_factory=list)
    _recent: deque[Alpha] = field(default_factory=lambda: deque(maxlen=3))
    _highest: float = 0.0
    _hazy: int = 0
    _background: int = 0
    _flicker: float = 0.0
    _flickering: int = 0
    _distance: float = 0.0
    _outline: int = 0
    _edge_frames: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 0))

    def add(self, frame: Frame) -> None:
        """Take the next frame."""
        alpha: Alpha = np.ascontiguousarray(frame[..., 3])
        peak = float(alpha.max())
        self._means.append(float(alpha.mean()))
        self._highest = max(self._highest, peak)
        self._recent.append(alpha)
        self._add_haze(alpha, peak)
        self._add_flicker()
        self._add_outline(frame, alpha, peak)
        for side, line in zip(SIDES, (alpha[:, 0], alpha[:, -1], alpha[0], alpha[-1]), strict=True):
            self._edge_frames[side] += bool(line.max() >= _AT_THE_EDGE)

    def report(self) -> ClipReport:
        """What the frames so far amount to."""
        means = np.asarray(self._means or [0.0])
        coverage = float(means.mean())
        swings = np.abs(np.diff(means, 2)) / 2
        return ClipReport(
            coverage=coverage,
            highest_alpha=self._highest,
            haze=self._hazy / max(self._background, 1),
            alpha_flicker=self._flicker / max(self._flickering, 1),
            coverage_flicker=float(swings.mean() / coverage) if len(swings) and coverage > 0 else 0.0,
            edge_agreement=1 - self._distance / self._outline if self._outline else None,
            edge_frames=dict(self._edge_frames),
        )

    def _add_haze(self, alpha: Alpha, peak: float) -> None:
        background = np.ones(alpha.shape, bool)
        if peak >= _NO_EFFECT:
            background = ndimage.distance_transform_edt(alpha < peak / 2) > min(alpha.shape) / 10
        self._background += int(np.count_nonzero(background))
        self._hazy += int(np.count_nonzero(background & (alpha > 1.5 / 255) & (alpha < 253.5 / 255)))

    def _add_flicker(self) -> None:
        if len(self._recent) < 3:
            return
        before, now, after = self._recent
        seen = np.maximum(np.maximum(before, now), after) > _VISIBLE
        self._flicker += float(np.abs(before - 2 * now + after)[seen].sum(dtype=np.float64)) / 2
        self._flickering += int(np.count_nonzero(seen))

    def _add_outline(self, frame: Frame, alpha: Alpha, peak: float) -> None:
        outline = (alpha >= 0.25 * peak) & (alpha <= 0.75 * peak)
        if peak < _NO_EFFECT or not outline.any():
            return
        distance, nearest = ndimage.distance_transform_edt(alpha < 0.9 * peak, return_indices=True)
        outline &= distance <= max(min(alpha.shape) / 20, 4)
        rows, columns = nearest[0][outline], nearest[1][outline]
        step = np.abs(frame[..., :3][outline] - frame[rows, columns, :3]).max(axis=-1)
        self._distance += float(step.sum(dtype=np.float64))
        self._outline += len(step)


def sentences(report: ClipReport) -> list[str]:
    """The report as people read it; the last lines say what is unusual."""
    lines = [
        f"coverage          {report.coverage:8.2%}  mean alpha",
        f"highest alpha     {report.highest_alpha:8.3f}",
        f"haze              {report.haze:8.2%}  of the background is partially opaque",
        f"alpha flicker     {report.alpha_flicker:8.4f}",
        f"coverage flicker  {report.coverage_flicker:8.4f}",
    ]
    if report.edge_agreement is not None:
        lines.append(f"edge agreement    {report.edge_agreement:8.3f}")
    touched = [f"{side} ({count} frames)" for side, count in report.edge_frames.items() if count]
    lines.append(f"frame's edge      {'touched at ' + ', '.join(touched) if touched else 'not touched'}")
    if report.highest_alpha < _NO_EFFECT:
        lines.append("Nothing in this clip is visible.")
    elif report.haze > 0.05:
        lines.append("The background is not clean: raise the alpha's black point.")
    return lines
