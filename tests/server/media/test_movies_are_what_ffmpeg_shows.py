"""Movies of every kind have the frames, the size and the colours that ffmpeg itself decodes."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from server.media.clip_reader import open_clip
from server.media.ffmpeg import location, output_of
from tests.server.media.films import ffmpeg
from tests.server.media.made_streams import read

# Smooth, so that how chroma is enlarged does not matter, and different in every frame.
_SMOOTH = "gradients=s={size}:r={rate}:d=1:speed=0.2:seed=3,format=rgb24"
_YUV = ("-pix_fmt", "yuv420p")
_ALPHA = "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*X/W'"


def made(path: Path, *options: str, size: str = "64x48", rate: str = "24") -> Path:
    ffmpeg("-f", "lavfi", "-i", _SMOOTH.format(size=size, rate=rate), *options, str(path))
    return path


def copied(path: Path, before: tuple[str, ...], after: tuple[str, ...] = ()) -> Path:
    """The packets of a movie with a keyframe a second and B-frames, in another container or wrapping."""
    source = made(path.with_name("source.mp4"), *_YUV, "-g", "24", "-bf", "3")
    ffmpeg(*before, "-i", str(source), "-c", "copy", *after, str(path))
    return path


def shown(path: Path, *before: str) -> np.ndarray:
    """What ffmpeg decodes of a movie, (F, H, W, 4), and nothing else done to it."""
    arguments = ["-v", "error", "-nostdin", *before, "-i", location(path), "-fps_mode", "passthrough"]
    listing, said, _ = output_of([*arguments, "-f", "framecrc", "pipe:1"])
    assert said == ""
    dimensions = next(line for line in listing.decode().splitlines() if line.startswith("#dimensions"))
    width, height = map(int, dimensions.rpartition(" ")[2].split("x"))
    pixels, _, _ = output_of([*arguments, "-pix_fmt", "rgba", "-f", "rawvideo", "pipe:1"])
    return np.frombuffer(pixels, np.uint8).reshape(-1, height, width, 4) / 255


def assert_alike(frames: np.ndarray, expected: np.ndarray) -> None:
    """Equal but for how exactly ffmpeg was asked to compute the colours of YUV."""
    assert frames.shape == expected.shape
    difference = abs(frames - expected)
    assert difference.max() <= 20 / 255
    assert difference.mean(axis=(1, 2, 3)).max() <= 3 / 255


MOVIES = {
    # Not on a keyframe: the packets before the cut are in the file, and not shown.
    "edit-list.mp4": lambda path: copied(path, ("-ss", "0.4")),
    "edit-list.mov": lambda path: copied(path, ("-ss", "0.4", "-t", "0.4")),
    "empty-edit.mp4": lambda path: copied(path, ("-itsoffset", "0.7")),
    # Their duration counts from 0, their frames begin later.
    "late.mkv": lambda path: copied(path, ("-itsoffset", "5")),
    "cut.mkv": lambda path: copied(path, ("-ss", "0.4"), ("-copyts",)),
    "recorded.mkv": lambda path: copied(path, (), ("-live", "1")),
    "fragments.mp4": lambda path: copied(path, (), ("-movflags", "frag_keyframe+empty_moov")),
    "camera.mts": lambda path: copied(path, (), ("-f", "mpegts")),
    "last-frame-held.mkv": lambda path: made(
        path, "-vf", "settb=1/1000", "-c:v", "ffv1", "-bsf:v", "setts=duration=if(eq(N\\,23)\\,9000\\,41)"
    ),
    "uneven.mkv": lambda path: made(
        path, "-vf", "setpts=if(gt(N\\,5)\\,N+40\\,N)/24/TB", "-fps_mode", "passthrough", "-c:v", "ffv1"
    ),
    "uneven.mp4": lambda path: made(path, "-vf", "setpts=N*N/24/TB", "-fps_mode", "passthrough", *_YUV),
    # Without times in the container, and in another order than they are shown in.
    "b-frames.mpg": lambda path: made(path, "-c:v", "mpeg2video", "-bf", "2", rate="25"),
    "b-frames.avi": lambda path: made(path, "-c:v", "mpeg4", "-bf", "2"),
    "hidden-frames.webm": lambda path: made(path, "-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16"),
    "turned.mp4": lambda path: copied(path, ("-display_rotation", "90")),
    "turned-and-mirrored.mp4": lambda path: copied(path, ("-display_rotation", "270", "-display_hflip")),
    "odd.webm": lambda path: made(path, "-c:v", "libvpx-vp9", "-cpu-used", "8", *_YUV, size="63x47"),
    "odd.mkv": lambda path: made(path, "-c:v", "ffv1", *_YUV, size="31x33"),
    "ten-bits.mp4": lambda path: made(path, "-c:v", "libx264", "-pix_fmt", "yuv420p10le"),
    "ten-bits.mov": lambda path: made(path, "-c:v", "prores_ks"),
    "one-frame.mp4": lambda path: made(path, "-frames:v", "1", *_YUV),
    "sound.mp4": lambda path: made(path, "-f", "lavfi", "-i", "sine=d=3", *_YUV),
}


@pytest.mark.parametrize("name", MOVIES)
def test_opaque_movies(tmp_path: Path, name: str) -> None:
    path = MOVIES[name](tmp_path / name)
    expected = shown(path)
    clip = open_clip(path, alpha="opaque")

    assert clip.info.frame_count == len(expected) > 0
    assert clip.info.fps > 0
    assert_alike(read(clip), expected)


@pytest.mark.parametrize("suffix", [".webm", ".mkv"])
def test_vp9_with_alpha(tmp_path: Path, suffix: str) -> None:
    path = made(
        tmp_path / ("alpha" + suffix), "-vf", _ALPHA, "-c:v", "libvpx-vp9", "-cpu-used", "8", "-pix_fmt", "yuva420p"
    )
    clip = open_clip(path)
    expected = shown(path, "-c:v", "libvpx-vp9")

    assert (clip.info.alpha_mode, clip.info.frame_count) == ("straight", 24)
    assert np.ptp(expected[..., 3]) > 0.8
    assert_alike(read(clip), expected)


def test_the_cover_is_not_the_movie(tmp_path: Path) -> None:
    cover = made(tmp_path / "cover.png", "-frames:v", "1", size="20x20")
    movie = made(tmp_path / "movie.mp4", *_YUV)
    path = tmp_path / "with-cover.mp4"
    streams = ("-map", "1", "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic")
    ffmpeg("-i", str(movie), "-i", str(cover), *streams, str(path))
    clip = open_clip(path, alpha="opaque")

    assert (clip.info.width, clip.info.height, clip.info.frame_count) == (64, 48, 24)
    np.testing.assert_array_equal(read(clip), read(open_clip(movie, alpha="opaque")))


@pytest.mark.parametrize(
    ("name", "rate"), [("b-frames.mpg", 25), ("b-frames.avi", 24), ("late.mkv", 24), ("edit-list.mp4", 24)]
)
def test_steady_movies_have_their_rate(tmp_path: Path, name: str, rate: int) -> None:
    info = open_clip(MOVIES[name](tmp_path / name), alpha="opaque").info

    assert (info.fps, info.notes) == (Fraction(rate), ())


def test_pixels_that_are_not_square_are_told(tmp_path: Path) -> None:
    path = made(tmp_path / "wide.mp4", "-vf", "setsar=2", *_YUV, "-frames:v", "2")

    assert open_clip(path, alpha="opaque").info.notes == (
        "The pixels of wide.mp4 are 2 times as wide as high; they are read as squares, and the picture has to be "
        "stretched.",
    )
