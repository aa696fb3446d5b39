"""Colour under transparent pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.media.contact_sheet import over
from server.media.steps.extension import Extend, extended
from tests.server.media.made_streams import effect, read, stream_of


def with_black_outside(**options: int) -> np.ndarray:
    frames = effect(**options)
    frames[..., :3] *= frames[..., 3:] > 0
    return frames


@given(st.integers(0, 99), st.floats(0, 1), st.floats(0, 0.5))
def test_no_composite_changes_beyond_the_pixels_named(seed: int, grey: float, below: float) -> None:
    frame = with_black_outside(seed=seed, count=1)[0]
    backdrop = np.full((*frame.shape[:2], 3), grey, np.float32)

    result = extended(frame, below)

    kept = (frame[..., 3] > below) | (frame[..., 3] == 0)
    np.testing.assert_array_equal(over(result, backdrop)[kept], over(frame, backdrop)[kept])
    np.testing.assert_array_equal(result[..., 3], frame[..., 3])


def test_hidden_pixels_take_the_colour_around() -> None:
    frame = np.zeros((16, 16, 4), np.float32)
    frame[4:12, 4:12] = [0.9, 0.4, 0.1, 1]

    result = extended(frame)

    np.testing.assert_allclose(result[..., :3], np.broadcast_to([0.9, 0.4, 0.1], (16, 16, 3)), atol=1e-5)


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_frame_without_edges_stays(alpha: int) -> None:
    frames = effect()
    frames[..., 3] = alpha
    np.testing.assert_array_equal(read(Extend()(stream_of(frames))), frames)
