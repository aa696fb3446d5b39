"""How well `mini` finds the alpha of footage: of clips that it made itself, and of drawn effects that it never saw.

Usage, from the repository's root:

    python -m benchmarks.alpha_for_footage [--seeds 100 200] [--sheet sheet.png]

Footage is colour on black, as mini's own. Printed are the mean absolute error of alpha and the soft intersection over
union (sum of minima over sum of maxima), means over eight prompts. The sheet shows of each clip's middle frame the
footage, its alpha, and the alpha found at guidance 4 and 1.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

import server.models
from server.models import ModelDescription
from server.training.effects import Look, render
from server.transpixar import TransPixarPipeline

Clips = NDArray[np.float32]

EFFECTS = (
    ("fire", "orange"),
    ("smoke", "white"),
    ("sparks", "orange"),
    ("explosion", "orange"),
    ("lightning", "blue"),
    ("portal", "blue"),
    ("shockwave", "purple"),
    ("bubbles", "green"),
)
PROMPTS = [f"{colour} {family}" for family, colour in EFFECTS]
GUIDANCE = (4.0, 1.0)


def load() -> TransPixarPipeline:
    """Load mini."""
    folder = Path(server.models.__file__).parent / "mini"
    model = ModelDescription.read(folder)
    lora = folder / model.rgba_lora.file
    pipe = TransPixarPipeline.from_pretrained(folder, rgba_lora=lora, lora_alpha=model.rgba_lora.lora_alpha)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def generate(pipe: TransPixarPipeline, seed: int, guidance: float, **arguments: Any) -> Clips:
    """Make one clip of each prompt, (8, F, H, W, 4); RGB is colour on black."""
    (clips,) = pipe(
        PROMPTS,
        num_inference_steps=20,
        guidance_scale=guidance,
        generator=[torch.Generator().manual_seed(seed + index) for index in range(len(PROMPTS))],
        max_sequence_length=24,
        return_dict=False,
        **arguments,
    )
    return clips


def drawn() -> Clips:
    """Draw one clip of each effect, (8, F, H, W, 4), colour on black."""
    clips = [
        render(Look(family, colour), np.random.default_rng(7 + index), 9, 64, 64)
        for index, (family, colour) in enumerate(EFFECTS)
    ]
    straight = np.stack(clips)
    return np.concatenate([straight[..., :3] * straight[..., 3:], straight[..., 3:]], axis=-1)


def soft_iou(ours: Clips, theirs: Clips) -> float:
    """Mean over clips (B, ...) of the sum of minima over the sum of maxima."""
    axes = tuple(range(1, ours.ndim))
    return float((np.minimum(ours, theirs).sum(axes) / np.maximum(ours, theirs).sum(axes)).mean())


def write_sheet(path: Path, footage: Clips, found: list[Clips]) -> None:
    """Write one row a clip: the middle frame's footage and alpha, and the alphas found (8, F, H, W)."""
    middle = footage.shape[1] // 2
    alphas = [footage[:, middle, ..., 3], *(alpha[:, middle] for alpha in found)]  # (8, H, W) each
    tiles = [footage[:, middle, ..., :3], *(np.repeat(alpha[..., None], 3, axis=-1) for alpha in alphas)]
    rows = np.concatenate(tiles, axis=2)  # (8, H, n * W, 3)
    pixels = (rows.reshape(-1, *rows.shape[2:]).clip(0, 1) * 255).round().astype(np.uint8)  # (8 * H, n * W, 3)
    Image.fromarray(pixels).save(path)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[100, 200], help="first seeds of the alphas")
    parser.add_argument("--sheet", type=Path, help="write pictures here; -own and -drawn are put before the suffix")
    options = parser.parse_args()
    pipe = load()
    for name, footage in (("own", generate(pipe, 0, GUIDANCE[0])), ("drawn", drawn())):
        found = []
        for guidance in GUIDANCE:
            alphas = [generate(pipe, seed, guidance, rgb_video=footage[..., :3])[..., 3] for seed in options.seeds]
            error = float(np.mean([np.abs(alpha - footage[..., 3]).mean() for alpha in alphas]))
            overlap = float(np.mean([soft_iou(alpha, footage[..., 3]) for alpha in alphas]))
            print(f"{name:6} guidance {guidance:g}: mean error {error:.4f}, soft IoU {overlap:.3f}", flush=True)
            found.append(alphas[0])
        if options.sheet is not None:
            write_sheet(options.sheet.with_stem(f"{options.sheet.stem}-{name}"), footage, found)


if __name__ == "__main__":
    main()
