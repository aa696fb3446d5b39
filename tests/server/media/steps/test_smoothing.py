"""Less flicker, and no trail behind what moves."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from server.media.report import report_of
from server.media.steps.smoothing import Smooth
from tests.server.media.made_streams import effect, read, stream_of


def clip(alpha: np.ndarray) -> np.ndarray:
    """Alphas (F, W) as frames of one line: (F, 1, W, 4)."""
    frames = np.full((*alpha.shape, 4), 0.5, np.float32)
    frames[..., 3] = alpha
    return frames[:, None]


def smoothed(alpha: np.ndarray, **settings: float) -> np.ndarray:
    return read(Smooth(**settings)(stream_of(clip(alpha))))[:, 0, :, 3]


@given(st.integers(1, 5), st.booleans())
def test_a_hard_edge_that_moves_leaves_no_trail(speed: int, is_leaving: bool) -> None:
    covered = np.arange(40)[None, :] < speed * np.arange(10)[:, None]
    alpha = (covered != is_leaving).astype(np.float32)

    np.testing.assert_array_equal(smoothed(alpha), alpha)


def test_a_thin_bar_that_runs_is_not_thinned() -> None:
    """It is at every place for one frame only, as a spark is; the plain median of three would erase it."""
    places = np.arange(40)[None, :] - 3 * np.arange(10)[:, None]
    alpha = ((places >= 0) & (places < 2)).astype(np.float32)

    np.testing.assert_array_equal(smoothed(alpha), alpha)


def test_a_fade_stays_as_it_is() -> None:
    alpha = np.repeat(np.linspace(0, 1, 9, dtype=np.float32)[:, None], 3, axis=1)

    np.testing.assert_array_equal(smoothed(alpha), alpha)


def test_alternation_becomes_its_mean() -> None:
    alpha = np.tile(np.array([[0.45], [0.55]], np.float32), (4, 3))

    np.testing.assert_allclose(smoothed(alpha)[1:-1], 0.5, atol=1e-6)


def test_noise_in_time_is_less_afterwards() -> None:
    frames = np.repeat(effect(count=1), 8, axis=0)
    noise = np.random.default_rng(0).normal(0, 0.03, frames.shape[:3]) * (frames[..., 3] > 0)
    frames[..., 3] = np.clip(frames[..., 3] + noise, 0, 1)

    before, after = report_of(stream_of(frames)), report_of(Smooth()(stream_of(frames)))

    assert after.alpha_flicker < 0.65 * before.alpha_flicker


@settings(max_examples=50)
@given(arrays(np.float32, (5, 4), elements=st.floats(0, 1, width=32)), st.floats(0.01, 1), st.floats(0, 1))
def test_no_alpha_leaves_what_its_neighbours_in_time_span(alpha: np.ndarray, gate: float, strength: float) -> None:
    result = smoothed(alpha, gate=gate, strength=strength)

    assert np.abs(result - alpha).max() <= gate / 2 + 1e-6
    np.testing.assert_array_equal(result[[0, -1]], alpha[[0, -1]])
    around = np.stack([alpha[:-2], alpha[1:-1], alpha[2:]])
    assert (result[1:-1] >= around.min(axis=0) - 1e-6).all()
    assert (result[1:-1] <= around.max(axis=0) + 1e-6).all()


def test_clips_of_one_and_two_frames_pass() -> None:
    for count in (1, 2):
        frames = effect(count=count)
        np.testing.assert_array_equal(read(Smooth()(stream_of(frames))), frames)
