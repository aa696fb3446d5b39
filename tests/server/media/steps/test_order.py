"""Trim, reverse, ping-pong and hold."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from server.media.errors import MediaError
from server.media.steps.order import Hold, PingPong, Reverse, Trim
from server.media.steps.settings import StepSettings
from server.media.steps.spool import Spool
from tests.server.media.made_streams import Endless, read, stream_of


def shown(count: int, *steps: StepSettings) -> list[int]:
    """The numbers of the frames that a clip of frames 1 to `count` shows after the steps."""
    frames = np.broadcast_to(np.arange(1, count + 1, dtype=np.float32)[:, None, None, None], (count, 1, 1, 4))
    return [int(frame[0, 0, 0]) for frame in read(stream_of(frames).through(*steps))]


def test_frames_in_their_new_order() -> None:
    assert shown(5, Trim(first=2, last=4)) == [2, 3, 4]
    assert shown(5, Trim(first=3)) == [3, 4, 5]
    assert shown(5, Reverse()) == [5, 4, 3, 2, 1]
    assert shown(4, PingPong()) == [1, 2, 3, 4, 3, 2]
    assert shown(3, Hold(start=1, end=2)) == [1, 1, 2, 3, 3, 3]


@given(st.integers(1, 12))
def test_twice_reversed_is_unchanged_and_ping_pong_repeats_without_a_stop(count: int) -> None:
    assert shown(count, Reverse(), Reverse()) == list(range(1, count + 1))
    twice = shown(count, PingPong()) * 2
    assert all(abs(one - next_one) == 1 for one, next_one in pairwise(twice)) or count == 1


def test_a_trimmed_clip_is_not_read_to_its_end() -> None:
    clip = Endless(1_000_000)

    assert len(read(Trim(first=2, last=4)(clip.stream))) == 3
    assert clip.asked == 4
    assert clip.closed


def test_frames_that_are_not_there_are_named() -> None:
    with pytest.raises(MediaError, match="effect has no frame 9; trim it to frames from 1 to 5"):
        shown(5, Trim(first=2, last=9))
    with pytest.raises(ValidationError, match="must not come after"):
        Trim(first=3, last=2)


def test_a_spool_gives_back_what_it_holds_in_memory_and_on_disk() -> None:
    frames = np.random.default_rng(0).random((6, 3, 5, 4), np.float32)
    for memory in (1, 10_000):
        with Spool(5, 3, memory) as spool:
            for frame in frames[:4]:
                spool.append(frame)
            np.testing.assert_array_equal(spool[2], frames[2])
            spool.append(frames[4])
            np.testing.assert_array_equal([spool[index] for index in range(5)], frames[:5])
            with pytest.raises(IndexError):
                spool[5]
