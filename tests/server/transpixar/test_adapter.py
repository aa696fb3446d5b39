"""enable_rgba and its way back, the alpha-only LoRA, and what else diffusers can do with the transformer."""

import copy

import pytest
import torch
from safetensors import safe_open

from server.transpixar import (
    RGBA_ADAPTER,
    create_rgba_weights,
    disable_rgba,
    enable_rgba,
    get_text_to_alpha,
    is_rgba_enabled,
    rgba_state_dict,
    save_rgba_weights,
    set_text_to_alpha,
)
from server.transpixar.lora import project
from server.transpixar.tokens import TokenLayout
from tests.device import DEVICE
from tests.server.transpixar.model_inputs import random_inputs

pytestmark = pytest.mark.device

LAYOUT = TokenLayout(text_length=3, stream_length=4)
STEM = "transformer.transformer_blocks.0.attn1"


@torch.no_grad()
def forward(transformer, inputs) -> torch.Tensor:
    return transformer(**inputs.arguments()).sample


def style_lora(transformer) -> dict[str, torch.Tensor]:
    """An ordinary LoRA on one projection of the first block."""
    width = transformer.config.num_attention_heads * transformer.config.attention_head_dim
    return {
        f"{STEM}.to_q.lora_A.weight": torch.randn(2, width, device=DEVICE),
        f"{STEM}.to_q.lora_B.weight": torch.randn(width, 2, device=DEVICE),
    }


@torch.no_grad()
def test_the_lora_touches_alpha_tokens_only(transformer, weights):
    linear, tokens = (
        copy.deepcopy(transformer.transformer_blocks[0].attn1.to_q),
        torch.randn(2, LAYOUT.length, 32, device=DEVICE),
    )
    enable_rgba(transformer, weights, lora_alpha=2.0)

    result = project(transformer.transformer_blocks[0].attn1.to_q, tokens, LAYOUT)

    a, b = weights[f"{STEM}.to_q.lora_A.weight"], weights[f"{STEM}.to_q.lora_B.weight"]
    expected = linear(tokens)
    assert torch.equal(result[:, LAYOUT.text_and_rgb], expected[:, LAYOUT.text_and_rgb])
    expected[:, LAYOUT.alpha] += 2.0 / a.shape[0] * tokens[:, LAYOUT.alpha] @ a.T @ b.T
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config`")  # two adapters are what is wanted
@torch.no_grad()
def test_an_ordinary_lora_stacks_on_top(transformer, weights):
    linear, tokens = (
        copy.deepcopy(transformer.transformer_blocks[0].attn1.to_q),
        torch.randn(2, LAYOUT.length, 32, device=DEVICE),
    )
    style = style_lora(transformer)
    enable_rgba(transformer, weights, lora_alpha=2.0)
    to_q = transformer.transformer_blocks[0].attn1.to_q
    with_rgba = project(to_q, tokens, LAYOUT)

    transformer.load_lora_adapter(style, adapter_name="style")
    transformer.set_adapters([RGBA_ADAPTER, "style"])

    delta = tokens @ style[f"{STEM}.to_q.lora_A.weight"].T @ style[f"{STEM}.to_q.lora_B.weight"].T  # on all tokens
    torch.testing.assert_close(project(to_q, tokens, LAYOUT), with_rgba + delta, atol=1e-5, rtol=0)
    transformer.set_adapters("style")
    torch.testing.assert_close(project(to_q, tokens, LAYOUT), linear(tokens) + delta, atol=1e-5, rtol=0)


@pytest.mark.parametrize("positions", ["rotary", "sincos"])
def test_fresh_weights_treat_alpha_as_rgb(transformer, positions):
    transformer = (
        type(transformer)
        .from_config(transformer.config, use_rotary_positional_embeddings=positions == "rotary")
        .to(DEVICE)
    )
    inputs = random_inputs(transformer)
    rgb, _ = inputs.hidden_states.chunk(2, dim=1)
    inputs.hidden_states = torch.cat([rgb, rgb], dim=1)
    enable_rgba(transformer, create_rgba_weights(transformer, rank=4), text_to_alpha="open")

    rgb, alpha = forward(transformer, inputs).chunk(2, dim=1)

    # Equal inputs at equal positions: only shared positions make the halves equal.
    torch.testing.assert_close(alpha, rgb, atol=1e-6, rtol=0)


def test_strict_text_does_not_depend_on_alpha(transformer, weights):
    enable_rgba(transformer, weights)
    texts = []
    transformer.transformer_blocks[0].register_forward_hook(lambda module, args, output: texts.append(output[1]))
    inputs = random_inputs(transformer)
    for mode in ("strict", "reference", "open"):
        set_text_to_alpha(transformer, mode)
        assert get_text_to_alpha(transformer) == mode
        forward(transformer, inputs)
        inputs.hidden_states[:, 3:] += 1.0
        forward(transformer, inputs)
        before, after = texts[-2:]
        assert torch.equal(before, after) == (mode == "strict")


def test_gradients_reach_base_lora_and_domain_embedding(transformer, weights):
    enable_rgba(transformer, weights).requires_grad_(True)
    transformer.enable_gradient_checkpointing()
    transformer(**random_inputs(transformer).arguments()).sample.square().mean().backward()
    without = [name for name, p in transformer.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_enabling_freezes_the_base_and_leaves_the_adapter_trainable(transformer, weights):
    enable_rgba(transformer, weights)
    trainable = {name for name, parameter in transformer.named_parameters() if parameter.requires_grad}
    assert all(".lora_" in name or name.endswith("domain_emb") for name in trainable)
    assert len(trainable) == len(weights)


def test_disabling_gives_the_base_back(transformer, weights):
    before = {key: value.clone() for key, value in transformer.state_dict().items()}
    disable_rgba(enable_rgba(transformer, weights))
    after = transformer.state_dict()
    assert not is_rgba_enabled(transformer)
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_weights_come_back_under_the_released_names(transformer, weights):
    state = {key: value.to(DEVICE) for key, value in rgba_state_dict(enable_rgba(transformer, weights)).items()}
    assert state.keys() == weights.keys()
    assert all(torch.equal(state[key], weights[key]) for key in weights)


def test_saved_weights_load_again(transformer, weights, tmp_path):
    other = copy.deepcopy(transformer)
    enable_rgba(transformer, weights, lora_alpha=2.0)
    save_rgba_weights(transformer, tmp_path / "mine.safetensors", {"title": "Mine"})

    enable_rgba(other, tmp_path / "mine.safetensors", lora_alpha=2.0)

    inputs = random_inputs(transformer)
    assert torch.equal(forward(other, inputs), forward(transformer, inputs))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]
    with safe_open(tmp_path / "mine.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "lora_alpha": "2.0", "title": "Mine"}


def test_weights_take_the_models_precision(transformer, weights):
    transformer = enable_rgba(transformer.bfloat16(), weights)
    assert {parameter.dtype for parameter in transformer.parameters()} == {torch.bfloat16}


def test_enabling_twice_is_refused(transformer, weights):
    enable_rgba(transformer, weights)
    with pytest.raises(ValueError, match="enabled already"):
        enable_rgba(transformer, weights)


@pytest.mark.parametrize("mode", ["lax", "", "STRICT"])
def test_an_unknown_mode_is_refused(transformer, weights, mode):
    with pytest.raises(ValueError, match='"strict", "reference" or "open"'):
        enable_rgba(transformer, weights, text_to_alpha=mode)
    assert not is_rgba_enabled(transformer)


@pytest.mark.parametrize("operation", [disable_rgba, rgba_state_dict, get_text_to_alpha])
def test_a_transformer_without_alpha_is_told_so(transformer, operation):
    with pytest.raises(ValueError, match="call enable_rgba"):
        operation(transformer)


@pytest.mark.parametrize("operation", ["fuse_qkv_projections", "fuse_lora"])
def test_fusing_is_refused_and_changes_nothing(transformer, weights, operation):
    enable_rgba(transformer, weights)
    inputs = random_inputs(transformer)
    before = forward(transformer, inputs)
    with pytest.raises(RuntimeError, match="cannot be fused"):
        getattr(transformer, operation)()
    assert torch.equal(forward(transformer, inputs), before)


def test_an_odd_number_of_frames_is_refused(transformer, weights):
    enable_rgba(transformer, weights)
    inputs = random_inputs(transformer)
    inputs.hidden_states = inputs.hidden_states[:, :-1]
    with pytest.raises(ValueError, match="5 latent frames do not split"):
        forward(transformer, inputs)


def test_a_rotary_table_of_both_halves_is_refused(transformer, weights):
    enable_rgba(transformer, weights)
    inputs = random_inputs(transformer)
    assert inputs.image_rotary_emb is not None
    cos, sin = inputs.image_rotary_emb
    inputs.image_rotary_emb = (torch.cat([cos, cos]), torch.cat([sin, sin]))
    with pytest.raises(ValueError, match="for the RGB half alone"):
        forward(transformer, inputs)


@pytest.mark.parametrize("mode", ["strict", "reference", "open"])
def test_blocks_compile_as_one_graph(transformer, weights, mode):
    enable_rgba(transformer, weights, text_to_alpha=mode)
    inputs = random_inputs(transformer)
    expected = forward(transformer, inputs)
    transformer.compile_repeated_blocks(fullgraph=True, backend="eager")
    torch.testing.assert_close(forward(transformer, inputs), expected)


@pytest.mark.parametrize("mode", ["strict", "reference", "open"])
def test_the_attention_backend_can_be_chosen(transformer, weights, mode):
    enable_rgba(transformer, weights, text_to_alpha=mode)
    inputs = random_inputs(transformer)
    expected = forward(transformer, inputs)
    try:
        transformer.set_attention_backend("_native_math")
        torch.testing.assert_close(forward(transformer, inputs), expected, atol=2e-6, rtol=0)
    finally:
        transformer.set_attention_backend("native")  # diffusers keeps the choice process-wide too
