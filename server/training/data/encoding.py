"""Pixels to latents and captions to embeddings, with the frozen parts of a base model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXPipeline
from transformers import AutoTokenizer

from server.training.data.background import on_background
from server.training.data.base_model import BaseModelFacts
from server.training.data.settings import PreparationSettings
from server.transpixar.conditioning import encode_frames

Frames = npt.NDArray[np.float32]


def default_dtype(device: torch.device) -> torch.dtype:
    """What to encode in: bfloat16 on a GPU, as CogVideoX was trained, float32 on a processor."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


class TextEncoder:
    """The tokenizer and T5 encoder of a base; the encoder is loaded with the first caption."""

    def __init__(self, model: BaseModelFacts, device: torch.device, dtype: torch.dtype) -> None:
        self._model, self._device, self._dtype = model, device, dtype
        self._pipe: Any = None
        self._tokenizer: Any = None

    def token_count(self, caption: str) -> int:
        """How many tokens a caption has; the model reads the first `text_length` of them."""
        if self._tokenizer is None:
            folder = self._model.folder / "tokenizer"
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return len(self._tokenizer(caption).input_ids)

    def __call__(self, caption: str) -> torch.Tensor:
        """The embedding ``(L, D)`` of a caption, or of none for the empty text, on the CPU.

        One at a time, so that an embedding never depends on what else is encoded with it.
        """
        if self._pipe is None:
            self._pipe = CogVideoXPipeline.from_pretrained(
                self._model.folder, transformer=None, vae=None, dtype=self._dtype, local_files_only=True
            )
            self._pipe.text_encoder.to(self._device)
        with torch.no_grad():
            embeddings, _ = self._pipe.encode_prompt(
                caption,
                do_classifier_free_guidance=False,
                max_sequence_length=self._model.text_length,
                device=self._device,
                dtype=self._dtype,
            )
        return embeddings[0].cpu()  # (1, L, D) -> (L, D)


class VideoEncoder:
    """The autoencoder of a base.

    Attributes:
        scaling: latents are multiplied by this.
        image_scaling: likewise for those that an image-to-video base reads; CogVideoX 1.5-I2V divides instead.
    """

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype, *, tiled: bool = False) -> None:
        self._device = device
        self._vae: Any = AutoencoderKLCogVideoX.from_pretrained(
            folder, subfolder="vae", dtype=dtype, local_files_only=True
        )
        self._vae.to(device).eval()
        if tiled:
            self._vae.enable_tiling()
        self.scaling = float(self._vae.config.scaling_factor)
        self.image_scaling = 1 / self.scaling if self._vae.config.invert_scale_latents else self.scaling

    def __call__(self, rgb: Frames, alpha: Frames, *, scaling: float | None = None) -> torch.Tensor:
        """Latents ``(2, C, F', H', W')``, float16, on the CPU: RGB, then alpha as a grey video.

        Args:
            rgb: ``(F, H, W, 3)`` in 0..1.
            alpha: ``(F, H, W)`` in 0..1.
            scaling: replaces `scaling`.
        """
        grey = np.repeat(alpha[..., None], 3, axis=-1)
        # (F, H, W, 3) twice -> (2, F, H, W, 3)
        both = torch.from_numpy(np.ascontiguousarray(np.stack([rgb, grey]), np.float32))
        latents = encode_frames(
            self._vae, both, device=self._device, scaling=self.scaling if scaling is None else scaling
        )
        return latents.transpose(1, 2).to("cpu", torch.float16)  # (2, F', C, H', W') -> (2, C, F', H', W')


def encode_part(
    encoder: VideoEncoder, frames: Frames, settings: PreparationSettings, *, first_frame: bool
) -> dict[str, torch.Tensor]:
    """The tensors of one part of a clip, frames (F, H, W, 4): `latents`, `first_frame` where it is asked for, and
    `highest_alpha` (1,), which tells a part where nothing is visible.

    The first frame is encoded by itself, as an image-to-video base gets it.
    """
    frames = np.clip(frames, 0, 1)
    alpha = frames[..., 3]
    total = float(alpha.sum(dtype=np.float64))
    mean = (frames[..., :3] * alpha[..., None]).sum(axis=(0, 1, 2), dtype=np.float64) / total if total else 0.5
    fallback = np.broadcast_to(np.asarray(mean, np.float32), (3,))
    rgb = np.stack([on_background(frame, settings.background, fallback) for frame in frames])
    tensors = {"latents": encoder(rgb, alpha), "highest_alpha": torch.tensor([float(alpha.max())])}
    if first_frame:
        tensors["first_frame"] = encoder(rgb[:1], alpha[:1], scaling=encoder.image_scaling)
    return tensors
