"""Named presets of speed against exactness: `exact`, `balanced` and `fast`.

What the faster ones leave out is work that repeats from step to step. How far their clips are from the exact ones is
measured by benchmarks/quality.py; the thresholds below were chosen by it and by looking at the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import CogVideoXPipeline, CogVideoXTransformer3DModel, FirstBlockCacheConfig
from diffusers.hooks import HookRegistry, MagCacheConfig

from .plans import Quality

_MAG_CACHE_HOOK = "mag_cache_leader_block_hook"


@dataclass(frozen=True, slots=True)
class QualityPreset:
    """What a preset does.

    Attributes:
        name: for requests and reports.
        first_block_threshold: FirstBlockCache takes the other blocks' change of the last step again where the first
            block's differs from it by less than this share; None computes every step.
        mag_cache_threshold: how far MagCache lets its predicted error grow, where a model has calibrated ratios, which
            then takes the place of FirstBlockCache.
        skip_guidance_below: see `Denoiser`.
        exact_attention: pass over attention kernels that quantise.
    """

    name: Quality
    first_block_threshold: float | None = None
    mag_cache_threshold: float | None = None
    skip_guidance_below: float = 1.0
    exact_attention: bool = True


PRESETS: dict[Quality, QualityPreset] = {
    "exact": QualityPreset("exact"),
    "balanced": QualityPreset(
        "balanced", first_block_threshold=0.12, mag_cache_threshold=0.12, skip_guidance_below=1.05
    ),
    "fast": QualityPreset(
        "fast",
        first_block_threshold=0.20,
        mag_cache_threshold=0.20,
        skip_guidance_below=1.05,
        exact_attention=False,
    ),
}
"""The presets by name."""


def get_preset(name: str) -> QualityPreset:
    """Return a preset.

    Raises:
        ValueError: there is none of that name.
    """
    for known, preset in PRESETS.items():
        if name == known:
            return preset
    raise ValueError(f'quality is "{name}"; use "exact", "balanced" or "fast".')


def apply_quality(
    pipe: CogVideoXPipeline, preset: QualityPreset, num_steps: int, mag_ratios: Sequence[float] | None = None
) -> None:
    """Set up a pipeline for the next clip; nothing of the last one is left.

    Call it after the memory plan was carried out: a cached step must not fetch blocks that it leaves out.

    Args:
        pipe: one with RGBA enabled.
        preset: what to do.
        num_steps: of the clip.
        mag_ratios: from `calibrate_mag_cache`, for this model.
    """
    reset_quality(pipe)
    pipe.skip_guidance_below = preset.skip_guidance_below
    config = _cache_config(preset, num_steps, mag_ratios)
    if config is not None:
        pipe.transformer.enable_cache(config)
        if isinstance(config, MagCacheConfig):
            # It counts the steps of each half of guidance; a step left out of one would be taken for the next.
            pipe.skip_guidance_below = 1.0


def reset_quality(pipe: CogVideoXPipeline) -> None:
    """Go back to `exact`, whatever happened in between: an error or a cancellation in the middle of a clip too."""
    transformer: CogVideoXTransformer3DModel = pipe.transformer
    if transformer.is_cache_enabled:
        transformer._reset_stateful_cache()
        transformer.disable_cache()
    pipe.skip_guidance_below = PRESETS["exact"].skip_guidance_below


def calibrate_mag_cache(pipe: CogVideoXPipeline, num_steps: int, **arguments: Any) -> list[float]:
    """Measure by how much the blocks' change grows from one step to the next (MagCache, arXiv 2506.09045).

    Args:
        pipe: the pipeline; it is left at `exact`.
        num_steps: of the clips; other step counts interpolate.
        arguments: of the pipeline's call: one prompt or several, size and length.

    Returns:
        A ratio for each step, the first one 1.0, the mean over both halves of guidance.
    """
    reset_quality(pipe)
    # Ratios are forgotten after the last step, so a step more is announced than is made.
    pipe.transformer.enable_cache(MagCacheConfig(calibrate=True, num_inference_steps=num_steps + 1))
    measured: list[list[float]] = []

    def read(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if step + 1 == num_steps:
            measured.extend(_calibration(pipe.transformer))
        return {}

    try:
        pipe(**arguments, num_inference_steps=num_steps, output_type="latent", callback_on_step_end=read)
    finally:
        reset_quality(pipe)
    return torch.tensor(measured).mean(dim=0).tolist()


def _cache_config(
    preset: QualityPreset, num_steps: int, mag_ratios: Sequence[float] | None
) -> FirstBlockCacheConfig | MagCacheConfig | None:
    if mag_ratios and preset.mag_cache_threshold is not None:
        return MagCacheConfig(
            threshold=preset.mag_cache_threshold, num_inference_steps=num_steps, mag_ratios=list(mag_ratios)
        )
    if preset.first_block_threshold is not None:
        return FirstBlockCacheConfig(threshold=preset.first_block_threshold)
    return None


def _calibration(transformer: CogVideoXTransformer3DModel) -> list[list[float]]:
    """Read what MagCache measured so far, for each kind of pass."""
    registry = HookRegistry.check_if_exists_or_initialize(transformer.transformer_blocks[0])
    states = registry.get_hook(_MAG_CACHE_HOOK).state_manager._state_cache.values()
    return [list(state.calibration_ratios) for state in states]
