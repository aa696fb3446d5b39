"""What all arms learn from: procedural clips as latents, and their captions as the frozen text encoder's states."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXDPMScheduler, CogVideoXTransformer3DModel
from torch import Tensor
from transformers import AutoTokenizer, T5EncoderModel

from server.files import new_file
from server.training.mini import autoencoder, clips
from server.training.mini.config import MiniConfig

HELD_OUT = 128


@dataclass(frozen=True)
class Base:
    """An RGB-only model folder, loaded: everything but the transformer's copies is shared by the arms."""

    transformer: CogVideoXTransformer3DModel
    vae: AutoencoderKLCogVideoX
    encoder: T5EncoderModel
    tokenizer: AutoTokenizer
    scheduler: CogVideoXDPMScheduler

    @classmethod
    def load(cls, folder: Path) -> "Base":
        """Read a folder in diffusers' layout, as single precision."""
        return cls(
            CogVideoXTransformer3DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32).eval(),
            AutoencoderKLCogVideoX.from_pretrained(folder / "vae", torch_dtype=torch.float32).eval(),
            T5EncoderModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).eval(),
            AutoTokenizer.from_pretrained(folder / "tokenizer"),
            CogVideoXDPMScheduler.from_pretrained(folder / "scheduler"),  # the noise that it was trained with
        )

    @property
    def size(self) -> int:
        """Pixels along a side of the clips that it was trained on."""
        return int(self.transformer.config.sample_width) * 2 ** (len(self.vae.config.block_out_channels) - 1)

    @torch.no_grad()
    def text(self, captions: list[str]) -> Tensor:
        """Text states (N, T, D)."""
        ids = self.tokenizer(
            captions,
            padding="max_length",
            max_length=self.transformer.config.max_text_seq_length,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        return torch.cat([self.encoder(part)[0] for part in ids.split(256)])


@dataclass(frozen=True)
class Examples:
    """Clips as latents (N, 2, F, C, H, W), half precision, and one caption's text states each, (N, T, D)."""

    latents: Tensor
    text: Tensor
    captions: tuple[str, ...]

    def part(self, where: slice) -> "Examples":
        """Some of them."""
        return Examples(self.latents[where], self.text[where], self.captions[where])


def prepare(folder: Path, base: Base, count: int) -> tuple[Examples, Examples]:
    """Render and encode `count` clips once into `folder`; those to learn from, and the last `HELD_OUT`."""
    config = MiniConfig(size=base.size, num_frames=int(base.transformer.config.sample_frames))
    clips.make(folder, config, count)
    array, records = clips.load(folder)
    path = folder / "latents.pt"
    if not path.exists():
        latents = autoencoder.encode_all(base.vae, array, batch=4)
        with new_file(path) as partial:
            torch.save(latents, partial)
    latents = torch.load(path, weights_only=True)[:count].transpose(2, 3)  # (N, 2, C, F, H, W) -> (N, 2, F, C, H, W)
    captions = [record["captions"][0] for record in records[:count]]
    examples = Examples(latents, base.text(captions), tuple(captions))
    return examples.part(slice(0, count - HELD_OUT)), examples.part(slice(count - HELD_OUT, count))


def read_results(folder: Path) -> list[dict[str, object]]:
    """The finished arms' figures, in the order of their names."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
