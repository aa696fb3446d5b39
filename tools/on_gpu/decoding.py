"""Time ways of decoding a clip, and see that they give the same frames."""

from __future__ import annotations

from collections.abc import Callable

import torch
from program import Program
from torch import nn

from server.bench.device import peak_memory, seconds_of
from server.bench.workload import Workload


def main() -> None:
    """Measure one half of a clip each way."""
    program = Program.from_arguments(__doc__)
    work = Workload(program.size, program.device, program.dtype)
    reference = work.decode(alpha_only=True)

    def benchmark(on: bool) -> None:
        torch.backends.cudnn.benchmark = on

    def channels_last(on: bool) -> None:
        for module in work.vae.modules():
            if isinstance(module, nn.Conv3d):
                module.to(memory_format=torch.channels_last_3d if on else torch.contiguous_format)

    ways: dict[str, list[Callable[[bool], None]]] = {
        "as it is": [],
        "cudnn.benchmark": [benchmark],
        "channels last": [channels_last],
        "channels last, cudnn.benchmark": [benchmark, channels_last],
    }
    for name, switches in ways.items():
        for switch in switches:
            switch(True)
        with peak_memory(program.device) as peak:
            warm_up = seconds_of(lambda: work.decode(alpha_only=True), program.device)
        seconds = seconds_of(lambda: work.decode(alpha_only=True), program.device)
        difference = (work.decode(alpha_only=True) - reference).abs().max().item()
        program.record.add(
            way=name, half_seconds=seconds, first_seconds=warm_up, peak_bytes=peak.size, difference=difference
        )
        for switch in switches:
            switch(False)


if __name__ == "__main__":
    main()
