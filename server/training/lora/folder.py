"""The folder of a run, which one process trains in at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import diffusers
import torch
from filelock import FileLock, Timeout

from server.files import write_file
from server.training.lora.bases import Base
from server.training.lora.config import TrainingConfig
from server.training.lora.errors import TrainingError

CONFIG_FILE = "config.toml"
CARD_FILE = "README.md"
CHECKPOINTS = "checkpoints"
_LOCK = ".lock"


@contextmanager
def own_folder(config: TrainingConfig) -> Iterator[Path]:
    """Make the run's folder, keep other processes out of it for the time of a block, and write the settings there.

    Raises:
        TrainingError: another process trains there.
        OSError: it cannot be written.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(config.out / _LOCK, timeout=0):
            write_file(config.out / CONFIG_FILE, config.to_toml().encode())
            yield config.out
    except Timeout:
        raise TrainingError(f"Another process trains in {config.out}; wait for it, or give another --out.") from None


def result_metadata(config: TrainingConfig, base: Base, *, task: str, rgb: str, iteration: int) -> dict[str, str]:
    """Return what the header of the weights says of them; the server reads `lora_alpha` from there.

    Args:
        config: the run's.
        base: what they were trained on.
        task: "text", or "image" where the base reads a first frame.
        rgb: what the RGB half of the clips is, "straight" colour or "premultiplied".
        iteration: number of updates.
    """
    return {
        "lora_alpha": str(config.lora_alpha),
        "rank": str(config.rank),
        "base": base.name,
        "task": task,
        "text_to_alpha": config.text_to_alpha,
        "rgb": rgb,
        "data_licence": config.data_licence,
        "iterations": str(iteration),
        "batch_size": str(config.batch_size),
        "learning_rate": repr(config.learning_rate),
        "ema_decay": repr(config.ema_decay),
        "seed": str(config.seed),
        "made_with": f"torch {torch.__version__}, diffusers {diffusers.__version__}",
    }
