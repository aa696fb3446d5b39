"""The sampling loop: passes of guidance, seeds of several clips, precision, caches, given embeddings."""

import numpy as np
import pytest
import torch
from diffusers import FirstBlockCacheConfig

from server.transpixar import GenerationCancelled
from server.transpixar.guidance import Guidance
from tests.server.transpixar.pipelines import PROMPT, Seen, generate, generator, make_pipeline

pytestmark = pytest.mark.device

TOLERANCE = 1e-5  # of latents and pixels in single precision, for another order of the same sums


@pytest.mark.parametrize("schedule", ["constant", "dynamic"])
def test_guidance_in_sequence_gives_the_clip_of_guidance_in_one_batch(pipe, schedule):
    batched = generate(pipe, cfg_schedule=schedule)
    pipe.batch_guidance = False
    np.testing.assert_allclose(generate(pipe, cfg_schedule=schedule), batched, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("batch_guidance", "contexts", "batches"),
    [(True, ["cond_uncond"] * 3, [2] * 3), (False, ["uncond", "cond"] * 3, [1] * 6)],
)
def test_every_kind_of_pass_has_a_cache_context_of_its_own(pipe, batch_guidance, contexts, batches):
    seen = Seen(pipe)
    pipe.batch_guidance = batch_guidance
    generate(pipe)
    assert seen.contexts == contexts
    assert [len(one["hidden_states"]) for one in seen.passes] == batches


@pytest.mark.parametrize("batch_guidance", [True, False])
def test_the_unconditional_pass_is_left_out_where_the_scale_is_low(pipe, batch_guidance):
    pipe.batch_guidance, pipe.skip_guidance_below = batch_guidance, 1.5
    seen = Seen(pipe)
    generate(pipe, num_inference_steps=10, cfg_schedule="dynamic")
    scales = [Guidance(4.0, "dynamic", 10).at(float(timestep)) for timestep in pipe.scheduler.timesteps]
    assert [round(scale, 1) for scale in scales] == [2.6, 1.5, 1.0, 1.3, 2.3, 3.5, 4.6, 5.0, 4.6, 3.6]
    both = ["cond_uncond"] if batch_guidance else ["uncond", "cond"]
    assert seen.contexts == [*both, *both, "cond", "cond", *both * 6]


def test_leaving_out_where_the_scale_is_one_is_exact(pipe):
    expected = generate(pipe, guidance_scale=1.0)
    pipe.skip_guidance_below = 0.0
    np.testing.assert_allclose(generate(pipe, guidance_scale=1.0 + 1e-9), expected, atol=TOLERANCE)


def test_where_no_step_is_guided_the_negative_prompt_is_not_encoded(pipe):
    encoded = []
    pipe.text_encoder.register_forward_hook(lambda *args: encoded.append(True))
    pipe.skip_guidance_below = 5.0
    generate(pipe, guidance_scale=4.0)
    assert len(encoded) == 1


def test_clips_of_a_batch_equal_those_made_alone(pipe):
    prompts, seeds = [PROMPT, "blue sparks bursting"], [5, 6, 7, 8]
    together = generate(pipe, prompts, num_videos_per_prompt=2, generator=[generator(seed) for seed in seeds])
    alone = [
        generate(pipe, prompt, generator=generator(seed))[0]
        for prompt, seed in zip([prompts[0]] * 2 + [prompts[1]] * 2, seeds, strict=True)
    ]
    np.testing.assert_allclose(together, np.stack(alone), atol=TOLERANCE)


def test_several_clips_of_a_prompt_differ(pipe):
    clips = generate(pipe, num_videos_per_prompt=2)
    assert clips.shape == (2, 5, 32, 32, 4)
    assert not np.array_equal(clips[0], clips[1])


def test_too_few_generators_are_refused(pipe):
    with pytest.raises(ValueError, match="list of generators of length 2"):
        generate(pipe, num_videos_per_prompt=3, generator=[generator(), generator()])


@torch.no_grad()
def test_embeddings_may_be_given_and_the_text_encoder_be_gone(pipe):
    expected = generate(pipe, [PROMPT, "blue fire"], negative_prompt="green water", num_videos_per_prompt=2)
    embeds, negative = pipe.encode_prompt([PROMPT, "blue fire"], "green water", max_sequence_length=12)
    pipe.text_encoder = None
    given = {"prompt_embeds": embeds, "negative_prompt_embeds": negative}
    assert np.array_equal(generate(pipe, None, num_videos_per_prompt=2, **given), expected)
    assert generate(pipe, None, guidance_scale=1.0, prompt_embeds=embeds).shape == (2, 5, 32, 32, 4)
    with pytest.raises(ValueError, match="text encoder is not loaded; give prompt_embeds"):
        generate(pipe)
    with pytest.raises(ValueError, match="text encoder is not loaded"):
        generate(pipe, None, prompt_embeds=embeds)


@pytest.mark.parametrize(
    "parts", [["transformer", "vae", "text_encoder"], ["transformer"], ["vae"]], ids=lambda parts: "+".join(parts)
)
def test_half_precision_works_end_to_end(pipe, parts):
    expected = generate(pipe)
    for name in parts:
        getattr(pipe, name).to(torch.bfloat16)
    seen = []

    def look(pipe, step, timestep, tensors):
        seen.append((tensors["latents"].dtype, pipe.predicted_clean_latents.dtype))
        assert pipe.decode_preview(pipe.predicted_clean_latents).dtype == np.float32

    clip = generate(pipe, callback_on_step_end=look)
    # The scheduler's sums are single precision; what goes on to the next step is the transformer's.
    assert seen == [(pipe.transformer.dtype, torch.float32)] * 3
    assert clip.dtype == np.float32
    assert np.abs(clip - expected).mean() < 0.03


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_seed_means_the_same_noise_in_every_precision(pipe, dtype):
    seen = Seen(pipe)
    generate(pipe, num_inference_steps=1, guidance_scale=1.0, output_type="latent")
    pipe.transformer.to(dtype)
    generate(pipe, num_inference_steps=1, guidance_scale=1.0, output_type="latent")
    single, half = (one["hidden_states"] for one in seen.passes)
    assert torch.equal(half, single.to(dtype))


@pytest.mark.parametrize("batch_guidance", [True, False])
def test_a_cache_never_reaches_the_next_clip(pipe, batch_guidance):
    pipe.batch_guidance = batch_guidance
    pipe.skip_guidance_below = 1.5  # so that passes of both batch sizes run
    arguments = {"num_inference_steps": 8, "cfg_schedule": "dynamic"}
    exact = generate(pipe, **arguments)
    pipe.transformer.enable_cache(FirstBlockCacheConfig(threshold=10.0))
    cached = generate(pipe, **arguments)
    assert not np.array_equal(cached, exact)
    assert np.array_equal(generate(pipe, **arguments), cached)
    steps = []
    pipe.should_stop = lambda: len(steps) == 4
    with pytest.raises(GenerationCancelled):
        generate(pipe, **arguments, callback_on_step_end=lambda *args: steps.append(True))
    pipe.should_stop = None
    assert np.array_equal(generate(pipe, **arguments), cached)
    pipe.transformer.disable_cache()
    assert np.array_equal(generate(pipe, **arguments), exact)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latents": torch.zeros(1, 3, 4, 8, 9)}, "give (1, 3, 4, 8, 8) for both halves, or (1, 6, 4, 8, 8)."),
        ({"output_type": "webp"}, 'output_type is "webp"; use "np", "pt", "pil" or "latent".'),
        ({"num_inference_steps": 0}, "0 sampling steps cannot be taken; use 1 to 1000."),
        ({"num_videos_per_prompt": 0}, "0 clips of each prompt cannot be made; use at least 1."),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(pipe, arguments, message):
    with pytest.raises(ValueError) as error:
        generate(pipe, **arguments)
    assert str(error.value).endswith(message)


def test_images_come_out_on_request(pipe):
    (clip,) = generate(pipe, output_type="pil")
    assert [(image.mode, image.size) for image in clip] == [("RGBA", (32, 32))] * 5
    np.testing.assert_allclose(np.asarray(clip[0]) / 255, generate(pipe)[0, 0], atol=0.51 / 255)


def test_positions_that_are_added_need_the_models_own_text_length():
    pipe = make_pipeline(use_rotary_positional_embeddings=False)
    with pytest.raises(ValueError, match="reads 12 text tokens, not 8; leave max_sequence_length out"):
        generate(pipe, max_sequence_length=8)
