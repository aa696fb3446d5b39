"""Classifier-free guidance schedules.

They are computed here rather than by the inherited pipeline, so that an upstream change cannot silently alter what a
stored request generates.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

CfgSchedule = Literal["constant", "dynamic"]
"""``dynamic`` is what the released weights were shown with."""


@dataclass(frozen=True)
class Guidance:
    """The guidance scale of every sampling step.

    Attributes:
        scale: the guidance scale asked for; at most 1 means none.
        schedule: see `CfgSchedule`.
        num_steps: number of sampling steps N.
    """

    scale: float
    schedule: CfgSchedule
    num_steps: int

    def at(self, timestep: float) -> float:
        """Return the scale at a timestep of the noise schedule (999 is pure noise).

        ``dynamic`` is ``1 + g * (1 - cos(pi * ((N - t) / N)^5)) / 2``. The formula was meant for a step index, but
        the released pipeline puts the raw timestep in (diffusers issue 9641), so that the scale jumps about between 1
        and 1 + g instead of rising; the released clips were made so, and so is it here.
        """
        if self.schedule == "constant":
            return self.scale
        phase = ((self.num_steps - timestep) / self.num_steps) ** 5.0
        return 1 + self.scale * (1 - math.cos(math.pi * phase)) / 2

    def exceeds(self, threshold: float, timesteps: Iterable[float]) -> bool:
        """Say whether guidance is wanted at all and the scale is above a threshold at any of these timesteps."""
        return self.scale > 1 and any(self.at(timestep) > threshold for timestep in timesteps)


def check_cfg_schedule(schedule: str) -> CfgSchedule:
    """Return the schedule as its type.

    Raises:
        ValueError: the schedule is neither of the two.
    """
    for known in get_args(CfgSchedule):
        if schedule == known:
            return known
    raise ValueError(f'cfg_schedule is "{schedule}"; use "constant" or "dynamic".')
