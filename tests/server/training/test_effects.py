"""The procedural effects keep what their looks and captions promise."""

import colorsys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.training import contact_sheet
from server.training.effects import FAMILIES, Look, random_look, render
from server.training.effects.captions import NOUNS, caption, words
from server.training.effects.palette import COLOURS, SYNONYMS


def clip_of(family, colour="orange", seed=0, **choices):
    return render(Look(family, colour, **choices), np.random.default_rng(seed), 9, 48, 48)


def mean_colour(clip):
    weight = clip[..., 3:]
    return (clip[..., :3] * weight).sum(axis=(0, 1, 2)) / weight.sum()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_clip_is_straight_rgba_with_an_empty_surrounding(family):
    clip = clip_of(family)
    assert clip.shape == (9, 48, 48, 4) and clip.dtype == np.float32
    assert clip.min() >= 0 and clip.max() <= 1
    alpha = clip[..., 3]
    assert alpha.max() > 0.6, "something is opaque"
    assert (alpha < 0.02).mean() > 0.3, "much is empty"
    assert np.abs(np.diff(alpha, axis=0)).max() > 0.1, "it moves"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("colour", ["red", "green", "blue"])
def test_the_clip_has_the_colour_of_its_look(family, colour):
    hue = colorsys.rgb_to_hsv(*mean_colour(clip_of(family, colour)))[0]
    wanted = colorsys.rgb_to_hsv(*(c / 255 for c in COLOURS[colour]))[0]
    assert abs((hue - wanted + 0.5) % 1 - 0.5) < 0.06


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_draws_the_same_clip(family):
    assert np.array_equal(clip_of(family, seed=3), clip_of(family, seed=3))
    assert not np.array_equal(clip_of(family, seed=3), clip_of(family, seed=4))


@pytest.mark.parametrize(
    "family", ["fire", "smoke", "sparks", "explosion", "portal", "shockwave", "swirl", "lightning"]
)
def test_left_is_left_of_right(family):
    columns = np.arange(48)
    left, right = (clip_of(family, place=place)[..., 3].sum(axis=(0, 1)) for place in ("left", "right"))
    assert (left * columns).sum() / left.sum() + 8 < (right * columns).sum() / right.sum()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_caption_names_colour_and_effect_in_known_words(seed):
    rng = np.random.default_rng(seed)
    look = random_look(rng, list(FAMILIES))
    text = caption(look, rng)
    lower = text.lower()
    assert any(word in lower for word in SYNONYMS.get(look.colour, (look.colour,)))
    assert any(word in lower for noun in NOUNS[look.family] for word in noun.split())
    assert set(lower.replace(",", " , ").split()) <= words() | set(COLOURS)


def test_a_contact_sheet_is_a_picture_of_the_clips(tmp_path):
    contact_sheet.write(tmp_path / "sheet.png", [clip_of("fire"), clip_of("snow")], ["fire", "snow"])
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
