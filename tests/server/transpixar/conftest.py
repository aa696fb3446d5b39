"""Fixtures of the model tests: random small models, in memory and on disk."""

from pathlib import Path

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel

from server.transpixar import TransPixarPipeline
from tests.device import DEVICE
from tests.tiny_model import LORA_ALPHA, make_rgba_weights, make_transformer, write_tiny_model


@pytest.fixture(autouse=True)
def fixed_randomness():
    torch.manual_seed(0)


@pytest.fixture
def transformer() -> CogVideoXTransformer3DModel:
    return make_transformer().to(DEVICE)


@pytest.fixture
def weights(transformer) -> dict[str, torch.Tensor]:
    return {key: value.to(DEVICE) for key, value in make_rgba_weights(transformer).items()}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def pipe(model_folder) -> TransPixarPipeline:
    pipe = TransPixarPipeline.from_pretrained(
        model_folder, rgba_lora=model_folder / "rgba_lora.safetensors", lora_alpha=LORA_ALPHA
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(DEVICE)
