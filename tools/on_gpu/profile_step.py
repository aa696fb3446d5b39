"""Say where the time of a step and of decoding goes, kernel by kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from program import Program
from torch.profiler import ProfilerActivity, profile

from server.bench.workload import Workload
from server.transpixar.kernels import choose_kernel, compile_blocks, use_kernel, why_not_compile

_LAYERS = 6  # all blocks are alike, and a profile of few is quick
_KERNELS_SHOWN = 25


def main() -> None:
    """Measure."""
    program = Program.from_arguments(__doc__)
    layers = 2 if program.rehearse else _LAYERS
    size = replace(program.size, transformer={**program.size.transformer, "num_layers": layers})
    work = Workload(size, program.device, program.dtype)
    kernel = choose_kernel(
        program.device, dtype=program.dtype, head_dim=size.transformer["attention_head_dim"], exact=True
    ).chosen
    use_kernel(work.transformer, kernel)
    _profile(program, f"a pair, {layers} blocks, {kernel.title}", partial(work.forward, 2))
    if why_not_compile(program.device) is None:
        compile_blocks(work.transformer)
        _profile(program, f"a pair, {layers} blocks, {kernel.title}, compiled", partial(work.forward, 2))
    _profile(program, "one half decoded", partial(work.decode, alpha_only=True))


def _profile(program: Program, name: str, call: Callable[[], object]) -> None:
    call()
    on_gpu = program.device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]) as run:
        call()
        if on_gpu:
            torch.cuda.synchronize()
    events = run.key_averages()

    def microseconds(event: object) -> float:
        return float(getattr(event, "self_device_time_total" if on_gpu else "self_cpu_time_total"))

    total = sum(map(microseconds, events))
    program.record.add(profile=name, milliseconds=total / 1000)
    for event in sorted(events, key=microseconds, reverse=True)[:_KERNELS_SHOWN]:
        program.record.add(
            kernel=event.key[:120],
            calls=event.count,
            milliseconds=microseconds(event) / 1000,
            share=microseconds(event) / total,
        )


if __name__ == "__main__":
    main()
