"""The training clips: rendered once, kept as one array on disk.

Colour is stored premultiplied on black in display-encoded values, as footage of effects is: (N, F, H, W, 4) uint8.
"""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.files import write_file
from server.training.effects import random_look, render
from server.training.effects.captions import caption
from server.training.mini.config import FAMILIES, MiniConfig

CAPTIONS_PER_CLIP = 4


def premultiply(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Straight RGBA to RGBA with the colour on black; any leading shape."""
    return np.concatenate([clip[..., :3] * clip[..., 3:], clip[..., 3:]], axis=-1)


def _one(task: tuple[int, int, MiniConfig]) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    seed, index, config = task
    rng = np.random.default_rng([seed, index])
    look = random_look(rng, list(FAMILIES))
    clip = premultiply(render(look, rng, config.num_frames, config.size, config.size))
    # Captions of their own seed: other words must not change the pixels, nor other pixels the words.
    words = np.random.default_rng([seed, index, 1])
    record: dict[str, Any] = {
        "family": look.family,
        "colour": look.colour,
        "captions": [caption(look, words) for _ in range(CAPTIONS_PER_CLIP)],
    }
    return (clip * 255).round().astype(np.uint8), record


def make(folder: Path, config: MiniConfig, count: int, *, seed: int = 1, processes: int = 2) -> None:
    """Render `count` clips into folder/clips.npy and folder/clips.json; does nothing where they exist already."""
    if (folder / "clips.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, config.num_frames, config.size, config.size, 4)
    array = np.lib.format.open_memmap(folder / "clips.npy", mode="w+", dtype=np.uint8, shape=shape)
    records = []
    with multiprocessing.Pool(processes) as pool:
        tasks = ((seed, i, config) for i in range(count))
        for i, (clip, record) in enumerate(pool.imap(_one, tasks, chunksize=32)):
            array[i] = clip
            records.append(record)
            if i % 2000 == 0:
                print(f"clips {i}/{count}", flush=True)
    array.flush()
    write_file(folder / "clips.json", json.dumps(records).encode())


def load(folder: Path) -> tuple[NDArray[np.uint8], list[dict[str, Any]]]:
    """The array (memory-mapped) and one record per clip: family, colour, captions."""
    return np.load(folder / "clips.npy", mmap_mode="r"), json.loads((folder / "clips.json").read_text())
