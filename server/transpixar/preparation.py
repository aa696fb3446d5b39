"""What the sampling loop reads: words, noise and given frames as tensors on the pipeline's device.

Everything comes out in the transformer's dtype, whatever precision the text encoder and the autoencoder run in.
"""

from functools import partial

import torch
from diffusers import CogVideoXPipeline

from .cancellation import check_stop
from .clip import Clip
from .conditioning import encode_frames, for_each_clip, lay_out_image
from .sampling import Generators

Rotary = tuple[torch.Tensor, torch.Tensor]


def encode_words(
    pipe: CogVideoXPipeline,
    prompt: str | list[str] | None,
    negative_prompt: str | list[str] | None,
    *,
    guided: bool,
    prompt_embeds: torch.Tensor | None = None,
    negative_prompt_embeds: torch.Tensor | None = None,
    max_sequence_length: int | None = None,
    copies: int = 1,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Encode what is not given encoded. Only this, through `encode_prompt`, needs the text encoder.

    Returns:
        ``(B, T, D_text)`` each, the copies of a prompt side by side; the second is None where not guided.

    Raises:
        ValueError: the text encoder is needed and gone, or the model cannot read that many tokens.
        GenerationCancelled: looked at afterwards.
    """
    config, device, dtype = pipe.transformer.config, pipe._execution_device, pipe.transformer.dtype
    if prompt_embeds is None or (guided and negative_prompt_embeds is None):
        if pipe.text_encoder is None:
            raise ValueError(
                "The text encoder is not loaded; give prompt_embeds, and negative_prompt_embeds if guidance is above 1."
            )
        prompt_embeds, negative_prompt_embeds = pipe.encode_prompt(
            prompt,
            negative_prompt,
            guided,
            prompt_embeds=prompt_embeds,
            negative_prompt_embeds=negative_prompt_embeds,
            max_sequence_length=max_sequence_length or config.max_text_seq_length,
            device=device,
        )
        check_stop(pipe.should_stop)
    assert prompt_embeds is not None
    length, own_length = prompt_embeds.shape[1], config.max_text_seq_length
    if length != own_length and hasattr(pipe.transformer.patch_embed, "pos_embedding"):
        # Positions are one table for text and video.
        raise ValueError(f"This model reads {own_length} text tokens, not {length}; leave max_sequence_length out.")
    embeds = prompt_embeds.to(device, dtype).repeat_interleave(copies, dim=0)  # (B, T, D_text)
    if not guided or negative_prompt_embeds is None:
        return embeds, None
    return embeds, negative_prompt_embeds.to(device, dtype).repeat_interleave(copies, dim=0)


def draw_latents(
    pipe: CogVideoXPipeline,
    clip: Clip,
    batch: int,
    generator: Generators = None,
    given: torch.Tensor | None = None,
) -> torch.Tensor:
    """Draw noise for one half of each clip and repeat it: both start from the same, as in the released code.

    Args:
        pipe: the pipeline.
        clip: gives the shape.
        batch: B.
        generator: randomness; a list gives every clip its own.
        given: take this instead, ``(B, F, C, H, W)`` for both halves, or ``(B, 2F, C, H, W)``.

    Returns:
        ``(B, 2F, C, H, W)``.

    Raises:
        ValueError: what is given has another shape, or there are not as many generators as clips.
    """
    frames, channels = latent_frames(pipe, clip), pipe.transformer.config.out_channels
    grid = (clip.height // pipe.vae_scale_factor_spatial, clip.width // pipe.vae_scale_factor_spatial)
    half, both = (batch, frames, channels, *grid), (batch, 2 * frames, channels, *grid)
    if given is not None and tuple(given.shape) not in {half, both}:
        raise ValueError(f"latents have the shape {tuple(given.shape)}; give {half} for both halves, or {both}.")
    # Drawn in single precision: torch draws other numbers in half precision, so a seed would mean another clip there.
    latents = pipe.prepare_latents(
        batch,
        channels,
        clip.num_frames,
        clip.height,
        clip.width,
        torch.float32,
        pipe._execution_device,
        generator,
        given,
    ).to(pipe.transformer.dtype)
    return latents if tuple(latents.shape) == both else latents.repeat(1, 2, 1, 1, 1)  # (B, F, ...) -> (B, 2F, ...)


def rotary_table(pipe: CogVideoXPipeline, clip: Clip) -> Rotary | None:
    """Make the rotary table of one half, cos and sin ``(L, head_dim)``; attention gives it to both (eq. 5)."""
    if not pipe.transformer.config.use_rotary_positional_embeddings:
        return None
    frames = latent_frames(pipe, clip)
    return pipe._prepare_rotary_positional_embeddings(clip.height, clip.width, frames, pipe._execution_device)


def encode_image(pipe: CogVideoXPipeline, clip: Clip, batch: int) -> torch.Tensor | None:
    """Encode the first frame and its alpha for an image-to-video base, ``(B, 2F, C, H, W)``; see `lay_out_image`."""
    if clip.image is None:
        return _no_image(pipe, clip, batch)
    # CogVideoX 1.5-I2V was trained on images divided by the scaling factor; diffusers' pipeline tells.
    scaling = pipe.vae_scaling_factor_image
    encode = partial(
        encode_frames,
        pipe.vae,
        device=pipe._execution_device,
        scaling=1 / scaling if pipe.vae.config.invert_scale_latents else scaling,
        should_stop=pipe.should_stop,
    )
    rgb = encode(clip.image.rgb)
    alpha = None if clip.image.alpha is None else encode(clip.image.alpha.expand_as(clip.image.rgb))
    latents = lay_out_image(rgb, alpha, latent_frames(pipe, clip))  # (N, 2F, C, H, W)
    return for_each_clip(latents, batch).to(pipe.transformer.dtype)


def _no_image(pipe: CogVideoXPipeline, clip: Clip, batch: int) -> torch.Tensor | None:
    """Zeros where a base that could read a first frame is given none, ``(B, 2F, C, H, W)``; None for other bases."""
    config, scale = pipe.transformer.config, pipe.vae_scale_factor_spatial
    if config.in_channels == config.out_channels:
        return None
    shape = (batch, 2 * latent_frames(pipe, clip), config.out_channels, clip.height // scale, clip.width // scale)
    return torch.zeros(shape, dtype=pipe.transformer.dtype, device=pipe._execution_device)


def encode_footage(pipe: CogVideoXPipeline, clip: Clip, batch: int) -> torch.Tensor | None:
    """Encode footage whose alpha is wanted, ``(B, F, C, H, W)``."""
    if clip.footage is None:
        return None
    clean = encode_frames(
        pipe.vae,
        clip.footage.rgb,
        device=pipe._execution_device,
        scaling=pipe.vae_scaling_factor_image,
        should_stop=pipe.should_stop,
    )
    return for_each_clip(clean, batch).to(pipe.transformer.dtype)


def latent_frames(pipe: CogVideoXPipeline, clip: Clip) -> int:
    """Return F, the number of latent frames of one half."""
    return (clip.num_frames - 1) // pipe.vae_scale_factor_temporal + 1
