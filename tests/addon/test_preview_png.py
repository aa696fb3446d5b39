import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from blender_transpixar.core.png import decode_rgba, premultiplied_bottom_up
from tests.addon.made_clips import png

SMOOTH = np.add.outer(np.arange(24), np.arange(17)).astype(np.uint8) * 5


def encode(pixels: np.ndarray, mode: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels, mode).save(buffer, "PNG")
    return buffer.getvalue()


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1), st.booleans())
def test_reads_what_pillow_writes(width: int, height: int, seed: int, smooth: bool):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    if smooth:  # gradients make the writer use the predicting filters
        pixels = np.cumsum(pixels // 64, axis=1, dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    np.testing.assert_array_equal(decode_rgba(buffer.getvalue()), pixels)


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_every_filter_of_the_specification(kind: int):
    import struct
    import zlib

    pixels = np.random.default_rng(kind).integers(0, 256, (6, 5, 4), np.uint8)
    rows = bytearray()
    for y in range(6):
        rows.append(kind)
        for x in range(5):
            for c in range(4):
                left = int(pixels[y, x - 1, c]) if x else 0
                up = int(pixels[y - 1, x, c]) if y else 0
                corner = int(pixels[y - 1, x - 1, c]) if x and y else 0
                estimates = sorted((left, up, corner), key=lambda v: abs(left + up - corner - v))
                predicted = (0, left, up, (left + up) // 2, estimates[0])[kind]
                rows.append((int(pixels[y, x, c]) - predicted) % 256)
    header = PngImagePlugin.struct.pack(">IIBBBBB", 5, 6, 8, 6, 0, 0, 0)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows)))
    np.testing.assert_array_equal(decode_rgba(data), pixels)


def test_rgb_becomes_opaque():
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), (1, 2, 3)).save(buffer, "PNG")
    assert decode_rgba(buffer.getvalue()).reshape(-1, 4).tolist() == [[1, 2, 3, 255]] * 6


@given(st.binary(max_size=200), st.booleans())
def test_damage_is_a_value_error(data: bytes, looks_right: bool):
    with pytest.raises(ValueError):
        decode_rgba((b"\x89PNG\r\n\x1a\n" if looks_right else b"") + data)


def test_icons_are_premultiplied_and_upside_down():
    top_down = decode_rgba(png(1, 2, lambda x, y: (200, 100, 50, 128) if y == 0 else (9, 9, 9, 255)))
    assert premultiplied_bottom_up(top_down).reshape(-1, 4).tolist() == [[9, 9, 9, 255], [100, 50, 25, 128]]
