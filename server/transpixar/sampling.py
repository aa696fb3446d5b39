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
from diffusers import CogVideoXDDIMScheduler, CogVideoXDPMScheduler

from .denoiser import Denoiser

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


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    scheduler: CogVideoXDPMScheduler | CogVideoXDDIMScheduler,
    latents: torch.Tensor,
    scale_at: Callable[[float], float],
    *,
    generator: Generators = None,
    eta: float = 0.0,
    rgb: torch.Tensor | None = None,
    on_step: Observer | None = None,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> torch.Tensor:
    """Sample clean latents.

    Latents keep their dtype from step to step, as in diffusers; predictions and the scheduler's sums are float32.

    Args:
        denoiser: predicts v.
        scheduler: its timesteps are set.
        latents: noise, ``(B, 2F, C, H, W)``, RGB frames then alpha frames.
        scale_at: returns the guidance scale s_t of a timestep.
        generator: randomness for the scheduler's noise; a list gives every clip its own.
        eta: for the DDIM scheduler; see diffusers.
        rgb: clean latents of footage whose alpha is wanted, ``(B, F, C, H, W)``. The RGB half is then stepped with
            these as its prediction, so that at every noise level it is what the noised footage is.
        on_step: called after every step.
        is_interrupted: looked at before every step; when it returns True, the latents are returned as they are.

    Returns:
        ``(B, 2F, C, H, W)``.
    """
    clean: torch.Tensor | None = None
    previous: torch.Tensor | None = None
    for step, timestep in enumerate(scheduler.timesteps):
        if is_interrupted():
            break
        # 1. Predict
        velocity = denoiser.predict(latents, timestep, scale_at(float(timestep)))  # (B, 2F, C, H, W), float32
        if rgb is not None:
            velocity = _hold_rgb(velocity, latents, rgb, float(scheduler.alphas_cumprod[int(timestep)]))

        # 2. Step towards the clean latents predicted now
        # Single precision, because the scheduler draws its noise in the sample's; see `draw_latents`.
        if isinstance(scheduler, CogVideoXDPMScheduler):
            following, clean = scheduler.step(
                velocity, clean, timestep, previous, latents.float(), generator=generator, return_dict=False
            )
        else:
            following, clean = scheduler.step(
                velocity, timestep, latents.float(), eta=eta, generator=generator, return_dict=False
            )
        latents, previous = following.to(latents.dtype), timestep

        # 3. Let the caller look, and change the latents
        if on_step is not None:
            state = SamplingState(step, timestep, latents, clean)
            on_step(state)
            latents = state.latents
    return latents if rgb is None else _replace_rgb(latents, rgb)


def _hold_rgb(velocity: torch.Tensor, latents: torch.Tensor, rgb: torch.Tensor, signal: float) -> torch.Tensor:
    """Replace the RGB half of a prediction by what leads to known clean latents: the third equation, solved for v.

    Args:
        velocity: the prediction, ``(B, 2F, C, H, W)``.
        latents: ``x_t``, likewise.
        rgb: the known ``x_0`` of the RGB half, ``(B, F, C, H, W)``.
        signal: ``abar_t``.
    """
    noisy_rgb, _ = latents.float().chunk(2, dim=1)  # (B, F, C, H, W)
    return _replace_rgb(velocity, (signal**0.5 * noisy_rgb - rgb.float()) / (1 - signal) ** 0.5)


def _replace_rgb(latents: torch.Tensor, rgb: torch.Tensor) -> torch.Tensor:
    """Put another RGB half ``(B, F, C, H, W)`` into latents ``(B, 2F, C, H, W)``."""
    _, alpha = latents.chunk(2, dim=1)  # (B, F, C, H, W)
    return torch.cat([rgb.to(latents.dtype), alpha], dim=1)
