"""A backdrop that is found and taken out."""

import numpy as np
import pytest
from scipy import ndimage

from server.media.colour import linear_from_srgb, srgb_from_linear
from server.media.steps.background import RemoveBackground, without_backdrop
from tests.server.media.made_streams import read, stream_of

GREEN = (0.1, 0.7, 0.2)


def puff(count: int = 3, seed: int = 0) -> np.ndarray:
    """A soft orange disc with an opaque core, of a colour that varies a little: (F, 64, 64, 4)."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    alpha = np.clip(1.8 - np.hypot(rows, columns) / 14, 0, 1)
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 0.5, (count, 64, 64)), (0, 4, 4))
    colour = np.clip(np.array([0.9, 0.5, 0.2]) + noise[..., None], 0, 1)
    return np.concatenate([colour, np.broadcast_to(alpha, (count, 64, 64))[..., None]], axis=-1).astype(np.float32)


def on_backdrop(frames: np.ndarray, backdrop: tuple[float, ...], space: str = "display") -> np.ndarray:
    """The colour half as a camera or a model shows it: mixed with a backdrop; alpha as it was."""
    alpha = frames[..., 3:]
    decode, encode = (linear_from_srgb, srgb_from_linear) if space == "linear" else (np.asarray, np.asarray)
    mixed = decode(frames[..., :3]) * alpha + decode(np.array(backdrop, np.float32)) * (1 - alpha)
    return np.concatenate([encode(mixed), alpha], axis=-1).astype(np.float32)


@pytest.mark.parametrize("space", ["display", "linear"])
@pytest.mark.parametrize("backdrop", [(0, 0, 0), (1, 1, 1), GREEN])
def test_the_effects_own_colour_comes_back(backdrop: tuple[float, float, float], space: str) -> None:
    frames = puff()
    mixed = on_backdrop(frames, backdrop, space)

    result = read(RemoveBackground(colour=backdrop, space=space)(stream_of(mixed)))

    clear = frames[..., 3] > 1 / 16
    np.testing.assert_allclose(result[clear], frames[clear], atol=2e-4)
    assert np.abs(mixed[clear] - frames[clear]).max() > 0.2
    np.testing.assert_array_equal(result[..., 3], mixed[..., 3])


@pytest.mark.parametrize("backdrop", [(0, 0, 0), (1, 1, 1), GREEN])
@pytest.mark.parametrize("is_visible", [True, False])
def test_the_backdrop_is_found_even_where_transparent_pixels_do_not_show_it(
    backdrop: tuple[float, float, float], is_visible: bool
) -> None:
    mixed = on_backdrop(puff(), backdrop)
    if not is_visible:
        mixed[..., :3] = np.where(mixed[..., 3:] > 1 / 16, mixed[..., :3], [0.9, 0.5, 0.2])

    stream = RemoveBackground()(stream_of(mixed))

    note = stream.info.notes[-1]
    assert note.startswith("The background's colour was estimated as ")
    found = [float(part) for part in note.removesuffix(".").rpartition(" as ")[2].split(", ")]
    assert found == pytest.approx(backdrop, abs=0.08)


def test_a_hard_outline_shows_its_backdrop_under_transparent_pixels() -> None:
    frames = puff()
    frames[..., 3] = frames[..., 3] > 0.5
    stream = RemoveBackground()(stream_of(on_backdrop(frames, GREEN)))

    assert "0.100, 0.700, 0.200" in stream.info.notes[-1]


def test_a_clean_clip_stays_as_it_is() -> None:
    frames = puff()

    stream = RemoveBackground()(stream_of(frames))

    assert stream.info.notes == ("No background of one colour was found in the clip's edges; they stay.",)
    np.testing.assert_array_equal(read(stream), frames)


def test_over_its_backdrop_the_result_is_what_it_was_made_from() -> None:
    mixed = on_backdrop(puff(), GREEN)
    result = without_backdrop(mixed[0], GREEN, "display")

    alpha = result[..., 3:]
    again = result[..., :3] * alpha + np.array(GREEN, np.float32) * (1 - alpha)
    clear = alpha[..., 0] > 1 / 16
    np.testing.assert_allclose(again[clear], mixed[0][clear][:, :3], atol=1e-5)
    assert np.abs(again - mixed[0][..., :3]).max() < 1 / 16
