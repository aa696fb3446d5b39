"""All arms and seeds, one after the other; what is finished is not done again."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from server.files import write_file
from server.training.ablations import data, learning, samples, variants
from server.training.ablations.arms import ARMS, QUESTIONS, Arm

SAMPLED = QUESTIONS["mask"]  # whose clips are sampled too
SAMPLED_CLIPS = 16


def run(
    folder: Path,
    base_folder: Path,
    *,
    seeds: list[int],
    steps: int,
    batch: int,
    clips: int,
    arms: tuple[Arm, ...] = ARMS,
    report: Callable[[str], None] = print,
) -> Path:
    """Train every arm from the RGB base; writes folder/results/<arm>_<seed>.json and returns that folder."""
    base = data.Base.load(base_folder)
    train, held_out = data.prepare(folder, base, clips)
    empty = base.text([""])
    alphas = base.scheduler.alphas_cumprod.float()
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for arm in arms:
            path = results / f"{arm.name}_{seed}.json"
            if path.exists():
                continue
            transformer = variants.build(base.transformer, arm, seed)
            curve = learning.learn(
                transformer, arm, seed, train, held_out, empty, alphas,
                steps=steps, batch=batch, every=max(1, steps // 10), report=report,
            )  # fmt: skip
            figures = asdict(arm) | {"seed": seed, "batch": batch, "curve": [asdict(point) for point in curve]}
            if arm.name in SAMPLED:
                transformer.eval()
                captions = list(held_out.captions[:SAMPLED_CLIPS])
                figures["agreement"] = samples.agreement(base, transformer, captions)
                report(f"{arm.name} seed {seed}: {figures['agreement']}")
            write_file(path, (json.dumps(figures, indent=1) + "\n").encode())
            del transformer
            torch._dynamo.reset()
    return results
