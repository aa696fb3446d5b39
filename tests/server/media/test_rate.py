"""Another frame rate by repetition."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.media.rate import at_rate
from tests.server.media.made_streams import read, stream_of


def numbered(count: int) -> np.ndarray:
    """Frame k is k in every value: (F, 1, 1, 4)."""
    return np.broadcast_to(np.arange(count, dtype=np.float32)[:, None, None, None], (count, 1, 1, 4))


def shown(count: int, fps: Fraction, wanted: Fraction) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in read(stream_of(numbered(count), fps).through(at_rate(wanted)))]


@pytest.mark.parametrize(
    ("fps", "wanted", "frames"),
    [
        (8, 24, [0, 0, 0, 1, 1, 1, 2, 2, 2]),
        (24, 8, [0]),
        (12, 8, [0, 1]),
        (8, 12, [0, 0, 1, 2]),
        (8, 8, [0, 1, 2]),
    ],
)
def test_every_frame_shows_what_was_on_at_its_time(fps: int, wanted: int, frames: list[int]) -> None:
    result = shown(3, Fraction(fps), Fraction(wanted))

    assert result[: len(frames)] == frames
    assert len(result) == max(round(3 * Fraction(wanted, fps)), 1)


@given(st.integers(1, 30), st.fractions(1, 60, max_denominator=1001), st.fractions(1, 60, max_denominator=1001))
def test_time_goes_forward_and_the_duration_stays(count: int, fps: Fraction, wanted: Fraction) -> None:
    frames = shown(count, fps, wanted)

    assert frames == sorted(frames)
    assert frames[0] == 0
    assert abs(len(frames) / wanted - count / fps) <= 1 / wanted
    for number, source in enumerate(frames):
        assert source == min(int(number / wanted * fps), count - 1)


def test_the_description_follows() -> None:
    info = stream_of(numbered(9), Fraction(8)).through(at_rate(Fraction(24000, 1001))).info

    assert (info.fps, info.frame_count) == (Fraction(24000, 1001), 27)
