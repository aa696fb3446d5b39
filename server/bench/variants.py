"""The ways of computing a pass that are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_dispatch import AttentionBackendName

from server.transpixar.kernels import compile_blocks

from .plain import plain_method

PLAIN = "plain"
EXACT = "exact"


class VariantUnavailable(Exception):
    """A variant that this machine cannot run; the message says why."""


@dataclass(frozen=True)
class Variant:
    """One way of computing a pass; all give the same numbers up to rounding.

    Attributes:
        name: as in the table.
        active: makes a transformer compute this way while the context lasts; raises VariantUnavailable.
    """

    name: str
    active: Callable[[CogVideoXTransformer3DModel], AbstractContextManager[Any]]


def plain() -> Variant:
    """The baseline; see `PlainAttnProcessor`."""
    return Variant(PLAIN, plain_method)


def exact() -> Variant:
    """The product as its `exact` quality makes it."""
    return Variant(EXACT, lambda transformer: nullcontext())


def compiled() -> Variant:
    """The product with the repeated block compiled."""
    return Variant(f"{EXACT}+compile", _CompiledBlocks().active)


def attention_backend(name: str) -> Variant:
    """The product with another of diffusers' attention backends, for example "_native_cudnn", "flash" or "sage".

    Raises:
        ValueError: diffusers knows no such backend.
    """
    known = [backend.value for backend in AttentionBackendName]
    if name not in known:
        raise ValueError(f"'{name}' is no attention backend; use one of {', '.join(known)}.")

    @contextmanager
    def active(transformer: CogVideoXTransformer3DModel) -> Iterator[None]:
        before = [processor._attention_backend for processor in transformer.attn_processors.values()]
        try:
            transformer.set_attention_backend(name)
        except (RuntimeError, ImportError, ValueError) as error:
            raise VariantUnavailable(f"the backend is not usable here: {error}") from error
        try:
            yield
        finally:
            transformer.set_attention_backend("native")  # diffusers keeps the choice process-wide too
            for processor, backend in zip(transformer.attn_processors.values(), before, strict=True):
                processor._attention_backend = backend

    return Variant(f"{EXACT}@{name}", active)


@dataclass
class _CompiledBlocks:
    """Switches compiled blocks on and off without compiling them anew."""

    _calls: list[Any] = field(default_factory=list)

    @contextmanager
    def active(self, transformer: CogVideoXTransformer3DModel) -> Iterator[None]:
        blocks = list(transformer.transformer_blocks)
        if not self._calls:
            compile_blocks(transformer)
            self._calls = [block._compiled_call_impl for block in blocks]
        for block, call in zip(blocks, self._calls, strict=True):
            block._compiled_call_impl = call
        try:
            yield
        finally:
            for block in blocks:
                block._compiled_call_impl = None
