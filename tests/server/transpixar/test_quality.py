"""Presets: what they set up, what they leave out, and that calibration measures ratios."""

import pytest
import torch
from diffusers import FirstBlockCacheConfig
from diffusers.hooks import MagCacheConfig

from server.transpixar.quality import (
    PRESETS,
    QualityPreset,
    apply_quality,
    calibrate_mag_cache,
    get_preset,
    reset_quality,
)
from tests.server.transpixar.pipelines import PROMPT, generator, make_pipeline

pytestmark = pytest.mark.device

CLIP = {"height": 32, "width": 32, "num_frames": 5, "guidance_scale": 4.0}
EAGER = QualityPreset("fast", first_block_threshold=10.0, mag_cache_threshold=10.0, skip_guidance_below=1.05)


@pytest.fixture
def pipe():
    return make_pipeline()


def generate(pipe, steps=4):
    return pipe(PROMPT, generator=generator(), num_inference_steps=steps, output_type="latent", **CLIP).frames


def count_passes(pipe):
    passes = []
    pipe.transformer.transformer_blocks[-1].ff.register_forward_hook(lambda *args: passes.append(True))
    return passes


def test_exact_leaves_nothing_out(pipe):
    exact = get_preset("exact")
    assert (exact.first_block_threshold, exact.mag_cache_threshold) == (None, None)
    assert exact.exact_attention
    apply_quality(pipe, exact, 4)
    assert not pipe.transformer.is_cache_enabled
    assert pipe.skip_guidance_below == 1.0


@pytest.mark.parametrize("name", ["balanced", "fast"])
def test_the_others_use_a_cache(pipe, name):
    apply_quality(pipe, PRESETS[name], 4)
    assert isinstance(pipe.transformer._cache_config, FirstBlockCacheConfig)
    assert pipe.skip_guidance_below == 1.05
    apply_quality(pipe, PRESETS[name], 4, mag_ratios=[1.0, 0.9, 0.9, 0.9])
    assert isinstance(pipe.transformer._cache_config, MagCacheConfig)
    assert pipe.skip_guidance_below == 1.0


def test_fast_goes_further_than_balanced():
    balanced, fast = PRESETS["balanced"], PRESETS["fast"]
    assert fast.first_block_threshold > balanced.first_block_threshold
    assert fast.mag_cache_threshold > balanced.mag_cache_threshold
    assert balanced.exact_attention
    assert not fast.exact_attention


def test_an_unknown_preset():
    with pytest.raises(ValueError, match='quality is "best"; use "exact", "balanced" or "fast"'):
        get_preset("best")


@pytest.mark.parametrize("mag_ratios", [None, [1.0] * 4], ids=["first block", "magnitude"])
def test_a_cache_leaves_passes_out_and_is_gone_afterwards(pipe, mag_ratios):
    expected, passes = generate(pipe), count_passes(pipe)
    apply_quality(pipe, EAGER, 4, mag_ratios)
    first = generate(pipe)
    assert 0 < len(passes) < 4
    assert not torch.equal(first, expected)
    apply_quality(pipe, EAGER, 4, mag_ratios)
    assert torch.equal(generate(pipe), first)
    reset_quality(pipe)
    passes.clear()
    assert torch.equal(generate(pipe), expected)
    assert len(passes) == 4


def test_a_cache_serves_one_half_of_guidance_at_a_time_too(pipe):
    pipe.batch_guidance = False
    passes = count_passes(pipe)
    apply_quality(pipe, EAGER, 4)
    generate(pipe)
    assert len(passes) == 2  # the first step of each half


@pytest.mark.parametrize("batch_guidance", [True, False])
def test_calibration_measures_a_ratio_for_each_step(pipe, batch_guidance):
    pipe.batch_guidance = batch_guidance
    expected = generate(pipe)
    ratios = calibrate_mag_cache(pipe, 6, prompt=PROMPT, generator=generator(), **CLIP)
    assert len(ratios) == 6
    assert ratios[0] == 1.0
    assert all(0 < ratio < 10 for ratio in ratios)
    assert torch.equal(generate(pipe), expected)
