"""Compiled transformer blocks, and whether they really run compiled.

All blocks share the code of one, and every kind of call is a variant of it that torch compiles when it first comes.
Batch and tokens are symbols there, so sizes, lengths and numbers of clips make no variants; a batch of one and of more,
the modes of `text_to_alpha`, attention kernels and style LoRAs do. Torch keeps a limited number of variants, and beyond
that runs blocks as they are, for the life of the process and without a word: here what was compiled is forgotten then,
and compiling begins anew.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel
from torch import nn
from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException
from torch._dynamo.utils import counters

from .attention import RGBAAttnProcessor

log = logging.getLogger(__name__)

# Compiling takes 17 to 20 s for each batch size and saves a sixth of a step (H100, H200), so it pays for clips of some
# minutes: at 165 TFLOP/s, a 24 GB GPU's rate, this many operations take two, and a first clip is followed by others.
_FLOPS_WORTH_COMPILING = 2e16
# Batch of one or more (2) x modes (3) x kernels in turn (2), twice: a change of style LoRAs makes all of them anew.
_VARIANTS = 24


@dataclass(slots=True)
class CompileReport:
    """What has become of the blocks' calls since `compile_blocks`.

    Attributes:
        compiled_calls: calls of a block that ran compiled.
        plain_calls: calls that ran as they are.
        variants: variants that were compiled.
        restarts: how often all variants were forgotten because there were too many.
        reason: why blocks run as they are; empty while they do not.
    """

    compiled_calls: int = 0
    plain_calls: int = 0
    variants: int = 0
    restarts: int = 0
    reason: str = ""

    def begin_clip(self) -> None:
        """Count calls anew; what is known about compiling stays."""
        self.compiled_calls = self.plain_calls = 0

    @property
    def share(self) -> float | None:
        """The share of calls that ran compiled, in 0..1; None before the first."""
        calls = self.compiled_calls + self.plain_calls
        return self.compiled_calls / calls if calls else None


def why_not_compile(device: torch.device | str) -> str | None:
    """Return why blocks cannot be compiled on a device, or None."""
    if torch.device(device).type != "cuda":
        return "that pays on a GPU only"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed"
    if torch.cuda.get_device_capability(device) < (7, 0):
        return "the GPU is too old for triton"
    return None


def is_worth_compiling(device: torch.device | str, flops: float) -> bool:
    """Say whether compiling pays for a clip of so many operations (see `flops`)."""
    return why_not_compile(device) is None and flops >= _FLOPS_WORTH_COMPILING


def compile_blocks(transformer: CogVideoXTransformer3DModel, **options: Any) -> None:
    """Compile the repeated block, once for all of them; where that fails, they run as they are.

    Compiling happens in the first call. Does nothing where it was done before. Hooks stay outside of what is compiled,
    so that a stop is looked for as ever, and a cache, which hooks every block apart, does not have each block compiled
    anew; `compile_repeated_blocks` would take the hooks in. So compile first and enable a cache afterwards.

    Args:
        transformer: one with RGBA enabled and no cache.
        options: for `torch.compile`.
    """
    config = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, _VARIANTS)
    # An exception in place of silence; what else this process compiles may take it as well.
    config.fail_on_recompile_limit_hit = True
    attempt = _Attempt()
    for block in transformer.transformer_blocks:
        if not is_compiled(block):
            block.forward = _CompiledForward(block, attempt, options)


def uncompile_blocks(transformer: CogVideoXTransformer3DModel) -> None:
    """Let blocks run as they are again. Disable a cache first."""
    for block in transformer.transformer_blocks:
        if is_compiled(block):
            del block.forward


def is_compiled(block: nn.Module) -> bool:
    """Say whether `compile_blocks` was applied to a block."""
    return isinstance(block.__dict__.get("forward"), _CompiledForward)


def compile_report(transformer: CogVideoXTransformer3DModel) -> CompileReport | None:
    """Return what has become of the compiled blocks, which goes on counting; None where they are not compiled."""
    forward = transformer.transformer_blocks[0].__dict__.get("forward")
    return forward.attempt.report if isinstance(forward, _CompiledForward) else None


@dataclass
class _Attempt:
    """What the blocks of one transformer share.

    Attributes:
        report: see there.
        failed: compiling failed; nothing is compiled any more.
    """

    report: CompileReport = field(default_factory=CompileReport)
    failed: bool = False

    def fail(self, reason: str) -> None:
        self.failed, self.report.reason = True, reason
        log.warning("blocks cannot be compiled and run as they are: %s", reason)


class _CompiledForward:
    """A block's compiled `forward`, which runs as it is once compiling has failed for any block."""

    def __init__(self, block: Any, attempt: _Attempt, options: dict[str, Any]) -> None:
        self._plain = block.forward
        self._compiled: Callable[..., Any] = torch.compile(block.forward, **options)
        self._processor: RGBAAttnProcessor = block.attn1.processor
        self.attempt = attempt
        functools.update_wrapper(self, block.forward)

    def __call__(self, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        report = self.attempt.report
        if not self.attempt.failed:
            before = counters["stats"]["unique_graphs"]
            try:
                result = self._run(hidden_states, *args, **kwargs)
            except TorchDynamoException as error:
                self.attempt.fail(_first_line(error))
            except Exception as error:
                # An attention kernel can fail in any way; without one, this is somebody else's error.
                if isinstance(error, torch.OutOfMemoryError) or not self._processor.can_fall_back:
                    raise
                self._processor.fall_back(error)
                return self(hidden_states, *args, **kwargs)
            else:
                report.variants += counters["stats"]["unique_graphs"] - before
                report.compiled_calls += 1
                return result
        report.plain_calls += 1
        return self._plain(hidden_states, *args, **kwargs)

    def _run(self, hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        # The first block gets parts of a longer tensor, all others tensors of their own.
        hidden_states = _whole(hidden_states)
        args = tuple(_whole(each) for each in args)
        kwargs = {name: _whole(each) for name, each in kwargs.items()}
        torch._dynamo.maybe_mark_dynamic(hidden_states, 1)
        for tensor in _tensors([hidden_states, *args, *kwargs.values()]):
            # Torch takes a size of 1 for a constant in any case.
            if tensor.shape[0] > 1:
                torch._dynamo.maybe_mark_dynamic(tensor, 0)
        try:
            return self._compiled(hidden_states, *args, **kwargs)
        except FailOnRecompileLimitHit as error:
            self.attempt.report.restarts += 1
            log.warning("the compiled blocks have more variants than torch keeps; compiling anew")
            log.debug("%s", error)
            torch._dynamo.reset()
            return self._compiled(hidden_states, *args, **kwargs)


def _whole(value: Any) -> Any:
    """Return a tensor that is no part of another, which torch compiles apart; anything else as it is."""
    if isinstance(value, torch.Tensor) and (value._is_view() or not value.is_contiguous()):
        return value.clone(memory_format=torch.contiguous_format)
    return value


def _tensors(values: list[Any]) -> list[torch.Tensor]:
    """Return the tensors among a call's arguments, and those in tuples such as the rotary table's."""
    flat = [each for value in values for each in (value if isinstance(value, tuple) else (value,))]
    return [each for each in flat if isinstance(each, torch.Tensor)]


def _first_line(error: BaseException) -> str:
    """Return what happened, without how; where the first line only says who raised, the second goes with it."""
    first, _, rest = str(error).strip().partition("\n")
    return f"{first} {rest.strip().partition(chr(10))[0]}" if first.endswith(":") else first
