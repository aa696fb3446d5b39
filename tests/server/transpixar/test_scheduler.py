"""The scheduler ends on a clean sample whatever the number of steps, and is upstream's where that does too."""

import pytest
import torch
from diffusers import CogVideoXDPMScheduler
from hypothesis import given
from hypothesis import strategies as st

from server.transpixar.scheduler import TrailingDPMScheduler
from tests.tiny_model import make_scheduler


def sample(scheduler: CogVideoXDPMScheduler, num_steps: int):
    """Sample with a model that predicts noise; return the last sample and the last clean estimate."""
    generator = torch.Generator().manual_seed(0)
    scheduler.set_timesteps(num_steps)
    latents, clean, before = torch.randn(1, 8, generator=generator), None, None
    for timestep in scheduler.timesteps:
        prediction = torch.randn(1, 8, generator=generator)
        latents, clean = scheduler.step(prediction, clean, timestep, before, latents, generator=generator)
        before = timestep
    return latents, clean


@given(num_steps=st.integers(1, 1000))
def test_there_are_as_many_descending_timesteps_as_asked_for(num_steps):
    scheduler = TrailingDPMScheduler.from_config(make_scheduler().config)
    scheduler.set_timesteps(num_steps)
    timesteps = scheduler.timesteps.tolist()
    assert len(timesteps) == num_steps
    assert timesteps == sorted(set(timesteps), reverse=True)
    assert timesteps[0] == 999
    assert timesteps[-1] >= 0


@pytest.mark.parametrize("num_steps", [1, 3, 7, 24, 48, 50, 61])
def test_the_last_sample_is_clean(num_steps):
    latents, clean = sample(TrailingDPMScheduler.from_config(make_scheduler().config), num_steps)
    assert torch.equal(latents, clean)


@pytest.mark.parametrize("num_steps", [1, 4, 10, 20, 25, 40, 50])
def test_step_counts_that_divide_a_thousand_give_upstreams_numbers(num_steps):
    ours, _ = sample(TrailingDPMScheduler.from_config(make_scheduler().config), num_steps)
    upstreams, _ = sample(make_scheduler(), num_steps)
    torch.testing.assert_close(ours, upstreams, atol=1e-6, rtol=0)
