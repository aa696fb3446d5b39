"""`python -m server.training.mini.sheet --out DIR`: look at what a model makes of prompts, and measure a little.

Writes sheet.png (sampled clips) and reconstructions.png (unseen procedural clips through the autoencoder), and prints
the autoencoder's PSNR on them and how empty the clips' surroundings are.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from server.media.straight import straight_frames
from server.models import ModelDescription
from server.training import contact_sheet
from server.training.effects import random_look, render
from server.training.mini.clips import premultiply
from server.training.mini.config import CONFIG, EMBEDDED, FAMILIES
from server.transpixar import TransPixarPipeline

PROMPTS = (
    "orange fire", "blue fire", "a puff of orange smoke", "white smoke rising", "blue sparks bursting", "gold sparks",
    "red explosion", "green explosion", "blue lightning", "purple lightning bolt", "green portal", "an orange portal",
    "cyan shockwave expanding", "pink energy pulse", "blue bubbles", "green soap bubbles", "white snow falling",
    "pink snow", "purple magic swirl", "yellow vortex spinning",
)  # fmt: skip
UNSEEN_SEED = 2


def main() -> None:
    """Sample, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m server.training.mini.sheet", description=__doc__)
    parser.add_argument("--model", type=Path, default=EMBEDDED)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("prompts", nargs="*", default=PROMPTS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = ModelDescription.read(arguments.model)
    pipe = TransPixarPipeline.from_pretrained(
        arguments.model, rgba_lora=arguments.model / model.rgba_lora.file, lora_alpha=model.rgba_lora.lora_alpha
    )
    pipe.set_progress_bar_config(disable=True)

    began = time.monotonic()
    clips = [sample(pipe, model, prompt, arguments.seed) for prompt in arguments.prompts]
    print(f"{(time.monotonic() - began) / len(clips):.1f} s a clip with {torch.get_num_threads()} threads")
    alpha = np.stack(clips)[..., 3]
    dark = np.stack(clips)[..., :3].max(axis=-1) < 0.03
    print(f"mean alpha where colour is black: {alpha[dark].mean():.4f}")
    contact_sheet.write(arguments.out / "sheet.png", [shown(clip) for clip in clips], arguments.prompts, scale=2)

    originals = [unseen_clip(index) for index in range(40)]
    rebuilt = [reconstruct(pipe.vae, clip) for clip in originals]
    for name, part in (("RGB", slice(0, 3)), ("alpha", slice(3, 4))):
        error = np.stack(originals)[..., part] - np.stack(rebuilt)[..., part]
        print(f"autoencoder PSNR on unseen clips, {name}: {-10 * np.log10(np.square(error).mean()):.1f} dB")
    pairs = [clip for pair in zip(originals[:10], rebuilt[:10], strict=True) for clip in pair]
    labels = ["original", "reconstruction"] * 10
    contact_sheet.write(arguments.out / "reconstructions.png", [shown(clip) for clip in pairs], labels, scale=2)


def sample(pipe: Any, model: ModelDescription, prompt: str, seed: int) -> NDArray[np.float32]:
    """One clip as decoded, colour on black: (F, H, W, 4)."""
    output = pipe(
        prompt,
        num_inference_steps=model.defaults.steps,
        guidance_scale=model.defaults.guidance,
        max_sequence_length=model.max_sequence_length,
        generator=torch.Generator().manual_seed(seed),
    )
    frames: NDArray[np.float32] = output.frames[0]
    return frames


def shown(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colour on black (F, H, W, 4) as the straight frames that the server would deliver."""
    return (straight_frames(clip, premultiplied=True) / 255).astype(np.float32)


def unseen_clip(index: int) -> NDArray[np.float32]:
    """A procedural clip of a seed that training does not use, colour on black."""
    rng = np.random.default_rng([UNSEEN_SEED, index])
    look = random_look(rng, list(FAMILIES))
    return premultiply(render(look, rng, CONFIG.num_frames, CONFIG.size, CONFIG.size))


@torch.no_grad()
def reconstruct(vae: Any, clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """A clip (F, H, W, 4) through the autoencoder, alpha as grey."""
    video = torch.from_numpy(clip) * 2 - 1
    halves = torch.stack([video[..., :3], video[..., 3:].expand(*video.shape[:-1], 3)]).permute(0, 4, 1, 2, 3)
    decoded = vae.decode(vae.encode(halves).latent_dist.mean).sample.clamp(-1, 1)  # (2, 3, F, H, W)
    rgb, alpha = decoded.permute(0, 2, 3, 4, 1).add(1).div(2)
    return torch.cat([rgb, alpha.amax(dim=-1, keepdim=True)], dim=-1).numpy()


if __name__ == "__main__":
    main()
