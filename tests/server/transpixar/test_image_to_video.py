"""A clip that starts from a given frame, on image-to-video bases."""

import functools

import numpy as np
import pytest
import torch
from diffusers import CogVideoXImageToVideoPipeline
from diffusers.pipelines.cogvideo import pipeline_cogvideox_image2video as stock

from server.transpixar import TransPixarPipeline, create_rgba_weights, enable_rgba
from tests.device import DEVICE
from tests.server.transpixar.model_inputs import random_inputs
from tests.server.transpixar.pipelines import (
    Seen,
    generate,
    generator,
    make_pipeline,
    picture,
    stock_image_to_video,
)
from tests.tiny_model import (
    IMAGE_TO_VIDEO,
    JOINED_FRAMES_IMAGE_TO_VIDEO,
    LORA_ALPHA,
    make_rgba_weights,
    make_transformer,
    write_tiny_model,
)

pytestmark = pytest.mark.device


@pytest.fixture
def pipe() -> TransPixarPipeline:
    return make_pipeline(**IMAGE_TO_VIDEO)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny-i2v", image_to_video=True)


def conditions(pipe, **arguments) -> torch.Tensor:
    """The conditioning channels (1, 2F, C, H, W) of the first pass."""
    seen = Seen(pipe)
    generate(pipe, num_inference_steps=1, guidance_scale=1.0, **arguments)
    return seen.passes[0]["hidden_states"].chunk(2, dim=2)[1]


@torch.no_grad()
def encoded(pipe, rgb) -> torch.Tensor:
    """Latents (C, H, W) of one picture (H, W, 3) in 0..1."""
    pixels = torch.from_numpy(rgb).to(DEVICE).permute(2, 0, 1)[None, :, None] * 2 - 1
    return pipe.vae.encode(pixels).latent_dist.mode()[0, :, 0]


def test_a_folder_that_names_diffusers_image_to_video_pipeline_loads(folder):
    assert isinstance(CogVideoXImageToVideoPipeline.from_pretrained(folder), CogVideoXImageToVideoPipeline)
    pipe = TransPixarPipeline.from_pretrained(folder, rgba_lora=folder / "rgba_lora.safetensors", lora_alpha=LORA_ALPHA)
    assert pipe.is_image_to_video
    assert generate(pipe, image=picture(4)).shape == (1, 5, 32, 32, 4)


def test_each_half_sees_its_part_of_the_image_in_the_first_latent_frame(pipe):
    image = picture(4)
    rgb, alpha = conditions(pipe, image=image)[0].chunk(2)  # (F, C, H, W) each
    torch.testing.assert_close(rgb[0], encoded(pipe, image[..., :3]), atol=1e-6, rtol=0)
    torch.testing.assert_close(alpha[0], encoded(pipe, image[..., 3:].repeat(3, axis=-1)), atol=1e-6, rtol=0)
    assert not rgb[1:].any()
    assert not alpha[1:].any()


def test_without_alpha_the_alpha_half_sees_nothing(pipe):
    rgb, alpha = conditions(pipe, image=picture(3))[0].chunk(2)
    assert rgb[0].any()
    assert not alpha.any()


@pytest.mark.parametrize("config", [IMAGE_TO_VIDEO, JOINED_FRAMES_IMAGE_TO_VIDEO], ids=["1.0", "1.5"])
@pytest.mark.parametrize("inverted", [False, True])
def test_noise_and_rgb_condition_are_those_of_stock_diffusers(monkeypatch, config, inverted):
    pipe, num_frames = make_pipeline(**config), 3
    pipe.vae.register_to_config(invert_scale_latents=inverted, scaling_factor=0.7)
    pipe.vae_scaling_factor_image = 0.7
    seen = Seen(pipe)
    image = picture(3)
    generate(pipe, image=image, num_frames=num_frames, num_inference_steps=1, guidance_scale=1.0)
    ours = seen.passes[0]
    # Stock takes a sample of the posterior, and with it other noise.
    monkeypatch.setattr(stock, "retrieve_latents", functools.partial(stock.retrieve_latents, sample_mode="argmax"))
    pixels = torch.from_numpy(image).to(DEVICE).permute(2, 0, 1)[None] * 2 - 1
    latents, image_latents = stock_image_to_video(pipe).prepare_latents(
        pixels, 1, 4, num_frames, 32, 32, torch.float32, DEVICE, generator()
    )
    noise, condition = ours["hidden_states"].chunk(2, dim=2)
    rgb = slice(0, noise.shape[1] // 2)
    assert torch.equal(noise[:, rgb], latents)
    torch.testing.assert_close(condition[:, rgb], image_latents, atol=1e-6, rtol=0)
    assert (ours["ofs"] is None) == (config is IMAGE_TO_VIDEO)
    if ours["ofs"] is not None:
        assert ours["ofs"].tolist() == [2.0]  # as stock


def test_learned_positions_are_shared_by_both_halves():
    transformer = make_transformer(**IMAGE_TO_VIDEO).to(DEVICE)
    transformer.patch_embed.pos_embedding.normal_()  # learned, so unlike sine and cosine
    inputs = random_inputs(transformer, frames=3, height=8, width=8)
    rgb, _ = inputs.hidden_states.chunk(2, dim=1)
    inputs.hidden_states = torch.cat([rgb, rgb], dim=1)
    enable_rgba(transformer, create_rgba_weights(transformer, rank=4), text_to_alpha="open")
    with torch.no_grad():
        rgb, alpha = transformer(**inputs.arguments()).sample.chunk(2, dim=1)
    torch.testing.assert_close(alpha, rgb, atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_shorter_clip_has_the_first_of_the_learned_positions():
    transformer = make_transformer(**IMAGE_TO_VIDEO).to(DEVICE)
    transformer.patch_embed.pos_embedding.normal_()
    enable_rgba(transformer, create_rgba_weights(transformer, rank=4))
    text, latents = torch.zeros(1, 12, 32, device=DEVICE), torch.zeros(1, 4, 8, 8, 8, device=DEVICE)  # 2 of 3 frames
    tokens = transformer.patch_embed(text, latents)
    bias = transformer.patch_embed.proj.bias
    positions = transformer.patch_embed.pos_embedding[:, 12 : 12 + 2 * 4].float()
    torch.testing.assert_close(tokens[:, 12:20], positions + bias)
    torch.testing.assert_close(tokens[:, 20:28], positions + bias)


def test_weights_for_text_to_video_fit_an_image_to_video_base():
    weights = make_rgba_weights(make_transformer())
    enable_rgba(make_transformer(**IMAGE_TO_VIDEO), weights)


@pytest.mark.parametrize("batch_guidance", [True, False])
def test_image_and_its_alpha_matter(pipe, batch_guidance):
    pipe.batch_guidance = batch_guidance
    clips = [
        generate(pipe, image=image).tobytes()
        for image in (picture(3), picture(4), picture(4, seed=1), picture(3, seed=1))
    ]
    assert len(set(clips)) == 4
    assert generate(pipe, image=picture(3)).tobytes() == clips[0]


def test_prompts_may_share_an_image_or_have_one_each(pipe):
    prompts, seeds = ["orange fire", "blue smoke"], (1, 2)
    images = np.stack([picture(4, seed=seed) for seed in seeds])
    alone = [
        generate(pipe, prompt, image=image, generator=generator(seed))[0]
        for prompt, image, seed in zip(prompts, images, seeds, strict=True)
    ]
    each = generate(pipe, prompts, image=images, generator=[generator(seed) for seed in seeds])
    np.testing.assert_allclose(each, np.stack(alone), atol=1e-5)
    shared = generate(pipe, prompts, image=images[0], generator=[generator(seed) for seed in seeds])
    np.testing.assert_allclose(shared[0], alone[0], atol=1e-5)
    with pytest.raises(ValueError, match="2 images or videos are given for 3 prompts"):
        generate(pipe, [*prompts, "fire"], image=images)


def test_a_half_precision_base_takes_an_image(pipe):
    pipe.to(torch.bfloat16)
    assert np.isfinite(generate(pipe, image=picture(4))).all()


def test_footage_on_an_image_to_video_base_conditions_with_its_first_frame(pipe):
    footage = np.stack([picture(3, seed=seed) for seed in range(5)])
    rgb, alpha = conditions(pipe, rgb_video=footage)[0].chunk(2)
    torch.testing.assert_close(rgb[0], encoded(pipe, footage[0]), atol=1e-6, rtol=0)
    assert not alpha.any()


def test_a_base_that_was_not_trained_for_it_says_what_to_use():
    with pytest.raises(ValueError, match="use an image-to-video base such as CogVideoX-5B-I2V, or leave image out"):
        generate(make_pipeline(), image=picture(3))


def test_a_base_that_was_trained_for_it_needs_an_image(pipe):
    with pytest.raises(ValueError, match="needs a first frame; give image, or use a text-to-video base"):
        generate(pipe)


def test_a_base_that_was_trained_with_and_without_an_image_sees_zeros_where_none_is_given(pipe, monkeypatch):
    monkeypatch.setattr(pipe, "image_optional", True)
    assert not conditions(pipe)[0].any()
    assert generate(pipe).tobytes() != generate(pipe, image=picture(3)).tobytes()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (picture(2), r"image has the shape \(32, 32, 2\); give \(H, W, 3\) or \(H, W, 4\), or a batch of such"),
        (picture(3)[0], r"image has the shape \(32, 3\)"),
        ((picture(3) * 255).astype(np.uint8), "image holds torch.uint8 numbers; give floats in 0..1"),
        (picture(3) * 255, "image holds numbers from .* to .*; give floats in 0..1"),
        (np.full((32, 32, 3), np.nan, np.float32), "image holds numbers from nan"),
        (picture(3, width=40), "Width 40 is not a multiple of 16"),
    ],
)
def test_an_image_that_cannot_be_used_is_refused_with_a_sentence(pipe, image, message):
    with pytest.raises(ValueError, match=message):
        generate(pipe, image=image)


def test_an_image_of_another_size_than_the_clip_is_refused(pipe):
    with pytest.raises(ValueError, match="given frames are 32x32, but the clip is 48x32; leave width and height out"):
        generate(pipe, image=picture(3), width=48)
