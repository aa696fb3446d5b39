"""The autoencoder's convolutions on a CPU give what PyTorch's give."""

import copy

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import CogVideoXSafeConv3d
from hypothesis import given, settings
from hypothesis import strategies as st

from server.transpixar.convolutions import SLOW_UP_TO, CpuConv3d, use_cpu_convolutions


def pair(channels: int = 4, out: int = 6, **how) -> tuple[CogVideoXSafeConv3d, CogVideoXSafeConv3d]:
    """The same convolution as diffusers has it and as we do."""
    torch.manual_seed(0)
    theirs = CogVideoXSafeConv3d(channels, out, **{"kernel_size": (3, 3, 3), "padding": (0, 1, 1)} | how)
    ours = copy.deepcopy(theirs)
    use_cpu_convolutions(ours)
    assert type(ours) is CpuConv3d
    return theirs, ours


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 9),
    frames=st.integers(3, 6),
    height=st.integers(3, 12),
    width=st.integers(3, 12),
    span=st.sampled_from([1, 2, 3]),
    bias=st.booleans(),
)
def test_any_shape_gives_the_same(batch, channels, frames, height, width, span, bias):
    theirs, ours = pair(channels, kernel_size=(span, 3, 3), bias=bias)
    pixels = torch.randn(batch, channels, frames, height, width)
    torch.testing.assert_close(ours(pixels), theirs(pixels), atol=1e-5, rtol=1e-5)


def test_what_pytorch_does_fast_is_left_to_it(monkeypatch):
    theirs, ours = pair(64, 2)
    monkeypatch.setattr(CpuConv3d, "_by_frames", lambda *_: pytest.fail("PyTorch is faster here"))
    large = torch.randn(1, 64, 4, SLOW_UP_TO // 256 + 1, 3)
    for pixels in (large, large.bfloat16()[..., :4, :]):
        theirs.to(pixels.dtype)
        torch.testing.assert_close(ours.to(pixels.dtype)(pixels), theirs(pixels))


@pytest.mark.parametrize("how", [{"stride": (1, 2, 2)}, {"padding": (1, 1, 1)}, {"padding": "same"}, {"groups": 2}])
def test_other_convolutions_are_left_alone(how):
    theirs, ours = pair(**how)
    pixels = torch.randn(1, 4, 5, 8, 8)
    torch.testing.assert_close(ours(pixels), theirs(pixels))


def test_gradients_are_the_same():
    theirs, ours = pair()
    pixels = torch.randn(1, 4, 5, 8, 8)
    for convolution in (theirs, ours):
        convolution(pixels).square().sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, atol=1e-4, rtol=1e-4)


def test_weights_keep_their_names_and_a_copy_its_class():
    theirs, ours = pair()
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert type(copy.deepcopy(ours)) is CpuConv3d
