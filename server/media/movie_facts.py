"""What a movie file holds, asked of ffmpeg."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from server.media.errors import MediaError
from server.media.ffmpeg import complaint_lines, location, output_of

# `Stream #0:0[0x1](eng): Video: prores (4444) (ap4h / 0x68347061), yuva444p12le(tv, bt709, progressive), 64x64, ...`
_VIDEO = re.compile(r"Stream #0:\d+.*?: Video: (?P<codec>\w+)(?: \([^)]*\))*, (?P<pixels>\w+)(?P<colour>\([^)]*\))?")
_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+\.\d+)")
_VPX_ALPHA = re.compile(r"^\s+alpha_mode\s+: 1$", re.MULTILINE | re.IGNORECASE)
# FFmpeg's own decoders of VP8 and VP9 pass over the alpha, which lies beside the picture in the container.
_VPX_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_DEPTH = re.compile(r"p(\d+)(?:le|be)$")
_TAG = re.compile(r"^((?:\\.|[^\\=\n])+)=((?:\\.|[^\\\n])*)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class MovieFacts:
    """A movie's first video stream.

    `pixels` is ffmpeg's name of its pixel format, `decoder` the one to force (None: ffmpeg's choice), `matrix_known`
    whether it says how its YUV is to be read. Size in pixels, `fps` in frames a second (their mean, unless the
    rate `is_steady`), `tags` in lower-case keys.
    """

    codec: str
    pixels: str
    decoder: str | None
    matrix_known: bool
    width: int
    height: int
    fps: Fraction
    frame_count: int
    is_steady: bool
    tags: dict[str, str]

    @property
    def has_alpha(self) -> bool:
        """Whether there is an alpha channel."""
        return self.pixels.startswith(("rgba", "bgra", "argb", "abgr", "yuva", "gbrap", "ya8", "ya16"))

    @property
    def bit_depth(self) -> int:
        """Bits of a channel."""
        depth = _DEPTH.search(self.pixels)
        if depth:
            return int(depth[1])
        return 16 if re.search(r"(64|48|gray16|ya16)", self.pixels) else 8


def movie_facts(path: Path) -> MovieFacts:
    """Ask ffmpeg what `path` holds, without decoding more than a frame of it.

    Raises MediaError when it is no movie, or when it ends before its own end.
    """
    if not path.is_file():
        raise MediaError(f"There is no file {path}.")
    packets, said, status = output_of(
        ["-hide_banner", "-nostdin", "-i", location(path), "-map", "0:v:0", "-c", "copy", "-f", "framecrc", "pipe:1"]
    )
    stream = _VIDEO.search(said)
    if stream is None:
        raise MediaError(f"{path.name} is no movie that can be read ({_reason(said)}).")
    timing = _Timing.of(packets)
    codec, pixels = stream["codec"], stream["pixels"]
    decoder = None
    if codec in _VPX_DECODERS and _VPX_ALPHA.search(said):
        decoder, pixels = _VPX_DECODERS[codec], pixels.replace("yuv4", "yuva4", 1)
    if status != 0 or timing is None:
        raise MediaError(f"{path.name} is damaged or incomplete ({_reason(said)}); copy or render it again.")
    _check_whole(path, said, timing)
    width, height, fps = _size_and_rate(path, decoder)
    tags = _tags(path)
    return MovieFacts(
        codec=codec,
        pixels=pixels,
        decoder=decoder,
        matrix_known=not pixels.startswith("yuv") or bool(re.search("bt|smpte|fcc", stream["colour"] or "")),
        width=width,
        height=height,
        fps=timing.rate(_tagged_rate(tags), fps if timing.is_steady else None),
        frame_count=timing.count,
        is_steady=timing.is_steady,
        tags=tags,
    )


@dataclass(frozen=True)
class _Timing:
    """When the frames are shown: how many, in how many seconds (counted in `unit`), and whether all last as long."""

    count: int
    seconds: Fraction
    unit: Fraction
    is_steady: bool

    @property
    def mean_rate(self) -> Fraction:
        """Frames a second over the whole length."""
        return (self.count / self.seconds).limit_denominator(1001)

    def rate(self, *candidates: Fraction | None) -> Fraction:
        """The first of the candidates that agrees with the times, which containers round; else the mean rate."""
        slack = self.seconds / 50 + 2 * self.unit
        fitting = (rate for rate in candidates if rate and abs(self.count / rate - self.seconds) <= slack)
        return next(fitting, self.mean_rate)

    @classmethod
    def of(cls, packets: bytes) -> _Timing | None:
        """From ffmpeg's list of packets (`#tb 0: 1/24000`, then `stream, dts, pts, duration, ...`); None for none."""
        base = re.search(rb"^#tb 0: (\d+)/(\d+)", packets, re.MULTILINE)
        rows = [line.split(b",") for line in packets.splitlines() if line[:1] != b"#"]
        if base is None or not rows:
            return None
        # Packets come in the order of decoding, which is another one with B-frames.
        shown, length = zip(*sorted((int(row[2]), int(row[3])) for row in rows), strict=True)
        steps = [after - before for before, after in pairwise(shown)]
        last = (shown[-1] - shown[0]) / len(steps) if steps else length[-1]
        ticks = max(round(shown[-1] - shown[0] + last), 1)
        unit = Fraction(int(base[1]), int(base[2]))
        # Containers round times to their unit, Matroska to milliseconds.
        is_steady = not steps or max(steps) - min(steps) <= max(2, 0.02 * max(steps))
        return cls(len(rows), ticks * unit, unit, is_steady)


def _check_whole(path: Path, said: str, timing: _Timing) -> None:
    """Matroska says how long it is and then just stops where it was cut. Raises MediaError then."""
    duration = _DURATION.search(said)
    # With sound the length may be that of the sound.
    if duration is None or "Input #0, matroska" not in said or "Stream #0:1" in said:
        return
    hours, minutes, seconds = duration.groups()
    declared = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    there = float(timing.seconds)
    if declared > there + 1.5 * there / timing.count + 0.02 or "File ended prematurely" in said:
        raise MediaError(
            f"{path.name} is incomplete: it should last {declared:.2f} s, and {timing.count} frames of {there:.2f} s "
            "are there; copy or render it again."
        )


def _size_and_rate(path: Path, decoder: str | None) -> tuple[int, int, Fraction]:
    """Width, height and ffmpeg's guess of the rate, from the header that it writes before one decoded frame."""
    force = ["-c:v", decoder] if decoder else []
    arguments = ["-v", "error", "-nostdin", *force, "-i", location(path), "-map", "0:v:0"]
    data, said, _ = output_of([*arguments, "-frames:v", "1", "-pix_fmt", "gray", "-f", "yuv4mpegpipe", "pipe:1"])
    header = re.match(rb"YUV4MPEG2 W(\d+) H(\d+) F(\d+):(\d+) ", data)
    if header is None:
        raise MediaError(f"Frame 1 of {path.name} cannot be read ({_reason(said)}); copy or render the file again.")
    width, height, numerator, denominator = map(int, header.groups())
    return width, height, Fraction(numerator, denominator)


def _tags(path: Path) -> dict[str, str]:
    """The tags of the file, from ffmpeg's own text format for them (`;FFMETADATA1`, `key=value`, `\\` escapes)."""
    data, _, _ = output_of(["-v", "error", "-nostdin", "-i", location(path), "-f", "ffmetadata", "pipe:1"])
    text = data.decode("utf-8", "replace")
    return {_unescaped(key).lower(): _unescaped(value) for key, value in _TAG.findall(text)}


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _tagged_rate(tags: dict[str, str]) -> Fraction | None:
    """The rate that was written beside the frames."""
    try:
        return Fraction(tags["frame_rate"])
    except (KeyError, ValueError, ZeroDivisionError):
        return None


def _reason(said: str) -> str:
    return complaint_lines(said)[-1] or "ffmpeg finds no picture in it"
