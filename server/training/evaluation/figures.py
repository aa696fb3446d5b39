"""What an evaluation finds: figures with their intervals, ceilings and controls, and the marks that they must reach."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from server.training.evaluation.intervals import bootstrap, wilson
from server.training.evaluation.measures import psnr

MarkSet = Literal["cpu", "gpu"]


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        name: stable, for programs.
        title: for people.
        value: the number.
        low, high: its 95 % confidence interval.
        count: how many clips it comes from.
        real: the same of real clips, the ceiling; None where there is none.
        control: the same where prompt or alpha belong to another clip; None likewise.
    """

    name: str
    title: str
    value: float
    low: float
    high: float
    count: int
    real: float | None = None
    control: float | None = None


@dataclass(frozen=True)
class Mark:
    """What a figure must reach. `control` says what its control has to do."""

    figure: str
    bound: float
    at_least: bool = True
    control: Literal["half", "chance"] | None = None

    def is_met(self, figure: Figure, families: int) -> bool:
        """Whether the figure is good enough; `families` is how many effects there are to guess from."""
        reached = figure.value >= self.bound if self.at_least else figure.value <= self.bound
        if self.control == "half":
            return reached and figure.control is not None and figure.value >= 2 * figure.control
        if self.control == "chance":
            # What guessing gives, and three standard deviations of it.
            chance = 1 / families
            allowed = chance + 3 * math.sqrt(chance * (1 - chance) / max(figure.count, 1))
            return reached and figure.control is not None and figure.control <= allowed
        return reached

    def words(self) -> str:
        """The mark in a few words."""
        words = f"{'at least' if self.at_least else 'at most'} {self.bound:g}"
        extra = {"half": ", twice the control", "chance": ", control near chance", None: ""}[self.control]
        return words + extra


def marks(trained_on: MarkSet) -> tuple[Mark, ...]:
    """The pass marks of a model trained on a CPU or on a GPU."""
    cpu = trained_on == "cpu"
    return (
        Mark("colour_right", 0.85 if cpu else 0.95),
        Mark("effect_right", 0.75 if cpu else 0.95, control="chance"),
        Mark("rgb_alpha_iou", 0.70 if cpu else 0.78, control="half"),
        Mark("alpha_where_nothing", 0.01 if cpu else 0.003, at_least=False),
        Mark("vae_psnr_rgb", 25 if cpu else 29),
        Mark("vae_psnr_alpha", 28 if cpu else 32),
        Mark("seconds_per_clip", 10, at_least=False),
    )


def share(name: str, title: str, right: Sequence[bool], **beside: float | None) -> Figure:
    """A share of clips, with Wilson's interval."""
    low, high = wilson(sum(right), len(right))
    return Figure(name, title, _mean(right), low, high, len(right), **beside)


def mean(name: str, title: str, values: Sequence[float], **beside: float | None) -> Figure:
    """A mean over clips, with a bootstrap interval."""
    low, high = bootstrap(values)
    return Figure(name, title, _mean(values), low, high, len(values), **beside)


def decibels(name: str, title: str, squared_errors: Sequence[float], **beside: float | None) -> Figure:
    """The PSNR of the mean squared error over clips, with a bootstrap interval."""
    low, high = bootstrap(squared_errors, lambda means: -10 * np.log10(np.maximum(means, 1e-10)))
    return Figure(name, title, psnr(_mean(squared_errors)), low, high, len(squared_errors), **beside)


def as_json(figure: Figure) -> dict[str, Any]:
    """The figure as JSON can hold it: numbers that are none become null."""
    return {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in asdict(figure).items()}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
