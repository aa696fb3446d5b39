from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.timing import Timing, clip_rate, scene_rate

RATES = st.sampled_from([Fraction(n) for n in (1, 6, 8, 12, 16, 24, 25, 30, 60)] + [Fraction(24000, 1001)])


def test_a_clip_of_8_fps_holds_each_frame_three_times_in_a_scene_of_24():
    timing = Timing(start=10, frame_count=3, clip_fps=Fraction(8), scene_fps=Fraction(24))
    shown = [timing.index_at(frame) for frame in range(9, 20)]
    assert shown == [None, 0, 0, 0, 1, 1, 1, 2, 2, 2, None]
    assert timing.end == 19
    assert list(timing.changes()) == [(10, 0), (13, 1), (16, 2)]


def test_a_clip_faster_than_the_scene_skips_frames_but_keeps_its_duration():
    timing = Timing(start=1, frame_count=6, clip_fps=Fraction(24), scene_fps=Fraction(12))
    assert [timing.index_at(frame) for frame in range(1, 5)] == [0, 2, 4, None]


def test_ntsc_rates_are_exact_although_blender_keeps_the_base_as_a_32_bit_float():
    assert scene_rate(30, 1.0010000467300415) == Fraction(30000, 1001)
    assert scene_rate(24, 1.0) == 24
    assert clip_rate(8) == 8
    assert clip_rate(29.97) == Fraction(2997, 100)


@given(st.integers(-1000, 1000), st.integers(1, 60), RATES, RATES)
def test_holding_each_change_until_the_next_shows_the_right_frame_everywhere(
    start: int, count: int, clip_fps: Fraction, scene_fps: Fraction
):
    timing = Timing(start, count, clip_fps, scene_fps)
    held = dict(timing.changes())
    showing = None
    for frame in range(start, timing.end):
        showing = held.get(frame, showing)
        assert timing.index_at(frame) == showing
    assert timing.index_at(start - 1) is None
    assert timing.index_at(timing.end) is None
    assert len(held) == len(list(timing.changes()))


@pytest.mark.parametrize(("clip_fps", "scene_fps"), [(8, 24), (8, 25), (24, 24), (24, 60)])
def test_duration_in_seconds_is_kept_to_within_one_scene_frame(clip_fps: int, scene_fps: int):
    timing = Timing(1, 49, Fraction(clip_fps), Fraction(scene_fps))
    assert 0 <= Fraction(timing.end - timing.start, scene_fps) - Fraction(49, clip_fps) < Fraction(1, scene_fps)
