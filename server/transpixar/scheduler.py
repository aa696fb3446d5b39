"""CogVideoX's DPM scheduler, made to end on a clean sample for every number of steps."""

from typing import Any

import torch
from diffusers import CogVideoXDPMScheduler


class TrailingDPMScheduler(CogVideoXDPMScheduler):
    """`CogVideoXDPMScheduler` with trailing timesteps and an exact end.

    The same numbers as upstream where the step count divides the 1000 training timesteps. For other counts upstream's
    last step may stop one timestep short of clean, which leaves about 3 % noise in the latents (7, 24 or 48 steps),
    and a rounding error adds a step at timestep -1, which is read as pure noise (61 steps).
    """

    timesteps: torch.Tensor

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Choose exactly `num_inference_steps` timesteps."""
        super().set_timesteps(num_inference_steps, device)
        self.timesteps = self.timesteps[:num_inference_steps]

    def step(
        self,
        model_output: torch.Tensor,
        old_pred_original_sample: torch.Tensor | None,
        timestep: int,
        timestep_back: int | None,
        sample: torch.Tensor,
        eta: float = 0.0,
        generator: torch.Generator | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step; the last one ends on the clean sample that the model predicts there.

        Args:
            model_output: the model's prediction, shaped as the sample.
            old_pred_original_sample: the clean sample predicted by the step before.
            timestep: the present timestep.
            timestep_back: the timestep of the step before.
            sample: the noisy sample.
            eta: unused, as upstream. Pipelines look for it, and for `generator`, in this signature by name.
            generator: randomness for the step's noise; None for torch's own.
            kwargs: the rest of upstream's arguments.

        Returns:
            The next sample and the clean sample predicted now.
        """
        kwargs |= {"eta": eta, "generator": generator, "return_dict": False}
        following, clean = super().step(
            model_output, old_pred_original_sample, timestep, timestep_back, sample, **kwargs
        )
        return (clean if timestep == self.timesteps[-1] else following), clean
