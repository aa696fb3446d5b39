"""The optimizer and its learning rate."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import torch
from diffusers.optimization import get_scheduler
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from server.training.lora.config import TrainingConfig
from server.training.lora.errors import TrainingError

_SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


def make_optimizer(parameters: Sequence[nn.Parameter], config: TrainingConfig) -> torch.optim.Optimizer:
    """Make AdamW, or AdamW with its moments in 8 bits.

    Raises:
        TrainingError: bitsandbytes is asked for and not installed.
    """
    arguments: dict[str, Any] = {
        "lr": config.learning_rate,
        "betas": (config.adam_beta1, config.adam_beta2),
        "weight_decay": config.weight_decay,
    }
    if config.optimizer == "adamw":
        # One kernel for everything on a GPU: without the temporary copies of the weights that the default makes there.
        return torch.optim.AdamW(parameters, fused=parameters[0].device.type == "cuda", **arguments)
    check_8bit()
    import bitsandbytes

    return bitsandbytes.optim.AdamW8bit(parameters, **arguments)


def check_8bit() -> None:
    """Raise TrainingError when there is no 8-bit optimizer here."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise TrainingError(
            "optimizer adamw8bit needs bitsandbytes, which is not installed; install it with `pip install "
            "bitsandbytes`, or use --optimizer adamw."
        )


def make_schedule(optimizer: torch.optim.Optimizer, config: TrainingConfig) -> LambdaLR:
    """Make the learning rate's schedule: it rises for `warmup` updates, then follows `lr_schedule` to the end."""
    return get_scheduler(
        _SCHEDULES[config.lr_schedule],
        optimizer,
        num_warmup_steps=config.warmup,
        num_training_steps=config.iterations,
    )
