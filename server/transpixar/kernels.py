"""Which attention kernel computes a clip, and compiled transformer blocks."""

from __future__ import annotations

import functools
import importlib.util
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_dispatch import AttentionBackendName as Backend
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import nn
from torch._dynamo.exc import TorchDynamoException

log = logging.getLogger(__name__)

# Compiling takes 17 to 20 s for each batch size and saves a sixth of a step (H100, H200), so it pays for clips of some
# minutes: at 165 TFLOP/s, a 24 GB GPU's rate, this many operations take two, and a first clip is followed by others.
_FLOPS_WORTH_COMPILING = 2e16


@dataclass(frozen=True, slots=True)
class AttentionKernel:
    """A way of computing attention.

    Attributes:
        backend: diffusers' name of it.
        title: for people.
        package: what has to be installed, as imported; None where torch brings it.
        capabilities: the range of GPU compute capabilities that it is best on, first and last, both included.
        exact: computes in the dtype given; else it quantises.
    """

    backend: Backend
    title: str
    package: str | None
    capabilities: tuple[tuple[int, int], tuple[int, int]]
    exact: bool = True


_ANY = ((0, 0), (99, 9))
KERNELS = (
    AttentionKernel(Backend.SAGE, "SageAttention", "sageattention", ((8, 0), (12, 9)), exact=False),
    AttentionKernel(Backend._FLASH_3, "FlashAttention 3", "flash_attn_interface", ((9, 0), (9, 0))),
    AttentionKernel(Backend._NATIVE_CUDNN, "cuDNN", None, ((9, 0), (12, 9))),
    AttentionKernel(Backend.FLASH, "FlashAttention 2", "flash_attn", ((8, 0), (8, 9))),
    AttentionKernel(Backend.NATIVE, "PyTorch", None, _ANY),
)
"""Best first, for a GPU within its range; the last one works everywhere."""


@dataclass(frozen=True, slots=True)
class KernelReport:
    """The kernels of a machine, for people.

    Attributes:
        chosen: the kernel in use.
        rejected: the better ones that are not, each with the reason.
        can_compile: blocks can be compiled, or else why not.
    """

    chosen: AttentionKernel
    rejected: tuple[tuple[str, str], ...] = ()
    can_compile: bool = False
    compile_reason: str = ""

    def lines(self) -> list[str]:
        """Return sentences."""
        compiling = "can be compiled" if self.can_compile else f"are not compiled: {self.compile_reason}"
        return [
            f"Attention is computed by {self.chosen.title}.",
            *(f"{title} is not used: {reason}." for title, reason in self.rejected),
            f"Transformer blocks {compiling}.",
        ]


def choose_kernel(
    device: torch.device | str,
    *,
    dtype: torch.dtype,
    head_dim: int,
    exact: bool,
    capability: tuple[int, int] | None = None,
    is_installed: Callable[[str], bool] | None = None,
    works: Callable[[AttentionKernel], bool] | None = None,
) -> KernelReport:
    """Choose the best attention kernel that is there and works.

    Args:
        device: where attention is computed.
        dtype: of queries, keys and values.
        head_dim: width of a head.
        exact: pass over kernels that quantise.
        capability: the GPU's compute capability; None asks the GPU.
        is_installed: tells whether a package can be imported; None looks.
        works: tries a kernel out; None computes a small attention with it.
    """
    device = torch.device(device)
    if capability is None and device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
    is_installed = is_installed or (lambda package: importlib.util.find_spec(package) is not None)
    works = works or (lambda kernel: _try_out(kernel, device, dtype, head_dim))
    rejected: list[tuple[str, str]] = []
    for kernel in KERNELS:
        reason = _why_not(kernel, capability, dtype, exact, is_installed)
        if reason is None and kernel.backend != Backend.NATIVE and not works(kernel):
            reason = "a trial of it failed"
        if reason is None:
            compile_reason = why_not_compile(device)
            return KernelReport(kernel, tuple(rejected), compile_reason is None, compile_reason or "")
        rejected.append((kernel.title, reason))
    raise AssertionError("the last kernel works everywhere")


def use_kernel(transformer: CogVideoXTransformer3DModel, kernel: AttentionKernel) -> None:
    """Let a transformer compute attention by a kernel.

    `ModelMixin.set_attention_backend` would make it the default of the whole process too.
    """
    for processor in transformer.attn_processors.values():
        processor._attention_backend = kernel.backend


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


@dataclass
class _Attempt:
    """Whether compiling failed, shared by the blocks of one transformer."""

    failed: bool = False


class _CompiledForward:
    """A block's compiled `forward`, which runs as it is once compiling has failed for any block."""

    def __init__(self, block: nn.Module, attempt: _Attempt, options: dict[str, Any]) -> None:
        self._plain = block.forward
        self._compiled: Callable[..., Any] = torch.compile(block.forward, **options)
        self._attempt = attempt
        functools.update_wrapper(self, block.forward)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._attempt.failed:
            try:
                return self._compiled(*args, **kwargs)
            except TorchDynamoException as error:
                self._attempt.failed = True
                first_line = str(error).strip().partition("\n")[0]
                log.warning("blocks cannot be compiled and run as they are: %s", first_line)
        return self._plain(*args, **kwargs)


def _why_not(
    kernel: AttentionKernel,
    capability: tuple[int, int] | None,
    dtype: torch.dtype,
    exact: bool,
    is_installed: Callable[[str], bool],
) -> str | None:
    """Return why a kernel is passed over, before it is tried; None to try it."""
    if kernel.backend == Backend.NATIVE:
        return None
    if capability is None:
        return "it needs an NVIDIA GPU"
    first, last = kernel.capabilities
    if not first <= capability <= last:
        return f"it is not for GPUs of compute capability {capability[0]}.{capability[1]}"
    if dtype not in (torch.float16, torch.bfloat16):
        return "it computes in 16 bits only"
    if exact and not kernel.exact:
        return "it quantises, which the quality asked for rules out"
    if kernel.package is not None and not is_installed(kernel.package):
        return f"the package {kernel.package} is not installed"
    return None


@torch.no_grad()
def _try_out(kernel: AttentionKernel, device: torch.device, dtype: torch.dtype, head_dim: int) -> bool:
    """Compute a small attention and compare it with torch's own."""
    query, key, value = torch.randn(
        3, 1, 256, 2, head_dim, device=device, dtype=dtype
    ).unbind()  # (1, 256, 2, head_dim)
    try:
        ours = dispatch_attention_fn(query, key, value, backend=kernel.backend)
        theirs = dispatch_attention_fn(query, key, value, backend=Backend.NATIVE)
        return bool((ours - theirs).abs().max() < 0.1)
    except Exception as error:  # a kernel that was built for another torch or GPU can fail in any way
        log.info("attention kernel %s does not work: %s", kernel.title, error)
        return False
