from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.errors import InvalidRequestError
from blender_transpixar.core.finishing import Finishing, repeats, summary


def steps_of(finishing: Finishing) -> list[dict]:
    return finishing.to_json()["steps"]


def test_only_what_is_set_becomes_a_step():
    assert steps_of(Finishing(choke=1.0)) == [{"step": "choke", "pixels": 1.0}]
    assert steps_of(Finishing(white=0.9)) == [{"step": "levels", "black": 0.0, "white": 0.9, "gamma": 1.0}]
    assert steps_of(Finishing(fps=Fraction(24))) == [{"step": "retime", "fps": "24", "method": "blend"}]
    assert steps_of(Finishing(background="colour", background_colour=(1.0, 0.5, 0.0))) == [
        {"step": "remove_background", "colour": [1.0, 0.5, 0.0]}
    ]


def test_steps_come_in_the_usual_order():
    finishing = Finishing(
        trim_first=2,
        luma_key=True,
        background="auto",
        black=0.1,
        smooth=True,
        choke=-1.0,
        fade_edges=6.0,
        extend_below=0.1,
        crop_margin=4,
        recentre=True,
        fps=Fraction(24),
        reverse=True,
        repeat="loop",
        hold_end=5,
        scale=2.0,
    )
    assert [step["step"] for step in steps_of(finishing)] == [
        *("trim", "luma_key", "remove_background", "levels", "smooth", "choke", "fade_edges"),
        *("extend", "crop", "recentre", "retime", "reverse", "loop", "hold", "resize"),
    ]


def test_frames_are_kept_from_one_to_another():
    assert steps_of(Finishing(trim_first=3)) == [{"step": "trim", "first": 3, "last": None}]
    assert steps_of(Finishing(trim_last=5)) == [{"step": "trim", "first": 1, "last": 5}]
    assert steps_of(Finishing(trim_first=5, trim_last=5)) == [{"step": "trim", "first": 5, "last": 5}]


def test_a_margin_and_an_alpha_of_nothing_are_settings_too():
    assert steps_of(Finishing(crop_margin=0)) == [{"step": "crop", "margin": 0}]
    assert steps_of(Finishing(extend_below=0.0)) == [{"step": "extend", "below": 0.0}]
    assert steps_of(Finishing(hold_start=2)) == [{"step": "hold", "start": 2, "end": 0}]


def test_a_recipe_in_a_few_words():
    finishing = Finishing(black=0.1, choke=-1.0, fps=Fraction(24), repeat="ping_pong", scale=2.0)
    assert summary(finishing.to_json()) == "levels, choke -1 px, 24 fps, ping-pong, 2x"
    assert repeats(finishing.to_json())
    assert not repeats(Finishing(reverse=True).to_json())
    assert not repeats(None)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Nothing is set to finish"),
        ({"black": 0.8, "white": 0.5}, "must be below its white point"),
        ({"trim_first": 4, "trim_last": 3}, "comes after the last one"),
    ],
)
def test_what_makes_no_sense_gets_a_sentence(settings: dict, sentence: str):
    with pytest.raises(InvalidRequestError, match=sentence):
        Finishing(**settings)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["step", "steps", "fps"]), inner),
)


@given(st.dictionaries(st.just("steps") | st.text(), JSON))
def test_any_recipe_in_a_sidecar_can_be_shown(recipe: dict):
    assert summary(recipe)
    assert repeats(recipe) in (True, False)


@given(JSON)
def test_any_step_in_a_sidecar_can_be_shown(value: object):
    for step in ("choke", "retime", "resize", "levels"):
        assert summary({"steps": [{"step": step, "pixels": value, "fps": value, "scale": value}]})
