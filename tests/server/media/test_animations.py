"""Animated pictures are read whole, as ffmpeg and browsers show them; a still one is a still."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from server.media.clip_reader import open_clip
from server.media.errors import MediaError
from server.media.ffmpeg import location, output_of
from server.media.inspection import UploadNotUsable, inspect_file
from tests.server.media.films import film
from tests.server.media.made_streams import read

DURATIONS = [100, 50, 200, 100]


def pictures() -> list[Image.Image]:
    """A square that moves, over nothing: what is under it must be cleared from picture to picture."""
    made = []
    for number in range(len(DURATIONS)):
        pixels = np.zeros((16, 24, 4), np.uint8)
        pixels[4:10, 2 + 4 * number : 8 + 4 * number] = (255, 40 * number, 0, 255)
        made.append(Image.fromarray(pixels))
    return made


def animation(path: Path, **options: object) -> Path:
    first, *others = pictures()
    options = {"lossless": True, "quality": 100, "subsampling": "4:4:4", **options}
    if path.suffix == ".gif":
        options["disposal"] = 2
    first.save(path, save_all=True, append_images=others, duration=DURATIONS, loop=0, **options)
    return path


def expected() -> np.ndarray:
    """Every picture as often as its time needs at 20 frames a second."""
    frames = np.stack([np.asarray(picture) for picture in pictures()])
    return np.repeat(frames, [duration // 50 for duration in DURATIONS], axis=0) / 255


@pytest.mark.parametrize("suffix", [".gif", ".png", ".apng", ".avif"])
def test_an_animation_is_read_whole(tmp_path: Path, suffix: str) -> None:
    path = animation(tmp_path / ("fire_1" + suffix), **({"format": "PNG"} if suffix == ".apng" else {}))
    clip = open_clip(path)
    frames = read(clip)

    assert (clip.info.fps, clip.info.alpha_mode) == (Fraction(20), "straight")
    np.testing.assert_array_equal(frames[..., 3], expected()[..., 3])
    visible = frames[..., 3] > 0
    np.testing.assert_allclose(frames[visible], expected()[visible], atol=3 / 255)


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_the_pictures_are_those_that_ffmpeg_shows(tmp_path: Path, suffix: str) -> None:
    source = "testsrc2=s=24x16:r=20:d=0.5,format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*gt(X,N)'"
    if suffix == ".gif":
        source += ",split[a][b];[a]palettegen[p];[b][p]paletteuse"
    path = film(tmp_path / ("fire" + suffix), source, *(["-f", "apng"] if suffix == ".png" else []))
    arguments = ["-v", "error", "-i", location(path), "-fps_mode", "passthrough", "-pix_fmt", "rgba"]
    data, _, _ = output_of([*arguments, "-f", "rawvideo", "pipe:1"])
    shown = np.frombuffer(data, np.uint8).reshape(-1, 16, 24, 4) / 255
    frames = read(open_clip(path))

    np.testing.assert_array_equal(frames[..., 3], shown[..., 3])
    np.testing.assert_allclose(frames * frames[..., 3:], shown * shown[..., 3:], atol=1e-6)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".avif"])
def test_a_still_is_a_still(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / ("still" + suffix)
    pictures()[0].save(path)

    assert open_clip(path).info.frame_count == 1
    assert inspect_file(path).kind == "image"


def test_the_picture_for_programs_without_animation_is_not_one_of_it(tmp_path: Path) -> None:
    path = tmp_path / "fire.png"
    Image.new("RGBA", (24, 16), "red").save(
        path, default_image=True, save_all=True, append_images=pictures(), duration=50
    )

    frames = np.stack([np.asarray(each) for each in pictures()]) / 255
    np.testing.assert_allclose(read(open_clip(path)), frames, atol=1e-6)


def test_a_gif_in_a_hurry_is_shown_as_browsers_show_it(tmp_path: Path) -> None:
    first, *others = pictures()
    first.save(tmp_path / "fast.gif", save_all=True, append_images=others, duration=10, disposal=2)

    assert open_clip(tmp_path / "fast.gif").info.fps == 10


def test_an_animation_among_frames_is_named(tmp_path: Path) -> None:
    pictures()[0].save(tmp_path / "fire_1.png")
    animation(tmp_path / "fire_2.png")
    for asked in ("fire_1.png", "fire_2.png", "fire_#.png"):
        with pytest.raises(MediaError, match=r"^fire_2\.png is an animation, not a frame of one; move it"):
            read(open_clip(tmp_path / asked))


@pytest.mark.parametrize("suffix", [".gif", ".avif"])
def test_stills_that_are_numbered_are_named(tmp_path: Path, suffix: str) -> None:
    for number in (1, 2):
        pictures()[0].save(tmp_path / f"fire_{number}{suffix}")
    with pytest.raises(MediaError, match=r"fire_1\.\w+ is one of several numbered pictures, which are not read as"):
        open_clip(tmp_path / f"fire_1{suffix}")


@pytest.mark.parametrize("suffix", [".gif", ".png", ".avif", ".webp"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.8, 0.9])
def test_a_truncated_one_is_never_a_shorter_clip(tmp_path: Path, suffix: str, keep: float) -> None:
    path = animation(tmp_path / ("fire" + suffix))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(MediaError, match=r"^fire\.\w+ .*(copy|render)|^Frame \d+ of fire"):
        read(open_clip(path))


def test_a_gif_that_ends_between_two_pictures(tmp_path: Path) -> None:
    path = animation(tmp_path / "fire.gif")
    data = path.read_bytes()
    # Pictures begin with a block that says how long they are shown.
    path.write_bytes(data[: data.rindex(b"\x21\xf9\x04")])
    with pytest.raises(MediaError, match=r"^fire\.gif is incomplete"):
        open_clip(path)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_an_animation_that_is_sent_is_a_video(tmp_path: Path, suffix: str) -> None:
    found = inspect_file(animation(tmp_path / ("fire" + suffix)))

    assert (found.kind, found.frame_count, found.width, found.height, found.has_alpha) == ("video", 4, 24, 16, True)


def test_an_animated_avif_that_is_sent_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UploadNotUsable, match="is an animated AVIF"):
        inspect_file(animation(tmp_path / "fire.avif"))


def test_the_alpha_of_a_webm_that_is_sent_is_seen(tmp_path: Path) -> None:
    source = "testsrc2=s=64x48:r=8:d=1,format=rgba,colorchannelmixer=aa=0.5"
    for codec in ("libvpx", "libvpx-vp9"):
        path = film(tmp_path / f"{codec}.webm", source, "-c:v", codec, "-auto-alt-ref", "0", "-pix_fmt", "yuva420p")
        assert inspect_file(path).has_alpha
    assert not inspect_file(film(tmp_path / "opaque.webm", "testsrc2=s=64x48:r=8:d=1")).has_alpha
