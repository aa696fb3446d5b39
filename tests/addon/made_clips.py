"""Clip folders made by hand: frames with a known colour and alpha, PNGs written with the standard library."""

import hashlib
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Pixel = tuple[int, int, int, int]
NAME = "test-effect_7_1a2b3c4d"
JOB = "1a2b3c4d" + "0" * 24


def png(width: int, height: int, pixel: Callable[[int, int], Pixel]) -> bytes:
    """An 8-bit RGBA PNG; `pixel(x, y)` is asked from the top left."""
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def frames_of(count: int, width: int = 16, height: int = 16) -> list[bytes]:
    """Frame n is a square of one colour in the middle, opaque, with that colour extended under a transparent border.

    The red of frame n is 20 * n (modulo 256), so that a rendered picture tells which frame it shows.
    """

    def square(red: int) -> bytes:
        def pixel(x: int, y: int) -> Pixel:
            inside = width // 4 <= x < 3 * width // 4 and height // 4 <= y < 3 * height // 4
            return red, 128, 40, 255 if inside else 0

        return png(width, height, pixel)

    return [square(20 * number % 256) for number in range(1, count + 1)]


def sidecar_for(
    frames: list[bytes], width: int = 16, height: int = 16, fps: float = 8, **changes: Any
) -> dict[str, Any]:
    """The sidecar that belongs to the frames; `changes` replace entries."""
    return {
        "format": "transpixar-clip",
        "format_version": 1,
        "job": JOB,
        "request": {"prompt": "test effect", "seed": 7},
        "fps": fps,
        "frame_count": len(frames),
        "width": width,
        "height": height,
        "first_frame": 1,
        "pattern": "%04d.png",
        "alpha_mode": "straight",
        "colour_space": "sRGB",
        "bit_depth": 8,
        "model": {"name": "tiny", "title": "tiny", "licence": "none"},
        "versions": {"transpixar": "0.1.0"},
        "created_at": "2026-01-31T12:00:00.000Z",
        "sha256": {f"{n:04d}.png": hashlib.sha256(frame).hexdigest() for n, frame in enumerate(frames, start=1)},
    } | changes


def write_clip(parent: Path, count: int = 5, width: int = 16, height: int = 16, fps: float = 8) -> Path:
    """Write a complete clip folder and return it."""
    folder = parent / NAME
    folder.mkdir(parents=True)
    frames = frames_of(count, width, height)
    for number, frame in enumerate(frames, start=1):
        (folder / f"{number:04d}.png").write_bytes(frame)
    (folder / "test-effect.transpixar").write_text(json.dumps(sidecar_for(frames, width, height, fps)))
    return folder


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
