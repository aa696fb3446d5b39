"""Measure the peaks of the memory plans that cards of 80 to 8 GB get, against what the planner predicts."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from program import Program
from torch import nn
from transformers import T5Config, T5EncoderModel

from server.bench.product import planner_for
from server.bench.workload import Workload
from server.transpixar.execution import Execution
from server.transpixar.planner import PlannedRun
from server.transpixar.plans import WHOLE

# What the driver and the CUDA context take of a card before torch has anything; see stage `machine`.
_CONTEXT_BYTES = 550_000_000
_CARDS_GB = (16, 8, 12, 24, 80)
_STEPS = 2


def main() -> None:
    """Measure."""
    program = Program.from_arguments(__doc__)
    work = Workload(program.size, program.device, program.dtype)

    def load_text_encoder(device: torch.device) -> T5EncoderModel:
        return _constant_text_encoder(program.size.text_encoder, device, program.dtype)

    execution = Execution(work.pipe, program.device, load_text_encoder=load_text_encoder, model="on_gpu")
    planner = planner_for(program.size, program.device, program.dtype.itemsize)
    if program.rehearse:
        for plan in WHOLE[1:3]:
            _measure(program, work, execution, planner.predict(plan), card="rehearsal")
        return

    total = torch.cuda.mem_get_info(program.device)[1]
    for card in _CARDS_GB:
        free = card * 2**30 - _CONTEXT_BYTES
        execution.clear()
        gc.collect()
        torch.cuda.empty_cache()
        # torch refuses what is beyond this, as such a card would.
        torch.cuda.set_per_process_memory_fraction(min(free / total, 1.0), program.device)
        _measure(program, work, execution, replace(planner, free_bytes=free).choose(), card=f"{card} GB")


def _measure(program: Program, work: Workload, execution: Execution, planned: PlannedRun, *, card: str) -> None:
    """Make a clip of two steps under a plan; keep its times and peaks, phase by phase."""
    row: dict[str, Any] = {"card": card, "plan": planned.plan.name, "predicted_bytes": planned.predicted_peak_bytes}
    device = program.device

    def decode() -> None:
        with execution.decoding():
            work.decode()

    phases: dict[str, tuple[Callable[[], object], int]] = {
        "text": (lambda: _encode(program, execution), 1),
        "sampling": (lambda: work.sample(_STEPS), _STEPS),
        "decoding": (decode, 1),
    }
    try:
        with torch.no_grad():
            row["prepare_seconds"] = _timed(device, lambda: execution.prepare(planned, "exact", _STEPS))
            for name, (call, count) in phases.items():
                execution.prepare(planned, "exact", _STEPS)  # measures the peak from here
                if name == "sampling":
                    work.sample(1)  # kernels are loaded
                row[f"{name}_seconds"] = _timed(device, call) / count
                row[f"{name}_bytes"] = execution.measured_peak_bytes()
                if device.type == "cuda":
                    row[f"{name}_reserved_bytes"] = torch.cuda.max_memory_reserved(device)
    except torch.OutOfMemoryError as error:
        row["problem"] = str(error).splitlines()[0]
    execution.release()
    measured = max(row.get(f"{name}_bytes") or 0 for name in phases)
    program.record.add(**row, measured_bytes=measured)


def _encode(program: Program, execution: Execution) -> None:
    """Run the text encoder over a prompt and its negative, as the plan says."""
    length = program.size.transformer["max_text_seq_length"]
    with execution._text_encoder() as device:
        ids = torch.ones(1, length, dtype=torch.long, device=device)
        for _ in range(2):
            # No name for the encoder here: it would still be alive when the transformer comes back.
            execution.pipe.text_encoder(ids)


def _timed(device: torch.device, call: Any) -> float:
    """Return wall seconds: copies from main memory count too."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def _constant_text_encoder(config: dict[str, Any], device: torch.device, dtype: torch.dtype) -> T5EncoderModel:
    """Make a text encoder whose weights are all the same, at once: only its size and its time matter."""
    with torch.device("meta"):
        model = nn.Module.to(T5EncoderModel(T5Config(**config)), dtype)
    model = model.to_empty(device=device).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.fill_(0.01)
    return model


if __name__ == "__main__":
    main()
