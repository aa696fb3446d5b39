"""The ways of computing a pass that are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_dispatch import AttentionBackendName

from server.transpixar.compile import compile_blocks, uncompile_blocks

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
    """The product as its `exact` quality makes it, not compiled."""
    return Variant(EXACT, lambda transformer: nullcontext())


def compiled() -> Variant:
    """The product with the repeated block compiled."""
    return Variant(f"{EXACT}+compile", _compiled_blocks)


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


@contextmanager
def _compiled_blocks(transformer: CogVideoXTransformer3DModel) -> Iterator[None]:
    # What torch has compiled before, it finds again.
    compile_blocks(transformer)
    try:
        yield
    finally:
        uncompile_blocks(transformer)
