"""Which attention kernel computes a clip."""

from __future__ import annotations

import functools
import importlib.util
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_dispatch import AttentionBackendName as Backend
from diffusers.models.attention_dispatch import dispatch_attention_fn

from .compile import why_not_compile

log = logging.getLogger(__name__)


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


# Lengths for a trial where no clip is at hand: T and L are no multiples of what kernels take at once.
_SMALL = (226, 1000)
_TRIED_HEADS = 2
_TOLERANCE = 0.1

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
    lengths: tuple[int, int] | None = None,
    failed: Mapping[Backend, str] | None = None,
) -> KernelReport:
    """Choose the best attention kernel that is there and works.

    Args:
        device: where attention is computed.
        dtype: of queries, keys and values.
        head_dim: width of a head.
        exact: pass over kernels that quantise.
        capability: the GPU's compute capability; None asks the GPU.
        is_installed: tells whether a package can be imported; None looks.
        works: tries a kernel out; None computes attention with it, of two heads and of the lengths of real calls.
        lengths: number of text tokens T and of tokens of one stream L; None tries it at small ones.
        failed: kernels that failed at work, each with what they said.
    """
    device = torch.device(device)
    if capability is None and device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
    is_installed = is_installed or (lambda package: importlib.util.find_spec(package) is not None)
    works = works or (lambda kernel: _works(kernel.backend, device, dtype, head_dim, lengths or _SMALL))
    failed = failed or {}
    rejected: list[tuple[str, str]] = []
    for kernel in KERNELS:
        reason = _why_not(kernel, capability, dtype, exact, is_installed)
        if reason is None and kernel.backend in failed:
            reason = f"it failed in a clip ({failed[kernel.backend]})"
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


@functools.cache
@torch.no_grad()
def _works(backend: Backend, device: torch.device, dtype: torch.dtype, head_dim: int, lengths: tuple[int, int]) -> bool:
    """Compute each kind of attention that `RGBAAttnProcessor` calls for and compare it with torch's own.

    Text queries see text and RGB, a few rows of a long table; video queries see everything. Kernels differ in which
    lengths they can do.
    """
    text, stream = lengths
    whole = text + 2 * stream
    try:
        for rows, columns in ((text, text + stream), (2 * stream, whole), (whole, whole)):
            query = torch.randn(1, rows, _TRIED_HEADS, head_dim, device=device, dtype=dtype)
            key, value = torch.randn(2, 1, columns, _TRIED_HEADS, head_dim, device=device, dtype=dtype).unbind()
            ours = dispatch_attention_fn(query, key, value, backend=backend)
            theirs = dispatch_attention_fn(query, key, value, backend=Backend.NATIVE)
            if not bool((ours - theirs).abs().max() < _TOLERANCE):  # false for NaN too
                return False
    except Exception as error:  # a kernel that was built for another torch or GPU can fail in any way
        log.info("attention kernel %s does not work: %s", backend.value, error)
        return False
    return True
