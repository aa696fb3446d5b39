from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.playback import AS_MADE, FOR_EVER, Playback
from blender_transpixar.core.sequence import Sequence
from blender_transpixar.core.timing import Speed

PLAYBACKS = st.builds(
    Playback,
    speed=st.sampled_from(Speed),
    stretch=st.integers(1, 10**6),
    repeats=st.integers(FOR_EVER, 100),
    reverse=st.booleans(),
    hold_after=st.booleans(),
    fps=st.none() | st.fractions(min_value=Fraction(1, 1001), max_value=240),
)


@given(PLAYBACKS)
def test_it_is_kept_as_text(playback: Playback):
    assert Playback.from_json(playback.to_json()) == playback


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"speed": "WARP"}', '{"speed": "FRAMES", "stretch": 0}', 7])
def test_other_text_is_the_default(text):
    assert Playback.from_json(text) == Playback()


def test_a_clip_that_was_generated_as_a_loop_runs_for_ever_unless_told_otherwise():
    once = Sequence(Path(), "", ".png", 4, 1, 5)
    assert Playback().timing(once, Fraction(24), 1).repeats == 1
    assert Playback(repeats=FOR_EVER).timing(once, Fraction(24), 1).repeats is None
    assert Playback(repeats=3).timing(once, Fraction(24), 1).repeats == 3
    assert AS_MADE == 0


def test_pictures_without_a_rate_have_the_scenes():
    pictures = Sequence(Path(), "", ".png", 4, 1, 5)
    assert Playback().timing(pictures, Fraction(25), 1).end == 6
    assert Playback(fps=Fraction(5)).timing(pictures, Fraction(25), 1).end == 26
