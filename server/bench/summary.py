"""What the measurements say about a whole clip."""

from __future__ import annotations

from typing import Any

from server.transpixar.flops import clip_flops
from server.transpixar.parameters import text_encoder_parameters

from .results import Results
from .sizes import CLIP_STEPS
from .variants import EXACT, PLAIN
from .workload import Workload

PASS, PAIR, STEP = "pass", "pair", "step"
DECODE_BOTH, DECODE_ALPHA = "decode both", "decode alpha"
TILED = "tiled"


def summarise(results: Results, work: Workload) -> dict[str, Any]:
    """Return the floor and the predicted time of a clip for each variant, and how much faster the product is.

    A clip is 50 steps with guidance on every step, and both halves decoded. The steps are scaled from those that were
    measured.
    """
    rate = results.runs[-1].matmul_rate
    size = work.size
    flops = clip_flops(size.transformer, size.vae, work.latents, rank=size.rank, passes=2 * CLIP_STEPS)
    floor = flops.floor_seconds(rate)
    variants = dict.fromkeys(row.variant for row in results.rows if row.phase in (PASS, PAIR))
    predictions = {name: _predict(results, name, floor) for name in variants}
    return {
        "steps": CLIP_STEPS,
        "clip_flops": flops.total,
        "sampling_floor_seconds": flops.sampling / rate,
        "floor_seconds": floor,
        "predicted_clips": {name: prediction for name, prediction in predictions.items() if prediction is not None},
        "plain_over_exact": {phase: results.ratio(phase, PLAIN, EXACT) for phase in (PASS, PAIR)},
        "text_encoder_bytes": text_encoder_parameters(size.text_encoder) * work.dtype.itemsize,
    }


def _predict(results: Results, variant: str, floor: float) -> dict[str, Any] | None:
    step = _step_seconds(results, variant)
    if step is None:
        return None
    ways = (_median(results, DECODE_BOTH, way) for way in (EXACT, TILED))
    decoding = next((seconds for seconds in ways if seconds is not None), None)
    total = CLIP_STEPS * step + (decoding or 0.0)
    return {
        "step_seconds": step,
        "sampling_seconds": CLIP_STEPS * step,
        "decoding_seconds": decoding,
        "seconds": total,
        "times_floor": total / floor,
    }


def _step_seconds(results: Results, variant: str) -> float | None:
    """The time of a step with guidance: the pair in one batch or one after the other, what is faster."""
    alone, pair = _median(results, PASS, variant), _median(results, PAIR, variant)
    ways = [seconds for seconds in (pair, 2 * alone if alone is not None else None) if seconds is not None]
    return min(ways, default=None)


def _median(results: Results, phase: str, variant: str) -> float | None:
    row = results.row(phase, variant)
    return row.median if row else None
