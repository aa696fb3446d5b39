"""Clips whose last frame leads to their first, by the model itself.

While sampling, the model sees the clip begin one latent frame later at every step (the latent shift of Mobius, Bi et
al. 2025, arXiv 2502.20307): no frame is always the first or always the last, so the model makes the neighbours of the
seam follow from each other like any others. Both halves are shifted alike. The scheduler works value by value, so it is
enough to shift what the transformer sees and to shift its prediction back.

CogVideoX's autoencoder is causal in time: it decodes its first latent frame to one frame, all others to t frames, with
knowledge of what came before. A loop has no first frame; so the last latent frames are put before the first ones to
decode, and what comes of them is thrown away. F latent frames become t * F frames then, not t * (F - 1) + 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from .clip import Clip
from .denoiser import Denoiser

# Latent frames that the decoder sees before the first one. With more, mini's seams are no smaller.
_LEAD_IN = 2


@dataclass
class LoopingDenoiser(Denoiser):
    """A denoiser for one sampling run, in which the clip's beginning moves.

    Caches that compare steps (FirstBlockCache) find little in common between them, and save little.

    Attributes:
        shift: by how many latent frames the next prediction is shifted.
    """

    shift: int = 0

    def predict(self, latents: torch.Tensor, timestep: torch.Tensor, scale: float) -> torch.Tensor:
        """See `Denoiser.predict`; latents ``(B, 2F, C, H, W)``."""
        velocity = super().predict(_shifted(latents, -self.shift), timestep, scale)
        velocity = _shifted(velocity, self.shift)
        self.shift += 1
        return velocity


def check_loop(clip: Clip) -> None:
    """Check that a clip can be made to loop.

    Raises:
        ValueError: frames are given, which have a place in time.
    """
    if clip.image is not None or clip.footage is not None:
        raise ValueError("A clip that loops cannot begin with an image or follow a video; leave loop or those out.")


def decode_loop(
    decode_frames: Callable[[torch.Tensor], np.ndarray], latents: torch.Tensor, temporal_compression: int
) -> np.ndarray:
    """Decode a loop.

    Args:
        decode_frames: `TransPixarPipeline.decode_frames`.
        latents: ``(B, 2F, C, H, W)``, RGB frames then alpha frames.
        temporal_compression: frames t for one latent frame.

    Returns:
        float32 ``(B, t F, H', W', 4)`` in 0..1.
    """
    halves = latents.chunk(2, dim=1)  # (B, F, C, H, W) each
    lead_in = min(_LEAD_IN, halves[0].shape[1])
    # (B, lead_in + F, C, H, W) each
    led_in = [torch.cat([half[:, -lead_in:], half], dim=1) for half in halves]
    frames = decode_frames(torch.cat(led_in, dim=1))  # (B, t (lead_in + F - 1) + 1, H', W', 4)
    return frames[:, temporal_compression * (lead_in - 1) + 1 :]


def _shifted(latents: torch.Tensor, by: int) -> torch.Tensor:
    """Both halves of ``(B, 2F, C, H, W)``, each with its frames moved round by as many places."""
    return torch.cat([half.roll(by, dims=1) for half in latents.chunk(2, dim=1)], dim=1)
