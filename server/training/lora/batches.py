"""Prepared clips as a transformer reads them in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from server.training.data.cache import Sample
from server.training.lora.config import TrainingConfig
from server.training.lora.randomness import clip_generator
from server.transpixar.conditioning import lay_out_image


@dataclass(frozen=True)
class Batch:
    """Noisy clips and what a perfect model would predict for them; everything but the timesteps in float32.

    Attributes:
        noisy: ``x_t``, ``(B, 2F, C, H, W)``.
        velocity: the target, likewise.
        text: ``(B, T, D_text)``.
        timesteps: ``(B,)``, 0 to the schedule's length, exclusive.
        image_latents: ``(B, 2F, C, H, W)`` for image-to-video bases, else None.
    """

    noisy: torch.Tensor
    velocity: torch.Tensor
    text: torch.Tensor
    timesteps: torch.Tensor
    image_latents: torch.Tensor | None

    def to(self, device: torch.device) -> Batch:
        """Return the same batch on a device."""
        image = None if self.image_latents is None else self.image_latents.to(device)
        noisy, velocity = self.noisy.to(device), self.velocity.to(device)
        return Batch(noisy, velocity, self.text.to(device), self.timesteps.to(device), image)


def make_batch(
    clips: Sequence[Sample],
    empty_text: torch.Tensor,
    alphas_cumprod: torch.Tensor,
    config: TrainingConfig,
    *,
    iteration: int,
    first_slot: int,
    is_image_to_video: bool,
) -> Batch:
    """Noise clips of one size, and leave captions and first frames out of some.

    Args:
        clips: the clips of one pass.
        empty_text: what the text encoder makes of no caption, ``(T, D_text)``.
        alphas_cumprod: the share of signal at each timestep, ``(timesteps,)``.
        config: the run's.
        iteration: the update, from 0.
        first_slot: the first clip's place among those of the update.
        is_image_to_video: join the first frames.
    """
    drawn = [
        _draw(clip, empty_text, len(alphas_cumprod), config, iteration, first_slot + index, is_image_to_video)
        for index, clip in enumerate(clips)
    ]
    clean, noise, text, timesteps, images = zip(*drawn, strict=True)
    steps = torch.tensor(timesteps)
    noisy, velocity = add_noise(torch.stack(clean), torch.stack(noise), alphas_cumprod[steps])
    image_latents = torch.cat(images) if is_image_to_video else None
    return Batch(noisy, velocity, torch.stack(text), steps, image_latents)


def add_noise(clean: torch.Tensor, noise: torch.Tensor, signal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise clean latents, and give the velocity that leads back.

    ``x_t = sqrt(abar) x_0 + sqrt(1 - abar) eps`` and ``v = sqrt(abar) eps - sqrt(1 - abar) x_0`` (Salimans & Ho 2022,
    appendix D).

    Args:
        clean: ``x_0``, ``(B, ...)``.
        noise: ``eps``, likewise.
        signal: ``abar``, ``(B,)``.

    Returns:
        ``x_t`` and ``v``, shaped as the latents.
    """
    signal = signal.to(clean.dtype).reshape(-1, *[1] * (clean.ndim - 1))  # (B,) -> (B, 1, ...)
    keep, add = signal.sqrt(), (1 - signal).sqrt()
    return keep * clean + add * noise, keep * noise - add * clean


def _draw(
    clip: Sample,
    empty_text: torch.Tensor,
    num_timesteps: int,
    config: TrainingConfig,
    iteration: int,
    slot: int,
    is_image_to_video: bool,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, int, torch.Tensor | None]:
    """Draw all that is random about one clip: latents and noise ``(2F, C, H, W)``, text, timestep, first frame."""
    generator = clip_generator(config.seed, iteration, slot)
    where, caption, image, image_alpha = torch.rand(4, generator=generator).tolist()

    # 1. A timestep from the slot's own part of the schedule: CogVideoX's explicit uniform sampling (arXiv 2408.06072),
    #    over the clips of an update instead of its devices.
    timestep = min(int((slot % config.batch_size + where) / config.batch_size * num_timesteps), num_timesteps - 1)

    # 2. RGB frames, then alpha frames: (2, C, F, H, W) -> (2, F, C, H, W) -> (2F, C, H, W)
    clean = clip.latents.float().transpose(1, 2).flatten(0, 1)
    # Each half has noise of its own. The sampler begins with the same for both, but adds different noise at every
    # step; had both the same here, their difference would show the clean latents' difference to the model.
    noise = torch.randn(clean.shape, generator=generator)

    # 3. What is left out
    text = empty_text if caption < config.caption_dropout else clip.text
    if not is_image_to_video:
        return clean, noise, text.float(), timestep, None
    if clip.first_frame is None or image < config.image_dropout:
        return clean, noise, text.float(), timestep, torch.zeros_like(clean)[None]
    first = clip.first_frame.float().transpose(1, 2)[:, None]  # (2, C, 1, H, W) -> (2, 1, 1, C, H, W)
    alpha = None if image_alpha < config.image_alpha_dropout else first[1]
    laid_out = lay_out_image(first[0], alpha, len(clean) // 2)  # (1, 2F, C, H, W)
    return clean, noise, text.float(), timestep, laid_out
