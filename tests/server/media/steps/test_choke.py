"""Outlines that move by parts of pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from server.media.steps.choke import Choke, choked, moved_outline
from tests.server.media.made_streams import effect, read, stream_of

ALPHAS = arrays(np.float32, (9, 11), elements=st.floats(0, 1, width=32))


def disc(radius: float, size: int = 101) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] - size // 2
    return np.clip(radius - np.hypot(rows, columns) + 0.5, 0, 1).astype(np.float32)


def framed(alpha: np.ndarray) -> np.ndarray:
    return np.concatenate([np.full((*alpha.shape, 3), 0.5, np.float32), alpha[..., None]], axis=-1)


@pytest.mark.parametrize("pixels", [0.25, 0.5, 1, 1.5, 2, 3.3, -0.5, -1, -2.7])
def test_a_disc_gets_smaller_or_larger_by_that_radius(pixels: float) -> None:
    area = moved_outline(framed(disc(30)), pixels)[..., 3].sum()

    assert np.sqrt(area / np.pi) == pytest.approx(30 - pixels, abs=0.1)


@pytest.mark.parametrize("angle", [0, 20, 45, 70])
def test_a_straight_edge_moves_by_as_much_in_every_direction(angle: int) -> None:
    rows, columns = np.mgrid[:61, :61] - 30
    along = columns * np.cos(np.radians(angle)) + rows * np.sin(np.radians(angle))
    edge = np.clip(0.5 - along / 8, 0, 1).astype(np.float32)

    moved = choked(edge, 1.5)[30, 30]

    assert moved == pytest.approx(0.5 - 1.5 / 8, abs=0.005)


@settings(max_examples=50)
@given(ALPHAS, st.floats(0.1, 4))
def test_choking_only_takes_and_spreading_only_gives(alpha: np.ndarray, pixels: float) -> None:
    smaller = moved_outline(framed(alpha), pixels)[..., 3]
    larger = moved_outline(framed(alpha), -pixels)[..., 3]

    assert (smaller <= alpha).all()
    assert smaller.min() >= alpha.min() - 1e-6
    assert (larger >= alpha - 1e-6).all()
    assert larger.max() <= 1


@settings(max_examples=50)
@given(ALPHAS, st.floats(0.1, 3), st.floats(0.1, 1))
def test_more_takes_more(alpha: np.ndarray, pixels: float, more: float) -> None:
    # Directions between the 16 are read less exactly.
    assert choked(alpha, pixels + more).mean() <= choked(alpha, pixels).mean() + 0.02


def test_what_reaches_the_frames_edge_is_not_choked_there() -> None:
    assert (choked(np.ones((8, 8), np.float32), 3) == 1).all()


def test_new_pixels_take_the_colour_beside_them() -> None:
    frame = framed(disc(10, 41))
    frame[..., :3] = np.where(frame[..., 3:] > 0, [1, 0.5, 0], 0)

    wider = moved_outline(frame, -3)

    visible = wider[..., 3] > 0
    np.testing.assert_allclose(wider[visible][:, :3], np.broadcast_to([1, 0.5, 0], (visible.sum(), 3)), atol=1e-4)


def test_no_pixels_change_nothing() -> None:
    frames = effect()
    np.testing.assert_array_equal(read(Choke(pixels=0)(stream_of(frames))), frames)
