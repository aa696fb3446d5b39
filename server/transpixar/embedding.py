"""Patch embedding with shared positions and the alpha domain embedding."""

import torch
from diffusers.models.embeddings import CogVideoXPatchEmbed
from torch import nn


class RGBAPatchEmbed(CogVideoXPatchEmbed):
    """`CogVideoXPatchEmbed` for RGB and alpha frames, ``(B, 2F, C, H, W)`` to ``[text | rgb | alpha]`` tokens.

    Each half is embedded as a video of ``F`` frames of its own, so both get the same positions where positions are
    added here (TransPixar eq. 5; models with rotary positions get them in attention). Alpha tokens then get
    ``domain_emb``, one learned vector that tells the halves apart.

    Attributes:
        domain_emb: ``(1, 1, D)``.
    """

    domain_emb: nn.Parameter

    @classmethod
    def install(cls, patch_embed: CogVideoXPatchEmbed, domain_emb: torch.Tensor) -> None:
        """Turn a stock patch embedding into this one, in place.

        Args:
            patch_embed: the transformer's own; its weights, hooks and device stay as they are.
            domain_emb: any shape with D elements; converted to the layer's dtype and device.
        """
        # Changing the class keeps the module object, and with it what accelerate, offload or a cache hung on it.
        patch_embed.__class__ = cls
        like = patch_embed.text_proj.weight
        patch_embed.domain_emb = nn.Parameter(domain_emb.detach().reshape(1, 1, -1).to(like.device, like.dtype).clone())

    @classmethod
    def uninstall(cls, patch_embed: CogVideoXPatchEmbed) -> None:
        """Undo `install`."""
        patch_embed.__class__ = CogVideoXPatchEmbed
        del patch_embed.domain_emb

    def forward(self, text_embeds: torch.Tensor, image_embeds: torch.Tensor) -> torch.Tensor:
        """Embed text ``(B, T, D_text)`` and latents ``(B, 2F, C, H, W)`` as tokens ``(B, T + 2L, D)``.

        Raises:
            ValueError: the latents do not hold as many alpha frames as RGB frames.
        """
        num_frames = image_embeds.shape[1]
        if num_frames % 2:
            raise ValueError(
                f"{num_frames} latent frames do not split into an RGB and an alpha half; give (B, 2F, C, H, W) with "
                "the alpha frames after the RGB frames."
            )
        rgb, alpha = image_embeds.chunk(2, dim=1)  # (B, F, C, H, W) each
        text_and_rgb = super().forward(text_embeds, rgb)  # (B, T + L, D)
        # The text goes in again because stock code adds positions to text and video as one table; it is a few tokens.
        alpha = super().forward(text_embeds, alpha)[:, text_embeds.shape[1] :]  # (B, L, D)
        # Float32 in training, whatever the base computes in.
        return torch.cat([text_and_rgb, alpha + self.domain_emb.to(alpha.dtype)], dim=1)

    def _get_positional_embeddings(
        self, sample_height: int, sample_width: int, sample_frames: int, device: torch.device | None = None
    ) -> torch.Tensor:
        """Make the position table ``(1, T + L, D)`` for a clip that is not of the model's own size.

        Learned positions of a shorter clip are the first of the table. diffusers would take sine and cosine in their
        place, which the model never saw.
        """
        if not self.use_learned_positional_embeddings:
            return super()._get_positional_embeddings(sample_height, sample_width, sample_frames, device=device)
        tokens = sample_height // self.patch_size * (sample_width // self.patch_size)
        latent_frames = (sample_frames - 1) // self.temporal_compression_ratio + 1
        return self.pos_embedding[:, : self.max_text_seq_length + latent_frames * tokens]
