"""Stop a generation between two transformer blocks."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

StopRequest = Callable[[], bool]


class GenerationCancelled(Exception):
    """The generation was stopped because `should_stop` said so; the pipeline can be used again."""


def check_stop(should_stop: StopRequest | None) -> None:
    """Raise `GenerationCancelled` if a stop is asked for."""
    if should_stop is not None and should_stop():
        raise GenerationCancelled("The generation was cancelled.")


@contextmanager
def cancellable(blocks: Iterable[nn.Module], should_stop: StopRequest | None) -> Iterator[None]:
    """Look at `should_stop` now and, while the context lasts, before every block.

    A sampling step takes many seconds at full size, a block a fraction of one.

    Args:
        blocks: modules that are called often: the transformer's blocks, the autoencoder's encoder.
        should_stop: called without arguments; None for never.
    """
    if should_stop is None:
        yield
        return
    check_stop(should_stop)

    @torch.compiler.disable
    def look(module: nn.Module, args: tuple[Any, ...]) -> None:
        check_stop(should_stop)

    handles = [block.register_forward_pre_hook(look) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
