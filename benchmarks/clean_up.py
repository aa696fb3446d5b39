"""How much haze a model leaves, and what cleaning leaves of it, over the fifteen effects of the starter library.

    python -m benchmarks.clean_up [--model server/models/mini] [--sheet sheet.png]

For each clip, as the model made it and cleaned (`server.media.clean_up`):

* haze: the share of pixels with an alpha of 1 to 12 of 255 among those that are empty, with at most 12 as the model
  made them;
* faint: the share of pixels with an alpha of 1 to 12 among all; after cleaning these are soft outlines;
* border: the highest alpha in the outermost pixels of the frame, of 255;
* kept: the sum of alpha that cleaning leaves, away from the faded edges.

The sheet shows the middle frame of each clip over a dark and a light grey, raw above, cleaned below.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from blender_transpixar.core.starter import STARTER_SEED, starter_effects
from server.media.clean_up import FADE, cleaned
from server.media.straight import straight, to_bytes
from server.models import ModelDescription
from server.transpixar import TransPixarPipeline

_BACKDROPS = (0.1, 0.8)
_FAINT = 12


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a row for each effect."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("server/models/mini"))
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args(arguments)
    description = ModelDescription.read(options.model)
    pipe: Any = TransPixarPipeline.from_pretrained(
        options.model,
        rgba_lora=options.model / description.rgba_lora.file,
        lora_alpha=description.rgba_lora.lora_alpha,
        image_optional=True,
    )
    pipe.set_progress_bar_config(disable=True)
    columns = []
    print(("{:12s}" + 7 * "{:>9s}").format("effect", *("haze", "", "faint", "", "border", "", "kept")))
    print(("{:12s}" + 6 * "{:>9s}").format("", *("raw", "cleaned") * 3))
    for effect in starter_effects():
        defaults = description.defaults
        decoded = pipe(
            prompt=effect.prompt,
            width=defaults.width,
            height=defaults.height,
            num_frames=defaults.num_frames,
            num_inference_steps=defaults.steps,
            guidance_scale=defaults.guidance,
            cfg_schedule=defaults.cfg_schedule,
            max_sequence_length=description.max_sequence_length,
            generator=torch.Generator("cpu").manual_seed(STARTER_SEED),
            output_type="np",
        ).frames[0]
        raw = straight(decoded, premultiplied=description.rgb == "premultiplied")
        clean = cleaned(raw)
        clips = (raw, clean)
        edge = round(FADE * min(raw.shape[1:3]))
        kept = clean[:, edge:-edge, edge:-edge, 3].sum() / raw[:, edge:-edge, edge:-edge, 3].sum()
        hazes, faints, borders = [], [], []
        empty = to_bytes(raw)[..., 3] <= _FAINT
        for alpha in (to_bytes(each)[..., 3] for each in clips):
            is_faint = (alpha > 0) & (alpha <= _FAINT)
            hazes.append((is_faint & empty).sum() / max(empty.sum(), 1))
            faints.append(is_faint.mean())
            borders.append(max(alpha[:, 0].max(), alpha[:, -1].max(), alpha[:, :, 0].max(), alpha[:, :, -1].max()))
        row = "{:12s}" + 4 * "{:9.1%}" + 2 * "{:9d}" + "{:9.1%}"
        print(row.format(effect.name, *hazes, *faints, *borders, kept), flush=True)
        middle = len(raw) // 2
        columns.append(np.concatenate([_over(each[middle], grey) for grey in _BACKDROPS for each in clips]))
    if options.sheet:
        Image.fromarray(to_bytes(np.concatenate(columns, axis=1))).save(options.sheet)


def _over(frame: np.ndarray, grey: float) -> np.ndarray:
    return frame[..., :3] * frame[..., 3:] + grey * (1 - frame[..., 3:])


if __name__ == "__main__":
    main()
