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
        luma_key=True,
        background="auto",
        black=0.1,
        smooth=True,
        choke=-1.0,
        recentre=True,
        fps=Fraction(24),
        reverse=True,
        repeat="loop",
        scale=2.0,
    )
    assert [step["step"] for step in steps_of(finishing)] == [
        *("luma_key", "remove_background", "levels", "smooth", "choke", "recentre"),
        *("retime", "reverse", "loop", "resize"),
    ]


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
