"""What a movie file holds, asked of ffmpeg."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from server.media.errors import MediaError
from server.media.ffmpeg import complaint_lines, decoding, location, output_of

# `Stream #0:0[0x1](eng): Video: prores (4444) (ap4h / 0x68347061), yuva444p12le(tv, bt709, progressive), 64x64, ...`
# A picture on the cover is a video stream as well, and called "(attached pic)".
_VIDEO = re.compile(
    r"^ *Stream #0:\d+(?!.*\(attached pic\)).*?: Video: "
    r"(?P<codec>\w+)(?: \([^)]*\))*, (?P<pixels>\w+)(?P<colour>\([^)]*\))?",
    re.MULTILINE,
)
_VPX_ALPHA = re.compile(r"^\s+alpha_mode\s+: 1$", re.MULTILINE | re.IGNORECASE)
# FFmpeg's own decoders of VP8 and VP9 pass over the alpha, which lies beside the picture in the container.
_VPX_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_DEPTH = re.compile(r"p(\d+)(?:le|be)$")
_TAG = re.compile(r"^((?:\\.|[^\\=\n])+)=((?:\\.|[^\\\n])*)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class MovieFacts:
    """A movie's first video stream.

    `pixels` is ffmpeg's name of its pixel format, `decoder` the one to force (None: ffmpeg's choice), `matrix_known`
    whether it says how its YUV is to be read. Size in pixels, upright, `fps` in frames a second (their mean, unless
    the rate `is_steady`), `pixel_aspect` the width of a pixel by its height, `tags` in lower-case keys.
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
    pixel_aspect: Fraction
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
    """Find out what `path` holds, by decoding all of it.

    What a container says about its length and its packets is not what is shown: edit lists cut frames out of it, times
    may begin anywhere and be as uneven as they like, and some packets have no picture. What ffmpeg decodes counts.

    Raises MediaError when it is no movie, or when it is damaged or ends before its own end.
    """
    if not path.is_file():
        raise MediaError(f"There is no file {path}.")
    tags, said = _header(path)
    stream = _VIDEO.search(said)
    if stream is None:
        raise MediaError(f"{path.name} is no movie that can be read ({_reason(said)}).")
    codec, pixels = stream["codec"], stream["pixels"]
    decoder = None
    if codec in _VPX_DECODERS and _VPX_ALPHA.search(said):
        decoder, pixels = _VPX_DECODERS[codec], pixels.replace("yuv4", "yuva4", 1)
    force = ["-c:v", decoder] if decoder else []
    frames, complaints, status = output_of(decoding(force, path, ["-enc_time_base", "demux"], muxer="framecrc"))
    complaint = complaint_lines(complaints)[0]
    if status != 0 or complaint:
        reason = complaint or f"ffmpeg ended with {status}"
        raise MediaError(f"{path.name} is damaged or incomplete ({reason}); copy or render it again.")
    listing = _Listing.of(frames.decode("ascii"))
    if listing is None:
        raise MediaError(f"{path.name} has no frames; copy or render it again.")
    timing = listing.timing
    return MovieFacts(
        codec=codec,
        pixels=pixels,
        decoder=decoder,
        matrix_known=not pixels.startswith("yuv") or bool(re.search("bt|smpte|fcc", stream["colour"] or "")),
        width=listing.width,
        height=listing.height,
        fps=timing.rate(_tagged_rate(tags), _guessed_rate(path, force) if timing.is_steady else None),
        frame_count=timing.count,
        is_steady=timing.is_steady,
        pixel_aspect=listing.pixel_aspect,
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
    def of(cls, shown: Sequence[int], unit: Fraction, length: int) -> _Timing:
        """From the times at which frames are shown; `length` is what a single one lasts."""
        steps = [after - before for before, after in pairwise(shown)]
        last = (shown[-1] - shown[0]) / len(steps) if steps else length
        ticks = max(round(shown[-1] - shown[0] + last), 1)
        # Containers round times to their unit, Matroska to milliseconds.
        is_steady = not steps or max(steps) - min(steps) <= max(2, 0.02 * max(steps))
        return cls(len(shown), ticks * unit, unit, is_steady)


@dataclass(frozen=True)
class _Listing:
    """What ffmpeg's `framecrc` tells of decoded frames."""

    width: int
    height: int
    pixel_aspect: Fraction
    timing: _Timing

    @classmethod
    def of(cls, text: str) -> _Listing | None:
        """From lines such as `#tb 0: 1/24000` and, for each frame, `stream, dts, pts, duration, ...`; None for none."""
        facts = dict(re.findall(r"^#(\w+) 0: (.*)$", text, re.MULTILINE))
        rows = [line.split(",") for line in text.splitlines() if line[:1] != "#"]
        if not rows:
            return None
        width, height = map(int, facts["dimensions"].split("x"))
        across, down = map(int, facts["sar"].split("/"))
        timing = _Timing.of([int(row[2]) for row in rows], Fraction(facts["tb"]), int(rows[-1][3]))
        return cls(width, height, Fraction(across, down) if across and down else Fraction(1), timing)


def _guessed_rate(path: Path, force: Sequence[str]) -> Fraction | None:
    """The rate that ffmpeg finds in a file's headers, from the one that it writes before a decoded frame."""
    arguments = ["-v", "error", "-nostdin", *force, "-i", location(path), "-map", "0:V:0"]
    data, _, _ = output_of([*arguments, "-frames:v", "1", "-pix_fmt", "gray", "-f", "yuv4mpegpipe", "pipe:1"])
    header = re.match(rb"YUV4MPEG2 W\d+ H\d+ F(\d+):(\d+) ", data)
    return Fraction(int(header[1]), int(header[2])) if header and int(header[2]) else None


def _header(path: Path) -> tuple[dict[str, str], str]:
    """The tags of the file, and all that ffmpeg says about it.

    The tags come in ffmpeg's own text format for them (`;FFMETADATA1`, `key=value`, `\\` escapes).
    """
    data, said, _ = output_of(["-hide_banner", "-nostdin", "-i", location(path), "-f", "ffmetadata", "pipe:1"])
    text = data.decode("utf-8", "replace")
    return {_unescaped(key).lower(): _unescaped(value) for key, value in _TAG.findall(text)}, said


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
