"""A cache of prepared clips for the tiny model, written as `train --prepare` writes it, without encoding anything."""

from pathlib import Path
from typing import Any

import torch

from server.training.data.buckets import Bucket
from server.training.data.cache_index import CachedClip, CacheIndex, latents_file, text_file
from server.training.data.tensor_files import write_tensors
from tests.tiny_model import MAX_SEQUENCE_LENGTH

BUCKETS = (Bucket(32, 32, 5), Bucket(48, 32, 5))


def write_cache(
    folder: Path,
    count: int = 6,
    *,
    buckets: tuple[Bucket, ...] = BUCKETS,
    first_frames: bool = False,
    channels: int = 4,
) -> Path:
    """Write `count` clips, turn by turn in the buckets; each is a still of one colour, and so is its alpha."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    write_tensors(text_file(folder, "empty"), {"embedding": torch.zeros(MAX_SEQUENCE_LENGTH, 32)})
    clips = []
    for number in range(count):
        bucket = buckets[number % len(buckets)]
        shape = (2, 4, (bucket.num_frames - 1) // 2 + 1, bucket.height // 4, bucket.width // 4)
        latents = random(2, 4, 1, 1, 1).expand(shape).half()
        tensors: dict[str, Any] = {"latents": latents}
        if first_frames:
            tensors["first_frame"] = latents[:, :, :1]
        write_tensors(latents_file(folder, f"clip{number}"), tensors)
        texts = (f"text{number}a", f"text{number}b")
        for text in texts:
            write_tensors(text_file(folder, text), {"embedding": random(MAX_SEQUENCE_LENGTH, 32)})
        clips.append(
            CachedClip(
                name=f"clip{number}.mov", part=1, bucket=bucket, latents=f"clip{number}", captions=texts, texts=texts
            )
        )
    CacheIndex(
        base="tiny",
        autoencoder="a",
        text_encoder="t",
        rgb="premultiplied",
        settings={},
        empty_text="empty",
        clips=tuple(clips),
    ).write(folder)
    return folder
