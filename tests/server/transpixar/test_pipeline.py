"""From a model folder and a prompt to RGBA frames, with a real (small, random) diffusion model."""

import logging

import diffusers
import numpy as np
import pytest
import torch
import transformers
from diffusers import CogVideoXDPMScheduler, CogVideoXPipeline

from server.transpixar import TransPixarPipeline, enable_rgba
from tests.device import DEVICE
from tests.tiny_model import (
    LORA_ALPHA,
    make_autoencoder,
    make_rgba_weights,
    make_scheduler,
    make_text_encoder,
    make_tokenizer,
    make_transformer,
)

pytestmark = pytest.mark.device

PROMPT = "a puff of orange smoke"
CLIP = {"height": 32, "width": 48, "num_frames": 5, "num_inference_steps": 4, "guidance_scale": 4.0}


def generate(pipe, seed=3, prompt=PROMPT, **arguments):
    return pipe(prompt, generator=torch.Generator().manual_seed(seed), **CLIP | arguments).frames


def test_a_prompt_becomes_rgba_frames(pipe):
    frames = generate(pipe)
    assert frames.shape == (1, 5, 32, 48, 4)
    assert frames.dtype == np.float32
    assert 0.0 <= frames.min() < frames.max() <= 1.0


def test_the_folder_loads_without_a_warning(model_folder, caplog):
    for library in (diffusers, transformers):
        library.utils.logging.enable_propagation()
    try:
        pipe = TransPixarPipeline.from_pretrained(
            model_folder, rgba_lora=model_folder / "rgba_lora.safetensors", lora_alpha=LORA_ALPHA
        )
        generate(pipe)
    finally:
        for library in (diffusers, transformers):
            library.utils.logging.disable_propagation()
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_folder_is_a_base_model_of_stock_diffusers(model_folder):
    base = CogVideoXPipeline.from_pretrained(model_folder)
    base.set_progress_bar_config(disable=True)
    frames = base(PROMPT, **CLIP, max_sequence_length=12, output_type="np").frames
    assert frames.shape == (1, 5, 32, 48, 3)


def test_a_folder_stored_in_half_precision_runs_in_full(model_folder, tmp_path):
    CogVideoXPipeline.from_pretrained(model_folder, dtype=torch.float16).save_pretrained(tmp_path)
    pipe = TransPixarPipeline.from_pretrained(tmp_path, rgba_lora=model_folder / "rgba_lora.safetensors")
    assert {module.dtype for module in (pipe.text_encoder, pipe.vae, pipe.transformer)} == {torch.float32}
    assert generate(pipe).shape == (1, 5, 32, 48, 4)


def test_the_tokenizer_reads_whole_words_whatever_their_case():
    tokenizer = make_tokenizer()
    tokens = tokenizer(["A Puff of ORANGE elephants"], padding="max_length", max_length=8).input_ids[0]
    assert tokenizer.convert_ids_to_tokens(tokens) == ["a", "puff", "of", "orange", "<unk>", "</s>", "<pad>", "<pad>"]


def test_the_scheduler_is_the_released_one(pipe):
    assert isinstance(pipe.scheduler, CogVideoXDPMScheduler)
    assert pipe.scheduler.config.timestep_spacing == "trailing"
    assert pipe.scheduler.config.rescale_betas_zero_snr  # from the base's own configuration


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_a_seed_gives_the_same_clip_again(pipe, seed):
    assert np.array_equal(generate(pipe, seed), generate(pipe, seed))


def test_every_seed_gives_another_clip_and_zero_is_a_seed(pipe):
    clips = [generate(pipe, seed).tobytes() for seed in (0, 1, 2)]
    assert len(set(clips)) == 3


def test_the_prompt_matters_and_so_does_the_negative_prompt(pipe):
    clips = [
        generate(pipe).tobytes(),
        generate(pipe, prompt="blue sparks bursting").tobytes(),
        generate(pipe, negative_prompt="green water").tobytes(),
    ]
    assert len(set(clips)) == 3


def test_prompts_become_one_clip_each(pipe):
    assert generate(pipe, prompt=[PROMPT, "blue fire"]).shape == (2, 5, 32, 48, 4)


def test_both_halves_start_from_the_same_noise(pipe):
    seen = []
    pipe.transformer.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["hidden_states"]), with_kwargs=True
    )
    generate(pipe)
    rgb, alpha = seen[0].chunk(2, dim=1)
    assert torch.equal(rgb, alpha)
    rgb, alpha = seen[1].chunk(2, dim=1)
    assert not torch.equal(rgb, alpha)


@pytest.mark.parametrize("frames", [3, 6])
def test_given_latents_may_be_one_half_or_both(pipe, frames):
    latents = torch.randn(1, frames, 4, 8, 12, device=DEVICE)
    assert generate(pipe, latents=latents, output_type="latent").shape == (1, 6, 4, 8, 12)


@torch.no_grad()
def test_latents_come_out_undecoded_on_request(pipe):
    latents = generate(pipe, output_type="latent")
    assert latents.shape == (1, 6, 4, 8, 12)
    frames = pipe.video_processor.postprocess_video(pipe.decode_latents(latents), output_type="np")
    np.testing.assert_array_equal(frames, generate(pipe))


@torch.no_grad()
def test_alpha_is_the_largest_channel_of_its_half(pipe):
    latents = torch.randn(1, 6, 4, 8, 12, device=DEVICE)
    pixels = pipe.decode_latents(latents)
    rgb, alpha = (pipe.vae.decode(half.transpose(1, 2)).sample for half in latents.chunk(2, dim=1))
    assert torch.equal(pixels[:, :3], rgb.cpu())
    assert torch.equal(pixels[:, 3], alpha.amax(dim=1).cpu())


@pytest.mark.parametrize("num_frames", [1, 3, 5, 7, 9])
def test_every_allowed_frame_count_comes_out(pipe, num_frames):
    assert generate(pipe, num_frames=num_frames).shape[1] == num_frames


def test_sizes_and_frames_default_to_the_models_own(pipe):
    assert pipe(PROMPT, num_inference_steps=1).frames.shape == (1, 5, 32, 32, 4)


@pytest.mark.parametrize("guidance", [0.0, 1.0])
def test_without_guidance_there_is_no_unconditional_pass(pipe, guidance):
    batches = []
    pipe.transformer.register_forward_hook(lambda module, args, output: batches.append(len(output[0])))
    generate(pipe, guidance_scale=guidance)
    assert batches == [1, 1, 1, 1]
    generate(pipe, guidance_scale=4.0)
    assert batches[4:] == [2, 2, 2, 2]


def test_the_cfg_schedules_differ(pipe):
    assert not np.array_equal(generate(pipe, cfg_schedule="constant"), generate(pipe, cfg_schedule="dynamic"))


def test_text_to_alpha_can_change_between_calls(pipe, model_folder):
    clips = {}
    for mode in ("strict", "reference", "open"):
        pipe.text_to_alpha = mode
        clips[mode] = generate(pipe)
    assert len({clip.tobytes() for clip in clips.values()}) == 3
    other = TransPixarPipeline.from_pretrained(
        model_folder, rgba_lora=model_folder / "rgba_lora.safetensors", lora_alpha=LORA_ALPHA, text_to_alpha="open"
    )
    other.to(DEVICE)
    assert other.text_to_alpha == "open"
    assert np.array_equal(generate(other), clips["open"])


def test_a_prompt_longer_than_the_model_reads_is_cut(pipe):
    assert generate(pipe, prompt="orange smoke " * 50).shape == (1, 5, 32, 48, 4)


def test_the_callback_sees_every_step_and_a_preview(pipe):
    steps, previews = [], []

    def look(pipe, step, timestep, tensors):
        assert list(tensors) == ["latents"]
        assert pipe.predicted_clean_latents.shape == tensors["latents"].shape
        steps.append(step)
        previews.append(pipe.decode_preview(pipe.predicted_clean_latents))

    watched = generate(pipe, callback_on_step_end=look)
    assert steps == [0, 1, 2, 3]
    assert {preview.shape for preview in previews} == {(32, 48, 4)}
    assert all(preview.dtype == np.float32 and 0 <= preview.min() <= preview.max() <= 1 for preview in previews)
    assert np.array_equal(watched, generate(pipe))  # looking changes nothing


def test_the_last_clean_estimate_is_the_clip(pipe):
    latents = generate(pipe, output_type="latent")
    torch.testing.assert_close(pipe.predicted_clean_latents, latents)


def test_the_callback_may_replace_latents(pipe):
    latents = generate(
        pipe, output_type="latent", callback_on_step_end=lambda *args: {"latents": args[3]["latents"] * 0}
    )
    assert not latents.any()


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # two adapters are what is wanted
def test_other_loras_can_be_unloaded_and_alpha_stays(pipe):
    expected = generate(pipe)
    stem = "transformer.transformer_blocks.0.attn1.to_q"
    style = {f"{stem}.lora_A.weight": torch.randn(2, 32), f"{stem}.lora_B.weight": torch.randn(32, 2)}
    pipe.load_lora_weights(style, adapter_name="style")
    pipe.set_adapters(["rgba", "style"])
    assert not np.array_equal(generate(pipe), expected)
    pipe.unload_lora_weights()
    assert np.array_equal(generate(pipe), expected)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"width": 40}, "Width 40 is not a multiple of 16; use 32 or 48."),
        ({"height": 65}, "Height 65 is not a multiple of 16; use 64 or 80."),
        ({"width": 0}, "Width 0 is not a multiple of 16; use 16."),
        ({"height": -32}, "Height -32 is not a multiple of 16; use 16."),
        ({"num_frames": 4}, "4 frames cannot be made: this model makes a multiple of 2 plus 1; use 3 or 5."),
        ({"num_frames": 0}, "0 frames cannot be made: this model makes a multiple of 2 plus 1; use 1 or 3."),
        ({"cfg_schedule": "cosine"}, 'cfg_schedule is "cosine"; use "constant" or "dynamic".'),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_sentence(pipe, size, message):
    with pytest.raises(ValueError) as error:
        generate(pipe, **size)
    assert str(error.value) == message


def test_a_base_without_rgba_weights_is_told_so(model_folder):
    pipe = TransPixarPipeline.from_pretrained(model_folder, rgba_lora=None)
    with pytest.raises(ValueError, match="no RGBA weights"):
        generate(pipe)
    enable_rgba(pipe.transformer, model_folder / "rgba_lora.safetensors", lora_alpha=LORA_ALPHA)
    assert generate(pipe).shape == (1, 5, 32, 48, 4)


@pytest.mark.parametrize(
    ("config", "num_frames"), [({"use_rotary_positional_embeddings": False}, 5), ({"patch_size_t": 2}, 7)]
)
def test_the_other_kinds_of_cogvideox_work_too(config, num_frames):
    transformer = make_transformer(**config)  # positions of the 2B model; joined latent frames of 1.5
    enable_rgba(transformer, make_rgba_weights(transformer))
    pipe = TransPixarPipeline(make_tokenizer(), make_text_encoder(), make_autoencoder(), transformer, make_scheduler())
    assert generate(pipe, width=32, num_frames=num_frames).shape == (1, num_frames, 32, 32, 4)


def test_frames_that_cannot_be_joined_are_refused():
    transformer = make_transformer(patch_size_t=2)
    enable_rgba(transformer, make_rgba_weights(transformer))
    pipe = TransPixarPipeline(make_tokenizer(), make_text_encoder(), make_autoencoder(), transformer, make_scheduler())
    with pytest.raises(ValueError, match="joins 2 latent frames into one; use 7"):
        generate(pipe, width=32, num_frames=5)
