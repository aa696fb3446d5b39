"""Several processes for one training, a thread each: `torchrun --nproc-per-node 2 -m server.training.mini --threads 1`.

On a machine that others use too, the threads of one process wait for each other in every kernel, and processes only
once a step. Without torchrun there is one process, and nothing here does anything.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import distributed, nn


def join() -> None:
    """Meet the other processes that torchrun has started."""
    if "RANK" in os.environ:
        # One process renders and encodes clips for an hour while the others wait.
        distributed.init_process_group("gloo", timeout=timedelta(days=1))


def rank() -> int:
    """This process's number, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextmanager
def first_alone() -> Iterator[None]:
    """Let process 0 through before the others, which then find on the disk what it made."""
    if count() > 1 and rank() > 0:
        distributed.barrier()
    yield
    if count() > 1 and rank() == 0:
        distributed.barrier()


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes."""
    if count() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    means = (flat / count()).split([g.numel() for g in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))


def as_first(value: float) -> float:
    """Process 0's value, for decisions that all must take alike."""
    if count() == 1:
        return value
    shared = torch.tensor(value, dtype=torch.float64)
    distributed.broadcast(shared, 0)
    return shared.item()
