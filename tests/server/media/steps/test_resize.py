"""Other sizes without fringes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from server.media.colour import linear_from_srgb, linear_premultiplied
from server.media.errors import MediaError
from server.media.steps.resize import Resize, resized
from tests.server.media.made_streams import effect, read, stream_of

BACKDROPS = {"black": (0, 0, 0), "white": (1, 1, 1), "green": (0, 1, 0)}


def light_over(frame: np.ndarray, backdrop: tuple[float, ...]) -> np.ndarray:
    """The composite in linear light: (H, W, 3)."""
    light = linear_premultiplied(frame)
    return light[..., :3] + linear_from_srgb(np.array(backdrop, np.float32)) * (1 - light[..., 3:])


def scaled(image: np.ndarray, width: int, height: int) -> np.ndarray:
    planes = [Image.fromarray(np.ascontiguousarray(image[..., c])) for c in range(3)]
    return np.stack([plane.resize((width, height), Image.Resampling.LANCZOS) for plane in planes], axis=-1)


def disc(colour: tuple[float, ...], outside: tuple[float, ...], softness: float = 1) -> np.ndarray:
    """A disc with an outline of `softness` pixels, and any colour under the transparent pixels around it."""
    rows, columns = np.mgrid[:48, :64] + 0.5
    part = np.clip((16 - np.hypot(rows - 24, columns - 32)) / softness, 0, 1)[..., None]
    alpha = part if softness == 1 else part * part * (3 - 2 * part)
    rgb = np.where(alpha > 0, np.array(colour), np.array(outside))
    return np.concatenate([rgb, alpha], axis=-1).astype(np.float32)


@pytest.mark.parametrize("scale", [0.5, 0.7, 2, 4])
@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_the_scaled_clip_over_a_backdrop_is_the_scaled_composite(scale: float, backdrop: str) -> None:
    """Exactly so for a soft effect. A hard outline has halos in the scaled composite, which ours has not."""
    size = round(64 * scale), round(48 * scale)
    for softness, tolerance in ((12, 0.5 / 255), (1, 0.12)):
        frame = disc((0.9, 0.4, 0.1), (0, 0, 0), softness)

        ours = light_over(resized(frame, *size), BACKDROPS[backdrop])
        theirs = scaled(light_over(frame, BACKDROPS[backdrop]), *size)

        assert np.abs(ours - theirs).max() < tolerance
        alpha = scaled(np.repeat(frame[..., 3:], 3, axis=-1), *size)
        in_range = (alpha > 1e-3).all(axis=-1) & (alpha < 1).all(axis=-1)
        np.testing.assert_allclose(ours[in_range], theirs[in_range], atol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 2, 4])
def test_colour_under_transparent_pixels_does_not_bleed_into_the_edge(scale: float) -> None:
    size = round(64 * scale), round(48 * scale)
    black, magenta = (resized(disc((0.9, 0.4, 0.1), outside), *size) for outside in ((0, 0, 0), (1, 0, 1)))

    np.testing.assert_allclose(light_over(black, (0, 0, 0)), light_over(magenta, (0, 0, 0)), atol=2e-4)
    edge = (black[..., 3] > 0.01) & (black[..., 3] < 1)
    np.testing.assert_allclose(black[edge][:, :3], np.broadcast_to([0.9, 0.4, 0.1], (edge.sum(), 3)), atol=2e-3)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (7, 9, 4), elements=st.floats(0, 1, width=32)), st.sampled_from([0.4, 1.5, 3]))
def test_nothing_leaves_its_range(frame: np.ndarray, scale: float) -> None:
    result = resized(frame, round(9 * scale), round(7 * scale))

    assert np.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 1


def test_light_brighter_than_white_stays() -> None:
    frame = np.full((8, 8, 4), 1, np.float32)
    frame[..., :3] = 4

    np.testing.assert_allclose(resized(frame, 16, 16)[..., :3], 4, rtol=1e-4)


def test_the_step_names_the_new_size_and_1_changes_nothing() -> None:
    frames = effect(32, 24)

    larger = Resize(scale=2)(stream_of(frames))

    assert (larger.info.width, larger.info.height) == (64, 48)
    assert read(larger).shape == (3, 48, 64, 4)
    np.testing.assert_array_equal(read(Resize(scale=1)(stream_of(frames))), frames)


def test_an_impossible_size_is_named() -> None:
    with pytest.raises(MediaError, match="effect would be 0 x 0; use sizes from 1 to 16384 pixels"):
        Resize(scale=0.001)(stream_of(effect()))
