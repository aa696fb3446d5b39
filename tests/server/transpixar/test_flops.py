"""The formulas give what the facts of the full model say and what torch counts on real components."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from server.bench.plain import plain_method
from server.bench.sizes import FULL
from server.transpixar import enable_rgba
from server.transpixar.flops import (
    LatentSize,
    clip_flops,
    plain_transformer_flops,
    stream_tokens,
    transformer_flops,
    vae_decode_flops,
)
from tests.server.transpixar.model_inputs import random_inputs
from tests.tiny_model import make_autoencoder, make_rgba_weights, make_transformer

TERA, PETA = 1e12, 1e15


def full_latents(num_frames: int = 49) -> LatentSize:
    return LatentSize.of_clip(FULL.vae, width=720, height=480, num_frames=num_frames)


def test_the_full_model_takes_980_teraflop_a_pass():
    latents = full_latents()
    assert (latents.frames, latents.height, latents.width) == (13, 60, 90)
    assert stream_tokens(FULL.transformer, latents) == 17_550

    strict = transformer_flops(FULL.transformer, latents, rank=128)
    everything_open = transformer_flops(FULL.transformer, latents, rank=128, text_to_alpha="open")

    assert strict.linear / TERA == pytest.approx(336, abs=0.5)
    assert everything_open.attention / TERA == pytest.approx(644, abs=0.5)
    assert strict.total / TERA == pytest.approx(980, rel=0.005)
    assert 2 * 50 * strict.total / PETA == pytest.approx(98, rel=0.005)


def test_thirteen_frames_take_168_teraflop_a_pass():
    flops = transformer_flops(FULL.transformer, full_latents(13), rank=128)
    assert flops.total / TERA == pytest.approx(168, rel=0.01)


def test_the_floor_of_a_clip_on_an_h200_is_124_seconds():
    latents = full_latents()
    clip = clip_flops(FULL.transformer, FULL.vae, latents, rank=128, passes=100)
    assert clip.decoding / PETA == pytest.approx(0.6, rel=0.1)
    assert clip.sampling / 790e12 == pytest.approx(124, rel=0.01)
    assert clip.floor_seconds(790e12) == (clip.sampling + clip.decoding) / 790e12


@settings(max_examples=15, deadline=None)
@given(
    mode=st.sampled_from(["strict", "reference", "open"]),
    frames=st.integers(1, 4),
    height=st.sampled_from([4, 8]),
    width=st.sampled_from([4, 12]),
    text_length=st.integers(1, 12),
    rank=st.integers(1, 6),
)
@torch.no_grad()
def test_torch_counts_the_same_in_the_transformer(mode, frames, height, width, text_length, rank):
    transformer = make_transformer()
    enable_rgba(transformer, make_rgba_weights(transformer, rank), text_to_alpha=mode)
    inputs = random_inputs(transformer, batch=1, frames=frames, height=height, width=width, text_length=text_length)

    counted = _count(lambda: transformer(**inputs.arguments()))

    latents = LatentSize(frames, height, width)
    flops = transformer_flops(transformer.config, latents, rank=rank, text_to_alpha=mode, text_length=text_length)
    # The patch embedding may project the text for each stream; once would do.
    text_projection = 2 * text_length * 32 * 32
    assert flops.total <= counted <= flops.total + text_projection


@torch.no_grad()
def test_torch_counts_the_same_in_the_plain_method():
    transformer = make_transformer()
    enable_rgba(transformer, make_rgba_weights(transformer, rank=4))
    inputs = random_inputs(transformer, batch=1)

    with plain_method(transformer):
        counted = _count(lambda: transformer(**inputs.arguments()))

    flops = plain_transformer_flops(transformer.config, LatentSize(3, 8, 12), rank=4)
    assert flops.total <= counted <= flops.total + 2 * 12 * 32 * 32


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 7])
@torch.no_grad()
def test_torch_counts_the_same_in_the_autoencoder(frames):
    vae = make_autoencoder()
    latents = LatentSize(frames, height=4, width=6)
    counted = _count(lambda: vae.decode(torch.randn(1, 4, frames, 4, 6)))
    assert counted == vae_decode_flops(vae.config, latents)


def _count(call) -> int:
    # torch knows the formula for attention, but does not apply it to the CPU's kernel.
    cpu_attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    counter = FlopCounterMode(
        display=False, custom_mapping={cpu_attention: lambda q, k, v, *args, **kwargs: sdpa_flop_count(q, k, v)}
    )
    with counter:
        call()
    return counter.get_total_flops()
