"""A pipeline as a folder: what `save_pretrained` writes, `from_pretrained` brings back, here and from the hub.

Those cases of diffusers' `PipelineTesterMixin` (tests/pipelines/test_pipelines_common.py there, which is in no wheel)
that are about saving and loading have its names.
"""

import json
import logging
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from diffusers import CogVideoXImageToVideoPipeline, CogVideoXPipeline, DiffusionPipeline
from huggingface_hub import constants, hf_api
from safetensors.torch import load_file, save_file

from server.transpixar import RGBAWeightsError, StyleLoraError, TransPixarPipeline, disable_rgba, is_rgba_enabled
from server.transpixar.scheduler import TrailingDPMScheduler
from tests.device import DEVICE
from tests.server.models.fake_hub import FakeHub, FakeHubServer, FakeRepo
from tests.server.transpixar.pipelines import generate, make_pipeline, picture
from tests.tiny_model import IMAGE_TO_VIDEO, LORA_ALPHA

pytestmark = pytest.mark.device


def loaded(folder, **arguments) -> TransPixarPipeline:
    pipe = TransPixarPipeline.from_pretrained(folder, **arguments)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(DEVICE)


@pytest.fixture
def style(pipe, tmp_path):
    """An ordinary LoRA that changes what comes out, with a rank and an alpha of its own."""
    layer = "transformer.transformer_blocks.0.attn1.to_q"
    randomness = torch.Generator().manual_seed(5)
    state = {
        f"{layer}.lora_A.weight": torch.randn(2, 32, generator=randomness),
        f"{layer}.lora_B.weight": torch.randn(32, 2, generator=randomness),
    }
    path = tmp_path / "style.safetensors"
    use = {
        "transformer.r": 2,
        "transformer.lora_alpha": 3,
        "transformer.target_modules": ["transformer_blocks.0.attn1.to_q"],
    }
    save_file(state, path, {"lora_adapter_metadata": json.dumps(use)})
    return path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[FakeHub]:
    with FakeHubServer() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.hub.url)
        monkeypatch.setattr(hf_api.api, "endpoint", server.hub.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield server.hub


# ---- save and load ----


def test_save_load_local(pipe, tmp_path, caplog):
    pipe.text_to_alpha = "reference"
    before = generate(pipe)
    with caplog.at_level(logging.WARNING):
        pipe.save_pretrained(tmp_path / "saved")
        again = loaded(tmp_path / "saved")
    assert "newly initialized" not in caplog.text
    assert is_rgba_enabled(again.transformer)
    assert again.text_to_alpha == "reference"
    assert again.transformer.peft_config["rgba"].lora_alpha == LORA_ALPHA
    assert isinstance(again.scheduler, TrailingDPMScheduler)
    np.testing.assert_array_equal(generate(again), before)
    np.testing.assert_array_equal(generate(pipe), before)  # saving changes nothing


def test_save_load_local_of_an_image_to_video_base(tmp_path):
    pipe = make_pipeline(**IMAGE_TO_VIDEO)
    pipe.image_optional = True
    before = generate(pipe, image=picture(4), width=32)
    pipe.save_pretrained(tmp_path)
    again = loaded(tmp_path)
    assert again.image_optional
    np.testing.assert_array_equal(generate(again, image=picture(4), width=32), before)
    assert isinstance(DiffusionPipeline.from_pretrained(tmp_path), CogVideoXImageToVideoPipeline)


def test_save_load_local_without_rgba(model_folder, tmp_path):
    pipe = TransPixarPipeline.from_pretrained(model_folder, rgba_lora=None)
    pipe.save_pretrained(tmp_path)
    assert not is_rgba_enabled(TransPixarPipeline.from_pretrained(tmp_path).transformer)


def test_save_load_float16(pipe, tmp_path):
    pipe.to(dtype=torch.float16).save_pretrained(tmp_path)
    again = TransPixarPipeline.from_pretrained(tmp_path, dtype=torch.float16)
    for name, component in again.components.items():
        if isinstance(component, torch.nn.Module):
            assert component.dtype == torch.float16, name
    assert load_file(tmp_path / "rgba_lora.safetensors")["domain_emb"].dtype == torch.float16


def test_save_load_optional_components(pipe, tmp_path):
    pipe.text_encoder = None
    pipe.save_pretrained(tmp_path)
    embeds = torch.ones(1, 12, 32)
    words = {"prompt": None, "prompt_embeds": embeds, "negative_prompt_embeds": 0 * embeds}
    again = loaded(tmp_path)
    assert again.text_encoder is None
    np.testing.assert_array_equal(generate(again, **words), generate(pipe, **words))


def test_serialization_with_variants(pipe, tmp_path):
    pipe.save_pretrained(tmp_path, variant="fp16")
    assert (tmp_path / "transformer" / "diffusion_pytorch_model.fp16.safetensors").is_file()
    np.testing.assert_array_equal(generate(loaded(tmp_path, variant="fp16")), generate(pipe))


def test_the_base_in_the_folder_is_stock_diffusers(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    base = disable_rgba(pipe.transformer).state_dict()
    stock = DiffusionPipeline.from_pretrained(tmp_path)
    assert type(stock) is CogVideoXPipeline
    assert type(stock.scheduler).__name__ == "CogVideoXDPMScheduler"
    state = stock.transformer.state_dict()
    assert state.keys() == base.keys()
    for key, value in base.items():
        assert torch.equal(state[key], value.cpu()), key


def test_save_load_local_with_style_loras(pipe, style, tmp_path):
    without = generate(pipe)
    pipe.set_style_loras([(style, 0.7)])
    pipe.load_lora_weights(str(style), adapter_name="by hand/of diffusers", use_safetensors=True)
    pipe.transformer.set_adapters(["rgba", *[n for n in pipe.transformer.peft_config if n != "rgba"]], [1.0, 0.7, 0.2])
    before = generate(pipe)
    assert not np.array_equal(before, without)
    pipe.save_pretrained(tmp_path / "saved")
    again = loaded(tmp_path / "saved")
    np.testing.assert_array_equal(generate(again), before)
    # And they can be taken away as ever.
    again.set_style_loras([])
    np.testing.assert_array_equal(generate(again), without)
    # Saved anew without them, none is left.
    again.save_pretrained(tmp_path / "saved")
    np.testing.assert_array_equal(generate(loaded(tmp_path / "saved")), without)


def test_a_missing_style_lora_is_named(pipe, style, tmp_path):
    pipe.set_style_loras([(style, 0.7)])
    pipe.save_pretrained(tmp_path / "saved")
    file = next((tmp_path / "saved" / "style_loras").iterdir())
    file.unlink()
    with pytest.raises(StyleLoraError, match=f"{file.name} is missing"):
        TransPixarPipeline.from_pretrained(tmp_path / "saved")


def test_weights_in_8_bits_are_not_saved_as_if_they_were_whole(pipe, tmp_path):
    pipe.transformer.enable_layerwise_casting(torch.float8_e4m3fn, torch.float32)
    with pytest.raises(ValueError, match="stored in 8 bits"):
        pipe.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


# ---- the hub ----


def test_rgba_weights_come_from_a_repository(hub, model_folder, tmp_path, pipe):
    hub.add("maker/Lora", model_folder, "rgba_lora.safetensors")
    lora = hub.repos["maker/Lora"].files
    lora["cogvideox_rgba_lora.safetensors"] = lora.pop("rgba_lora.safetensors")  # as the released weights are called
    where = {"cache_dir": tmp_path / "cache"}
    again = loaded(model_folder, rgba_lora="maker/Lora", lora_alpha=LORA_ALPHA, **where)
    np.testing.assert_array_equal(generate(again), generate(pipe))

    lora["other.safetensors"] = lora.pop("cogvideox_rgba_lora.safetensors")
    named = loaded(
        model_folder, rgba_lora="maker/Lora", rgba_weight_name="other.safetensors", lora_alpha=LORA_ALPHA, **where
    )
    np.testing.assert_array_equal(generate(named), generate(pipe))


def test_a_whole_pipeline_comes_from_a_repository(hub, pipe, style, tmp_path):
    pipe.set_style_loras([(style, 0.7)])
    pipe.save_pretrained(tmp_path / "saved")
    hub.add("maker/Whole", tmp_path / "saved")
    again = loaded("maker/Whole", cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(generate(again), generate(pipe))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rgba_lora": "maker/Nothing"}, "maker/Nothing: there is no such file or folder, and no repository"),
        ({"rgba_lora": "maker/Lora"}, "maker/Lora: there is no rgba_lora.safetensors or cogvideox_rgba_lora"),
        ({"rgba_lora": "maker/Lora", "rgba_weight_name": "x.safetensors"}, "maker/Lora: there is no x.safetensors;"),
        ({"rgba_lora": "not a name at all"}, "not a name at all: there is no such file or folder"),
        ({"rgba_lora": "gone.safetensors"}, "gone.safetensors: "),
    ],
)
def test_what_is_not_there_is_said(hub, model_folder, tmp_path, given, message):
    hub.repos["maker/Lora"] = FakeRepo({})
    with pytest.raises(RGBAWeightsError) as error:
        TransPixarPipeline.from_pretrained(model_folder, cache_dir=tmp_path / "cache", **given)
    assert str(error.value).startswith(message)
