"""What a caller gives besides words: a first frame, or footage whose alpha is wanted."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from diffusers import AutoencoderKLCogVideoX

from .cancellation import StopRequest, cancellable


@dataclass(frozen=True)
class GivenFrames:
    """Frames given by the caller, display-encoded, in 0..1.

    Attributes:
        rgb: ``(B, F, H, W, 3)``, float32, on the CPU; B is 1 where all clips share the frames.
        alpha: ``(B, F, H, W, 1)``, or None where they have none.
    """

    rgb: torch.Tensor
    alpha: torch.Tensor | None = None

    @classmethod
    def of_image(cls, image: Any) -> Self:
        """Read a first frame: ``(H, W, 3 or 4)`` floats in 0..1, or ``(B, H, W, 3 or 4)`` for one a clip.

        RGB of an RGBA image is straight colour and is used as it is, also where alpha is 0.

        Raises:
            ValueError: it is nothing of the kind; the sentence says what to give.
        """
        values = _read("image", image, single_rank=3, shape="(H, W, 3) or (H, W, 4)", channels=(3, 4))
        values = values[:, None]  # (B, H, W, C) -> (B, 1, H, W, C)
        return cls(values[..., :3], values[..., 3:] if values.shape[-1] == 4 else None)

    @classmethod
    def of_footage(cls, rgb_video: Any) -> Self:
        """Read footage: ``(F, H, W, 3)`` floats in 0..1, or ``(B, F, H, W, 3)`` for one a clip.

        Raises:
            ValueError: it is nothing of the kind; the sentence says what to give.
        """
        return cls(_read("rgb_video", rgb_video, single_rank=4, shape="(F, H, W, 3)", channels=(3,)))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.rgb.shape[3], self.rgb.shape[2]

    @property
    def num_frames(self) -> int:
        """F."""
        return self.rgb.shape[1]

    def first(self) -> "GivenFrames":
        """Return the first frame alone."""
        return GivenFrames(self.rgb[:, :1], None if self.alpha is None else self.alpha[:, :1])


@torch.no_grad()
def encode_frames(
    vae: AutoencoderKLCogVideoX,
    frames: torch.Tensor,
    *,
    device: torch.device,
    scaling: float,
    should_stop: StopRequest | None = None,
) -> torch.Tensor:
    """Encode frames ``(B, F, H, W, 3)`` in 0..1 to latents ``(B, F', C, H', W')`` times ``scaling``.

    The mode of the autoencoder's posterior is taken rather than a sample of it, so that a clip's noise depends on its
    seed alone, with a condition or without.

    Raises:
        GenerationCancelled: looked at before each chunk of frames and each tile.
    """
    latents = []
    with cancellable([vae.encoder], should_stop):
        for clip in frames.split(1):  # one at a time: encoding takes more memory than anything else on the way
            pixels = 2 * clip.permute(0, 4, 1, 2, 3) - 1  # (1, F, H, W, 3) -> (1, 3, F, H, W), -1..1
            latents.append(vae.encode(pixels.to(device, vae.dtype)).latent_dist.mode())  # (1, C, F', H', W')
    return torch.cat(latents).transpose(1, 2) * scaling  # (B, C, F', H', W') -> (B, F', C, H', W')


def for_each_clip(values: torch.Tensor, batch: int) -> torch.Tensor:
    """Repeat ``(N, ...)`` to ``(B, ...)``: one for all clips, or one for the clips of each prompt, side by side."""
    return values.repeat_interleave(batch // len(values), dim=0)


def lay_out_image(rgb: torch.Tensor, alpha: torch.Tensor | None, latent_frames: int) -> torch.Tensor:
    """Lay out a first frame's latents as an image-to-video base reads them, for both halves.

    CogVideoX-I2V sees the image in latent frame 0 and zeros elsewhere. Here each half does: RGB frames see the image,
    alpha frames its alpha, or zeros alone where it has none.

    Args:
        rgb: latents of the image, ``(B, 1, C, H, W)``.
        alpha: latents of its alpha as a grey image, likewise, or None.
        latent_frames: F.

    Returns:
        ``(B, 2F, C, H, W)``.
    """
    batch, _, channels, height, width = rgb.shape
    laid_out = rgb.new_zeros(batch, 2 * latent_frames, channels, height, width)
    laid_out[:, :1] = rgb
    if alpha is not None:
        laid_out[:, latent_frames : latent_frames + 1] = alpha
    return laid_out


def _read(name: str, given: Any, *, single_rank: int, shape: str, channels: tuple[int, ...]) -> torch.Tensor:
    """Return floats in 0..1 with a batch axis in front, float32."""
    values = given.detach().cpu() if isinstance(given, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(given))
    if values.ndim == single_rank:
        values = values[None]
    if values.ndim != single_rank + 1 or values.shape[-1] not in channels or not values.numel():
        raise ValueError(f"{name} has the shape {tuple(np.shape(given))}; give {shape}, or a batch of such.")
    if not values.is_floating_point():
        raise ValueError(f"{name} holds {values.dtype} numbers; give floats in 0..1.")
    values = values.float()
    low, high = (float(bound) for bound in values.aminmax())
    if not (low >= 0 and high <= 1):  # false for NaN too
        raise ValueError(f"{name} holds numbers from {low:g} to {high:g}; give floats in 0..1.")
    return values
