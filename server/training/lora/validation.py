"""Clips of fixed prompts and seeds, made on the way with the weights as they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from server.media.inputs import InputUnusable, read_first_frame
from server.media.straight import straight_frames
from server.training.lora.adapter import RGBAAdapter
from server.training.lora.bases import Base, encode_prompts
from server.training.lora.config import TrainingConfig
from server.training.lora.errors import TrainingError
from server.transpixar import TransPixarPipeline
from server.transpixar.clip import Clip
from server.transpixar.limits import ClipLimits
from server.transpixar.placement import set_vae_tiling


@dataclass
class Validation:
    """What validation clips are made of.

    Attributes:
        pipe: the pipeline around the transformer in training.
        embeds: of the prompts ``(N, T, D_text)``.
        empty: of no prompt ``(1, T, D_text)``.
        images: first frames ``(H, W, 3 or 4)``, of image-to-video bases.
        config: the run's.
        is_premultiplied: the RGB half is colour on black.
    """

    pipe: TransPixarPipeline
    embeds: torch.Tensor
    empty: torch.Tensor
    images: list[NDArray[np.float32]]
    config: TrainingConfig
    is_premultiplied: bool

    @classmethod
    def prepare(
        cls,
        base: Base,
        pipe: TransPixarPipeline,
        config: TrainingConfig,
        device: torch.device,
        *,
        text_length: int,
        is_premultiplied: bool,
    ) -> Validation | None:
        """Check and encode what is asked for; None where nothing is.

        Args:
            base: whose text encoder reads the prompts.
            pipe: the pipeline around its transformer.
            config: the run's.
            device: to run the text encoder on.
            text_length: T, number of text tokens.
            is_premultiplied: see the attribute.

        Raises:
            TrainingError: the base cannot make such clips.
        """
        if not config.validation_prompts:
            return None
        if pipe.is_image_to_video and not pipe.image_optional and not config.validation_images:
            print(
                "The base starts from an image, so no validation clips are made; give --validation-images.",
                file=sys.stderr,
            )
            return None
        clip = _clip(pipe, config)
        given = config.validation_images if pipe.is_image_to_video else ()
        images = [_read_image(path, clip) for path in given]
        dtype = pipe.transformer.dtype
        embeds, empty = encode_prompts(base, config.validation_prompts, text_length, dtype, device)
        return cls(pipe, embeds, empty, images, config, is_premultiplied)

    @torch.no_grad()
    def make_clips(self, adapter: RGBAAdapter, device: torch.device) -> list[NDArray[np.float32]]:
        """Make a clip of each prompt, straight ``(F, H, W, 4)`` in 0..1. Training goes on as if this had not been."""
        with adapter.as_released(), self._decoder_on(device):
            return [self._make(index, device) for index in range(len(self.embeds))]

    def _make(self, index: int, device: torch.device) -> NDArray[np.float32]:
        config = self.config
        width, height = config.validation_size or (None, None)
        given: dict[str, Any] = {"image": self.images[index]} if self.images else {}
        (frames,) = self.pipe(
            prompt_embeds=self.embeds[index : index + 1].to(device),
            negative_prompt_embeds=self.empty.to(device),
            width=width,
            height=height,
            num_frames=config.validation_frames,
            num_inference_steps=config.validation_steps,
            guidance_scale=config.validation_guidance,
            generator=torch.Generator().manual_seed(config.validation_seed),
            return_dict=False,
            **given,
        )
        straight = straight_frames(frames[0], premultiplied=self.is_premultiplied)  # (F, H, W, 4), 8 bits
        return straight.astype(np.float32) / np.float32(255)

    @contextmanager
    def _decoder_on(self, device: torch.device) -> Iterator[None]:
        """Have the autoencoder on the device for the time of a block, in tiles where memory is dear."""
        set_vae_tiling(self.pipe.vae, device.type != "cpu")
        self.pipe.vae.to(device)
        try:
            yield
        finally:
            self.pipe.vae.to("cpu")


def _clip(pipe: TransPixarPipeline, config: TrainingConfig) -> Clip:
    """The size and length of the clips. Raises TrainingError when the base cannot make them."""
    default, pixels = pipe.transformer.config, pipe.vae_scale_factor_spatial
    width, height = config.validation_size or (default.sample_width * pixels, default.sample_height * pixels)
    clip = Clip(width, height, config.validation_frames or default.sample_frames)
    try:
        ClipLimits.of(pipe).check(clip.width, clip.height, clip.num_frames)
    except ValueError as error:
        raise TrainingError(f"The validation clips cannot be made: {error}") from None
    return clip


def _read_image(path: Path, clip: Clip) -> NDArray[np.float32]:
    try:
        return read_first_frame(path, clip.width, clip.height)
    except InputUnusable:
        raise TrainingError(f"The validation image {path} cannot be read; name a PNG, JPEG, WebP or TIFF.") from None
