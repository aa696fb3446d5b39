"""What becomes of a clip's pixels before they are encoded: no fringe, and a background of the clip's own colours."""

from pathlib import Path

import numpy as np
import pytest

from server.training.data.background import blurred_background, on_background
from server.training.data.checking import edges_of
from server.training.data.decontamination import CLEAN, PICTURE, contamination_of, decontaminated, mixing
from server.training.data.finding import FoundClip
from server.training.data.judging import Observed
from server.training.effects import random_look, render
from tests.server.media.made_streams import effect
from tests.server.training.keyed_frames import GREEN, SKIN, disc, photographed, scenery


def edge(frame):
    return (frame[..., 3] > 0.1) & (frame[..., 3] < 0.9)


def test_a_backdrop_of_one_colour_is_found_and_taken_out():
    clip = [photographed(disc(), GREEN)]
    found = contamination_of(clip, is_pair=False)
    assert found.kind == "one colour"
    np.testing.assert_allclose(found.colour, GREEN, atol=0.05)
    assert str(found) == "a background of the colour 0.10, 0.70, 0.20"
    mended = decontaminated(clip[0], found)
    assert np.abs(mended[..., :3] - SKIN)[edge(mended)].max() < 0.1
    assert np.array_equal(mended[..., 3], clip[0][..., 3])


def test_a_keyed_backdrop_whose_transparent_pixels_were_blackened():
    keyed = photographed(disc(), GREEN)
    keyed[keyed[..., 3] == 0] = 0
    found = contamination_of([keyed], is_pair=False)
    assert found.kind == "one colour"
    np.testing.assert_allclose(found.colour, GREEN, atol=0.05)


def test_the_cameras_picture_under_a_matte_is_unmixed():
    frame = photographed(disc(), scenery())
    assert mixing([frame]) == pytest.approx(1, abs=0.15)
    found = contamination_of([frame], is_pair=True)
    assert found == PICTURE
    before = np.abs(frame[..., :3] - SKIN)[edge(frame)].mean()
    after = np.abs(decontaminated(frame, found)[..., :3] - SKIN)[edge(frame)].mean()
    assert after < before / 4


@pytest.mark.parametrize(
    "hidden", [None, np.zeros(3), np.ones(3), scenery(seed=3)], ids=["own", "black", "white", "any"]
)
@pytest.mark.parametrize("is_pair", [True, False])
def test_straight_colour_is_left_alone_whatever_is_hidden_under_it(hidden, is_pair):
    frame = disc(hidden=hidden)
    assert contamination_of([frame], is_pair=is_pair) == CLEAN
    mended = decontaminated(frame, CLEAN)
    # And the hidden colour is the clip's own now.
    np.testing.assert_allclose(mended[..., :3], np.broadcast_to(SKIN, mended[..., :3].shape), atol=1e-3)


def test_a_soft_effect_whose_colours_go_on_is_no_mixture():
    assert contamination_of(effect(96, 64, 4), is_pair=False) == CLEAN


def test_only_pairs_are_unmixed_unless_it_is_asked_for():
    observed = Observed(1)
    observed.add(photographed(disc(), GREEN))
    movie, pair = FoundClip("a.mov", Path("a.mov")), FoundClip("fgr/a.mov", Path("a.mov"), matte=Path("b.mov"))
    removed, (remark,) = edges_of(movie, observed, "auto")
    assert removed == CLEAN
    assert remark.sentence.startswith("Its edges may be mixed with a background of the colour 0.10, 0.70, 0.20")
    for clip, wish in ((pair, "auto"), (pair, "always"), (movie, "always")):
        removed, (remark,) = edges_of(clip, observed, wish)
        assert removed.kind == "one colour"
        assert "preparation un-mixes them" in remark.sentence
    assert edges_of(pair, observed, "off") == (CLEAN, [])


@pytest.mark.parametrize("family", ["bubbles", "fire", "smoke", "sparks", "lightning"])
def test_effects_with_colours_of_their_own_at_the_outline_are_no_mixture(family):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        clip = render(random_look(rng, [family]), rng, 5, 64, 64).astype(np.float32)
        assert contamination_of(list(clip), is_pair=False) == CLEAN


def test_frames_without_anything_stay_as_they_are():
    nothing = np.zeros((16, 16, 4), np.float32)
    assert contamination_of([nothing], is_pair=True) == CLEAN
    for kind in (CLEAN, PICTURE):
        assert np.array_equal(decontaminated(nothing, kind), nothing)


def test_a_blurred_background_has_the_clips_colours_and_no_edges():
    frame = disc(colour=np.array([0.9, 0.3, 0.1]), hidden=np.array([0.0, 0.0, 1.0]))
    background = blurred_background(frame)
    np.testing.assert_allclose(background, np.broadcast_to([0.9, 0.3, 0.1], background.shape), atol=1e-3)

    two = disc()
    two[:, :64, :3], two[:, 64:, :3] = (1, 0, 0), (0, 0, 1)
    background = blurred_background(two)
    assert background[48, 4, 0] > 0.9
    assert background[48, -4, 2] > 0.9
    steps = np.abs(np.diff(background, axis=1)).max()
    assert steps < 0.05
    picture = on_background(two, "blurred")
    assert np.array_equal(picture[two[..., 3] == 1], two[..., :3][two[..., 3] == 1])


def test_a_frame_where_nothing_is_visible_gets_the_clips_colour():
    nothing = np.zeros((16, 24, 4), np.float32)
    assert np.array_equal(on_background(nothing, "blurred", GREEN), np.broadcast_to(GREEN, (16, 24, 3)))


def test_on_black_the_colour_is_premultiplied():
    frame = effect(32, 24, 1)[0]
    assert np.array_equal(on_background(frame, "black"), frame[..., :3] * frame[..., 3:])


def test_light_brighter_than_white_is_clipped():
    frame = disc(colour=np.array([3.0, 1.0, -0.5]))
    assert 0 <= on_background(frame, "blurred").min() <= on_background(frame, "blurred").max() <= 1
