"""The promises of diffusers' pipelines: the cases of its `PipelineTesterMixin` that apply, under their names there.

That mixin (tests/pipelines/test_pipelines_common.py) is in no wheel. Those about saving are in
test_pipeline_saving.py. These do not apply:

    test_attention_slicing_forward_pass, test_xformers_attention_forwardGenerator_pass: `RGBAAttnProcessor` makes no
        table of scores that slices could save, and is chosen by `kernels`
    test_karras_schedulers_shape: CogVideoX takes its DPM and DDIM schedulers alone (test_schedulers_shape)
    test_StableDiffusionMixin_component, test_latents_input, test_pt_np_pil_inputs_equivalent: of other pipelines
    test_pyramid_attention_broadcast*, test_faster_cache*: caches of stock attention; FirstBlockCache is in
        test_sampling.py, MagCache in test_quality.py
    test_loading_with_incorrect_variants_raises_error, test_cannot_load_custom_pipeline: of the loader, untouched here
    test_fused_qkv_projections, test_lora_fuse*: refused with a sentence (test_adapter.py)
"""

import inspect

import accelerate
import numpy as np
import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXPipeline
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback, SDCFGCutoffCallback
from PIL import Image
from safetensors.torch import save_file

from server.transpixar import TransPixarPipeline, TransPixarPipelineOutput
from tests.device import DEVICE
from tests.server.transpixar.pipelines import PROMPT, Seen, generate, generator, make_pipeline, picture
from tests.tiny_model import IMAGE_TO_VIDEO, LORA_ALPHA

pytestmark = pytest.mark.device

CLOSE = 1e-5  # of pixels in single precision, for another order of the same sums


@pytest.fixture
def fresh(model_folder):
    """A pipeline that was moved nowhere yet."""
    pipe = TransPixarPipeline.from_pretrained(
        model_folder, rgba_lora=model_folder / "rgba_lora.safetensors", lora_alpha=LORA_ALPHA
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


# ---- the call ----


def test_pipeline_call_signature():
    ours = inspect.signature(TransPixarPipeline.__call__).parameters
    base = inspect.signature(CogVideoXPipeline.__call__).parameters
    assert list(ours)[: len(base)] == list(base)
    for name, parameter in base.items():
        assert ours[name].kind == parameter.kind, name
    assert [parameter.kind for name, parameter in ours.items() if name not in base] == [
        inspect.Parameter.KEYWORD_ONLY
    ] * 4


def test_inference_batch_consistent(pipe):
    assert generate(pipe, [PROMPT, "blue fire"], negative_prompt=["green", ""]).shape == (2, 5, 32, 32, 4)


def test_inference_batch_single_identical(pipe):
    batch = generate(pipe, [PROMPT] * 3, generator=[generator(seed) for seed in range(3)])
    for seed in range(3):
        np.testing.assert_allclose(batch[seed], generate(pipe, generator=generator(seed))[0], atol=CLOSE)


def test_num_images_per_prompt(pipe):
    for count in (1, 2):
        assert len(generate(pipe, [PROMPT, "fire"], num_videos_per_prompt=count)) == 2 * count


def test_dict_tuple_outputs_equivalent(pipe):
    arguments = {"num_inference_steps": 2}
    output = pipe(PROMPT, generator=generator(), **arguments)
    assert isinstance(output, TransPixarPipelineOutput)
    (frames,) = pipe(PROMPT, generator=generator(), return_dict=False, **arguments)
    np.testing.assert_array_equal(output.frames, frames)
    np.testing.assert_array_equal(output[0], frames)


def test_pt_np_pil_outputs_equivalent(pipe):
    frames = generate(pipe)
    as_tensor = generate(pipe, output_type="pt")
    assert as_tensor.shape == (1, 5, 4, 32, 32)
    np.testing.assert_array_equal(as_tensor.permute(0, 1, 3, 4, 2).numpy(), frames)
    images = generate(pipe, output_type="pil")
    assert all(isinstance(image, Image.Image) and image.mode == "RGBA" for image in images[0])
    np.testing.assert_array_equal(np.stack([np.asarray(image) for image in images[0]]), (255 * frames[0]).round())


def test_pt_outputs_of_footage_keep_its_rgb(pipe):
    footage = np.stack([picture(3, seed=seed) for seed in range(5)])
    as_tensor = generate(pipe, rgb_video=footage, output_type="pt")
    np.testing.assert_array_equal(as_tensor[0, :, :3].permute(0, 2, 3, 1).numpy(), footage)


def test_cfg(pipe):
    assert not np.array_equal(generate(pipe, guidance_scale=1.0), generate(pipe, guidance_scale=7.5))


@pytest.mark.parametrize(("scheduler"), [CogVideoXDDIMScheduler], ids=["ddim"])
def test_schedulers_shape(pipe, scheduler):
    expected = generate(pipe)
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config)
    frames = generate(pipe, eta=0.5)
    assert frames.shape == expected.shape
    assert not np.array_equal(frames, expected)


def test_encode_prompt_works_in_isolation(pipe):
    expected = generate(pipe, negative_prompt="green")
    with torch.no_grad():
        embeds, negative = pipe.encode_prompt(PROMPT, "green", True, max_sequence_length=12)
    pipe.text_encoder = pipe.tokenizer = None
    given = generate(pipe, None, prompt_embeds=embeds, negative_prompt_embeds=negative)
    np.testing.assert_array_equal(given, expected)


# ---- arguments of the base class ----


def test_use_dynamic_cfg_is_the_dynamic_schedule(pipe):
    expected = generate(pipe, cfg_schedule="dynamic")
    np.testing.assert_array_equal(generate(pipe, use_dynamic_cfg=True), expected)
    with pytest.raises(ValueError, match="contradict each other"):
        generate(pipe, use_dynamic_cfg=True, cfg_schedule="constant")


def test_positional_arguments_are_those_of_the_base(pipe):
    frames = pipe(PROMPT, "green", 32, 32, 3, 2).frames
    assert frames.shape == (1, 3, 32, 32, 4)
    assert pipe.num_timesteps == 2


def test_timesteps(pipe):
    expected = generate(pipe, num_inference_steps=4)
    np.testing.assert_array_equal(generate(pipe, timesteps=[999, 749, 499, 249]), expected)
    seen: list[int] = []
    frames = generate(
        pipe, timesteps=[999, 900, 300, 5], callback_on_step_end=lambda pipe, step, t, tensors: seen.append(int(t))
    )
    assert seen == [999, 900, 300, 5]
    assert pipe.num_timesteps == 4
    assert np.isfinite(frames).all()
    # The next call has its own again.
    np.testing.assert_array_equal(generate(pipe, num_inference_steps=4), expected)


@pytest.mark.parametrize("timesteps", [[10, 20], [1000, 5], [5, -1], [5, 5], [7.5]])
def test_timesteps_that_cannot_be_taken(pipe, timesteps):
    with pytest.raises(ValueError, match="give whole numbers from 999 down to 0, each less than the one before"):
        generate(pipe, timesteps=timesteps)


@pytest.fixture
def styled(pipe, tmp_path):
    layer = "transformer.transformer_blocks.0.attn1.to_q"
    save_file(
        {f"{layer}.lora_A.weight": torch.randn(2, 32), f"{layer}.lora_B.weight": torch.randn(32, 2)},
        tmp_path / "style.safetensors",
    )
    pipe.set_style_loras([(tmp_path / "style.safetensors", 0.8)])
    return pipe, tmp_path / "style.safetensors"


def test_attention_kwargs_scale_styles_and_leave_alpha_alone(styled):
    pipe, path = styled
    full = generate(pipe)
    half = generate(pipe, attention_kwargs={"scale": 0.5})
    none = generate(pipe, attention_kwargs={"scale": 0.0})
    assert pipe.attention_kwargs == {"scale": 0.0}
    np.testing.assert_array_equal(generate(pipe), full)
    pipe.set_style_loras([(path, 0.4)])
    np.testing.assert_allclose(generate(pipe), half, atol=CLOSE)
    pipe.set_style_loras([])
    np.testing.assert_allclose(generate(pipe), none, atol=CLOSE)


def test_attention_kwargs_scale_ends_with_the_call_that_fails(styled):
    pipe, _ = styled
    full = generate(pipe)

    def fail(*_):
        raise RuntimeError("a callback's own mistake")

    with pytest.raises(RuntimeError, match="own mistake"):
        generate(pipe, attention_kwargs={"scale": 0.5}, callback_on_step_end=fail)
    np.testing.assert_array_equal(generate(pipe), full)
    with pytest.raises(ValueError, match="is no number to multiply with"):
        generate(pipe, attention_kwargs={"scale": float("nan")})


# ---- callbacks ----


def test_callback_inputs(pipe):
    seen = []

    def look(pipe, step, timestep, tensors):
        assert set(tensors) <= set(pipe._callback_tensor_inputs)
        seen.append({name: tuple(tensor.shape) for name, tensor in tensors.items()})
        return tensors

    expected = generate(pipe)
    frames = generate(pipe, callback_on_step_end=look, callback_on_step_end_tensor_inputs=pipe._callback_tensor_inputs)
    np.testing.assert_array_equal(frames, expected)
    shapes = {"latents": (1, 6, 4, 8, 8), "prompt_embeds": (2, 12, 32), "negative_prompt_embeds": (1, 12, 32)}
    assert seen == [shapes] * 3
    with pytest.raises(ValueError, match="callback_on_step_end_tensor_inputs"):
        generate(pipe, callback_on_step_end=look, callback_on_step_end_tensor_inputs=["noise"])

    def empty_the_last(pipe, step, timestep, tensors):
        if step == pipe.num_timesteps - 1:
            tensors["latents"] = torch.zeros_like(tensors["latents"])
        return tensors

    assert not generate(pipe, callback_on_step_end=empty_the_last, output_type="latent").any()


def test_callback_cfg(pipe):
    scales = []

    def increase(pipe, step, timestep, tensors):
        scales.append(pipe.guidance_scale)
        pipe._guidance_scale += 1.0
        return tensors

    frames = generate(pipe, callback_on_step_end=increase)
    assert scales == [4.0, 5.0, 6.0]
    assert pipe.guidance_scale == 7.0
    assert not np.array_equal(frames, generate(pipe))


def test_guidance_scale_follows_the_schedule(pipe):
    scales = []
    generate(
        pipe, cfg_schedule="dynamic", callback_on_step_end=lambda pipe, *_: scales.append(round(pipe.guidance_scale, 3))
    )
    assert len(set(scales)) == 3


def test_callbacks_of_diffusers(pipe):
    """A cut-off of guidance, and several callbacks at once."""
    batches, steps = Seen(pipe), []

    class Count(PipelineCallback):
        tensor_inputs = ["latents"]

        def __init__(self):
            super().__init__(cutoff_step_ratio=1.0)

        def callback_fn(self, pipeline, step_index, timestep, callback_kwargs):
            steps.append(step_index)
            return callback_kwargs

    callbacks = MultiPipelineCallbacks([Count(), SDCFGCutoffCallback(cutoff_step_ratio=None, cutoff_step_index=1)])
    generate(pipe, num_inference_steps=5, callback_on_step_end=callbacks)
    assert steps == [0, 1, 2, 3, 4]
    assert [len(one["hidden_states"]) for one in batches.passes] == [2, 2, 1, 1, 1]


def test_a_callback_may_change_the_words(pipe):
    with torch.no_grad():
        embeds, negative = pipe.encode_prompt("blue fire", "", True, max_sequence_length=12)
    seen = Seen(pipe)

    def change(pipe, step, timestep, tensors):
        return {"prompt_embeds": torch.cat([negative, embeds])}

    generate(
        pipe,
        num_inference_steps=2,
        callback_on_step_end=change,
        callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"],
    )
    first, second = (one["encoder_hidden_states"] for one in seen.passes)
    assert not torch.equal(first[1:], embeds)
    assert torch.equal(second, torch.cat([negative, embeds]))
    with pytest.raises(ValueError, match="prompt_embeds for 3 clips; return 1 or 2"):
        generate(pipe, callback_on_step_end=lambda *_: {"prompt_embeds": embeds.repeat(3, 1, 1)})


def test_interrupt(pipe):
    steps = []

    def stop(pipe, step, timestep, tensors):
        steps.append(step)
        pipe._interrupt = step == 1
        return tensors

    frames = generate(pipe, num_inference_steps=6, callback_on_step_end=stop)
    assert steps == [0, 1]
    assert pipe.interrupt
    assert frames.shape == (1, 5, 32, 32, 4)  # what there is by then, as in diffusers
    generate(pipe, num_inference_steps=6, callback_on_step_end=lambda pipe, step, *_: steps.append(step))
    assert steps[2:] == [0, 1, 2, 3, 4, 5]


# ---- components, devices and dtypes ----


def test_components_function(pipe):
    again = TransPixarPipeline(**pipe.components)
    again.set_progress_bar_config(disable=True)
    np.testing.assert_array_equal(generate(again), generate(pipe))


def test_to_device(pipe):
    assert all(each.device.type == DEVICE.type for each in pipe.components.values() if hasattr(each, "device"))
    pipe.to("cpu")
    assert generate(pipe).dtype == np.float32


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_float16_inference(fresh, dtype):
    expected = generate(fresh)
    frames = generate(fresh.to(DEVICE, dtype))
    assert frames.dtype == np.float32
    assert np.abs(frames - expected).mean() < 0.03


def test_to_dtype(fresh):
    fresh.to(dtype=torch.float16)
    assert {each.dtype for each in fresh.components.values() if hasattr(each, "dtype")} == {torch.float16}
    assert fresh.transformer.patch_embed.domain_emb.dtype == torch.float16


def test_torch_dtype_dict(model_folder):
    pipe = TransPixarPipeline.from_pretrained(
        model_folder,
        rgba_lora=model_folder / "rgba_lora.safetensors",
        dtype={"transformer": torch.bfloat16, "default": torch.float16},
    )
    assert pipe.transformer.dtype == torch.bfloat16
    assert pipe.vae.dtype == pipe.text_encoder.dtype == torch.float16


def test_layerwise_casting_inference(pipe):
    pipe.transformer.enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    assert np.isfinite(generate(pipe)).all()


def test_vae_tiling(pipe):
    expected = generate(pipe, height=64, width=64)
    pipe.vae.enable_tiling(32, 32, tile_overlap_factor_height=1 / 4, tile_overlap_factor_width=1 / 4)
    assert np.abs(generate(pipe, height=64, width=64) - expected).mean() < 0.05


# ---- offloading ----
# The device to offload to is the test's; on a processor, accelerate's hooks do all but move.


def brought(module) -> list[int]:
    """Count how often accelerate's hook brings a component to its device."""
    counts, hook = [], module._hf_hook
    own = hook.pre_forward

    def pre_forward(*args, **kwargs):
        counts.append(1)
        return own(*args, **kwargs)

    hook.pre_forward = pre_forward
    return counts


def test_model_cpu_offload_forward_pass(fresh):
    expected = generate(fresh.to(DEVICE))
    fresh.enable_model_cpu_offload(device=DEVICE)
    counts = {name: brought(getattr(fresh, name)) for name in ("text_encoder", "transformer", "vae")}
    np.testing.assert_allclose(generate(fresh), expected, atol=1e-4)
    assert {name: bool(count) for name, count in counts.items()} == dict.fromkeys(counts, True)
    assert all(each.device.type == "cpu" for each in fresh.components.values() if hasattr(each, "device"))


def test_cpu_offload_forward_pass_twice(fresh):
    fresh.enable_model_cpu_offload(device=DEVICE)
    np.testing.assert_array_equal(generate(fresh), generate(fresh))


def offload_sequentially(pipe) -> None:
    """`enable_sequential_cpu_offload`, on a processor too.

    diffusers names the device with its number; from "cpu" to "cpu:0" PyTorch copies a weight, and accelerate is lost.
    """
    if DEVICE.type != "cpu":
        pipe.enable_sequential_cpu_offload(device=DEVICE)
        return
    for component in pipe.components.values():
        if isinstance(component, torch.nn.Module):
            accelerate.cpu_offload(component, DEVICE)


def test_sequential_cpu_offload_forward_pass(fresh):
    expected = generate(fresh.to(DEVICE))
    offload_sequentially(fresh)
    assert fresh.vae.device.type == "meta"
    np.testing.assert_allclose(generate(fresh), expected, atol=1e-4)


def test_sequential_offload_forward_pass_twice(fresh):
    offload_sequentially(fresh)
    np.testing.assert_array_equal(generate(fresh), generate(fresh))


def test_sequential_offload_keeps_a_broken_pipeline_from_being_saved(fresh, tmp_path):
    offload_sequentially(fresh)
    with pytest.raises(ValueError, match="call remove_all_hooks"):
        fresh.save_pretrained(tmp_path)


def test_offloading_an_image_to_video_base_with_previews():
    pipe, image = make_pipeline(**IMAGE_TO_VIDEO), picture(4)
    expected = generate(pipe, image=image)
    offload_sequentially(pipe)
    previews = []
    frames = generate(
        pipe,
        image=image,
        callback_on_step_end=lambda pipe, *_: previews.append(pipe.decode_preview(pipe.predicted_clean_latents)),
    )
    np.testing.assert_allclose(frames, expected, atol=1e-4)
    assert [preview.shape for preview in previews] == [(32, 32, 4)] * 3


@pytest.mark.parametrize("kind", ["block_level", "leaf_level"])
def test_group_offloading_inference(fresh, kind):
    expected = generate(fresh.to(DEVICE))
    fresh.to("cpu")
    more = {"num_blocks_per_group": 1} if kind == "block_level" else {}
    fresh.transformer.enable_group_offload(DEVICE, torch.device("cpu"), offload_type=kind, **more)
    fresh.vae.enable_group_offload(DEVICE, torch.device("cpu"), offload_type="leaf_level")
    fresh.text_encoder.to(DEVICE)
    np.testing.assert_allclose(generate(fresh), expected, atol=1e-4)


def test_pipeline_level_group_offloading_inference(fresh):
    expected = generate(fresh.to(DEVICE))
    fresh.to("cpu")
    fresh.enable_group_offload(DEVICE, offload_type="leaf_level")
    np.testing.assert_allclose(generate(fresh), expected, atol=1e-4)
