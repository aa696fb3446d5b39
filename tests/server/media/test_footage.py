"""Movies as cameras and other programs make them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from server.media.clip_reader import open_clip
from server.media.errors import MediaError
from server.media.ffmpeg import location, output_of
from server.media.stream import ClipStream
from tests.server.media.made_streams import read


def made(path: Path, *arguments: str) -> Path:
    """A movie by ffmpeg's own hands."""
    _, said, status = output_of(["-v", "error", *arguments, "-y", location(path)])
    assert status == 0, said
    return path


def opaque(path: Path) -> ClipStream:
    return open_clip(path, alpha="opaque")


def test_sound_that_lasts_longer_and_frames_out_of_order(tmp_path: Path) -> None:
    for suffix in (".mp4", ".mkv"):
        path = made(
            tmp_path / ("sound" + suffix),
            *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=30000/1001", "-f", "lavfi", "-i", "sine=duration=2"),
            *("-frames:v", "20", "-c:v", "libx264", "-bf", "3", "-pix_fmt", "yuv420p"),
        )
        clip = opaque(path)

        assert (clip.info.fps, clip.info.frame_count, clip.info.notes) == (Fraction(30000, 1001), 20, ())
        assert len(read(clip)) == 20


def test_a_movie_taken_upright_comes_upright(tmp_path: Path) -> None:
    flat = made(
        tmp_path / "flat.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=24", "-frames:v", "2", "-pix_fmt", "yuv420p"
    )
    upright = made(tmp_path / "upright.mp4", "-display_rotation", "90", "-i", str(flat), "-c", "copy")
    clip = opaque(upright)

    assert (clip.info.width, clip.info.height) == (48, 64)
    np.testing.assert_allclose(read(clip)[0], np.rot90(read(opaque(flat))[0]), atol=12 / 255)


def test_frames_that_last_differently_long_are_told(tmp_path: Path) -> None:
    path = made(
        tmp_path / "phone.mp4",
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=30", "-vf", "setpts='if(gt(N,5),N+5,N)/30/TB'"),
        *("-fps_mode", "passthrough", "-frames:v", "10", "-pix_fmt", "yuv420p"),
    )
    clip = opaque(path)

    assert clip.info.frame_count == len(read(clip)) == 10
    assert clip.info.fps < 25
    assert clip.info.notes == ("The frames of phone.mp4 last differently long; their mean rate is used (--input-fps).",)


@pytest.mark.parametrize("keep", [0.4, 0.9])
def test_a_movie_that_was_cut_while_downloading(tmp_path: Path, keep: float) -> None:
    source = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=24", "-frames:v", "24", "-pix_fmt", "yuv420p"]
    path = made(tmp_path / "cut.mp4", *source, "-movflags", "faststart")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(MediaError, match=r"cut\.mp4 .*(damaged|incomplete)"):
        read(opaque(path))


def test_names_that_ffmpeg_would_take_for_something_else(tmp_path: Path) -> None:
    for name in ("-y.mkv", "http:x.mkv", "%d 50%.mkv", "pipe:0.mkv"):
        path = made(tmp_path / name, "-f", "lavfi", "-i", "color=red:s=16x16:r=24", "-frames:v", "2", "-c:v", "ffv1")

        assert len(read(opaque(path))) == 2


@pytest.mark.parametrize("pixels", ["rgb24", "bgra", "gbrp12le", "yuva444p10le", "gray16le", "yuv422p10le", "ya8"])
def test_any_depth_and_layout(tmp_path: Path, pixels: str) -> None:
    path = made(
        tmp_path / "clip.nut",
        *("-f", "lavfi", "-i", "color=white:s=32x32:r=24", "-frames:v", "1", "-c:v", "rawvideo", "-pix_fmt", pixels),
    )
    clip = open_clip(path, alpha="opaque" if pixels[-1] != "a" and "a" not in pixels.replace("gray", "") else None)

    np.testing.assert_allclose(read(clip), 1, atol=1.5 / 255)
