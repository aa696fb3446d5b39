"""The devices of a run: one, or several through `accelerate launch` or `torchrun`."""

from __future__ import annotations

from datetime import timedelta

import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from accelerate.utils import DistributedType

from server.training.lora.config import TrainingConfig
from server.training.lora.errors import TrainingError
from server.transpixar.precision import has_bfloat16

# The others wait so long while the first makes validation clips; a full-size clip takes minutes.
_PATIENCE = timedelta(hours=4)
_KINDS = (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU)


def make_accelerator(config: TrainingConfig) -> Accelerator:
    """Find the devices.

    Precision is not left to accelerate: the base computes in its own dtype and what is trained stays float32, which
    takes less memory than autocast with its float32 norms.

    Raises:
        TrainingError: the device is not there, or is shared in a way that this trainer does not know.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError("There is no CUDA device here that torch can use; give --device cpu, or see `doctor`.")
    on_cpu = config.device == "cpu" or not torch.accelerator.is_available()
    accelerator = Accelerator(cpu=on_cpu, kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)])
    if accelerator.distributed_type not in _KINDS:
        raise TrainingError(
            f"This trainer does not know {accelerator.distributed_type.value}; the adapter is small, so choose plain "
            "data parallelism (MULTI_GPU) in `accelerate config`."
        )
    return accelerator


def passes_of_each(config: TrainingConfig, world: int) -> int:
    """Return how many passes each of `world` devices makes for an update.

    Raises:
        TrainingError: the clips of an update cannot be shared evenly.
    """
    at_once = config.micro_batch_size * world
    if config.batch_size % at_once:
        raise TrainingError(
            f"{config.batch_size} clips an update cannot be shared by {world} devices with {config.micro_batch_size} "
            f"clips in a pass; use a --batch-size that is a multiple of {at_once}."
        )
    return config.batch_size // at_once


def compute_dtype(config: TrainingConfig, device: torch.device) -> torch.dtype:
    """Return what the base is kept and computed in: bfloat16 where asked for, or where a GPU has it."""
    if config.precision == "auto":
        has_bf16 = device.type == "cuda" and has_bfloat16(device)
        return torch.bfloat16 if has_bf16 else torch.float32
    return torch.bfloat16 if config.precision == "bf16" else torch.float32
