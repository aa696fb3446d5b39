"""From decoded frames to straight ones with colour under the transparent pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from server.media.straight import straight_frames

ORANGE = np.array([1.0, 0.5, 0.1], dtype=np.float32)
DECODED = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 17), st.integers(1, 17), st.just(4)),
    elements=st.floats(-0.5, 1.5, width=32),
)


def soft_disc(size: int = 33) -> np.ndarray:
    """An orange disc, premultiplied on black: (1, size, size, 4). Alpha falls from 1 to 0 over half of the radius."""
    y, x = np.mgrid[:size, :size] - size // 2
    alpha = np.clip(2 - np.hypot(x, y) / (size / 8), 0, 1).astype(np.float32)[..., None]
    return np.concatenate([alpha * ORANGE, alpha], axis=-1)[None]


def test_a_premultiplied_disc_has_its_own_colour_everywhere_even_where_alpha_is_0() -> None:
    frames = straight_frames(soft_disc(), premultiplied=True)

    assert frames.dtype == np.uint8
    assert (frames[0, 0, 0, 3], frames[0, 16, 16, 3]) == (0, 255)
    np.testing.assert_allclose(frames[..., :3], np.broadcast_to(ORANGE * 255, frames[..., :3].shape), atol=1)


def test_a_straight_disc_on_grey_loses_the_grey() -> None:
    disc = soft_disc()
    disc[..., :3] = np.where(disc[..., 3:] > 0, ORANGE, 0.5)
    frames = straight_frames(disc, premultiplied=False)

    np.testing.assert_allclose(frames[..., :3], np.broadcast_to(ORANGE * 255, frames[..., :3].shape), atol=1)


def test_each_side_takes_the_colour_that_is_near() -> None:
    frame = np.zeros((1, 16, 32, 4), dtype=np.float32)
    frame[0, :, 0] = [1, 0, 0, 1]
    frame[0, :, -1] = [0, 0, 1, 1]
    row = straight_frames(frame, premultiplied=True)[0, 8].astype(int)

    assert (row[:8, 0] > row[:8, 2]).all()
    assert (row[-8:, 2] > row[-8:, 0]).all()


def test_a_frame_without_alpha_takes_the_colour_of_the_clip() -> None:
    clip = np.concatenate([np.zeros_like(soft_disc()), soft_disc()])
    frames = straight_frames(clip, premultiplied=True)

    assert not frames[0, ..., 3].any()
    np.testing.assert_allclose(frames[0, 5, 5, :3], ORANGE * 255, atol=1)


@settings(max_examples=50)
@given(decoded=DECODED, premultiplied=st.booleans())
def test_alpha_is_only_rounded_and_the_picture_over_black_stays(decoded: np.ndarray, premultiplied: bool) -> None:
    frames = straight_frames(decoded, premultiplied=premultiplied)

    assert frames.shape == decoded.shape
    clipped = np.clip(decoded, 0, 1)
    alpha = clipped[..., 3:]
    np.testing.assert_allclose(frames[..., 3:] / 255, alpha, atol=0.5 / 255 + 1e-6)
    over_black = np.minimum(clipped[..., :3], alpha) if premultiplied else clipped[..., :3] * alpha
    # Up to an alpha of 1/16 the colour is taken from around, which shifts the picture by less than a 64th.
    np.testing.assert_allclose(frames[..., :3] / 255 * alpha, over_black, atol=1 / 64 + 1 / 255)


@settings(max_examples=50)
@given(decoded=DECODED)
def test_colours_stay_between_those_that_are_there(decoded: np.ndarray) -> None:
    decoded[..., :3] = 0.25 + 0.5 * np.clip(decoded[..., :3], 0, 1)
    decoded[0, 0, 0, 3] = 1
    frames = straight_frames(decoded, premultiplied=False)

    assert frames[..., :3].min() >= 63
    assert frames[..., :3].max() <= 192


@pytest.mark.parametrize("bad", [np.full((1, 2, 2, 4), np.nan, np.float32), np.zeros((2, 2, 4), np.float32)])
def test_what_is_no_frame_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="frames"):
        straight_frames(bad, premultiplied=True)
