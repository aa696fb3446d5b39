"""The colour arithmetic: exact inverses, and the numbers of the standard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from server.media.colour import (
    frame_from_linear_premultiplied,
    linear_from_srgb,
    linear_premultiplied,
    premultiplied,
    quantised,
    srgb_from_linear,
    unpremultiplied,
)

FRAMES = hnp.arrays(np.float32, (3, 4, 4), elements=st.floats(0, 1, width=32))


@pytest.mark.parametrize(("encoded", "linear"), [(0, 0), (0.04045, 0.0031308), (0.5, 0.21404114), (1, 1)])
def test_the_curve_has_the_values_of_the_standard(encoded: float, linear: float) -> None:
    assert linear_from_srgb(np.float32([encoded]))[0] == pytest.approx(linear, abs=1e-6)
    assert srgb_from_linear(np.float32([linear]))[0] == pytest.approx(encoded, abs=1e-4)


@given(hnp.arrays(np.float32, 16, elements=st.floats(-4, 4, width=32)))
def test_the_curve_and_its_inverse_undo_each_other_also_outside_of_0_to_1(values: np.ndarray) -> None:
    np.testing.assert_allclose(srgb_from_linear(linear_from_srgb(values)), values, atol=2e-5)


@given(FRAMES)
def test_premultiplying_is_undone_where_there_is_alpha(frame: np.ndarray) -> None:
    again = unpremultiplied(premultiplied(frame))
    seen = frame[..., 3] > 1e-3

    np.testing.assert_allclose(again[seen], frame[seen], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(again[..., 3], frame[..., 3])


@given(FRAMES)
def test_the_way_through_linear_light_changes_nothing_that_is_seen(frame: np.ndarray) -> None:
    again = frame_from_linear_premultiplied(linear_premultiplied(frame))

    np.testing.assert_allclose(premultiplied(again), premultiplied(frame), atol=1e-4)


def test_light_without_alpha_keeps_its_colour() -> None:
    glow = np.float32([[[0.2, 0.1, 0, 0]]])

    np.testing.assert_array_equal(unpremultiplied(glow), glow)


@pytest.mark.parametrize("bits", [8, 16])
def test_whole_numbers_are_rounded_to_the_nearest_and_come_back(bits: int) -> None:
    top = 2**bits - 1
    numbers = np.arange(2**bits)

    np.testing.assert_array_equal(quantised((numbers / top).astype(np.float32), bits), numbers)
    np.testing.assert_array_equal(quantised(np.float32([-1, 0.6 / top, 2]), bits), [0, 1, top])
