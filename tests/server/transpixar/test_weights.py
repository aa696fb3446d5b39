"""RGBA weights that do not fit are refused with a sentence that names the source and the key."""

import pytest
import torch
from safetensors.torch import save_file

from server.transpixar import RGBAWeightsError, create_rgba_weights, enable_rgba, is_rgba_enabled
from tests.tiny_model import make_transformer

KEY_A = "transformer.transformer_blocks.1.attn1.to_out.0.lora_A.weight"
KEY_B = "transformer.transformer_blocks.1.attn1.to_out.0.lora_B.weight"


def without(key):
    return lambda weights: weights.pop(key)


def with_shape(key, *shape):
    return lambda weights: weights.update({key: torch.zeros(*shape)})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without(KEY_A), f'"{KEY_A}" is missing'),
        (without("domain_emb"), '"domain_emb" is missing'),
        (with_shape("unet.lora_A.weight", 1), '"unet.lora_A.weight" is no RGBA weight'),
        (with_shape(KEY_A, 4, 16), rf'"{KEY_A}" has shape \(4, 16\), but \(4, 32\)'),
        (with_shape(KEY_B, 32, 3), rf'"{KEY_B}" has shape \(32, 3\), but \(32, 4\)'),
        (lambda weights: weights[KEY_B].fill_(torch.nan), rf'"{KEY_B}" holds values that are no numbers'),
        (with_shape("domain_emb", 1, 1, 16), r'"domain_emb" has shape \(1, 1, 16\), but this model is 32 wide'),
    ],
)
def test_weights_that_do_not_fit(transformer, weights, tmp_path, spoil, message):
    spoil(weights)
    file = tmp_path / "rgba.safetensors"
    save_file(weights, file)
    for source, name in ((weights, "The state dict"), (file, "rgba.safetensors")):
        with pytest.raises(RGBAWeightsError, match=f"{name}: {message}"):
            enable_rgba(transformer, source)
    assert not is_rgba_enabled(transformer)
    assert not hasattr(transformer, "peft_config")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"num_layers": 3}, r"made for a model of 3 blocks, this one has 2 .*blocks\.2\."),
        ({"num_layers": 1}, "made for a model of 1 blocks, this one has 2"),
        ({"attention_head_dim": 24}, r"made for a model of width 48, this one has 32 .*has shape \(4, 48\)"),
    ],
)
def test_weights_of_another_model(transformer, other, message):
    weights = create_rgba_weights(make_transformer(**other), rank=4)
    with pytest.raises(RGBAWeightsError, match=message):
        enable_rgba(transformer, weights)


def test_a_file_that_is_not_there(transformer, tmp_path):
    with pytest.raises(RGBAWeightsError, match="there is no such file"):
        enable_rgba(transformer, tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\xff" * 64])
def test_a_file_that_is_something_else(transformer, tmp_path, content):
    file = tmp_path / "rgba.safetensors"
    file.write_bytes(content)
    with pytest.raises(RGBAWeightsError, match="not a readable safetensors file"):
        enable_rgba(transformer, file)


@pytest.mark.parametrize("shape", [(32,), (1, 32), (1, 1, 32)])
def test_the_domain_embedding_comes_in_three_shapes(transformer, weights, shape):
    weights["domain_emb"] = weights["domain_emb"].reshape(shape)
    enable_rgba(transformer, weights)
    assert torch.equal(transformer.patch_embed.domain_emb.flatten(), weights["domain_emb"].flatten())


def test_fresh_weights_are_reproducible_and_start_at_zero(transformer):
    first, second = (create_rgba_weights(transformer, 4, generator=torch.Generator().manual_seed(1)) for _ in "ab")
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert all(value.any() == (".lora_A." in key) for key, value in first.items())


def test_a_rank_below_one(transformer):
    with pytest.raises(ValueError, match="rank is 0; use at least 1"):
        create_rgba_weights(transformer, 0)
