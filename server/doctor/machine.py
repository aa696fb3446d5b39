"""The facts about a machine, gathered once, so that the checks are functions of them."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from server.environment import without_secrets

NEEDED_PACKAGES = (
    "torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "numpy", "scipy", "PIL", "psutil",
    "fastapi", "uvicorn", "pydantic", "pydantic_settings", "platformdirs", "requests", "tqdm",
)  # fmt: skip
_NVIDIA_SMI_SECONDS = 20


@dataclass(frozen=True)
class TorchBuild:
    """The installed torch.

    Attributes:
        version: as installed, for example "2.13.0+cpu".
        cuda: the CUDA version that it is built for; None for a build without.
        has_gpu: it finds a GPU that it can use, NVIDIA's or another's.
    """

    version: str
    cuda: str | None
    has_gpu: bool


@dataclass(frozen=True)
class Gpu:
    """The GPU that would be used; memory in bytes."""

    name: str
    free: int
    total: int


@dataclass(frozen=True)
class Machine:
    """What the checks look at.

    Attributes:
        python: its version, three numbers.
        system: "Windows", "Linux" or "Darwin".
        missing: packages of the server that are not installed.
        torch: None where it cannot be imported.
        torch_error: why it cannot be imported.
        nvidia_cards: names of the NVIDIA cards in the machine, whether torch can use them or not.
        gpu: None where torch has none.
        memory_free: main memory that can be filled, in bytes.
        memory_total: in bytes.
    """

    python: tuple[int, int, int]
    system: str
    missing: tuple[str, ...]
    torch: TorchBuild | None
    torch_error: str | None
    nvidia_cards: tuple[str, ...]
    gpu: Gpu | None
    memory_free: int
    memory_total: int

    @classmethod
    def look(cls) -> Self:
        """Look at this machine."""
        torch, error = _look_at_torch()
        free, total = _look_at_memory()
        return cls(
            python=sys.version_info[:3],
            system=platform.system(),
            missing=tuple(name for name in NEEDED_PACKAGES if importlib.util.find_spec(name) is None),
            torch=torch,
            torch_error=error,
            nvidia_cards=find_nvidia_cards(),
            gpu=_look_at_gpu() if torch is not None and torch.has_gpu else None,
            memory_free=free,
            memory_total=total,
        )


def find_nvidia_cards() -> tuple[str, ...]:
    """Return the names of the NVIDIA cards, asked of the driver and not of torch."""
    program = shutil.which("nvidia-smi")
    if program is not None:
        command = [program, "--query-gpu=name", "--format=csv,noheader"]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=_NVIDIA_SMI_SECONDS,
                check=True,
                env=without_secrets(),
            )
            return tuple(line.strip() for line in done.stdout.splitlines() if line.strip())
        except (OSError, subprocess.SubprocessError):
            pass  # a driver that is broken; the kernel may still know the card
    return read_driver_folder(Path("/proc/driver/nvidia/gpus"))


def read_driver_folder(folder: Path) -> tuple[str, ...]:
    """Return the names of the cards in the Linux driver's folder."""
    names = []
    for information in sorted(folder.glob("*/information")):
        for line in information.read_text("utf-8", "replace").splitlines():
            if line.startswith("Model:"):
                names.append(line.removeprefix("Model:").strip())
    return tuple(names)


def _look_at_torch() -> tuple[TorchBuild | None, str | None]:
    try:
        import torch
    except (ImportError, OSError) as error:  # on Windows, a missing library of torch is an OSError
        return None, str(error).partition("\n")[0]
    return TorchBuild(torch.__version__, torch.version.cuda, torch.cuda.is_available()), None


def _look_at_gpu() -> Gpu:
    import torch

    free, total = torch.cuda.mem_get_info(0)
    return Gpu(torch.cuda.get_device_name(0), free, total)


def _look_at_memory() -> tuple[int, int]:
    try:
        from server import main_memory
    except ImportError:  # psutil is missing
        return 0, 0
    return main_memory.fillable_bytes(), main_memory.total_bytes()
