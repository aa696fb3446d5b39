"""Every family moves as its name says, is soft at its edges, and can be drawn in any size and length."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.training.effects import FAMILIES, Look, render
from server.training.effects.long_clips import frames_of

SIZE = 48


def alpha_of(family, seed=0, **choices):
    return render(Look(family, "orange", **choices), np.random.default_rng(seed), 9, SIZE, SIZE)[..., 3]


def drift(alpha):
    """By how many pixels a frame what is seen moves down, from the shift that fits best: negative is upwards."""
    shifts = range(-6, 7)
    votes = []
    for before, after in itertools.pairwise(alpha):
        middle = slice(8, SIZE - 8)
        errors = [np.square(np.roll(before, s, axis=0)[middle] - after[middle]).mean() for s in shifts]
        votes.append(shifts[int(np.argmin(errors))])
    return float(np.mean(votes))


def spread(frame):
    """The mean distance of what is seen from its own middle, in pixels."""
    rows, columns = np.indices(frame.shape)
    weight = frame / max(frame.sum(), 1e-6)
    middle = (rows * weight).sum(), (columns * weight).sum()
    return (np.hypot(rows - middle[0], columns - middle[1]) * weight).sum()


@pytest.mark.parametrize("family", ["snow", "rain", "confetti", "leaves"])
def test_what_falls_falls(family):
    assert np.mean([drift(alpha_of(family, seed, speed="slow")) for seed in range(4)]) > 0.5


@pytest.mark.parametrize("family", ["bubbles", "smoke"])
def test_what_rises_rises(family):
    assert np.mean([drift(alpha_of(family, seed)) for seed in range(6)]) < -0.15


def test_what_is_seen_in_a_fire_rises():
    """Its outline flickers in its place; in a longer clip one sees the light within go up."""
    rises = []
    for seed in range(4):
        clip = render(Look("fire", "orange"), np.random.default_rng(seed), 33, SIZE, SIZE)
        rises.append(drift(clip[..., 3] * clip[..., :3].sum(axis=-1)))
    assert np.mean(rises) < -0.1


@pytest.mark.parametrize("family", ["explosion", "shockwave", "sparks"])
def test_what_bursts_grows(family):
    for seed in range(4):
        alpha = alpha_of(family, seed)
        assert spread(alpha[4]) > 1.3 * spread(alpha[0])


def test_a_splash_goes_up_and_comes_down_again():
    rows = np.indices((SIZE, SIZE))[0]
    middles = np.mean([[(f * rows).sum() / f.sum() for f in alpha_of("splash", seed)] for seed in range(6)], axis=0)
    top = int(np.argmin(middles))
    assert 0 < top < 8
    assert middles[0] > middles[top] + 3 and middles[-1] > middles[top] + 3


def test_lightning_flickers_and_an_orb_stays():
    bolt = alpha_of("lightning", speed="fast").mean(axis=(1, 2))
    assert np.abs(np.diff(bolt)).max() > 0.05 * bolt.mean()
    orb = alpha_of("orb")
    middle = orb[:, SIZE // 2 - 4 : SIZE // 2 + 4, SIZE // 2 - 4 : SIZE // 2 + 4]
    assert middle.mean(axis=(1, 2)).min() > 0.6, "its heart is always there"


@pytest.mark.parametrize("family", ["portal", "swirl"])
def test_what_turns_keeps_its_outline(family):
    alpha = alpha_of(family)
    widths = [spread(frame) for frame in alpha]
    assert max(widths) < 1.3 * min(widths)
    assert np.abs(np.diff(alpha, axis=0)).mean() > 0.005


@pytest.mark.parametrize("family", FAMILIES)
def test_edges_are_soft(family):
    """Between nothing and opaque there are pixels of every alpha, not a step."""
    alpha = render(Look(family, "orange"), np.random.default_rng(1), 9, 96, 96)[..., 3]
    partial = (alpha > 0.05) & (alpha < 0.6)
    assert partial.mean() > 0.1 * (alpha >= 0.6).mean()
    assert len(np.histogram(alpha[partial], bins=10)[0].nonzero()[0]) == 10


@pytest.mark.parametrize("family", ["explosion", "portal", "shockwave", "sparks", "swirl", "orb"])
def test_a_small_effect_does_not_touch_the_border(family):
    alpha = alpha_of(family, size="small")
    border = np.concatenate([alpha[:, 0], alpha[:, -1], alpha[:, :, 0], alpha[:, :, -1]], axis=None)
    assert np.quantile(border, 0.95) < 0.1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 17, 40), (5, 33, 16)])
def test_any_size_and_length(family, shape):
    clip = render(Look(family, "blue"), np.random.default_rng(0), *shape)
    assert clip.shape == (*shape, 4) and np.isfinite(clip).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_large_is_larger_than_small(family):
    small, large = (alpha_of(family, 2, size=size).sum() for size in ("small", "large"))
    assert small < large


@pytest.mark.parametrize("family", ["sparks", "bubbles", "snow", "rain", "confetti", "leaves"])
def test_many_are_more_than_a_few(family):
    few, many = (np.mean([alpha_of(family, s, amount=a).sum() for s in range(3)]) for a in ("few", "many"))
    assert few < many


@pytest.mark.parametrize("family", ["snow", "rain", "confetti", "leaves", "bubbles"])
@pytest.mark.parametrize("shape", [(32, 96), (96, 32)])
def test_what_fills_the_picture_fills_a_wide_and_a_high_one(family, shape):
    clips = [render(Look(family, "blue", amount="many"), np.random.default_rng(s), 9, *shape) for s in range(3)]
    alpha = np.mean([clip[..., 3] for clip in clips], axis=(0, 1))
    thirds = [third.mean() for third in np.array_split(alpha, 3, axis=int(np.argmax(shape)))]
    assert min(thirds) > 0.3 * max(thirds)


def test_lightning_goes_from_the_top_to_the_bottom_of_a_high_picture():
    alpha = render(Look("lightning", "blue"), np.random.default_rng(0), 3, 96, 32)[..., 3]
    assert alpha[:, [0, -1]].max(axis=2).min() > 0.3


@settings(max_examples=15, deadline=None)
@given(family=st.sampled_from(sorted(FAMILIES)), seed=st.integers(0, 2**31 - 1), frames=st.integers(1, 7))
def test_a_clip_drawn_in_parts_is_the_clip(family, seed, frames):
    look, size = Look(family, "green"), (24, 32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.training.effects.long_clips._PIXELS", 2 * size[0] * size[1])
        parts = list(frames_of(look, seed, frames, *size))
    whole = render(look, np.random.default_rng(seed), frames, *size)
    assert len(parts) == frames
    np.testing.assert_allclose(np.stack(parts), whole, atol=1e-5)
