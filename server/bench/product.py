"""The product as a job runs it: memory plan, attention kernel and quality preset."""

from __future__ import annotations

from typing import Any, NoReturn

import torch

from server.transpixar.execution import Execution
from server.transpixar.memory import ClipSize, ModelMemory
from server.transpixar.planner import PlannedRun, Planner
from server.transpixar.plans import RESIDENT, TEXT_FREED, Quality

from .sizes import CLIP_STEPS, BenchSize
from .workload import Workload

QUALITIES: tuple[Quality, ...] = ("exact", "balanced", "fast")


class Product:
    """A workload made ready as the server makes a pipeline ready for a clip."""

    def __init__(self, work: Workload, plan: str | None = None) -> None:
        """Choose a memory plan, or take the one named.

        Raises:
            ValueError: there is no such plan.
            DoesNotFit: no plan fits.
        """
        self.work = work
        self._planner = planner_for(work.size, work.device, work.dtype.itemsize)
        planned = self._planner.choose(plan)
        # There is no text encoder here; while sampling, that is the plan that frees it.
        self.planned: PlannedRun = self._planner.predict(TEXT_FREED) if planned.plan == RESIDENT else planned
        self._execution = Execution(work.pipe, work.device, load_text_encoder=_no_text_encoder, model="bench")

    def prepare(self, quality: Quality) -> None:
        """Get ready for a clip of this quality."""
        self._execution.prepare(self.planned, quality, CLIP_STEPS)

    def release(self) -> None:
        """Forget what the last clip left behind."""
        self._execution.release()

    def describe(self) -> dict[str, Any]:
        """Return the plan and the attention kernel, as a job reports them."""
        described = self._execution.describe()
        return {key: described.get(key) for key in ("plan", "plan_summary", "attention", "predicted_peak_bytes")}


def planner_for(size: BenchSize, device: torch.device, dtype_bytes: int) -> Planner:
    """Return the planner of one clip on a device."""
    memory = ModelMemory(
        size.transformer,
        size.text_encoder,
        size.vae,
        size.rank,
        size.transformer["max_text_seq_length"],
        dtype_bytes,
    )
    clip = ClipSize(size.width, size.height, size.num_frames)
    return Planner.of_device(str(device), memory, clip)


def _no_text_encoder(device: torch.device) -> NoReturn:
    raise RuntimeError("the benchmark has no text encoder")
