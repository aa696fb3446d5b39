"""What the worker process computes on."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Callable, MutableMapping
from importlib.metadata import version
from pathlib import Path

import psutil

from server import __version__, main_memory
from server.workers.messages import Hello, Memory

DEVICES = re.compile(r"auto|cpu|cuda(:\d+)?")
_VERSIONS_OF = ("torch", "diffusers", "transformers", "peft")


class DeviceUnusable(Exception):
    """The device that was asked for is not there: a stable `code` and a message that says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def hide_other_gpus(device: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Make GPU N the only one that this process sees, for the device `cuda:N`. To be called before torch is imported.

    N counts what CUDA_VISIBLE_DEVICES lists, if that is set, as torch does. A GPU that is not there leaves none.
    """
    if not device.startswith("cuda:"):
        return
    number = int(device.removeprefix("cuda:"))
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        environment["CUDA_VISIBLE_DEVICES"] = str(number)
        return
    gpus = [gpu.strip() for gpu in listed.split(",") if gpu.strip()]
    environment["CUDA_VISIBLE_DEVICES"] = gpus[number] if number < len(gpus) else ""


def torch_device(device: str) -> str:
    """The name that torch has for the device: `cuda` or `cpu`. Imports torch.

    Raises DeviceUnusable (`no_gpu`) when a GPU is asked for and there is none, or the driver is too old for this torch.
    """
    import torch

    if device == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if device == "auto":
        return "cpu"
    if torch.version.cuda is None and torch.version.hip is None:
        why = "the installed PyTorch computes on processors only; install one with CUDA"
    else:
        why = "check the number of the GPU, and that its driver is installed and recent"
    raise DeviceUnusable("no_gpu", f"There is no GPU for the device '{device}': {why}, or take --device cpu.")


def describe_device(asked: str, device: str) -> Hello:
    """The worker's greeting, for the device that was `asked` for and is torch's `device`."""
    versions = {"transpixar": __version__, "python": platform.python_version()}
    versions.update((name, version(name)) for name in _VERSIONS_OF)
    if device == "cpu":
        return Hello(device="cpu", device_name=_processor_name(), versions=versions)
    import torch

    versions["cuda"] = str(torch.version.cuda or torch.version.hip)
    name = torch.cuda.get_device_properties(0).name
    return Hello(device=asked if ":" in asked else "cuda:0", device_name=name, versions=versions)


def memory_probe(device: str) -> Callable[[], Memory]:
    """A function that says how much of the memory of torch's `device` this process has; cheap, for any thread."""
    if device == "cpu":
        process, total = psutil.Process(), main_memory.total_bytes()
        return lambda: Memory(used_bytes=process.memory_info().rss, total_bytes=total)
    import torch

    total = torch.cuda.get_device_properties(0).total_memory
    # What the allocator has taken from the GPU; it asks the allocator and not the driver, which would wait for kernels.
    return lambda: Memory(used_bytes=torch.cuda.memory_reserved(0), total_bytes=total)


def _processor_name() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8", "replace"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()
