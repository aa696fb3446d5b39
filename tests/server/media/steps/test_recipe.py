"""Recipes as JSON, in order, and what they say of settings that are not possible."""

import json
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest

from server.media.errors import MediaError
from server.media.steps.choke import Choke
from server.media.steps.levels import Levels
from server.media.steps.loop import Loop
from server.media.steps.order import Trim
from server.media.steps.recipe import Recipe
from server.media.steps.resize import Resize
from server.media.steps.retime import Retime
from tests.server.media.made_streams import effect, read, stream_of

RECIPE = Recipe(
    steps=(
        Trim(first=2),
        Levels(black=0.02, white=0.98),
        Choke(pixels=0.5),
        Retime(fps=Fraction(24000, 1001), method="blend"),
        Loop(overlap=2),
        Resize(scale=2),
    )
)


def test_a_recipe_survives_being_written_down() -> None:
    assert Recipe.from_json(RECIPE.to_json()) == RECIPE
    assert Recipe.from_json(json.dumps(RECIPE.to_dict())) == RECIPE
    assert RECIPE.to_dict()["steps"][3] == {"step": "retime", "fps": "24000/1001", "method": "blend"}


def test_the_steps_are_done_in_the_order_of_the_recipe() -> None:
    frames = effect(count=6)
    result = RECIPE.apply(stream_of(frames, Fraction(8)))

    by_hand = stream_of(frames, Fraction(8))
    for step in RECIPE.steps:
        by_hand = step(by_hand)
    np.testing.assert_array_equal(read(result), read(by_hand))
    assert (result.info.width, result.info.fps, result.info.frame_count) == (64, Fraction(24000, 1001), 13)


def test_the_usual_order_does_not_depend_on_the_order_given() -> None:
    for some in permutations(RECIPE.steps, 3):
        steps = [step.step for step in Recipe.ordered(some).steps]
        assert steps == [step.step for step in RECIPE.steps if step in some]


def test_an_empty_recipe_changes_nothing() -> None:
    stream = stream_of(effect())
    assert Recipe().apply(stream) is stream


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nonsense", "This is no finishing recipe (Invalid JSON"),
        ('{"steps": [{"step": "levels", "black": 2}]}', "Step 1 of the recipe is not possible (levels black: Input"),
        ('{"steps": [{"step": "trim"}, {"step": "blur"}]}', "Step 2 of the recipe is not possible (Input tag 'blur'"),
        ('{"steps": [{"step": "trim", "to": 3}]}', "Step 1 of the recipe is not possible (trim to: Extra inputs"),
        ('{"format": "other"}', "This is no finishing recipe (format: "),
        (
            '{"steps": [{"step": "levels", "black": 0.5, "white": 0.5}]}',
            "Step 1 of the recipe is not possible (levels: the black point must be below the white point).",
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, sentence: str) -> None:
    with pytest.raises(MediaError) as caught:
        Recipe.from_json(text)
    assert str(caught.value).startswith(sentence)
