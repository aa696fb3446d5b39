"""What an uploaded file is, and that a bad one is refused with a sentence."""

import random
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from server.media.inspection import Inspected, UploadNotUsable, inspect_file
from tests.server.media.films import film, rotated


def image(path: Path, mode: str = "RGB", size: tuple[int, int] = (40, 30), **options) -> Path:
    Image.new(mode, size).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "has_alpha"),
    [
        ("a.png", "RGB", False),
        ("a.png", "RGBA", True),
        ("a.png", "LA", True),
        ("a.png", "I;16", False),
        ("a.jpg", "RGB", False),
        ("a.jpg", "CMYK", False),
        ("a.webp", "RGBA", True),
        ("a.tiff", "RGBA", True),
        ("a.tiff", "F", False),
    ],
)
def test_images(tmp_path: Path, name: str, mode: str, has_alpha: bool) -> None:
    assert inspect_file(image(tmp_path / name, mode)) == Inspected("image", 40, 30, has_alpha, 1, None)


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    found = inspect_file(image(tmp_path / "a.jpg", exif=exif))
    assert (found.width, found.height) == (30, 40)


@pytest.mark.parametrize(
    ("name", "options", "has_alpha"),
    [
        ("a.mp4", ["-pix_fmt", "yuv420p"], False),
        ("a.mkv", ["-c:v", "ffv1"], False),
        ("a.webm", ["-c:v", "libvpx-vp9"], False),
        ("a.gif", [], False),
        ("a.mov", ["-vf", "format=argb,colorchannelmixer=aa=0.5", "-c:v", "qtrle"], True),
        ("b.mov", ["-vf", "format=yuva444p10le", "-c:v", "prores_ks", "-profile:v", "4444"], True),
    ],
)
def test_videos(tmp_path: Path, name: str, options: list[str], has_alpha: bool) -> None:
    path = film(tmp_path / name, "testsrc2=s=64x48:r=10:d=1", *options)
    found = inspect_file(path)
    assert (found.kind, found.width, found.height, found.frame_count) == ("video", 64, 48, 10)
    assert found.fps == pytest.approx(10, abs=0.1)
    if name != "a.gif":  # a GIF's first frame has a transparent colour in its palette, used or not
        assert found.has_alpha is has_alpha


def test_a_film_of_a_telephone_is_measured_upright(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "testsrc2=s=64x48:r=8:d=1", "-pix_fmt", "yuv420p")
    found = inspect_file(rotated(tmp_path / "b.mp4", path, 90))
    assert (found.width, found.height) == (48, 64)


def test_the_rate_of_film_is_exact(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "testsrc2=s=64x48:r=24000/1001:d=1", "-pix_fmt", "yuv420p")
    assert inspect_file(path).fps == 23.976


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"hello", "cannot be decoded; send PNG"),
        (b"\x89PNG\r\n\x1a\n", "send PNG"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "cannot be decoded"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "cannot be decoded"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot be decoded"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "upload"
    path.write_bytes(data)
    with pytest.raises(UploadNotUsable, match=message):
        inspect_file(path)


def test_a_playlist_of_a_good_film_is_refused(tmp_path: Path) -> None:
    other = film(tmp_path / "a.mp4", "testsrc2=s=64x48:r=8:d=1", "-pix_fmt", "yuv420p")
    path = tmp_path / "upload"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n")
    with pytest.raises(UploadNotUsable):
        inspect_file(path)


@pytest.mark.parametrize(("size", "message"), [(60_000, "far too many pixels"), (8000, "8000 x 8000 pixels")])
def test_a_bomb_is_not_decoded(tmp_path: Path, size: int, message: str) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    path = tmp_path / "upload"
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(UploadNotUsable, match=message):
        inspect_file(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "mp4", "mkv"])
def test_a_cut_off_or_damaged_file_is_refused_or_read_but_never_more(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"a.{suffix}"
    if suffix in ("mp4", "mkv"):
        film(whole, "testsrc2=s=64x48:r=8:d=1", "-pix_fmt", "yuv420p")
    else:
        Image.effect_noise((40, 30), 50).convert("RGB").save(whole)
    data, chance = whole.read_bytes(), random.Random(suffix)
    path = tmp_path / "upload"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(UploadNotUsable):
        inspect_file(path)
    for _ in range(4):
        damaged = bytearray(data)
        damaged[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        path.write_bytes(damaged)
        try:
            inspect_file(path)
        except UploadNotUsable as error:
            assert str(error).endswith(".")
