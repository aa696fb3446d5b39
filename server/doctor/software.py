"""Checks of Python, torch, the graphics card and its kernels, and main memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .finding import Finding, gigabytes, note, ok, problem
from .machine import Machine

_OLDEST_PYTHON = (3, 11)
_LITTLE_MEMORY = 4_000_000_000
INSTALL_SERVER = 'python -m pip install ".[server]"'

# PyTorch's own index. The driver must be at least as new as the CUDA version that a build is made for.
_CUDA_INDEX = "https://download.pytorch.org/whl/cu130"
_OLDER_CUDA_INDEX = "https://download.pytorch.org/whl/cu126"


def install_cuda_torch(system: str) -> str:
    """Return the command that replaces torch by a build for NVIDIA cards, for "Windows" or "Linux"."""
    python = "py" if system == "Windows" else "python3"
    return f"{python} -m pip install --force-reinstall torch --index-url {_CUDA_INDEX}"


def check_software(machine: Machine) -> Iterator[Finding]:
    """Yield what there is to say about Python, torch, the card and main memory."""
    yield _check_python(machine)
    if machine.missing:
        yield _missing_packages(machine)
    yield _check_torch(machine)
    yield _check_card(machine)
    if machine.torch is not None:
        yield from _check_kernels(machine)
    yield _check_memory(machine)


def _check_python(machine: Machine) -> Finding:
    version = ".".join(map(str, machine.python))
    if machine.python >= _OLDEST_PYTHON:
        return ok("Python", f"Version {version}.", version=version)
    return problem(
        "Python",
        f"Version {version} is too old.",
        f"Install Python {'.'.join(map(str, _OLDEST_PYTHON))} or newer and the server in it.",
        prevents_clips=True,
        version=version,
    )


def _missing_packages(machine: Machine) -> Finding:
    return problem(
        "Packages",
        f"Not installed: {', '.join(machine.missing)}.",
        f"In the folder of this program, run: {INSTALL_SERVER}",
        prevents_clips=True,
        missing=list(machine.missing),
    )


def _check_torch(machine: Machine) -> Finding:
    torch = machine.torch
    if torch is None:
        return problem(
            "PyTorch",
            f"It cannot be loaded: {machine.torch_error}.",
            f"In the folder of this program, run: {INSTALL_SERVER}",
            prevents_clips=True,
        )
    built = f"built for CUDA {torch.cuda}" if torch.cuda else "a build without CUDA"
    facts: dict[str, Any] = {"version": torch.version, "cuda": torch.cuda, "has_gpu": torch.has_gpu}
    if torch.has_gpu or not machine.nvidia_cards:
        return ok("PyTorch", f"Version {torch.version}, {built}.", **facts)
    card = machine.nvidia_cards[0]
    if torch.cuda is None:
        return problem(
            "PyTorch",
            f"There is an NVIDIA card ({card}), but the installed PyTorch {torch.version} is {built} and computes on "
            "the processor only.",
            f"Install one that uses the card: {install_cuda_torch(machine.system)} (for a driver older than version "
            f"580, take {_OLDER_CUDA_INDEX} instead).",
            install=install_cuda_torch(machine.system),
            **facts,
        )
    return problem(
        "PyTorch",
        f"There is an NVIDIA card ({card}), but PyTorch {torch.version}, {built}, cannot use it.",
        "Install the newest driver from NVIDIA and restart the machine; or, for an older driver: "
        f"{install_cuda_torch(machine.system).replace(_CUDA_INDEX, _OLDER_CUDA_INDEX)}",
        **facts,
    )


def _check_card(machine: Machine) -> Finding:
    if machine.gpu is not None:
        gpu = machine.gpu
        said = f"{gpu.name}, {gigabytes(gpu.free)} of {gigabytes(gpu.total)} free."
        return ok("Graphics card", said, name=gpu.name, free_bytes=gpu.free, total_bytes=gpu.total)
    if machine.nvidia_cards:
        return note(
            "Graphics card", f"{machine.nvidia_cards[0]} is not used; see PyTorch.", names=list(machine.nvidia_cards)
        )
    return note(
        "Graphics card",
        "There is none that PyTorch can use; clips are made on the processor.",
        "The embedded model `mini` is made for that; the full models want an NVIDIA card with 12 GB or more.",
    )


def _check_kernels(machine: Machine) -> Iterator[Finding]:
    try:
        import torch

        from server.transpixar.kernels import choose_kernel
    except ImportError as error:
        yield problem(
            "Attention",
            f"It cannot be looked at: {error}.",
            f"Run: {INSTALL_SERVER}",
            prevents_clips=not machine.missing,
        )
        return
    device = "cuda" if machine.gpu is not None else "cpu"
    dtype = torch.bfloat16 if machine.gpu is not None else torch.float32
    report = choose_kernel(device, dtype=dtype, head_dim=64, exact=True)
    facts = {"chosen": report.chosen.title, "rejected": dict(report.rejected), "can_compile": report.can_compile}
    if machine.gpu is None:
        yield ok("Attention", f"Computed by {report.chosen.title}.", **facts)
    else:
        yield ok("Attention", " ".join(report.lines()), **facts)


def _check_memory(machine: Machine) -> Finding:
    said = f"{gigabytes(machine.memory_free)} of {gigabytes(machine.memory_total)} free."
    facts = {"free_bytes": machine.memory_free, "total_bytes": machine.memory_total}
    if machine.memory_total and machine.memory_free < _LITTLE_MEMORY:
        return note("Main memory", said, "Close other programs before you make clips.", **facts)
    return ok("Main memory", said, **facts)
