"""Prompts are read by the words of the captions: what a caption says of a look, the reader finds again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.training.effects import FAMILIES, Look, random_look
from server.training.effects.captions import PARTICLES, caption
from server.training.effects.prompt import USUAL_COLOURS, PromptError, read_prompt


@pytest.mark.parametrize(
    ("prompt", "look"),
    [
        ("blue sparks", Look("sparks", "blue")),
        ("A few small BLUE sparks, flying out fast", Look("sparks", "blue", size="small", speed="fast", amount="few")),
        ("puff of golden smoke on the left", Look("smoke", "gold", place="left")),
        ("magic portal in jade", Look("portal", "emerald")),
        ("a spark", Look("sparks", USUAL_COLOURS["sparks"])),
        ("red smoke explosion", Look("explosion", "red")),
        ("red fire with smoke", Look("fire", "red")),
        ("dark fog", Look("smoke", "black")),
        ("golden rain on a black background", Look("rain", "gold")),
        ("black fire on black", Look("fire", "black")),
        ("a pink leaf on the right", Look("leaves", "pink", place="right")),
    ],
)
def test_words_become_a_look(prompt, look):
    assert read_prompt(prompt).look == look


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_caption_is_read_as_the_look_it_was_written_for(seed):
    rng = np.random.default_rng(seed)
    look = random_look(rng, list(FAMILIES))
    said = read_prompt(caption(look, rng)).look
    assert (said.family, said.colour, said.size, said.speed, said.place) == (
        look.family, look.colour, look.size, look.speed, look.place,
    )  # fmt: skip
    assert said.amount == (look.amount if look.family in PARTICLES else "")


@pytest.mark.parametrize("prompt", ["", "a red car", "blue", "!?", "  "])
def test_without_an_effect_the_effects_are_listed(prompt):
    with pytest.raises(PromptError, match="names no effect that can be drawn; use one of fire, smoke, sparks"):
        read_prompt(prompt)


def test_what_was_chosen_or_left_out_is_said():
    assert read_prompt("fire").notes == ("The prompt names no colour; fire is drawn in orange.",)
    assert read_prompt("red fire and blue smoke in a kitchen").notes == (
        "A clip shows one effect: fire is drawn, smoke left out.",
        'Words that say nothing to a procedural effect were left out: "kitchen".',
    )
    assert read_prompt("a few red sparks bursting").notes == ()


def test_every_family_has_a_usual_colour():
    assert list(USUAL_COLOURS) == list(FAMILIES)
