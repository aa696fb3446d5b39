"""Fading at the edges of the frame."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server.media.steps.edges import FadeEdges, faded
from tests.server.media.made_streams import effect, read, stream_of


def full(height: int, width: int) -> np.ndarray:
    return np.ones((1, height, width, 4), np.float32)


def test_the_outermost_pixel_is_empty_and_the_middle_as_it_was() -> None:
    alpha = read(FadeEdges(pixels=4)(stream_of(full(20, 30))))[0, ..., 3]

    for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]):
        assert not edge.any()
    assert (alpha[4:-4, 4:-4] == 1).all()
    np.testing.assert_allclose(alpha[10, :5], [0, 0.15625, 0.5, 0.84375, 1])


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 30))
def test_any_frame_and_any_width_keep_alpha_in_range_symmetric_and_colour_as_it_was(
    height: int, width: int, pixels: float
) -> None:
    frames = full(height, width)
    result = faded(frames, pixels)

    np.testing.assert_array_equal(result[..., :3], frames[..., :3])
    alpha = result[0, ..., 3]
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    np.testing.assert_allclose(alpha, alpha[::-1, ::-1], atol=1e-6)


def test_nothing_is_nothing() -> None:
    frames = effect(seed=3, count=1)
    np.testing.assert_array_equal(read(FadeEdges(pixels=0)(stream_of(frames))), frames)
