import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.effect_kinds import KINDS, OTHER, kind_of, tags_of
from blender_transpixar.core.starter import starter_effects


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("a puff of orange smoke", "smoke"),
        ("A burning blue portal", "portal"),
        ("campfire at night", "fire"),
        ("one spark", "sparks"),
        ("soap bubble", "bubbles"),
        ("a leaf in the wind", "leaves"),
        ("fireworks", "sparks"),
        ("a walking cat", OTHER),
        ("", OTHER),
    ],
)
def test_a_prompt_has_a_kind(prompt: str, kind: str):
    assert kind_of(prompt) == kind


def test_the_starter_prompts_are_of_the_kinds_they_are_made_for():
    assert [kind_of(effect.prompt) for effect in starter_effects()] == list(KINDS)


def test_tags_are_the_words_worth_searching_for():
    assert tags_of("A puff of orange, ORANGE smoke") == ("puff", "orange", "smoke")


@given(st.text(max_size=400))
def test_any_prompt_has_a_kind_and_tags_blender_can_store(prompt: str):
    assert kind_of(prompt) in (*KINDS, OTHER)
    tags = tags_of(prompt)
    assert len(tags) == len(set(tags)) <= 12
    assert all(tag == tag.lower() or not tag.isascii() for tag in tags)
