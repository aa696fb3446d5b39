"""Clips that repeat."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.media.errors import MediaError
from server.media.steps.loop import Loop
from tests.server.media.made_streams import read, stream_of


def looped(alphas: np.ndarray, overlap: int | None = None) -> np.ndarray:
    frames = np.ones((len(alphas), 1, 1, 4), np.float32)
    frames[:, 0, 0, 3] = alphas
    return read(Loop(overlap=overlap)(stream_of(frames)))[:, 0, 0, 3]


def test_the_end_dissolves_into_the_beginning() -> None:
    alphas = np.linspace(0, 0.9, 10)

    result = looped(alphas, 3)

    assert result[:4] == pytest.approx(alphas[3:7])
    # 0.7 and 0, then 0.8 and 0.1, then 0.9 and 0.2, in quarters; after that the clip goes on with its 0.3.
    assert result[4:] == pytest.approx([0.525, 0.45, 0.375])


@given(st.integers(2, 40))
def test_the_seam_is_no_larger_than_a_step_of_the_cross_fade(count: int) -> None:
    alphas = np.linspace(0, 1, count)
    overlap = max(count // 4, 1)

    result = looped(alphas)

    assert len(result) == count - overlap
    seam = abs(result[0] - result[-1])
    assert seam <= 1 / (overlap + 1) + 1e-6


def test_a_clip_too_short_for_its_overlap_is_refused() -> None:
    with pytest.raises(MediaError, match="effect has 5 frames, too few for an overlap of 3; use at most 2"):
        looped(np.zeros(5), 3)
    with pytest.raises(MediaError, match="has 1 frames, too few"):
        looped(np.zeros(1))
