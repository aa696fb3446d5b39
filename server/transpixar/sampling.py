"""The sampling loop: from noise to clean latents.

With ``x_t`` the latents at timestep t (999 is pure noise) and ``abar_t`` the share of signal in them,

    x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps                     (Ho et al. 2020, eq. 4)
    v   = v_uncond + s_t (v_cond - v_uncond)                          (Ho & Salimans 2022, eq. 6, in Imagen's notation)
    x_0 ~ sqrt(abar_t) x_t - sqrt(1 - abar_t) v                       (Salimans & Ho 2022, appendix D)

and the scheduler takes ``x_t`` towards that ``x_0`` by one step of the stochastic DPM-Solver++ (2M) (Lu et al. 2022).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import CogVideoXDPMScheduler

from .denoiser import Denoiser
from .guidance import Guidance

Generators = torch.Generator | list[torch.Generator] | None


@dataclass
class SamplingState:
    """Where the loop stands after a step.

    Attributes:
        step: index of the step, from 0.
        timestep: the step's timestep, a 0-dimensional tensor.
        latents: ``(B, 2F, C, H, W)`` after the step; an observer may replace them.
        clean: the estimate of the clean latents, ``(B, 2F, C, H, W)``, float32.
    """

    step: int
    timestep: torch.Tensor
    latents: torch.Tensor
    clean: torch.Tensor


Observer = Callable[[SamplingState], None]


@dataclass(frozen=True)
class HeldRGB:
    """Footage whose alpha is wanted: its RGB half follows the noise schedule while the alpha half is sampled.

    At each step the RGB half is what the forward process makes of the footage at that noise level, always with the
    noise that the sample began with, so that the two halves start from equal noise as they do in every other clip.

    Attributes:
        clean: the footage's latents, ``(B, F, C, H, W)``.
        noise: ``(B, F, C, H, W)``.
    """

    clean: torch.Tensor
    noise: torch.Tensor

    def at(self, signal: float) -> torch.Tensor:
        """Return ``x_t``, ``(B, F, C, H, W)``, where ``signal`` is ``abar_t``."""
        noised = signal**0.5 * self.clean.float() + (1 - signal) ** 0.5 * self.noise.float()
        return noised.to(self.noise.dtype)


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    scheduler: CogVideoXDPMScheduler,
    latents: torch.Tensor,
    guidance: Guidance,
    *,
    generator: Generators = None,
    held: HeldRGB | None = None,
    on_step: Observer | None = None,
) -> torch.Tensor:
    """Sample clean latents.

    Latents keep their dtype from step to step, as in diffusers; predictions and the scheduler's sums are float32.

    Args:
        denoiser: predicts v.
        scheduler: its timesteps are set.
        latents: noise, ``(B, 2F, C, H, W)``, RGB frames then alpha frames.
        guidance: the scale s_t of every step.
        generator: randomness for the scheduler's noise; a list gives every clip its own.
        held: keep the RGB half on given footage.
        on_step: called after every step.

    Returns:
        ``(B, 2F, C, H, W)``.
    """
    clean: torch.Tensor | None = None
    previous: torch.Tensor | None = None
    for step, timestep in enumerate(scheduler.timesteps):
        # 1. Put the RGB half where the footage is at this noise level
        if held is not None:
            latents = _replace_rgb(latents, held.at(float(scheduler.alphas_cumprod[int(timestep)])))

        # 2. Predict
        velocity = denoiser.predict(latents, timestep, guidance.at(float(timestep)))  # (B, 2F, C, H, W), float32

        # 3. Step towards the clean latents predicted now
        following, clean = scheduler.step(
            velocity, clean, timestep, previous, latents, generator=generator, return_dict=False
        )
        latents, previous = following.to(latents.dtype), timestep
        if held is not None:
            clean = _replace_rgb(clean, held.clean)

        # 4. Let the caller look, and change the latents
        if on_step is not None:
            state = SamplingState(step, timestep, latents, clean)
            on_step(state)
            latents = state.latents
    return latents if held is None else _replace_rgb(latents, held.clean)


def _replace_rgb(latents: torch.Tensor, rgb: torch.Tensor) -> torch.Tensor:
    """Put another RGB half ``(B, F, C, H, W)`` into latents ``(B, 2F, C, H, W)``."""
    _, alpha = latents.chunk(2, dim=1)  # (B, F, C, H, W)
    return torch.cat([rgb.to(latents.dtype), alpha], dim=1)
