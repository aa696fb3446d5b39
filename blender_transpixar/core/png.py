"""A PNG reader for previews: Blender bundles no imaging library, and images must not be decoded in its main thread."""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS_OF_COLOUR_TYPE = {2: 3, 6: 4}


def decode_rgba(data: bytes) -> NDArray[np.uint8]:
    """Decode an 8-bit RGB or RGBA PNG without interlacing.

    Returns (height, width, 4) straight-alpha values as stored. Raises ValueError for anything else or damaged.
    Source: PNG specification (W3C, third edition), sections 9 (filtering) and 11 (chunks).
    """
    chunks = dict[bytes, bytes]()
    for kind, body in _chunks(data):
        chunks[kind] = chunks.get(kind, b"") + body
    try:
        width, height, depth, colour_type, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        raw = zlib.decompress(chunks[b"IDAT"])
    except (KeyError, struct.error, zlib.error) as error:
        raise ValueError("The PNG is damaged.") from error
    if depth != 8 or interlace or colour_type not in _CHANNELS_OF_COLOUR_TYPE:
        raise ValueError("Only 8-bit RGB and RGBA PNGs without interlacing are read.")
    channels = _CHANNELS_OF_COLOUR_TYPE[colour_type]
    if len(raw) != height * (1 + width * channels):
        raise ValueError("The PNG is damaged.")
    pixels = _unfilter(np.frombuffer(raw, np.uint8).reshape(height, 1 + width * channels), channels)
    if channels == 4:
        return pixels
    opaque = np.full((height, width, 1), 255, np.uint8)
    return np.concatenate([pixels, opaque], axis=2)


def premultiplied_bottom_up(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Straight top-down (height, width, 4) values as Blender's preview icons take them."""
    values = rgba[::-1].astype(np.uint16)
    values[..., :3] = (values[..., :3] * values[..., 3:] + 127) // 255
    return values.astype(np.uint8)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(_SIGNATURE):
        raise ValueError("This is no PNG.")
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _unfilter(rows: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """(height, 1 + width * channels) filter bytes and filtered rows -> (height, width, channels) pixels."""
    height, stride = rows.shape
    pixels = np.zeros((height, (stride - 1) // channels, channels), np.uint8)
    above = np.zeros_like(pixels[0])
    for y in range(height):
        line = rows[y, 1:].reshape(-1, channels)  # (width * channels,) -> (width, channels)
        pixels[y] = _unfilter_row(int(rows[y, 0]), line, above)
        above = pixels[y]
    return pixels


def _unfilter_row(kind: int, line: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[Any]:
    if kind == 0:  # None
        return line
    if kind == 1:  # Sub: a running sum, modulo 256
        return np.cumsum(line, axis=0, dtype=np.uint8)
    if kind == 2:  # Up
        return line + above
    if kind in (3, 4):  # Average and Paeth depend on the pixel just decoded, so they go pixel by pixel
        return _unfilter_sequential(_average if kind == 3 else _paeth, line, above)
    raise ValueError(f"PNG filter {kind} does not exist.")


def _unfilter_sequential(predict: Any, line: NDArray[np.uint8], above: NDArray[np.uint8]) -> NDArray[Any]:
    columns = []
    for channel in range(line.shape[1]):
        left = upper_left = 0
        column = []
        for value, upper in zip(line[:, channel].tolist(), above[:, channel].tolist(), strict=True):
            left = (value + predict(left, upper, upper_left)) & 255
            upper_left = upper
            column.append(left)
        columns.append(column)
    return np.array(columns, np.uint8).T


def _average(left: int, upper: int, upper_left: int) -> int:
    return (left + upper) // 2


def _paeth(left: int, upper: int, upper_left: int) -> int:
    estimate = left + upper - upper_left
    to_left, to_upper, to_corner = abs(estimate - left), abs(estimate - upper), abs(estimate - upper_left)
    if to_left <= to_upper and to_left <= to_corner:
        return left
    return upper if to_upper <= to_corner else upper_left
