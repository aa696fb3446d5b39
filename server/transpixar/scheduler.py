"""CogVideoX's DPM scheduler, made to end on a clean sample for every number of steps."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from diffusers import CogVideoXDPMScheduler
from diffusers.utils.torch_utils import randn_tensor


class TrailingDPMScheduler(CogVideoXDPMScheduler):
    """`CogVideoXDPMScheduler` with trailing timesteps and an exact end.

    The same numbers as upstream where the step count divides the 1000 training timesteps. For other counts upstream's
    last step may stop one timestep short of clean, which leaves about 3 % noise in the latents (7, 24 or 48 steps),
    and a rounding error adds a step at timestep -1, which is read as pure noise (61 steps).
    """

    timesteps: torch.Tensor
    # The timestep after each one, where the timesteps were given.
    _following: dict[int, int] | None = None

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        timesteps: Sequence[int] | None = None,
    ) -> None:
        """Choose exactly `num_inference_steps` timesteps, or take those given.

        Args:
            num_inference_steps: number of steps; not needed where timesteps are given.
            device: see upstream.
            timesteps: whole numbers from 999 at the most down to 0 at the least, each less than the one before.

        Raises:
            ValueError: the timesteps are not such, or neither is given.
        """
        if timesteps is None:
            if num_inference_steps is None:
                raise ValueError("Give num_inference_steps, or timesteps.")
            super().set_timesteps(num_inference_steps, device)
            self.timesteps = self.timesteps[:num_inference_steps]
            self._following = None
            return
        given, last = [int(each) for each in timesteps], self.config.num_train_timesteps - 1
        falls = all(one > other for one, other in pairwise(given))
        if not given or not falls or given[0] > last or given[-1] < 0 or given != list(timesteps):
            raise ValueError(
                f"timesteps are {list(timesteps)}; give whole numbers from {last} down to 0, each less than the one "
                "before."
            )
        if self.config.prediction_type != "v_prediction":
            raise ValueError("Only for models that predict v timesteps can be given; leave them out.")
        self.num_inference_steps = len(given)
        self.timesteps = torch.tensor(given, dtype=torch.int64, device=device)
        self._following = dict(pairwise(given))

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
        if self._following is not None:
            return self._step_as_given(
                model_output, old_pred_original_sample, int(timestep), timestep_back, sample, generator
            )
        kwargs |= {"eta": eta, "generator": generator, "return_dict": False}
        following, clean = super().step(
            model_output, old_pred_original_sample, timestep, timestep_back, sample, **kwargs
        )
        return (clean if timestep == self.timesteps[-1] else following), clean

    def _step_as_given(
        self,
        velocity: torch.Tensor,
        clean_before: torch.Tensor | None,
        timestep: int,
        timestep_before: int | None,
        sample: torch.Tensor,
        generator: torch.Generator | list[torch.Generator] | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take a step of `CogVideoXDPMScheduler.step` to the next of the given timesteps.

        Upstream computes where a step ends from the number of steps, which holds for even distances alone. The noise
        is drawn as upstream draws it, so that its own timesteps, given, make its own clip.
        """
        assert self._following is not None
        signal = self.alphas_cumprod[timestep]
        clean = signal**0.5 * sample - (1 - signal) ** 0.5 * velocity
        if timestep not in self._following:
            return clean, clean
        signal_next = self.alphas_cumprod[self._following[timestep]]
        signal_before = None if timestep_before is None else self.alphas_cumprod[int(timestep_before)]
        h, r, _, _ = self.get_variables(signal, signal_next, signal_before)
        factors = self.get_mult(h, r, signal, signal_next, signal_before)
        noise_factor = (1 - signal_next) ** 0.5 * (1 - (-2 * h).exp()) ** 0.5
        towards = clean
        for draw in range(1 if clean_before is None else 2):
            noise = randn_tensor(sample.shape, generator=generator, device=sample.device, dtype=sample.dtype)
            if draw:
                towards = factors[2] * clean - factors[3] * clean_before
        return factors[0] * sample - factors[1] * towards + noise_factor * noise, clean
