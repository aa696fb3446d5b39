"""Ordinary style LoRAs on top of RGBA."""

import copy

import numpy as np
import pytest
import torch
from diffusers import CogVideoXPipeline
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file

from server.transpixar.lora import project
from server.transpixar.style import StyleLoraError
from server.transpixar.tokens import TokenLayout
from tests.device import DEVICE
from tests.server.transpixar.pipelines import generate
from tests.tiny_model import LORA_ALPHA, RANK

pytestmark = pytest.mark.device

LAYOUT = TokenLayout(text_length=3, stream_length=4)
STEM = "transformer.transformer_blocks.0.attn1.to_q"
KOHYA = "lora_unet_transformer_blocks_0_attn1_to_q"
DIFFUSION = "diffusion_model.transformer_blocks.0.attn1.to_q"
FEED_FORWARD = "transformer.transformer_blocks.1.ff.net.0.proj"


def lora(stem=STEM, rank=2, width=32, out=None) -> dict[str, torch.Tensor]:
    return {
        f"{stem}.lora_A.weight": torch.randn(rank, width),
        f"{stem}.lora_B.weight": torch.randn(out or width, rank),
    }


@pytest.fixture
def write(tmp_path):
    """Write a LoRA's tensors to a file; returns its path."""

    def to(name, tensors):
        path = tmp_path / f"{name}.safetensors"
        save_file(tensors, path)
        return path

    return to


def delta(tensors, tokens, stem=STEM) -> torch.Tensor:
    a, b = (tensors[f"{stem}.lora_{letter}.weight"].to(tokens.device) for letter in "AB")
    return tokens @ a.T @ b.T


@torch.no_grad()
def test_each_adds_its_strength_to_all_tokens_and_rgba_to_alpha_alone(pipe, weights, write):
    ink, neon = lora(), lora(rank=3)
    to_q = pipe.transformer.transformer_blocks[0].attn1.to_q
    linear, tokens = copy.deepcopy(to_q.base_layer), torch.randn(2, LAYOUT.length, 32, device=DEVICE)
    rgba = {f"{STEM}.lora_{letter}.weight": getattr(to_q, f"lora_{letter}")["rgba"].weight.clone() for letter in "AB"}

    def expected(*styles):
        result = linear(tokens) + sum(strength * delta(tensors, tokens) for tensors, strength in styles)
        result[:, LAYOUT.alpha] += LORA_ALPHA / RANK * delta(rgba, tokens[:, LAYOUT.alpha])
        return result

    def check(*styles):
        torch.testing.assert_close(project(to_q, tokens, LAYOUT), expected(*styles), atol=1e-4, rtol=1e-5)

    ink_file, neon_file = write("ink", ink), write("neon", neon)
    for styles in (
        [(ink, ink_file, 0.7), (neon, neon_file, -1.5)],
        [(neon, neon_file, 0.25)],
        [],
        [(ink, ink_file, 2.0)],
        [(neon, neon_file, 1.0), (ink, ink_file, 0.0)],
    ):
        pipe.set_style_loras([(file, strength) for _, file, strength in styles])
        check(*((tensors, strength) for tensors, _, strength in styles))


def test_dropping_all_gives_the_clip_without(pipe, write):
    without = generate(pipe)
    pipe.set_style_loras([(write("ink", lora()), 1.0), (write("neon", lora(FEED_FORWARD, out=128)), 0.5)])
    styled = generate(pipe)
    assert not np.array_equal(styled, without)
    pipe.set_style_loras([])
    assert np.array_equal(generate(pipe), without)
    assert set(pipe.transformer.peft_config) == {"rgba"}


def test_switching_between_jobs_is_as_if_loaded_alone(pipe, write):
    ink, neon = write("ink", lora()), write("neon", lora(FEED_FORWARD, out=128))
    pipe.set_style_loras([(ink, 1.0)])
    inked = generate(pipe)
    pipe.set_style_loras([(neon, 1.0)])
    assert not np.array_equal(generate(pipe), inked)
    pipe.set_style_loras([(ink, 1.0)])
    assert np.array_equal(generate(pipe), inked)


def test_a_file_that_stays_is_not_read_again_and_one_that_changed_is(pipe, write, monkeypatch):
    read = []
    own = CogVideoXPipeline.load_lora_weights
    monkeypatch.setattr(
        type(pipe), "load_lora_weights", lambda self, path, **kwargs: read.append(path) or own(self, path, **kwargs)
    )
    ink = write("ink", lora())
    pipe.set_style_loras([(ink, 1.0)])
    first = generate(pipe)
    pipe.set_style_loras([(ink, 0.5)])
    assert read == [str(ink)]
    write("ink", lora(rank=5))
    pipe.set_style_loras([(ink, 1.0)])
    assert read == [str(ink)] * 2
    assert not np.array_equal(generate(pipe), first)


def test_a_file_saved_by_diffusers_keeps_its_own_scale(pipe, model_folder, tmp_path):
    """With lora_alpha in the file's header, as training scripts write it."""
    base = CogVideoXPipeline.from_pretrained(model_folder).transformer
    base.add_adapter(LoraConfig(r=2, lora_alpha=6, target_modules=["to_q"], init_lora_weights=False), "own")
    base.set_adapters("own")
    CogVideoXPipeline.save_lora_weights(
        tmp_path,
        transformer_lora_layers=get_peft_model_state_dict(base, adapter_name="own"),
        weight_name="own.safetensors",
        transformer_lora_adapter_metadata=base.peft_config["own"].to_dict(),
    )
    pipe.set_style_loras([(tmp_path / "own.safetensors", 0.5)])
    to_q = pipe.transformer.transformer_blocks[0].attn1.to_q
    assert sorted(to_q.scaling.values()) == [LORA_ALPHA / RANK, 0.5 * 6 / 2]


@pytest.mark.parametrize(
    ("stem", "halves"),
    [
        (KOHYA, ("lora_down", "lora_up")),
        ("lora_unet__transformer_blocks_0_attn1_to_q", ("lora_down", "lora_up")),
        ("lora_transformer_transformer_blocks_0_attn1_to_q", ("lora_down", "lora_up")),
        (DIFFUSION, ("lora_A", "lora_B")),
        (DIFFUSION, ("lora_down", "lora_up")),
        ("base_model.model.transformer_blocks.0.attn1.to_q", ("lora_A.default", "lora_B.default")),
        ("transformer_blocks.0.attn1.to_q", ("lora.down", "lora.up")),
    ],
)
@pytest.mark.parametrize("alpha", [None, 1.0])
def test_other_programs_namings_make_the_clip_that_diffusers_names_make(pipe, write, stem, halves, alpha):
    tensors = lora()
    a, b = tensors.values()
    # kohya's alpha: the product counts alpha / rank times.
    expected = {f"{STEM}.lora_A.weight": a, f"{STEM}.lora_B.weight": b * (1 if alpha is None else alpha / 2)}
    pipe.set_style_loras([(write("diffusers", expected), 0.7)])
    diffusers = generate(pipe)
    other = {f"{stem}.{halves[0]}.weight": a, f"{stem}.{halves[1]}.weight": b}
    if alpha is not None:
        other[f"{stem}.alpha"] = torch.tensor(alpha)
    pipe.set_style_loras([(write("other", other), 0.7)])
    assert np.array_equal(generate(pipe), diffusers)


def test_style_and_half_precision_go_together(pipe, write):
    pipe.to(torch.bfloat16).set_style_loras([(write("ink", lora()), 1.0)])
    assert {parameter.dtype for parameter in pipe.transformer.parameters()} == {torch.bfloat16}
    assert np.isfinite(generate(pipe)).all()


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"domain_emb": torch.zeros(32)} | lora(), '"domain_emb" is no LoRA key that .* give a LoRA in such a format'),
        ({"lora_unet_blocks_0_to_q.lora_down.weight": torch.zeros(2, 32)}, "is for a layer that this model does not"),
        ({"lora_te_encoder_0.lora_down.weight": torch.zeros(2, 32)}, "is for a layer that this model does not"),
        ({f"{KOHYA}.lora_down.weight": torch.zeros(2, 32)}, f'"{KOHYA}.lora_up.weight" is missing'),
        ({f"{KOHYA}.alpha": torch.tensor(1.0)}, "is there without its LoRA"),
        (lora() | lora(DIFFUSION), "are for the same layer"),
        (lora() | {f"{STEM}.lora_B.weight": torch.full((32, 2), torch.nan)}, 'lora_B.weight" holds values that are no'),
        (lora() | {f"{STEM}.lora_A.weight": torch.full((2, 32), torch.inf)}, 'lora_A.weight" holds values that are no'),
        (lora("transformer.transformer_blocks.9.attn1.to_q"), '9.attn1.to_q.lora_A.weight" is for a layer that'),
        (lora(width=48), r"lora_A.weight\" has the shape \(2, 48\), which does not fit .* \(32, 32\)"),
        (lora(out=48), r"lora_B.weight\" has the shape \(48, 2\), which does not fit"),
        ({f"{STEM}.lora_A.weight": torch.zeros(2, 32)}, 'lora_A.weight" is there, but ".*lora_B.weight" is missing'),
        ({}, "holds no weights"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_changes_nothing(pipe, write, tensors, message):
    pipe.set_style_loras([(write("ink", lora()), 1.0)])
    expected = generate(pipe)
    with pytest.raises(StyleLoraError, match=message) as error:
        pipe.set_style_loras([(write("wrong", tensors), 1.0)])
    assert "wrong.safetensors: " in str(error.value)
    assert np.array_equal(generate(pipe), expected)


def test_a_file_that_only_fails_on_loading_leaves_rgba_alone(pipe, write, monkeypatch):
    without = generate(pipe)
    monkeypatch.setattr(type(pipe), "load_lora_weights", lambda *args, **kwargs: {}["surprise"])
    with pytest.raises(StyleLoraError, match=r"ink\.safetensors: this LoRA cannot be loaded"):
        pipe.set_style_loras([(write("ink", lora()), 1.0)])
    assert np.array_equal(generate(pipe), without)


def test_other_mistakes_are_told(pipe, write, tmp_path):
    ink = write("ink", lora())
    (tmp_path / "text.safetensors").write_text("no weights at all")
    for loras, message in [
        ([(tmp_path / "none.safetensors", 1.0)], "none.safetensors: this file cannot be read"),
        ([(tmp_path / "text.safetensors", 1.0)], "text.safetensors: this is not a readable safetensors file"),
        ([(ink, float("nan"))], "ink.safetensors: the strength nan"),
        ([(ink, 1.0), (str(ink), 0.5)], "ink.safetensors: this file is given twice"),
    ]:
        with pytest.raises(StyleLoraError, match=message):
            pipe.set_style_loras(loras)
