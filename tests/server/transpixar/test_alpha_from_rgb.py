"""Footage gets an alpha: the mechanism on a tiny model, and that it works on the embedded one."""

from pathlib import Path

import numpy as np
import pytest
import torch

import server.models
from server.models import ModelDescription
from server.training.effects import Look, render
from server.transpixar import GenerationCancelled, TransPixarPipeline
from tests.device import DEVICE
from tests.server.transpixar.pipelines import Seen, generate, generator, picture

pytestmark = pytest.mark.device

MINI = Path(server.models.__file__).parent / "mini"
FOOTAGE = np.stack([picture(3, seed=seed) for seed in range(5)])  # (F, H, W, 3)


@torch.no_grad()
def encoded(pipe, footage=FOOTAGE) -> torch.Tensor:
    """Latents (1, F, C, H, W) of footage."""
    pixels = torch.from_numpy(footage).to(DEVICE).permute(3, 0, 1, 2)[None] * 2 - 1
    return pipe.vae.encode(pixels).latent_dist.mode().transpose(1, 2)


def test_the_footage_comes_back_untouched_with_an_alpha(pipe):
    clip = generate(pipe, rgb_video=FOOTAGE)
    assert clip.shape == (1, 5, 32, 32, 4)
    assert np.array_equal(clip[0, ..., :3], FOOTAGE)
    assert clip[..., 3].std() > 0


def test_given_colour_is_not_decoded(pipe):
    decoded = []
    pipe.vae.decoder.register_forward_hook(lambda module, args, output: decoded.append(args[0].shape))
    generate(pipe, rgb_video=FOOTAGE)
    assert decoded == [(1, 4, 3, 8, 8)]  # one half


def test_the_rgb_half_is_the_noised_footage_at_every_step(pipe):
    """Mean and spread over many clips, of what the model sees, are those of the forward process."""
    seen, clean = Seen(pipe), encoded(pipe)
    batch = 64
    generate(pipe, [""] * batch, rgb_video=FOOTAGE, guidance_scale=1.0, num_inference_steps=4, output_type="latent")
    for one, timestep in zip(seen.passes, pipe.scheduler.timesteps, strict=True):
        signal = float(pipe.scheduler.alphas_cumprod[int(timestep)])
        rgb, _ = one["hidden_states"].chunk(2, dim=1)
        noise = (rgb - signal**0.5 * clean) / (1 - signal) ** 0.5  # standard normal
        assert abs(float(noise.mean())) < 0.02
        assert float(noise.std()) == pytest.approx(1, abs=0.02)


def test_both_halves_begin_with_equal_noise_and_rgb_ends_on_the_footage(pipe):
    seen = Seen(pipe)
    latents = generate(pipe, rgb_video=FOOTAGE, output_type="latent")
    begin, alpha = seen.passes[0]["hidden_states"].chunk(2, dim=1)
    assert torch.equal(begin, alpha)
    torch.testing.assert_close(latents.chunk(2, dim=1)[0], encoded(pipe))


def test_previews_show_the_footage(pipe):
    def look(pipe, step, timestep, tensors):
        rgb, _ = pipe.predicted_clean_latents.chunk(2, dim=1)
        torch.testing.assert_close(rgb, encoded(pipe), atol=1e-4, rtol=0)

    generate(pipe, rgb_video=FOOTAGE, callback_on_step_end=look)


def test_footage_words_and_seed_matter(pipe):
    alphas = {
        generate(pipe, prompt, rgb_video=footage, generator=generator(seed))[..., 3].tobytes()
        for prompt, footage, seed in [("fire", FOOTAGE, 1), ("fire", FOOTAGE, 2), ("smoke", FOOTAGE, 1)]
    }
    alphas.add(generate(pipe, "fire", rgb_video=FOOTAGE[::-1].copy(), generator=generator(1))[..., 3].tobytes())
    assert len(alphas) == 4


def test_each_prompt_may_have_footage_of_its_own(pipe):
    footage = np.stack([FOOTAGE, FOOTAGE[::-1]])
    together = generate(pipe, ["fire", "smoke"], rgb_video=footage, generator=[generator(1), generator(2)])
    alone = generate(pipe, "smoke", rgb_video=footage[1], generator=generator(2))
    np.testing.assert_allclose(together[1], alone[0], atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_single_frame_is_footage_too(pipe, dtype):
    assert generate(pipe.to(dtype), rgb_video=FOOTAGE[:1]).shape == (1, 1, 32, 32, 4)


def test_a_stop_during_the_encoding_leaves_a_working_pipeline(pipe):
    expected = generate(pipe, rgb_video=FOOTAGE)
    encodings = []
    pipe.vae.encoder.register_forward_hook(lambda *args: encodings.append(True))
    pipe.should_stop = lambda: len(encodings) == 1
    with pytest.raises(GenerationCancelled):
        generate(pipe, ["fire", "smoke"], rgb_video=np.stack([FOOTAGE, FOOTAGE]))
    assert len(encodings) == 1  # of two
    pipe.should_stop = None
    assert np.array_equal(generate(pipe, rgb_video=FOOTAGE), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rgb_video": FOOTAGE[:4]}, "4 frames cannot be made: .* use 3 or 5"),
        ({"rgb_video": FOOTAGE, "num_frames": 3}, "video has 5 frames, but the clip has 3; leave num_frames out"),
        ({"rgb_video": FOOTAGE, "height": 48}, "given frames are 32x32, but the clip is 32x48"),
        ({"rgb_video": FOOTAGE, "image": FOOTAGE[0]}, "Both image and rgb_video are given; give one"),
        ({"rgb_video": FOOTAGE[0]}, r"rgb_video has the shape \(32, 32, 3\); give \(F, H, W, 3\)"),
        ({"rgb_video": FOOTAGE * 2}, "rgb_video holds numbers from .* give floats in 0..1"),
    ],
)
def test_footage_that_cannot_be_used_is_refused_with_a_sentence(pipe, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate(pipe, **arguments)


# ---- on the embedded model, whose colour is premultiplied on black, and so is the footage ----


@pytest.fixture(scope="module")
def mini() -> TransPixarPipeline:
    model = ModelDescription.read(MINI)
    pipe = TransPixarPipeline.from_pretrained(
        MINI, rgba_lora=MINI / model.rgba_lora.file, lora_alpha=model.rgba_lora.lora_alpha, image_optional=True
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(DEVICE)


def overlap(alpha, expected) -> float:
    """Intersection over union, of soft mattes."""
    return float(np.minimum(alpha, expected).sum() / np.maximum(alpha, expected).sum())


def alpha_of(mini, prompt, footage, **arguments):
    clip = generate(mini, prompt, rgb_video=footage, num_inference_steps=20, max_sequence_length=24, **arguments)
    return clip[0, ..., 3]


@pytest.mark.parametrize("prompt", ["orange fire", "blue portal"])
def test_a_generated_clip_gets_its_own_alpha_back(mini, prompt):
    clip = generate(mini, prompt, num_inference_steps=20, max_sequence_length=24)[0]
    alpha = alpha_of(mini, prompt, clip[..., :3], generator=generator(77))  # another seed than the clip's
    assert np.abs(alpha - clip[..., 3]).mean() < 0.05
    assert overlap(alpha, clip[..., 3]) > 0.75


@pytest.mark.parametrize(("colour", "family"), [("orange", "explosion"), ("purple", "shockwave")])
def test_a_drawn_effect_gets_its_alpha(mini, colour, family):
    drawn = render(Look(family, colour), np.random.default_rng(7), 9, 64, 64)
    footage, expected = drawn[..., :3] * drawn[..., 3:], drawn[..., 3]
    alpha = alpha_of(mini, f"{colour} {family}", footage, guidance_scale=1.0)
    assert np.abs(alpha - expected).mean() < 0.05
    assert overlap(alpha, expected) > 0.7
