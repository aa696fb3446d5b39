"""What is minimised: the squared error of v in both halves."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from diffusers import CogVideoXTransformer3DModel
from torch import nn

from server.training.lora.batches import Batch
from server.training.lora.config import TrainingConfig
from server.transpixar import TransPixarPipeline
from server.transpixar.clip import Clip
from server.transpixar.denoiser import Denoiser
from server.transpixar.preparation import Rotary, rotary_table


class Objective:
    """The losses of batches, on one device of several.

    Attributes:
        model: the transformer as data parallelism wraps it.
    """

    def __init__(
        self, pipe: TransPixarPipeline, accelerator: Accelerator, config: TrainingConfig, dtype: torch.dtype
    ) -> None:
        """Wrap a pipeline's transformer, which computes in `dtype`."""
        self._pipe, self._device, self._config, self._dtype = pipe, accelerator.device, config, dtype
        self.model = accelerator.prepare_model(VelocityModel(pipe.transformer))
        self._rotary: dict[Clip, Rotary | None] = {}

    def losses(self, batch: Batch, size: Clip) -> torch.Tensor:
        """Return the mean squared error of v in the RGB half and the alpha half, ``(2,)``.

        Args:
            batch: clips of one size.
            size: theirs, in pixels and frames.
        """
        batch = batch.to(self._device)
        predicted = self.model(
            batch.noisy.to(self._dtype),
            batch.text.to(self._dtype),
            batch.timesteps,
            self._rotary_of(size),
            None if batch.image_latents is None else batch.image_latents.to(self._dtype),
        )  # (B, 2F, C, H, W), float32
        rgb, alpha = (predicted - batch.velocity).square().chunk(2, dim=1)  # (B, F, C, H, W) each
        return torch.stack([rgb.mean(), alpha.mean()])

    def weigh(self, losses: torch.Tensor) -> torch.Tensor:
        """Return one loss from those of both halves; with equal weights the base's own, over all tokens."""
        rgb, alpha = self._config.rgb_weight, self._config.alpha_weight
        return (rgb * losses[0] + alpha * losses[1]) / (rgb + alpha)

    def _rotary_of(self, size: Clip) -> Rotary | None:
        """The rotary table of one half, cos and sin ``(L, head_dim)``."""
        if size not in self._rotary:
            table = rotary_table(self._pipe, size)
            self._rotary[size] = None if table is None else (table[0].to(self._device), table[1].to(self._device))
        return self._rotary[size]


class VelocityModel(nn.Module):
    """A transformer's prediction as a module of its own, which data parallelism can wrap."""

    def __init__(self, transformer: CogVideoXTransformer3DModel) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(
        self,
        noisy: torch.Tensor,
        text: torch.Tensor,
        timesteps: torch.Tensor,
        rotary: tuple[torch.Tensor, torch.Tensor] | None,
        image_latents: torch.Tensor | None,
    ) -> torch.Tensor:
        """Predict v.

        Args:
            noisy: ``(B, 2F, C, H, W)``.
            text: ``(B, T, D_text)``.
            timesteps: ``(B,)``.
            rotary: the table of one half, or None where positions are added.
            image_latents: ``(B, 2F, C, H, W)``, or None.

        Returns:
            ``(B, 2F, C, H, W)``, float32.
        """
        denoiser = Denoiser(self.transformer, text, rotary=rotary, image_latents=image_latents)
        return denoiser.predict(noisy, timesteps, scale=1.0)
