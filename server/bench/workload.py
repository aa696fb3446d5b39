"""What is timed: the model's components with random weights, made on the device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from torch import nn

from server.transpixar import TransPixarPipeline, create_rgba_weights, enable_rgba
from server.transpixar.flops import LatentSize
from server.transpixar.scheduler import TrailingDPMScheduler
from server.transpixar.weights import DOMAIN_KEY

from .sizes import BenchSize

Model = TypeVar("Model", bound=nn.Module)

_WEIGHT_SCALE = 0.02


@dataclass
class Workload:
    """A model and one clip of it, on a device.

    Attributes:
        size: configurations, and the clip's size.
        device: where it runs.
        dtype: of weights and latents.
    """

    size: BenchSize
    device: torch.device
    dtype: torch.dtype

    # ---- the model ----

    @cached_property
    def pipe(self) -> TransPixarPipeline:
        """The product's pipeline around these components; its text encoder is left out."""
        pipe = TransPixarPipeline(
            tokenizer=None,
            text_encoder=None,
            vae=self.vae,
            transformer=self.transformer,
            scheduler=TrailingDPMScheduler(
                beta_schedule="scaled_linear",
                prediction_type="v_prediction",
                rescale_betas_zero_snr=True,
                snr_shift_scale=1.0,
                timestep_spacing="trailing",
            ),
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe

    @cached_property
    def transformer(self) -> CogVideoXTransformer3DModel:
        """The transformer with RGBA enabled, LoRA alpha 1 as released."""
        transformer = _random_model(CogVideoXTransformer3DModel, self.size.transformer, self.device, self.dtype)
        with torch.device(self.device):
            weights = create_rgba_weights(transformer, self.size.rank)
            for key, value in weights.items():
                if key == DOMAIN_KEY or ".lora_B." in key:
                    value.normal_(std=_WEIGHT_SCALE)
            return enable_rgba(transformer, weights)

    @cached_property
    def vae(self) -> AutoencoderKLCogVideoX:
        """The autoencoder."""
        return _random_model(AutoencoderKLCogVideoX, self.size.vae, self.device, self.dtype)

    # ---- the clip ----

    @property
    def latents(self) -> LatentSize:
        """Size of one half."""
        size = self.size
        return LatentSize.of_clip(size.vae, width=size.width, height=size.height, num_frames=size.num_frames)

    def random_latents(self, batch: int, frames: int) -> torch.Tensor:
        """Draw latents ``(B, frames, C, H, W)``."""
        shape = (batch, frames, self.size.transformer["in_channels"], self.latents.height, self.latents.width)
        return torch.randn(shape, device=self.device, dtype=self.dtype)

    def random_prompt(self, batch: int) -> torch.Tensor:
        """Draw text embeddings ``(B, T, D_text)``; the time of a pass does not depend on them."""
        config = self.size.transformer
        shape = (batch, config["max_text_seq_length"], config["text_embed_dim"])
        return torch.randn(shape, device=self.device, dtype=self.dtype)

    @cached_property
    def rotary(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The rotary table of one half."""
        config = self.size.transformer
        grid = (self.latents.height // config["patch_size"], self.latents.width // config["patch_size"])
        return get_3d_rotary_pos_embed(
            config["attention_head_dim"], ((0, 0), grid), grid, self.latents.frames, device=self.device
        )

    # ---- what is timed ----

    @torch.no_grad()
    def forward(self, batch: int) -> torch.Tensor:
        """Run one pass: a batch of 1, or of 2 for the conditional and the unconditional pair."""
        (prediction,) = self.transformer(
            hidden_states=self._inputs[0][:batch],
            encoder_hidden_states=self._inputs[1][:batch],
            timestep=torch.full((batch,), 500, device=self.device),
            image_rotary_emb=self.rotary,
            return_dict=False,
        )
        return prediction

    @torch.no_grad()
    def decode(self, *, alpha_only: bool = False) -> torch.Tensor:
        """Decode both halves, or alpha alone."""
        return self.pipe.decode_latents(self._inputs[0][:1], alpha_only=alpha_only)

    @torch.no_grad()
    def sample(self, steps: int) -> None:
        """Run the product's sampling loop with guidance, from noise to latents."""
        self.pipe(
            prompt_embeds=self._inputs[1][:1],
            negative_prompt_embeds=self._inputs[1][1:],
            width=self.size.width,
            height=self.size.height,
            num_frames=self.size.num_frames,
            num_inference_steps=steps,
            guidance_scale=6.0,
            output_type="latent",
        )

    @cached_property
    def _inputs(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.random_latents(2, 2 * self.latents.frames), self.random_prompt(2)


def clip_of(size: BenchSize, width: int | None, height: int | None, num_frames: int | None) -> BenchSize:
    """Return the size with another clip.

    Raises:
        ValueError: the model cannot make such a clip; the sentence says what to give.
    """
    size = replace(
        size, width=width or size.width, height=height or size.height, num_frames=num_frames or size.num_frames
    )
    multiple = 2 ** (len(size.vae["block_out_channels"]) - 1) * size.transformer["patch_size"]
    frames = size.vae["temporal_compression_ratio"]
    for name, value in (("width", size.width), ("height", size.height)):
        if value < multiple or value % multiple:
            raise ValueError(
                f"--{name} {value} is not a multiple of {multiple}; use {max(value // multiple, 1) * multiple}."
            )
    if size.num_frames < 1 or (size.num_frames - 1) % frames:
        raise ValueError(
            f"--frames {size.num_frames} is not a multiple of {frames} plus 1; use "
            f"{max(size.num_frames - 1, 0) // frames * frames + 1}."
        )
    return size


def _random_model(cls: type[Any], config: dict[str, Any], device: torch.device, dtype: torch.dtype) -> Any:
    """Make a model with random weights on the device, without a copy elsewhere."""
    with torch.device("meta"):
        model = nn.Module.to(cls(**config), dtype)  # diffusers' own warns about layers to be kept as they are
    model = model.to_empty(device=device).eval().requires_grad_(False)
    for module in model.modules():
        is_norm = isinstance(module, nn.LayerNorm | nn.GroupNorm)
        for name, parameter in module.named_parameters(recurse=False):
            if name == "bias":
                parameter.zero_()
            elif is_norm:
                parameter.fill_(1.0)
            else:
                parameter.normal_(std=_WEIGHT_SCALE)
    return model
