"""One guided prediction of the transformer."""

from dataclasses import dataclass
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel

# What CogVideoX 1.5-I2V was trained with, and diffusers' pipeline gives.
_OFS = 2.0


@dataclass
class Denoiser:
    """Predicts v with classifier-free guidance.

    The unconditional pass is left out where it is not needed. Each kind of pass runs in its own `cache_context`, so
    that caches such as FirstBlockCache never compare passes of another kind or batch size.

    Attributes:
        transformer: one with RGBA enabled.
        prompt_embeds: ``(B, T, D_text)``.
        negative_prompt_embeds: likewise; None for no guidance at all.
        rotary: the rotary table of ONE half, cos and sin ``(L, head_dim)``; None where positions are added.
        image_latents: ``(B, 2F, C, H, W)``, joined to the noisy latents on channels; image-to-video bases only.
        batch_guidance: run both passes as one batch, which is faster; else one after the other, which needs less
            memory. The numbers are the same up to rounding.
        skip_guidance_below: where the scale is at most this, it is taken as 1, and v is the conditional prediction.
        attention_kwargs: given to the transformer's attention processors; None for nothing.
    """

    transformer: CogVideoXTransformer3DModel
    prompt_embeds: torch.Tensor
    negative_prompt_embeds: torch.Tensor | None = None
    rotary: tuple[torch.Tensor, torch.Tensor] | None = None
    image_latents: torch.Tensor | None = None
    batch_guidance: bool = True
    skip_guidance_below: float = 1.0
    attention_kwargs: dict[str, Any] | None = None

    def predict(self, latents: torch.Tensor, timestep: torch.Tensor, scale: float) -> torch.Tensor:
        """Predict v.

        Args:
            latents: ``(B, 2F, C, H, W)``.
            timestep: 0-dimensional.
            scale: the guidance scale s.

        Returns:
            ``v_uncond + s (v_cond - v_uncond)``, shaped as the latents, float32.
        """
        if self.image_latents is not None:
            latents = torch.cat([latents, self.image_latents], dim=2)  # (B, 2F, 2C, H, W)
        if self.negative_prompt_embeds is None or scale <= self.skip_guidance_below:
            return self._forward("cond", latents, self.prompt_embeds, timestep)
        if self.batch_guidance:
            embeds = torch.cat([self.negative_prompt_embeds, self.prompt_embeds])  # (2B, T, D_text)
            both = self._forward("cond_uncond", torch.cat([latents, latents]), embeds, timestep)
            uncond, cond = both.chunk(2)
        else:
            uncond = self._forward("uncond", latents, self.negative_prompt_embeds, timestep)
            cond = self._forward("cond", latents, self.prompt_embeds, timestep)
        return uncond + scale * (cond - uncond)

    def _forward(
        self, context: str, latents: torch.Tensor, embeds: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        """Run the transformer on latents ``(B, 2F, C or 2C, H, W)``; returns ``(B, 2F, C, H, W)``, float32."""
        more = {"attention_kwargs": self.attention_kwargs} if self.attention_kwargs else {}
        ofs = None if self.transformer.config.ofs_embed_dim is None else latents.new_full((1,), _OFS)
        with self.transformer.cache_context(context):
            (prediction,) = self.transformer(
                hidden_states=latents,
                encoder_hidden_states=embeds,
                timestep=timestep.expand(latents.shape[0]),
                ofs=ofs,
                image_rotary_emb=self.rotary,
                return_dict=False,
                **more,
            )
        return prediction.float()
