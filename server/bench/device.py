"""The device that is timed: its name, its clock, its memory and its matmul rate."""

from __future__ import annotations

import os
import platform
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import psutil
import torch

_SAMPLE_SECONDS = 0.002


def pick_device(name: str) -> torch.device:
    """Return the device that an option names; "auto" is the GPU where there is one.

    Raises:
        ValueError: there is no such device; the sentence says what to give.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"There is no device '{name}'; use auto, cpu, cuda or cuda:1.") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"'{name}' cannot be timed; use auto, cpu or cuda.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"torch finds {torch.cuda.device_count()} CUDA devices and '{name}' is none of them; use --device cpu, or "
            "run `python -m server doctor` to see why."
        )
    return device


def own_precision(device: torch.device) -> torch.dtype:
    """Return what the model runs in there: bfloat16 on a GPU, float32 on a CPU."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Return what a timing depends on: device, threads and versions."""
    return {
        "device": device_name(device),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads() if device.type == "cpu" else None,
    }


def device_name(device: torch.device) -> str:
    """Return the GPU's or the processor's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
"""Clocks for a CPU. The processor time of this process holds, on one thread, what other programs do out of it."""


def seconds_of(call: Callable[[], object], device: torch.device, clock: Clock = time.perf_counter) -> float:
    """Run a call and return how long the device took for it; a GPU has a clock of its own."""
    if device.type != "cuda":
        started = clock()
        call()
        return clock() - started
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize(device)
    with torch.cuda.device(device):
        start.record()
        call()
        end.record()
    torch.cuda.synchronize(device)
    return start.elapsed_time(end) / 1000  # milliseconds


def measure_matmul_rate(
    device: torch.device, dtype: torch.dtype, seconds: float = 1.0, clock: Clock = time.perf_counter
) -> float:
    """Return the device's rate of multiplying square matrices, in operations a second: the median over `seconds`."""
    size = 8192 if device.type == "cuda" else 1536
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty(size, size, device=device, dtype=dtype)
    repeats = 10 if device.type == "cuda" else 1

    def multiply() -> None:
        for _ in range(repeats):
            torch.mm(a, b, out=out)

    seconds_of(multiply, device, clock)  # warm-up: kernels are chosen and clocks rise
    times: list[float] = []
    while sum(times) < seconds:
        times.append(seconds_of(multiply, device, clock))
    return repeats * 2 * size**3 / statistics.median(times)


@dataclass
class PeakMemory:
    """The most memory seen. `kind` says what the bytes are.

    Attributes:
        size: in bytes.
        kind: "allocated" on a GPU, weights included; "growth" of this process on a CPU, sampled.
    """

    size: int
    kind: str


@contextmanager
def peak_memory(device: torch.device) -> Iterator[PeakMemory]:
    """Measure the peak memory of a context; the result holds when it has ended."""
    if device.type == "cuda":
        peak = PeakMemory(0, "allocated")
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        try:
            yield peak
        finally:
            peak.size = torch.cuda.max_memory_allocated(device)
        return
    peak = PeakMemory(0, "growth")
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while not done.wait(_SAMPLE_SECONDS):
            peak.size = max(peak.size, process.memory_info().rss - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
