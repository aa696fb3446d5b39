"""First frames and footage as the model gets them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.media.inputs import InputUnusable, read_first_frame, read_footage
from tests.server.media.films import film, rotated


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_an_image_of_the_right_size_is_read_exactly(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 4), np.uint8)
    read = read_first_frame(save(tmp_path / "a.png", pixels), 24, 16)
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, pixels.astype(np.float32) / 255)


@pytest.mark.parametrize(("width", "height"), [(32, 32), (64, 16), (17, 31), (200, 100)])
def test_an_image_covers_the_size_and_keeps_its_middle(tmp_path: Path, width: int, height: int) -> None:
    pixels = np.full((90, 120, 3), 10, np.uint8)
    pixels[40:50, 55:65] = 250
    read = read_first_frame(save(tmp_path / "a.png", pixels), width, height)
    assert read.shape == (height, width, 3)
    assert 0 <= read.min() <= read.max() <= 1
    rows, columns = np.nonzero(read[..., 0] > 0.5)
    assert abs(rows.mean() - (height - 1) / 2) <= 1
    assert abs(columns.mean() - (width - 1) / 2) <= 1


def test_what_transparent_pixels_hide_does_not_bleed(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, :32] = (0, 255, 0, 0)
    pixels[:, 32:] = (255, 0, 0, 255)
    read = read_first_frame(save(tmp_path / "a.png", pixels), 16, 16)
    seen = read[..., 3] > 0.05
    np.testing.assert_allclose(read[..., :3][seen], np.broadcast_to([1, 0, 0], (seen.sum(), 3)), atol=0.02)


@pytest.mark.parametrize(("mode", "value", "expected"), [("I;16", 32768, 0.5), ("F", 0.25, 0.25), ("L", 51, 0.2)])
def test_grey_images_of_every_depth(tmp_path: Path, mode: str, value: float, expected: float) -> None:
    path = tmp_path / "a.tiff"
    Image.new(mode, (20, 20), value).save(path)
    np.testing.assert_allclose(read_first_frame(path, 16, 16), expected, atol=0.003)


def test_footage_is_read_frame_by_frame(tmp_path: Path) -> None:
    # Frame n is a grey of 20 n.
    path = film(tmp_path / "a.mkv", "color=black:s=64x48:r=8:d=1,format=gbrp,geq=r=20*N:g=20*N:b=20*N", "-c:v", "ffv1")
    read = read_footage(path, 32, 32, 5)
    assert (read.shape, read.dtype) == ((5, 32, 32, 3), np.float32)
    np.testing.assert_allclose(read.mean(axis=(1, 2, 3)), np.arange(5) * 20 / 255, atol=0.005)
    later = read_footage(path, 32, 32, 5, start=3)
    np.testing.assert_allclose(later.mean(axis=(1, 2, 3)), np.arange(3, 8) * 20 / 255, atol=0.005)
    with pytest.raises(InputUnusable, match="4 frames left after the first 4 and the clip needs 5"):
        read_footage(path, 32, 32, 5, start=4)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (48, 32), (80, 112)])
def test_footage_of_odd_sizes_covers_the_size(tmp_path: Path, width: int, height: int) -> None:
    path = film(tmp_path / "a.mkv", "color=red:s=63x47:r=8:d=1,format=gbrp", "-c:v", "ffv1")
    read = read_footage(path, width, height, 2)
    np.testing.assert_allclose(read, np.broadcast_to([254 / 255, 0, 0], read.shape), atol=0.01)


def test_footage_of_a_telephone_stands_upright(tmp_path: Path) -> None:
    # The left half is white: turned by 90 degrees, the lower or the upper half is.
    source = "color=black:s=64x48:r=8:d=1,format=yuv420p,drawbox=0:0:32:48:white:fill"
    path = film(tmp_path / "a.mp4", source)
    level, turned = read_footage(path, 48, 48, 1)[0], read_footage(rotated(tmp_path / "b.mp4", path, 90), 48, 48, 1)[0]
    assert level[:, :20].mean() > 0.9 > 0.1 > level[:, -20:].mean()
    assert abs(turned[:20].mean() - turned[-20:].mean()) > 0.8
    assert abs(turned[:, :24].mean() - turned[:, 24:].mean()) < 0.1


def test_footage_with_alpha_stands_on_black(tmp_path: Path) -> None:
    source = "color=white:s=64x64:r=8:d=1,format=argb,colorchannelmixer=aa=0.5"
    path = film(tmp_path / "a.mov", source, "-c:v", "qtrle")
    np.testing.assert_allclose(read_footage(path, 32, 32, 2), 0.5, atol=0.01)


def test_anamorphic_footage_is_stretched_to_its_shape(tmp_path: Path) -> None:
    # Squeezed to half its width: a square of 24 x 48 stored pixels is 48 x 48 seen ones.
    source = "color=black:s=48x96:r=8:d=1,format=gbrp,drawbox=12:24:24:48:white:fill,setsar=2"
    read = read_footage(film(tmp_path / "a.mkv", source, "-c:v", "ffv1"), 96, 96, 1)[0, ..., 0] > 0.5
    assert read.any(axis=0).sum() == pytest.approx(48, abs=1)
    assert read.any(axis=1).sum() == pytest.approx(48, abs=1)


def test_footage_that_is_too_short_says_so(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", "testsrc2=s=64x48:r=4:d=1", "-c:v", "ffv1")
    with pytest.raises(InputUnusable, match="has 4 frames and the clip needs 9"):
        read_footage(path, 32, 32, 9)


def test_inputs_that_have_gone_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputUnusable, match="upload the image again"):
        read_first_frame(tmp_path / "gone", 16, 16)
    with pytest.raises(InputUnusable, match="upload the video again"):
        read_footage(tmp_path / "gone", 16, 16, 1)
