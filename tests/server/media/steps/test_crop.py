"""Cutting to the effect, and what is near the frame's edge."""

from fractions import Fraction

import numpy as np
import pytest

from server.media.canvas import Canvas
from server.media.steps.bounds import Bounds, bounds_of, margin_warnings
from server.media.steps.crop import Crop, Recentre
from server.media.steps.resize import Resize
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


BOX = (5, 8, 10, 12)


def test_a_cropped_clip_knows_where_it_was() -> None:
    assert Crop(margin=3)(stream_of(boxes(BOX, (20, 6, 25, 11)))).info.canvas == Canvas(40, 30, 2, 3)
    assert Crop(margin=8)(stream_of(boxes((0, 0, 4, 4)))).info.canvas == Canvas(40, 30, -8, -8)


def test_a_clip_that_is_the_whole_picture_has_no_canvas() -> None:
    whole = stream_of(boxes((0, 0, 40, 30)))

    assert whole.info.canvas is None
    assert Crop(margin=0)(whole).info.canvas is None
    # Cut out of the middle of what had grown around it.
    assert whole.through(Crop(margin=5), Crop(margin=0)).info.canvas is None


def test_several_crops_and_one_say_the_same() -> None:
    clip = stream_of(boxes(BOX))

    once, twice = clip.through(Crop(margin=1)), clip.through(Crop(margin=6), Crop(margin=1))

    assert twice.info.canvas == once.info.canvas
    np.testing.assert_array_equal(read(twice), read(once))


@pytest.mark.parametrize("box", [(5, 8, 10, 12), (5, 8, 11, 13), (0, 0, 1, 1), (39, 29, 40, 30)])
def test_centring_before_and_after_a_crop_is_the_same(box: tuple[int, int, int, int]) -> None:
    clip = stream_of(boxes(box, width=40, height=31))
    before, after = clip.through(Recentre(), Crop(margin=2)), clip.through(Crop(margin=2), Recentre())

    np.testing.assert_array_equal(read(before)[..., 3], read(after)[..., 3])
    assert before.info.canvas == after.info.canvas
    assert before.info.canvas is not None


def test_centring_alone_moves_the_effect_for_good() -> None:
    assert Recentre()(stream_of(boxes(BOX))).info.canvas is None


def test_the_canvas_is_scaled_with_the_clip() -> None:
    cropped = Crop(margin=3)(stream_of(boxes(BOX, (20, 6, 25, 11))))

    assert cropped.through(Resize(scale=2)).info.canvas == Canvas(80, 60, 4, 6)
    # 26 x 12 pixels become 8 x 4, so the picture of 40 x 30 becomes as much smaller.
    assert cropped.through(Resize(scale=0.3)).info.canvas == Canvas(12, 10, 1, 1)
    assert cropped.through(Resize(scale=2), Crop(margin=0, threshold=0.5)).info.canvas == Canvas(80, 60, 10, 12)


def test_a_canvas_beyond_all_bounds_is_forgotten() -> None:
    assert Canvas(500_000, 10, 0, 0).scaled(Fraction(2), Fraction(2)).unless_whole(8, 8) is None
