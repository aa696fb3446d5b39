"""Cutting to the effect, and what is near the frame's edge."""

import numpy as np
import pytest

from server.media.steps.bounds import Bounds, bounds_of, margin_warnings
from server.media.steps.crop import Crop, Recentre
from tests.server.media.made_streams import read, stream_of


def boxes(*places: tuple[int, int, int, int], width: int = 40, height: int = 30) -> np.ndarray:
    """A frame with an opaque box each: left, top, right, bottom."""
    rng = np.random.default_rng(0)
    frames = rng.random((len(places), height, width, 4), np.float32)
    frames[..., 3] = 0
    for frame, (left, top, right, bottom) in zip(frames, places, strict=True):
        frame[top:bottom, left:right, 3] = 1
    return frames


def test_the_box_holds_the_effect_of_all_frames() -> None:
    assert bounds_of(stream_of(boxes((5, 8, 10, 12), (20, 6, 25, 11)))) == Bounds(5, 6, 25, 12)


def test_a_crop_keeps_every_visible_pixel_and_centres_them() -> None:
    frames = boxes((5, 8, 10, 12), (20, 6, 25, 11))

    stream = Crop(margin=3)(stream_of(frames))

    assert (stream.info.width, stream.info.height) == (26, 12)
    assert stream.info.notes == ("Cropped to 26 x 12 pixels, from 2 to the right and 3 down in the frame of 40 x 30.",)
    np.testing.assert_array_equal(read(stream), frames[:, 3:15, 2:28])


def test_a_margin_beyond_the_frame_is_transparent() -> None:
    frames = boxes((0, 0, 4, 4))

    stream = Crop(margin=4)(stream_of(frames))
    result = read(stream)

    assert result.shape == (1, 12, 12, 4)
    np.testing.assert_array_equal(result[0, 4:8, 4:8], frames[0, :4, :4])
    assert result[..., 3].sum() == 16
    np.testing.assert_array_equal(result[0, 0, 0, :3], frames[0, 0, 0, :3])
    assert any("left edge, where it will look cut off" in note for note in stream.info.notes)


def test_recentring_moves_whole_pixels() -> None:
    frames = boxes((1, 2, 11, 12))

    result = read(Recentre()(stream_of(frames)))

    assert result.shape == frames.shape
    assert bounds_of(stream_of(result)) == Bounds(15, 10, 25, 20)
    np.testing.assert_array_equal(result[0, 10:20, 15:25], frames[0, 2:12, 1:11])


@pytest.mark.parametrize("step", [Crop(), Recentre()])
def test_a_clip_without_anything_visible_stays(step: Crop | Recentre) -> None:
    frames = boxes((0, 0, 0, 0))
    stream = step(stream_of(frames))

    np.testing.assert_array_equal(read(stream), frames)
    assert stream.info.notes[0].startswith("Nothing in this clip is visible")


def test_what_comes_near_the_frames_edge_is_named() -> None:
    info = stream_of(boxes((0, 0, 1, 1), width=100, height=100)).info

    assert margin_warnings(Bounds(10, 10, 90, 90), info) == []
    assert margin_warnings(Bounds(0, 10, 97, 90), info) == [
        "The effect touches the frame's left edge, where it will look cut off.",
        "The effect comes within 3 pixels of the frame's right edge.",
    ]
    assert margin_warnings(None, info) == []
