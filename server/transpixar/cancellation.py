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

    pace = _Pace()

    @torch.compiler.disable
    def look(module: nn.Module, args: tuple[Any, ...]) -> None:
        pace.keep()
        check_stop(should_stop)

    handles = [block.register_forward_pre_hook(look) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Pace:
    """Keeps a GPU at most one block behind.

    Kernels are queued far ahead of their execution; without this, a stop would be seen many blocks, which may be
    seconds, before the GPU gets to where it was seen, and be obeyed only when it does.
    """

    def __init__(self) -> None:
        self._last: torch.cuda.Event | None = None

    def keep(self) -> None:
        """Wait until the block before the last one is computed. Does nothing where there is no GPU at work."""
        if not torch.cuda.is_initialized():
            return
        if self._last is not None:
            self._last.synchronize()
        self._last = torch.cuda.Event()
        self._last.record()
