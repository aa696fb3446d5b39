from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.timing import Speed, Timing, clip_rate, scene_rate

RATES = st.sampled_from([Fraction(n) for n in (1, 6, 8, 12, 16, 24, 25, 30, 60)] + [Fraction(24000, 1001)])
TIMINGS = st.builds(
    Timing,
    start=st.integers(-1000, 1000),
    frame_count=st.integers(1, 40),
    clip_fps=RATES,
    scene_fps=RATES,
    speed=st.sampled_from(Speed),
    stretch=st.integers(1, 90),
    reverse=st.booleans(),
    ping_pong=st.booleans(),
    repeats=st.integers(1, 3),
    hold_before=st.booleans(),
    hold_after=st.booleans(),
)


def in_24(count: int, **how) -> Timing:
    """A clip of 8 frames per second from frame 10 on, in a scene of 24."""
    return Timing(start=10, frame_count=count, clip_fps=Fraction(8), scene_fps=Fraction(24), **how)


def shown(timing: Timing, first: int, last: int) -> list[int | None]:
    return [timing.index_at(frame) for frame in range(first, last + 1)]


def test_a_clip_of_8_fps_holds_each_frame_three_times_in_a_scene_of_24():
    assert shown(in_24(3), 9, 19) == [None, 0, 0, 0, 1, 1, 1, 2, 2, 2, None]
    assert in_24(3).end == 19
    assert list(in_24(3).changes()) == [(10, 0), (13, 1), (16, 2)]


def test_a_clip_faster_than_the_scene_skips_frames_but_keeps_its_duration():
    timing = Timing(start=1, frame_count=6, clip_fps=Fraction(24), scene_fps=Fraction(12))
    assert shown(timing, 1, 4) == [0, 2, 4, None]


def test_every_frame_once():
    assert shown(in_24(3, speed=Speed.FRAMES), 9, 13) == [None, 0, 1, 2, None]


def test_stretched_to_a_number_of_frames():
    assert shown(in_24(2, speed=Speed.STRETCH, stretch=5), 10, 15) == [0, 0, 0, 1, 1, None]
    assert shown(in_24(6, speed=Speed.STRETCH, stretch=2), 10, 12) == [0, 3, None]


def test_backwards_there_and_back_and_again():
    frames = {"speed": Speed.FRAMES}
    assert shown(in_24(3, reverse=True, **frames), 10, 13) == [2, 1, 0, None]
    assert shown(in_24(4, ping_pong=True, **frames), 10, 16) == [0, 1, 2, 3, 2, 1, None]
    assert shown(in_24(3, repeats=2, **frames), 10, 16) == [0, 1, 2, 0, 1, 2, None]
    assert shown(in_24(3, repeats=None, ping_pong=True, **frames), 1000 + 10, 1000 + 14) == [0, 1, 2, 1, 0]
    assert shown(in_24(1, ping_pong=True, **frames), 10, 11) == [0, None]


def test_held_before_and_after():
    timing = in_24(2, speed=Speed.FRAMES, hold_before=True, hold_after=True)
    assert shown(timing, 8, 13) == [0, 0, 0, 1, 1, 1]
    assert list(timing.shown(9, 12)) == [(9, 0), (10, 0), (11, 1), (12, 1)]


def test_a_clip_for_ever_never_ends():
    timing = in_24(3, repeats=None)
    assert timing.end is None
    assert timing.index_at(10 + 9 * 10**6) == 0
    assert list(timing.changes(runs=2)) == [(10, 0), (13, 1), (16, 2), (19, 0), (22, 1), (25, 2)]


def test_ntsc_rates_are_exact_although_blender_keeps_the_base_as_a_32_bit_float():
    assert scene_rate(30, 1.0010000467300415) == Fraction(30000, 1001)
    assert scene_rate(24, 1.0) == 24
    assert clip_rate(8) == 8
    assert clip_rate(29.97) == Fraction(2997, 100)


@given(TIMINGS)
def test_holding_each_change_until_the_next_shows_the_right_frame_everywhere(timing: Timing):
    changes = list(timing.changes())
    held = dict(changes)
    showing = None
    for frame in range(timing.start, timing.end):
        showing = held.get(frame, showing)
        assert timing.index_at(frame) == showing
    assert len(held) == len(changes)
    assert list(held) == sorted(held)


@given(TIMINGS)
def test_outside_of_its_runs_only_what_is_held_is_shown(timing: Timing):
    before, after = timing.index_at(timing.start - 1), timing.index_at(timing.end)
    assert before == (timing.order[0] if timing.hold_before else None)
    assert after == (timing.order[-1] if timing.hold_after else None)


@given(TIMINGS)
def test_only_frames_that_there_are_get_shown(timing: Timing):
    indices = {index for _, index in timing.shown(timing.start, timing.end - 1)}
    assert indices <= set(range(timing.frame_count))
    if timing.rate <= 1:
        assert indices == set(range(timing.frame_count))


@pytest.mark.parametrize(("clip_fps", "scene_fps"), [(8, 24), (8, 25), (24, 24), (24, 60)])
def test_duration_in_seconds_is_kept_to_within_one_scene_frame(clip_fps: int, scene_fps: int):
    timing = Timing(1, 49, Fraction(clip_fps), Fraction(scene_fps))
    assert 0 <= Fraction(timing.end - timing.start, scene_fps) - Fraction(49, clip_fps) < Fraction(1, scene_fps)


def test_a_long_scene_asks_a_long_clip_for_its_order_once(monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    order = Timing.order.fget
    monkeypatch.setattr(Timing, "order", property(lambda timing: asked.append(1) or order(timing)))
    timing = in_24(1000, repeats=None)
    assert len(list(timing.shown(1, 5000))) == 5000 - 9
    assert len(list(timing.changes(2))) == 2000
    assert len(asked) == 2


@given(TIMINGS, st.integers(-50, 200))
def test_a_position_is_due_on_the_first_frame_that_has_come_so_far(timing: Timing, position: int):
    frame = timing.scene_frame_of(position)
    assert (frame - timing.start) * timing.rate >= position > (frame - 1 - timing.start) * timing.rate
