"""The autoencoder on a CPU: diffusers' convolutions, ours, and bfloat16, side by side in one run.

    python -m benchmarks.convolutions [--model server/models/mini]

Decodes one clip of the model's size by each, three times in turn, and prints the least processor time and the largest
difference from the first in parts of 255.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import CogVideoXSafeConv3d

from server.models import ModelDescription
from server.transpixar import TransPixarPipeline
from server.transpixar.convolutions import CpuConv3d, use_cpu_convolutions

_TURNS = 3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("server/models/mini"))
    model = parser.parse_args().model
    description = ModelDescription.read(model)
    pipe: Any = TransPixarPipeline.from_pretrained(
        model,
        rgba_lora=model / description.rgba_lora.file,
        lora_alpha=description.rgba_lora.lora_alpha,
        image_optional=True,
    )
    pipe.set_progress_bar_config(disable=True)
    defaults = description.defaults
    latents = pipe(
        prompt="orange fire burning",
        width=defaults.width,
        height=defaults.height,
        num_frames=defaults.num_frames,
        num_inference_steps=8,
        guidance_scale=1.0,
        max_sequence_length=description.max_sequence_length,
        generator=torch.Generator().manual_seed(1),
        output_type="latent",
    ).frames

    def theirs() -> None:
        pipe.vae.float()
        for module in pipe.vae.modules():
            if type(module) is CpuConv3d:
                module.__class__ = CogVideoXSafeConv3d

    def ours() -> None:
        pipe.vae.float()
        use_cpu_convolutions(pipe.vae)

    def half() -> None:
        pipe.vae.bfloat16()

    ways: dict[str, Callable[[], None]] = {"diffusers": theirs, "by frames": ours, "bfloat16": half}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    frames: dict[str, np.ndarray] = {}
    for _ in range(_TURNS + 1):
        for name, prepare in ways.items():
            prepare()
            began = time.process_time()
            frames[name] = pipe.decode_frames(latents.to(pipe.vae.dtype))
            seconds[name].append(time.process_time() - began)
    first = next(iter(frames.values()))
    for name in ways:
        difference = 255 * float(np.abs(frames[name] - first).max())
        # The first turn warms up.
        print(f"{name:10s} {min(seconds[name][1:]):6.2f} s   largest difference {difference:.4f} of 255")


if __name__ == "__main__":
    main()
