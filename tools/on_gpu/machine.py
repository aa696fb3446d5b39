"""Name the card and the software, and measure how fast it multiplies matrices and copies memory."""

from __future__ import annotations

import importlib.util
import os
import platform

import torch
from program import Program

from server.bench.device import device_name, measure_matmul_rate, seconds_of


def main() -> None:
    """Measure."""
    program = Program.from_arguments(__doc__)
    device, record = program.device, program.record
    import diffusers
    import peft
    import transformers

    record.add(
        device=device_name(device),
        python=platform.python_version(),
        torch=torch.__version__,
        diffusers=diffusers.__version__,
        transformers=transformers.__version__,
        peft=peft.__version__,
        cpus=os.cpu_count(),
        packages=[
            name
            for name in ("triton", "flash_attn", "flash_attn_interface", "sageattention", "torchao", "xformers")
            if importlib.util.find_spec(name)
        ],
    )
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        free, total = torch.cuda.mem_get_info(device)
        record.add(
            capability=capability, total_bytes=total, context_bytes=total - free, cudnn=torch.backends.cudnn.version()
        )
    for dtype in (torch.float32,) if program.rehearse else (torch.bfloat16, torch.float16, torch.float32):
        record.add(matmul=str(dtype), flops=measure_matmul_rate(device, dtype, 0.05 if program.rehearse else 0.5))
    # Offloading lives on this: how fast pinned main memory reaches the card.
    count = 2**20 if program.rehearse else 2**30
    host = torch.empty(count, dtype=torch.uint8, pin_memory=device.type == "cuda")
    there = torch.empty(count, dtype=torch.uint8, device=device)
    seconds = min(seconds_of(lambda: there.copy_(host, non_blocking=True), device) for _ in range(3))
    record.add(copy="pinned memory to device", bytes_per_second=count / seconds)


if __name__ == "__main__":
    main()
