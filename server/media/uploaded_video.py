"""Runs ffmpeg on files that strangers have sent: within limits on time, memory, pixels and frames, and on nothing else.

ffmpeg is imageio-ffmpeg's binary, run as a program: whatever a file does to it stays in a process of its own.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import imageio_ffmpeg

from server.environment import without_secrets

MAX_PIXELS = 7680 * 4320
MAX_FRAMES = 3000
_SECONDS = 60.0
_MAX_ALLOCATION = 1 << 30
# Containers that hold their video themselves. Playlists and image sequences name other files, so they stay out.
_CONTAINERS = "mov,matroska,webm,avi,mpegts,mpeg,mxf,gif,apng,webp_anim"
# VP8 and VP9 keep their alpha in a second stream, which ffmpeg's own decoders leave out.
_VPX_ALPHA = re.compile(r"Video: (vp8|vp9)(?s:.*)^\s+alpha_mode\s+: 1$", re.MULTILINE | re.IGNORECASE)
_VPX_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class FfmpegFailed(Exception):
    """ffmpeg could not do it; the message is the last thing it said, for a log."""


class FfmpegTimeout(FfmpegFailed):
    """It took longer than it may."""


def read_video(path: Path, output: Sequence[str], *, frames: int, seconds: float = _SECONDS) -> bytes:
    """What ffmpeg writes to its standard output for the first `frames` frames of the video in `path`, turned upright.

    `output` holds ffmpeg's output options with the format. Any error in the file's data is an error here. Raises
    FfmpegFailed, and FfmpegTimeout after `seconds`.
    """
    decoder = _decoder_with_alpha(path)
    output = ["-map", "0:V:0", "-frames:v", str(frames), *output, "pipe:1"]
    done = _run([*(["-c:v", decoder] if decoder else []), *_input(path), *output], seconds)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise FfmpegFailed(said[-1] if said else f"ffmpeg ended with status {done.returncode}")
    return done.stdout


def _decoder_with_alpha(path: Path) -> str | None:
    """The decoder to force on a video, from what ffmpeg says about it; None for its own choice."""
    said = _run(["-loglevel", "info", *_input(path)], _SECONDS).stderr.decode("utf-8", "replace")
    found = _VPX_ALPHA.search(said)
    return _VPX_DECODERS[found[1].lower()] if found else None


def _input(path: Path) -> list[str]:
    # "file:" keeps a name from being read as an address or a pattern.
    return ["-max_pixels", str(MAX_PIXELS), "-i", f"file:{path}"]


def _run(arguments: Sequence[str], seconds: float) -> subprocess.CompletedProcess[bytes]:
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "error", "-xerror"),
        *("-max_alloc", str(_MAX_ALLOCATION), "-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS),
        *arguments,
    ]
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=without_secrets(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        raise FfmpegTimeout(f"ffmpeg took longer than {seconds:.0f} s") from None
