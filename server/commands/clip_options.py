"""What the commands that read clips have in common."""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path

from server.media.clip_reader import open_clip
from server.media.stream import ClipStream

STATUS_INTERRUPTED = 130  # what a shell gives to a program that Ctrl+C has ended


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """The options that replace what a clip's files say of themselves."""
    parser.add_argument(
        "--alpha",
        choices=["straight", "premultiplied", "opaque"],
        help="how the clip's alpha is stored; opaque takes a clip that has none",
    )
    parser.add_argument("--matte", type=Path, metavar="CLIP", help="another clip whose brightness is the alpha")
    parser.add_argument(
        "--layer", metavar="NAME", help="the layer of OpenEXR files; without it the one that is the whole picture"
    )
    parser.add_argument("--input-fps", type=rate, metavar="FPS", help="frames a second of the clip itself")


def opened(path: Path, options: argparse.Namespace) -> ClipStream:
    """The clip of a path with the options applied; what had to be assumed is said. Raises MediaError."""
    stream = open_clip(path, fps=options.input_fps, alpha=options.alpha, matte=options.matte, layer=options.layer)
    for note in stream.info.notes:
        print(note, file=sys.stderr)
    return stream


def rate(text: str) -> Fraction:
    """A frame rate from the command line: `24`, `23.976`, `24000/1001`."""
    common = {"23.976": "24000/1001", "23.98": "24000/1001", "29.97": "30000/1001", "59.94": "60000/1001"}
    try:
        fps = Fraction(common.get(text, text))
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"'{text}' is no frame rate; write it as 24 or 24000/1001") from None
    if not 0 < fps <= 1000:
        raise argparse.ArgumentTypeError(f"{text} frames a second are not possible; use 1 to 1000")
    return fps
