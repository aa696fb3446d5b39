"""The adapter with what changes it: the optimizer, the learning rate's schedule and the moving average."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel

from server.training.lora.adapter import RGBAAdapter
from server.training.lora.config import TrainingConfig
from server.training.lora.errors import TrainingError
from server.training.lora.optimisation import make_optimizer, make_schedule


class Learner:
    """Makes updates of an adapter from its gradients.

    Attributes:
        adapter: what learns.
    """

    def __init__(self, transformer: CogVideoXTransformer3DModel, config: TrainingConfig, device: torch.device) -> None:
        """Give a base on its way to `device` fresh RGBA weights."""
        self._config = config
        self.adapter = RGBAAdapter(transformer, config)
        self.adapter.to(device)
        # After the move, because the optimizer looks where the weights are.
        self._optimizer = make_optimizer(self.adapter.parameters, config)
        self._schedule = make_schedule(self._optimizer, config)

    def step(self) -> tuple[float, float]:
        """Make an update and forget the gradients.

        Returns:
            The gradients' norm before it was limited, and the learning rate.

        Raises:
            TrainingError: the gradients are not finite; the weights are as before.
        """
        config = self._config
        norm: float = torch.nn.utils.clip_grad_norm_(self.adapter.parameters, config.max_gradient_norm).item()
        if not math.isfinite(norm):
            raise TrainingError(
                "The gradients are not finite any more. Start again in a new --out with a smaller --learning-rate than "
                f"{config.learning_rate:g}, or with --precision fp32."
            )
        rate = float(self._schedule.get_last_lr()[0])
        self._optimizer.step()
        self._schedule.step()
        self.forget()
        self.adapter.update_average()
        return norm, rate

    def forget(self) -> None:
        """Drop the gradients that have been added up."""
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on, but its clips."""
        average = self.adapter.average
        return {
            "weights": self.adapter.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "average": None if average is None else average.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore `state_dict`."""
        self.adapter.load_state_dict(state["weights"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        if self.adapter.average is not None:
            self.adapter.average.load_state_dict(state["average"])
            self.adapter.average.to(self.adapter.parameters[0].device)
