"""Parameter counts from configurations are those of the components, made without contents."""

import pytest
import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel

from server.transpixar.parameters import (
    autoencoder_parameters,
    rgba_parameters,
    text_encoder_parameters,
    transformer_parameters,
)
from tests.server.transpixar.full_size import TEXT_ENCODER, TRANSFORMER, VAE
from tests.tiny_model import RANK, make_autoencoder, make_rgba_weights, make_text_encoder, make_transformer


def count(module: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in (*module.parameters(), *module.buffers()))


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"num_layers": 1, "attention_bias": False},
        {"use_rotary_positional_embeddings": False},  # 2B
        {"in_channels": 8, "use_learned_positional_embeddings": True},  # 5B-I2V
        {"patch_size_t": 2, "patch_bias": False, "ofs_embed_dim": 8},  # 1.5-5B-I2V
    ],
)
def test_transformers_of_every_kind(kind):
    with torch.device("meta"):
        transformer = make_transformer(**kind)
    assert transformer_parameters(transformer.config) == count(transformer)


def test_the_full_size_transformer():
    with torch.device("meta"):
        transformer = CogVideoXTransformer3DModel(**TRANSFORMER)
    assert transformer_parameters(TRANSFORMER) == count(transformer) == 5_570_283_072


def test_rgba_weights(transformer):
    weights = make_rgba_weights(transformer)
    assert rgba_parameters(transformer.config, RANK) == sum(tensor.numel() for tensor in weights.values())


def test_autoencoders():
    with torch.device("meta"):
        full, tiny = AutoencoderKLCogVideoX(**VAE), make_autoencoder()
    assert autoencoder_parameters(VAE) == count(full)
    assert autoencoder_parameters(tiny.config) == count(tiny)


def test_text_encoders():
    with torch.device("meta"):
        full = T5EncoderModel(T5Config(**TEXT_ENCODER, is_encoder_decoder=False))
        tiny = make_text_encoder()
    assert text_encoder_parameters(TEXT_ENCODER) == count(full)
    assert text_encoder_parameters(tiny.config.to_dict()) == count(tiny)
