"""How far the quality presets' clips are from the exact ones, and how much time they save.

    python -m benchmarks.quality [--model server/models/mini] [--threshold 0.03 0.05 ...] [--sheet sheet.png]

For each preset, over eight prompts:

* latent PSNR: ``10 log10(range^2 / mse)`` of the final latents, where range is that of the exact ones;
* alpha edge difference: mean ``|alpha - alpha_exact|`` over pixels at which the exact alpha's gradient is large
  (central differences, over 0.1 of full scale per pixel), in parts of 255;
* passes computed: the share of passes that went through all blocks;
* time: processor time of sampling against exact; on a GPU, where that says nothing, see benchmarks of the server.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from server.models import ModelDescription
from server.transpixar import TransPixarPipeline
from server.transpixar.quality import PRESETS, QualityPreset, apply_quality, calibrate_mag_cache, reset_quality

PROMPTS = (
    "orange fire burning",
    "a puff of grey smoke",
    "golden sparks bursting",
    "a big red explosion",
    "blue lightning striking",
    "a green portal spinning",
    "a white shockwave expanding",
    "purple bubbles rising",
)
_EDGE = 0.1  # of full scale per pixel


@dataclass(frozen=True)
class Sample:
    """One clip: latents ``(1, 2F, C, H, W)``, frames ``(F, H, W, 4)`` in 0..1, seconds and share of passes computed."""

    latents: torch.Tensor
    frames: np.ndarray
    seconds: float
    computed: float


@dataclass(frozen=True)
class Deviation:
    """What a preset costs and saves; see the module."""

    name: str
    psnr: float
    edge_difference: float
    computed: float
    time_ratio: float


def measure(
    pipe: TransPixarPipeline,
    model: ModelDescription,
    presets: Sequence[QualityPreset],
    mag_ratios: Sequence[float] = (),
) -> tuple[list[Deviation], dict[str, list[Sample]]]:
    """Sample all prompts with every preset; the first is what the others are compared with."""
    make_sample(pipe, model, presets[0], PROMPTS[0], mag_ratios)  # warm up
    samples: dict[str, list[Sample]] = {
        preset.name: [make_sample(pipe, model, preset, prompt, mag_ratios) for prompt in PROMPTS] for preset in presets
    }
    exact = samples[presets[0].name]
    return [compare(preset.name, samples[preset.name], exact) for preset in presets], samples


@torch.no_grad()
def make_sample(
    pipe: Any, model: ModelDescription, preset: QualityPreset, prompt: str, mag_ratios: Sequence[float]
) -> Sample:
    """Generate a clip of the model's default size; the seed is the prompt's place in the list."""
    defaults, passes = model.defaults, []
    apply_quality(pipe, preset, defaults.steps, mag_ratios)
    last_block = pipe.transformer.transformer_blocks[-1]
    hook = last_block.ff.register_forward_hook(lambda module, args, output: passes.append(len(output)))
    started = time.process_time()
    latents = pipe(
        prompt,
        width=defaults.width,
        height=defaults.height,
        num_frames=defaults.num_frames,
        num_inference_steps=defaults.steps,
        guidance_scale=defaults.guidance,
        cfg_schedule=defaults.cfg_schedule,
        max_sequence_length=model.max_sequence_length,
        generator=torch.Generator().manual_seed(PROMPTS.index(prompt)),
        output_type="latent",
    ).frames
    seconds = time.process_time() - started
    hook.remove()
    reset_quality(pipe)
    pixels = pipe.decode_latents(latents)
    frames = pipe.video_processor.postprocess_video(pixels.float(), output_type="np")[0]
    return Sample(latents, frames, seconds, sum(passes) / (2 * defaults.steps))


def compare(name: str, samples: Sequence[Sample], exact: Sequence[Sample]) -> Deviation:
    """Average over the prompts."""
    pairs = list(zip(samples, exact, strict=True))
    return Deviation(
        name,
        psnr=latent_psnr([sample.latents for sample in samples], [reference.latents for reference in exact]),
        edge_difference=float(
            np.mean([edge_difference(sample.frames, reference.frames) for sample, reference in pairs])
        ),
        computed=float(np.mean([sample.computed for sample in samples])),
        time_ratio=sum(sample.seconds for sample in samples) / sum(sample.seconds for sample in exact),
    )


def latent_psnr(latents: Sequence[torch.Tensor], exact: Sequence[torch.Tensor]) -> float:
    """Peak signal-to-noise ratio of several clips in dB; infinite where all are equal."""
    ours, reference = torch.cat(list(latents)).double(), torch.cat(list(exact)).double()
    error = (ours - reference).square().mean()
    return float(10 * torch.log10((reference.max() - reference.min()) ** 2 / error)) if error > 0 else float("inf")


def edge_difference(frames: np.ndarray, exact: np.ndarray) -> float:
    """Mean difference of alpha at the exact alpha's edges, in parts of 255."""
    alpha, exact_alpha = frames[..., 3], exact[..., 3]  # (F, H, W)
    steepness = np.hypot(*np.gradient(exact_alpha, axis=(1, 2)))
    edges = steepness > _EDGE
    return float(np.abs(alpha - exact_alpha)[edges].mean() * 255) if edges.any() else 0.0


def to_markdown(deviations: Sequence[Deviation]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield "| preset | latent PSNR | alpha edge difference | passes computed | time |"
    yield "|---|---|---|---|---|"
    for each in deviations:
        psnr = "equal" if each.psnr == float("inf") else f"{each.psnr:.1f} dB"
        yield (
            f"| {each.name} | {psnr} | {each.edge_difference:.2f} / 255 | {each.computed:.0%} | {each.time_ratio:.2f} |"
        )


def save_sheet(samples: dict[str, list[Sample]], path: Path) -> None:
    """Lay out the middle frame of every clip on mid-grey, a row for each preset, alpha below."""
    rows = []
    for each in samples.values():
        frames = [sample.frames[len(sample.frames) // 2] for sample in each]
        rows.append(np.concatenate([frame[..., :3] + 0.5 * (1 - frame[..., 3:]) for frame in frames], axis=1))
        rows.append(np.concatenate([np.repeat(frame[..., 3:], 3, axis=2) for frame in frames], axis=1))
    sheet = np.concatenate(rows, axis=0).clip(0, 1)
    image = Image.fromarray((sheet * 255).round().astype(np.uint8))
    image.resize((image.width * 2, image.height * 2), Image.Resampling.NEAREST).save(path)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("server/models/mini"), help="a model folder")
    parser.add_argument("--steps", type=int, help="sampling steps; the model's own where left out")
    parser.add_argument("--threshold", type=float, nargs="*", default=[], help="further thresholds of FirstBlockCache")
    parser.add_argument("--mag-cache", action="store_true", help="calibrate MagCache and use it in its place")
    parser.add_argument("--sheet", type=Path, help="write a sheet of the clips' middle frames")
    arguments = parser.parse_args()

    model = ModelDescription.read(arguments.model)
    if arguments.steps:
        model = model.model_copy(update={"defaults": model.defaults.model_copy(update={"steps": arguments.steps})})
    pipe: Any = TransPixarPipeline.from_pretrained(
        arguments.model, rgba_lora=arguments.model / model.rgba_lora.file, lora_alpha=model.rgba_lora.lora_alpha
    )
    pipe.set_progress_bar_config(disable=True)
    ratios: Sequence[float] = ()
    if arguments.mag_cache:
        ratios = calibrate_mag_cache(
            pipe,
            model.defaults.steps,
            prompt=list(PROMPTS),
            width=model.defaults.width,
            height=model.defaults.height,
            num_frames=model.defaults.num_frames,
            guidance_scale=model.defaults.guidance,
            max_sequence_length=model.max_sequence_length,
        )
        print("ratios:", [round(ratio, 4) for ratio in ratios])
    trials = [
        replace(PRESETS["fast"], name=f"{threshold:g}", first_block_threshold=threshold, mag_cache_threshold=threshold)  # type: ignore[arg-type]
        for threshold in arguments.threshold
    ]
    deviations, samples = measure(pipe, model, [*PRESETS.values(), *trials], ratios)
    print("\n".join(to_markdown(deviations)))
    if arguments.sheet:
        save_sheet(samples, arguments.sheet)


if __name__ == "__main__":
    main()
