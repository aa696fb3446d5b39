"""The mask-free transformer equals a naive one with a dense mask, whatever the shapes."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from server.transpixar import enable_rgba
from tests.device import DEVICE
from tests.server.transpixar.dense_oracle import oracle_forward
from tests.server.transpixar.model_inputs import random_inputs
from tests.tiny_model import make_rgba_weights, make_transformer

pytestmark = pytest.mark.device


@settings(max_examples=25, deadline=None)
@given(
    mode=st.sampled_from(["strict", "reference", "open"]),
    batch=st.integers(1, 3),
    frames=st.integers(1, 4),
    height=st.sampled_from([4, 8]),
    width=st.sampled_from([4, 12]),
    text_length=st.integers(1, 12),
    rank=st.integers(1, 6),
    lora_alpha=st.sampled_from([0.5, 1.0, 8.0]),
)
@torch.no_grad()
def test_forward_equals_the_dense_oracle(mode, batch, frames, height, width, text_length, rank, lora_alpha):
    base = make_transformer().to(DEVICE)
    weights = {key: value.to(DEVICE) for key, value in make_rgba_weights(base, rank).items()}
    inputs = random_inputs(base, batch=batch, frames=frames, height=height, width=width, text_length=text_length)
    rgba = enable_rgba(copy.deepcopy(base), weights, lora_alpha=lora_alpha, text_to_alpha=mode)

    expected = oracle_forward(base, weights, inputs, lora_alpha=lora_alpha, mode=mode)
    torch.testing.assert_close(rgba(**inputs.arguments()).sample, expected, atol=5e-6, rtol=0)
