"""Black point, white point and gamma."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from server.media.steps.levels import Levels
from tests.server.media.made_streams import effect, read, stream_of


def alphas(*values: float) -> np.ndarray:
    frames = np.full((1, 1, len(values), 4), 0.5, np.float32)
    frames[0, 0, :, 3] = values
    return frames


def test_the_points_become_0_and_1_and_gamma_lifts_the_middle() -> None:
    frames = alphas(0.05, 0.1, 0.5, 0.9, 0.95)

    plain = read(Levels(black=0.1, white=0.9)(stream_of(frames)))[0, 0, :, 3]
    lifted = read(Levels(black=0.1, white=0.9, gamma=2)(stream_of(frames)))[0, 0, :, 3]

    np.testing.assert_allclose(plain, [0, 0, 0.5, 1, 1], atol=1e-6)
    np.testing.assert_allclose(lifted, [0, 0, 0.5**0.5, 1, 1], atol=1e-6)


@given(st.floats(0, 0.49), st.floats(0.51, 1), st.floats(0.2, 5), st.integers(0, 99))
def test_alpha_stays_in_range_and_in_order_and_colour_as_it_was(
    black: float, white: float, gamma: float, seed: int
) -> None:
    frames = effect(seed=seed, count=1)
    result = read(Levels(black=black, white=white, gamma=gamma)(stream_of(frames)))

    np.testing.assert_array_equal(result[..., :3], frames[..., :3])
    in_order = result[..., 3].ravel()[np.argsort(frames[..., 3], axis=None)]
    assert (np.diff(in_order) >= 0).all()
    assert result[..., 3].min() >= 0
    assert result[..., 3].max() <= 1


def test_without_settings_nothing_changes() -> None:
    frames = effect()
    np.testing.assert_array_equal(read(Levels()(stream_of(frames))), frames)


def test_points_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValidationError, match="the black point must be below the white point"):
        Levels(black=0.8, white=0.2)
