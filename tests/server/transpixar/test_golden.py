"""The model agrees with the released code on the golden vectors (tests/golden/transpixar_tiny)."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from diffusers.pipelines.cogvideo.pipeline_cogvideox import get_resize_crop_region_for_grid
from safetensors.torch import load_file

from server.transpixar import TransPixarPipeline, enable_rgba
from server.transpixar.scheduler import TrailingDPMScheduler
from tests.device import DEVICE

pytestmark = pytest.mark.device

GOLDEN = Path(__file__).parents[2] / "golden" / "transpixar_tiny"
CASE = json.loads((GOLDEN / "case.json").read_text())


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    return load_file(GOLDEN / "cases.safetensors", device=str(DEVICE))


def golden_transformer(mode: str) -> CogVideoXTransformer3DModel:
    transformer = CogVideoXTransformer3DModel.from_pretrained(GOLDEN / "transformer")
    weights = GOLDEN / "rgba_lora.safetensors"
    return enable_rgba(transformer, weights, lora_alpha=CASE["lora_alpha"], text_to_alpha=mode).to(DEVICE)


@pytest.mark.parametrize("mode", ["strict", "reference"])
@torch.no_grad()
def test_one_forward_pass_equals_the_released_code(tensors, mode):
    transformer = golden_transformer(mode)
    grid = (CASE["grid"][0] // 2, CASE["grid"][1] // 2)
    crop = get_resize_crop_region_for_grid(grid, 45, 30)
    rotary = get_3d_rotary_pos_embed(CASE["head_dim"], crop, grid, CASE["latent_frames"], device=DEVICE)
    output = transformer(
        hidden_states=tensors["hidden_states"],
        encoder_hidden_states=tensors["encoder_hidden_states"],
        timestep=tensors["timestep"],
        image_rotary_emb=rotary,
    ).sample
    torch.testing.assert_close(output, tensors[f"forward.{mode}"], atol=2e-6, rtol=0)


@pytest.mark.parametrize("batch_guidance", [True, False], ids=["batched", "in sequence"])
@pytest.mark.parametrize("schedule", ["dynamic", "constant"])
@pytest.mark.parametrize("mode", ["strict", "reference"])
def test_a_whole_sampling_loop_equals_the_released_code(tensors, mode, schedule, batch_guidance):
    pipe = TransPixarPipeline(
        tokenizer=None,
        text_encoder=None,
        vae=None,
        transformer=golden_transformer(mode),
        scheduler=TrailingDPMScheduler.from_pretrained(GOLDEN / "scheduler"),
    )
    pipe.set_progress_bar_config(disable=True)
    pipe.batch_guidance = batch_guidance
    (latents,) = pipe(
        prompt_embeds=tensors["prompt_embeds"],
        negative_prompt_embeds=tensors["negative_prompt_embeds"],
        height=8 * CASE["grid"][0],
        width=8 * CASE["grid"][1],
        num_frames=4 * (CASE["latent_frames"] - 1) + 1,
        num_inference_steps=CASE["steps"],
        guidance_scale=CASE["guidance"],
        cfg_schedule=schedule,
        generator=torch.Generator().manual_seed(CASE["seed"]),
        output_type="latent",
        return_dict=False,
    )
    torch.testing.assert_close(latents, tensors[f"latents.{mode}.{schedule}_cfg"], atol=2e-5, rtol=0)
