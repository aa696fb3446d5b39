"""Every hand-off format, written and decoded again, against what went in."""

from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from server.media.clip_reader import open_clip
from server.media.colour import linear_from_srgb, quantised
from server.media.formats import FORMATS, export
from tests.server.media.made_streams import effect, read, stream_of

LOSSLESS_8 = ["png8", "ffv1", "qtrle", "sprite-sheet"]
LOSSLESS_16 = ["png16", "ffv1-16"]
RATES = st.sampled_from([Fraction(8), Fraction(24), Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001)]) | (
    st.builds(Fraction, st.integers(1, 120), st.integers(1, 7)).filter(lambda rate: rate >= 1)
)
SHAPES = {"width": st.integers(2, 67), "height": st.integers(2, 45), "count": st.integers(1, 6)}
SLOW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def exported(frames: np.ndarray, format: str, folder: Path, fps: Fraction = Fraction(24)) -> Path:
    return export(stream_of(frames, fps), format, folder / ("clip" + FORMATS[format].suffix))


def visible_difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of colour times alpha: what a composite can show of it."""
    return float(np.abs(one[..., :3] * one[..., 3:] - other[..., :3] * other[..., 3:]).max())


@pytest.mark.parametrize("format", LOSSLESS_8 + LOSSLESS_16)
@SLOW
@given(fps=RATES, seed=st.integers(0, 99), **SHAPES)
def test_lossless_formats_give_every_value_back(
    format: str, fps: Fraction, seed: int, width: int, height: int, count: int
) -> None:
    frames = effect(width, height, count, seed, bits=16 if format in LOSSLESS_16 else 8)
    with TemporaryDirectory() as folder:
        clip = open_clip(exported(frames, format, Path(folder), fps))
        # Colour under transparent pixels is there as well.
        np.testing.assert_array_equal(read(clip), frames)

    assert (clip.info.fps, clip.info.frame_count, clip.info.alpha_mode) == (fps, count, "straight")
    assert clip.info.metadata == {"prompt": "an effect", "seed": "7"}


@SLOW
@given(fps=RATES, seed=st.integers(0, 99), **SHAPES)
def test_exr_keeps_alpha_and_visible_colour_to_the_precision_of_half(
    fps: Fraction, seed: int, width: int, height: int, count: int
) -> None:
    frames = effect(width, height, count, seed)
    with TemporaryDirectory() as folder:
        clip = open_clip(exported(frames, "exr", Path(folder), fps))
        decoded = read(clip)

    np.testing.assert_allclose(decoded[..., 3], frames[..., 3], atol=2.5e-4)
    assert visible_difference(decoded, frames) < 1e-3
    assert (clip.info.fps, clip.info.alpha_mode, clip.info.colour_space) == (fps, "premultiplied", "Linear Rec.709")


@pytest.mark.parametrize("format", ["prores4444", "prores4444-straight"])
@SLOW
@given(fps=RATES, seed=st.integers(0, 99), **SHAPES)
def test_prores_keeps_alpha_within_1_and_visible_colour_within_4_of_255(
    format: str, fps: Fraction, seed: int, width: int, height: int, count: int
) -> None:
    frames = effect(width, height, count, seed)
    with TemporaryDirectory() as folder:
        clip = open_clip(exported(frames, format, Path(folder), fps))
        decoded = read(clip)

    assert np.abs(decoded[..., 3] - frames[..., 3]).max() <= 1 / 255
    assert (decoded[..., 3][frames[..., 3] == 1] == 1).all()
    assert (decoded[..., 3][frames[..., 3] == 0] == 0).all()
    assert visible_difference(decoded, frames) <= 4 / 255
    assert (clip.info.fps, clip.info.alpha_mode) == (fps, FORMATS[format].alpha_mode)


@pytest.mark.parametrize("format", ["webm", "webp"])
@SLOW
@given(fps=RATES, seed=st.integers(0, 99), **SHAPES)
def test_formats_for_sharing_keep_alpha_exactly(
    format: str, fps: Fraction, seed: int, width: int, height: int, count: int
) -> None:
    frames = effect(width, height, count, seed)
    with TemporaryDirectory() as folder:
        clip = open_clip(exported(frames, format, Path(folder), fps))
        decoded = read(clip)

    np.testing.assert_array_equal(decoded[..., 3], frames[..., 3])
    assert (clip.info.fps, clip.info.frame_count) == (fps, count)


@SLOW
@given(shown=st.lists(st.integers(0, 2), min_size=1, max_size=12), fps=RATES)
def test_webp_shows_frames_that_are_alike_for_as_long_as_they_last(shown: list[int], fps: Fraction) -> None:
    frames = effect(24, 16, 3)[shown]
    with TemporaryDirectory() as folder:
        path = exported(frames, "webp", Path(folder), fps)
        clip = open_clip(path)
        decoded = read(clip)
        with Image.open(path) as image:
            durations = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                image.load()
                durations.append(image.info.get("duration", 0))

    np.testing.assert_array_equal(decoded[..., 3], frames[..., 3])
    assert (clip.info.fps, clip.info.frame_count) == (fps, len(shown))
    if len(durations) > 1:
        assert sum(durations) == round(1000 * len(shown) / fps)


def test_a_webp_of_another_program_lasts_as_long_as_it_says(tmp_path: Path) -> None:
    first, *others = [Image.fromarray(quantised(frame, 8)) for frame in effect(24, 16, 3)]
    first.save(tmp_path / "a.webp", save_all=True, append_images=others, duration=[100, 300, 200], lossless=True)
    clip = open_clip(tmp_path / "a.webp")

    assert (clip.info.fps, clip.info.frame_count) == (10, 6)
    np.testing.assert_array_equal(read(clip)[..., 3], effect(24, 16, 3)[[0, 1, 1, 1, 2, 2], ..., 3])


@pytest.mark.parametrize(("format", "colour_error"), [("webm", 24), ("webp", 24), ("webm-small", 48)])
def test_colour_of_formats_for_sharing_is_recognisable(tmp_path: Path, format: str, colour_error: int) -> None:
    frames = effect(160, 120, 6)
    decoded = read(open_clip(exported(frames, format, tmp_path)))

    assert visible_difference(decoded, frames) <= colour_error / 255


@pytest.mark.parametrize("format", ["matte", "matte-movie"])
@SLOW
@given(seed=st.integers(0, 99), **SHAPES)
def test_a_matte_beside_the_colour_gives_the_clip_again(
    format: str, seed: int, width: int, height: int, count: int
) -> None:
    frames = effect(width, height, count, seed)
    with TemporaryDirectory() as folder:
        matte = exported(frames, format, Path(folder, "matte"))
        colour = exported(frames, "png8", Path(folder))
        decoded = read(open_clip(colour, matte=matte))

    np.testing.assert_allclose(decoded, frames, atol=1e-6)


def test_exr_is_what_compositors_expect(tmp_path: Path) -> None:
    frames = effect(32, 24, 2)
    folder = export(stream_of(frames, Fraction(24000, 1001)), "exr", tmp_path / "clip")
    image = oiio.ImageInput.open(str(folder / "0002.exr"))
    spec = image.spec()
    pixels = image.read_image(oiio.FLOAT)

    assert (str(spec.format), spec.channelnames) == ("half", ("R", "G", "B", "A"))
    assert not image.seek_subimage(1, 0)
    assert tuple(spec.getattribute("FramesPerSecond")) == (24000, 1001)
    assert (spec.getattribute("prompt"), spec.getattribute("seed")) == ("an effect", "7")
    expected = linear_from_srgb(frames[1, ..., :3]) * frames[1, ..., 3:]
    np.testing.assert_allclose(pixels[..., :3], expected, atol=5e-4)


def test_png_says_that_it_is_straight_and_what_it_shows(tmp_path: Path) -> None:
    frames = effect(32, 24, 2)
    folder = exported(frames, "png8", tmp_path)

    assert sorted(file.name for file in folder.iterdir()) == ["0001.png", "0002.png"]
    with Image.open(folder / "0001.png") as image:
        np.testing.assert_array_equal(np.asarray(image), np.round(frames[0] * 255))
        assert image.text == {  # type: ignore[attr-defined]
            "Software": "TransPixar",
            "prompt": "an effect",
            "seed": "7",
            "frame_rate": "24",
            "alpha_mode": "straight",
        }


@pytest.mark.parametrize(
    "prompt", ['a "fire" = <hot>; #1', "rauch & glut, グロー", "two\nlines\\", "]]></dc:description>"]
)
@pytest.mark.parametrize("format", ["png8", "exr", "prores4444", "ffv1", "webm", "webp", "sprite-sheet"])
def test_any_prompt_comes_back(tmp_path: Path, format: str, prompt: str) -> None:
    stream = stream_of(effect(16, 16, 1), metadata={"prompt": prompt, "seed": "0"})
    clip = open_clip(export(stream, format, tmp_path / ("clip" + FORMATS[format].suffix)))

    assert clip.info.metadata["prompt"] == prompt


def test_light_brighter_than_white_goes_through_exr(tmp_path: Path) -> None:
    frames = np.full((1, 4, 4, 4), 1.5, np.float32)
    frames[..., 3] = 1
    decoded = read(open_clip(exported(frames, "exr", tmp_path)))

    np.testing.assert_allclose(decoded, frames, atol=2e-3)


def test_a_sprite_sheet_that_no_graphics_card_takes_is_refused(tmp_path: Path) -> None:
    from server.media.errors import MediaError
    from tests.server.media.made_streams import Endless

    with pytest.raises(MediaError, match=r"300 frames of 1920 x 1080 do not fit.*smaller size"):
        export(Endless(300, 1920, 1080).stream, "sprite-sheet", tmp_path / "clip")
    assert list(tmp_path.iterdir()) == []
