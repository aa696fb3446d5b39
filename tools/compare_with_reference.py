"""Compare what this project samples with what the released TransPixar code sampled from the same weights and seed.

Usage, from the repository's root:

    python -m tools.compare_with_reference CASES --base BASE --rgba-lora FILE [--device cuda] [--dtype bfloat16]
        [--modes strict reference] [--max-error 0.02]

Every case is sampled in each mode, and a line says how far it is from the case: the greatest difference of the latents,
the PSNR of each half of them, and of the frames where the case has frames. With --max-error, exit code 1 says that a
case differs by more in the mode that it was made with.

CASES is a folder of cases, or one of them. A case is a safetensors file of

    latents                  (1, 2F, C, H, W)  the final latents, RGB frames then alpha frames, as the released pipeline
                             returns them for output_type="latent"
    frames                   (T, H', W', 4), optional: RGB as decoded and alpha, not multiplied, floats in 0..1
    prompt_embeds            (1, T, D), optional: what the text encoder made of the prompt
    negative_prompt_embeds   likewise, optional

whose header has an entry "case", a JSON object of

    {"prompt": "...", "negative_prompt": "", "seed": 0, "generator_device": "cpu", "text_to_alpha": "reference",
     "width": 720, "height": 480, "num_frames": 49, "steps": 50, "guidance": 6.0, "cfg_schedule": "dynamic"}

where text_to_alpha is the mode that the case was made with ("reference" for the released code as it is), and
generator_device is where the torch.Generator lived, because a seed gives other noise on another device.

BASE is a CogVideoX folder in diffusers' layout. One with transformer/ and scheduler/ alone will do for cases that hold
embeddings and no frames.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import CogVideoXTransformer3DModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from server.transpixar import TransPixarPipeline, enable_rgba
from server.transpixar.scheduler import TrailingDPMScheduler

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
MODES = ("strict", "reference", "open")


class CaseError(ValueError):
    """A comparison that cannot be made; the message says why."""


@dataclass(frozen=True)
class Case:
    """One clip of the released code; see the module's docstring for the fields."""

    name: str
    latents: torch.Tensor
    frames: torch.Tensor | None
    prompt_embeds: torch.Tensor | None
    negative_prompt_embeds: torch.Tensor | None
    prompt: str
    negative_prompt: str
    seed: int
    generator_device: str
    text_to_alpha: str
    width: int
    height: int
    num_frames: int
    steps: int
    guidance: float
    cfg_schedule: str

    @classmethod
    def read(cls, path: Path) -> "Case":
        """Read a case.

        Raises:
            CaseError: the file is none.
        """
        try:
            tensors = load_file(path)
            with safe_open(path, "pt") as file:
                settings = json.loads((file.metadata() or {})["case"])
            return cls(
                name=path.stem,
                latents=tensors["latents"],
                frames=tensors.get("frames"),
                prompt_embeds=tensors.get("prompt_embeds"),
                negative_prompt_embeds=tensors.get("negative_prompt_embeds"),
                **settings,
            )
        except (SafetensorError, OSError, json.JSONDecodeError) as error:
            raise CaseError(f"{path}: this is not a readable case ({error}).") from error
        except (KeyError, TypeError) as error:
            raise CaseError(f"{path}: an entry is missing, or one too many ({error}).") from error


@dataclass(frozen=True)
class Difference:
    """How far a sampled clip is from a case. PSNRs are in dB, of the case's own range of values.

    Attributes:
        max_error: of the latents.
        rgb: PSNR of the RGB half of the latents.
        alpha: likewise of the alpha half.
        frames_rgb: PSNR of the decoded colour, where the case has frames.
        frames_alpha: likewise of alpha.
    """

    max_error: float
    rgb: float
    alpha: float
    frames_rgb: float | None = None
    frames_alpha: float | None = None


def compare(pipe: TransPixarPipeline, case: Case, mode: str) -> Difference:
    """Sample a case in a mode and measure.

    Raises:
        CaseError: the case's latents have another shape than its settings say.
    """
    pipe.text_to_alpha = mode
    (latents,) = pipe(
        case.prompt if case.prompt_embeds is None else None,
        negative_prompt=case.negative_prompt if case.negative_prompt_embeds is None else None,
        prompt_embeds=case.prompt_embeds,
        negative_prompt_embeds=case.negative_prompt_embeds,
        width=case.width,
        height=case.height,
        num_frames=case.num_frames,
        num_inference_steps=case.steps,
        guidance_scale=case.guidance,
        cfg_schedule=case.cfg_schedule,
        generator=torch.Generator(case.generator_device).manual_seed(case.seed),
        output_type="latent",
        return_dict=False,
    )
    ours, theirs = latents.float().cpu(), case.latents.float()
    if ours.shape != theirs.shape:
        raise CaseError(
            f"{case.name}: the latents should have the shape {tuple(ours.shape)}, not {tuple(theirs.shape)}."
        )
    (our_rgb, our_alpha), (rgb, alpha) = ours.chunk(2, dim=1), theirs.chunk(2, dim=1)
    frames = (None, None) if case.frames is None else _compare_frames(pipe, latents, case.frames)
    return Difference(float((ours - theirs).abs().max()), psnr(our_rgb, rgb), psnr(our_alpha, alpha), *frames)


def _compare_frames(pipe: TransPixarPipeline, latents: torch.Tensor, frames: torch.Tensor) -> tuple[float, float]:
    with torch.no_grad():
        pixels = pipe.decode_latents(latents)[0].float().cpu()  # (4, T, H', W'), -1..1
    ours = (pixels / 2 + 0.5).clamp(0, 1).permute(1, 2, 3, 0)  # (T, H', W', 4)
    return psnr(ours[..., :3], frames[..., :3].float(), peak=1.0), psnr(ours[..., 3], frames[..., 3].float(), peak=1.0)


def psnr(ours: torch.Tensor, theirs: torch.Tensor, peak: float | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB; the peak is the range of ``theirs`` unless given."""
    mean_square = float((ours - theirs).square().mean())
    peak = float(theirs.max() - theirs.min()) if peak is None else peak
    if mean_square == 0:
        return math.inf
    return 10 * math.log10(peak**2 / mean_square) if peak else -math.inf


def load_pipeline(
    base: Path, rgba_lora: Path, *, lora_alpha: float, device: str, dtype: torch.dtype
) -> TransPixarPipeline:
    """Load a base, or the transformer and scheduler of one.

    Raises:
        OSError, RGBAWeightsError: something is missing or does not fit.
    """
    if (base / "model_index.json").is_file():
        pipe = TransPixarPipeline.from_pretrained(base, rgba_lora=rgba_lora, lora_alpha=lora_alpha, dtype=dtype)
    else:
        transformer = CogVideoXTransformer3DModel.from_pretrained(base / "transformer", torch_dtype=dtype)
        enable_rgba(transformer, rgba_lora, lora_alpha=lora_alpha)
        scheduler = TrailingDPMScheduler.from_pretrained(base / "scheduler", timestep_spacing="trailing")
        pipe = TransPixarPipeline(None, None, None, transformer, scheduler)
    pipe.set_progress_bar_config(disable=not sys.stderr.isatty())
    return pipe.to(device)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if torch.device(options.device).type == "cuda" and not torch.cuda.is_available():
            raise CaseError("This torch finds no CUDA device; install a CUDA build, or give --device cpu.")
        paths = sorted(options.cases.glob("*.safetensors")) if options.cases.is_dir() else [options.cases]
        cases = [Case.read(path) for path in paths]
        if not cases:
            raise CaseError(f"{options.cases}: there is no case in this folder; a case is a safetensors file.")
        pipe = load_pipeline(
            options.base,
            options.rgba_lora,
            lora_alpha=options.lora_alpha,
            device=options.device,
            dtype=DTYPES[options.dtype],
        )
        return _report(pipe, cases, options.modes, options.max_error)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _report(pipe: TransPixarPipeline, cases: list[Case], modes: list[str], max_error: float | None) -> int:
    columns = ("case", "made in", "sampled in", "max error", "rgb dB", "alpha dB", "frames rgb dB", "frames alpha dB")
    print("  ".join(f"{column:>15}" for column in columns))
    worst = 0.0
    for case in cases:
        for mode in modes:
            one = compare(pipe, case, mode)
            decibels = (one.rgb, one.alpha, one.frames_rgb, one.frames_alpha)
            values = ["-" if value is None else f"{value:.2f}" for value in decibels]
            row = (case.name, case.text_to_alpha, mode, f"{one.max_error:.2e}", *values)
            print("  ".join(f"{value:>15}" for value in row), flush=True)
            if mode == case.text_to_alpha:
                worst = max(worst, one.max_error)
    if max_error is not None and not worst <= max_error:
        print(f"A case differs by {worst:.2e} in its own mode, which is more than {max_error:.2e}.")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compare_with_reference", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path, help="a folder of cases, or one case")
    parser.add_argument("--base", type=Path, required=True, help="the CogVideoX base, in diffusers' layout")
    parser.add_argument("--rgba-lora", type=Path, required=True, help="the RGBA weights, a safetensors file")
    parser.add_argument("--lora-alpha", type=float, default=1.0, help="the LoRA's alpha (default: 1, as released)")
    parser.add_argument("--device", default="cuda", help="where to sample (default: cuda)")
    parser.add_argument(
        "--dtype", choices=DTYPES, default="bfloat16", help="the released code's is bfloat16, the default"
    )
    parser.add_argument("--modes", nargs="+", choices=MODES, default=["strict", "reference"], help="modes to sample in")
    parser.add_argument(
        "--max-error", type=float, help="fail where a case differs by more in the mode it was made with"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
