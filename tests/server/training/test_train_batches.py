"""What the transformer is shown in training, and what it should say to that."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from server.training.data.buckets import Bucket
from server.training.data.cache import Sample
from server.training.lora.batches import add_noise, make_batch
from server.training.lora.config import TrainingConfig
from server.training.lora.randomness import clip_generator
from server.transpixar.scheduler import TrailingDPMScheduler
from tests.tiny_model import make_scheduler

ALPHAS = make_scheduler().alphas_cumprod.float()
EMPTY = torch.zeros(12, 32)


def config(**changes) -> TrainingConfig:
    return TrainingConfig(**{"cache": "c", "out": "o", "batch_size": 8} | changes)


def clip(*, first_frame: bool = False) -> Sample:
    latents = torch.stack([torch.full((4, 3, 8, 8), 1.0), torch.full((4, 3, 8, 8), 2.0)]).half()
    return Sample(latents, torch.ones(12, 32), latents[:, :, :1] if first_frame else None, Bucket(32, 32, 5))


def batch(count: int = 4, *, first_slot: int = 0, is_image_to_video: bool = False, **changes):
    clips = [clip(first_frame=is_image_to_video)] * count
    return make_batch(
        clips, EMPTY, ALPHAS, config(**changes), iteration=3, first_slot=first_slot, is_image_to_video=is_image_to_video
    )


def test_the_sampler_reaches_the_clean_latents_by_the_velocity() -> None:
    scheduler = TrailingDPMScheduler.from_config(make_scheduler().config)
    scheduler.set_timesteps(10)
    clean, noise = torch.randn(2, 1, 6, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timestep = scheduler.timesteps[3]
    noisy, velocity = add_noise(clean, noise, scheduler.alphas_cumprod[[int(timestep)]])
    _, estimate = scheduler.step(velocity, None, timestep, None, noisy, return_dict=False)
    assert torch.allclose(estimate, clean, atol=1e-5)
    assert torch.allclose(noisy, scheduler.add_noise(clean, noise, timestep[None]), atol=1e-6)
    assert torch.allclose(velocity, scheduler.get_velocity(clean, noise, timestep[None]), atol=1e-6)


def test_rgb_frames_come_first_and_each_half_has_noise_of_its_own() -> None:
    made = batch()
    assert made.noisy.shape == made.velocity.shape == (4, 6, 4, 8, 8)
    signal = ALPHAS[made.timesteps][:, None, None, None, None]
    clean = signal.sqrt() * made.noisy - (1 - signal).sqrt() * made.velocity
    assert torch.allclose(clean[:, :3], torch.tensor(1.0), atol=1e-4)
    assert torch.allclose(clean[:, 3:], torch.tensor(2.0), atol=1e-4)
    noise = (1 - signal).sqrt() * made.noisy + signal.sqrt() * made.velocity
    assert not torch.allclose(noise[:, :3], noise[:, 3:], atol=0.1)


@given(split=st.integers(1, 3), seed=st.integers(0, 2**32))
def test_a_clip_is_the_same_in_whichever_pass_it_comes(split: int, seed: int) -> None:
    whole = batch(4, seed=seed)
    parts = [batch(split, seed=seed), batch(4 - split, first_slot=split, seed=seed)]
    assert torch.equal(torch.cat([part.noisy for part in parts]), whole.noisy)
    assert torch.equal(torch.cat([part.timesteps for part in parts]), whole.timesteps)


def test_the_clips_of_an_update_cover_the_schedule_evenly() -> None:
    assert (batch(8).timesteps * 8 // 1000).tolist() == list(range(8))


def test_generators_differ_by_seed_update_and_slot() -> None:
    places = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 10, 0), (11, 0, 0)]
    drawn = {torch.rand(1, generator=clip_generator(*place)).item() for place in places}
    assert len(drawn) == len(places)


def test_captions_are_left_out_of_some() -> None:
    assert (batch(caption_dropout=0).text == 1).all()
    assert (batch(caption_dropout=1).text == 0).all()
    seen = batch(200, caption_dropout=0.1).text[:, 0, 0]
    assert 0.02 < 1 - seen.mean() < 0.2


@pytest.mark.parametrize(
    ("changes", "rgb", "alpha"),
    [
        ({"image_dropout": 0, "image_alpha_dropout": 0}, 1, 2),
        ({"image_dropout": 0, "image_alpha_dropout": 1}, 1, 0),
        ({"image_dropout": 1}, 0, 0),
    ],
)
def test_first_frames_are_laid_out_as_the_pipeline_does(changes: dict, rgb: float, alpha: float) -> None:
    made = batch(is_image_to_video=True, **changes).image_latents
    assert made.shape == (4, 6, 4, 8, 8)
    assert (made[:, 0] == rgb).all() and (made[:, 3] == alpha).all()
    assert not made[:, [1, 2, 4, 5]].any()
