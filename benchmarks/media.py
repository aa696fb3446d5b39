"""Frames a second and peak memory of every writer, beside plain ffmpeg for the same conversion.

`python -m benchmarks.media` prints two tables. The first: frames a second from an 8-bit PNG sequence on disk to each
format, by `server.media` and by ffmpeg alone (the fastest of the runs; ffmpeg is run as a user would: it premultiplies
nothing and writes what its own options give). The second: the most memory that this process and its ffmpeg had at once,
for two lengths.
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil

from server.media.clip_reader import open_clip
from server.media.colour import quantised
from server.media.ffmpeg import executable
from server.media.formats import FORMATS, export
from server.media.images import write_image
from server.training.effects import Look, render

SIZES = {"480x720": (720, 480), "1080p": (1920, 1080)}
# The same conversion by ffmpeg's own readers and encoders, where it has one.
PLAIN = {
    "png8": ["-c:v", "png", "-pix_fmt", "rgba", "%04d.png"],
    "png16": ["-c:v", "png", "-pix_fmt", "rgba64be", "%04d.png"],
    "exr": ["-c:v", "exr", "-pix_fmt", "gbrapf32le", "-format", "half", "-compression", "zip16", "%04d.exr"],
    "prores4444": ["-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le", "clip.mov"],
    "prores4444-straight": ["-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le", "clip.mov"],
    "ffv1": ["-c:v", "ffv1", "-level", "3", "-g", "1", "-slicecrc", "1", "-pix_fmt", "bgra", "clip.mkv"],
    "ffv1-16": ["-c:v", "ffv1", "-level", "3", "-g", "1", "-slicecrc", "1", "-pix_fmt", "gbrap16le", "clip.mkv"],
    "qtrle": ["-c:v", "qtrle", "-pix_fmt", "argb", "clip.mov"],
    "webm": ["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-lossless", "1", "-auto-alt-ref", "0", "clip.webm"],
    "webm-small": [
        *("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", "24", "-b:v", "0", "-auto-alt-ref", "0", "clip.webm"),
    ],
    "webp": ["-c:v", "libwebp_anim", "-pix_fmt", "bgra", "-quality", "90", "-compression_level", "2", "clip.webp"],
    "matte": ["-vf", "alphaextract", "-c:v", "png", "-pix_fmt", "gray", "%04d.png"],
    "matte-movie": ["-vf", "alphaextract", "-c:v", "qtrle", "-pix_fmt", "rgb24", "clip.mov"],
}


def main() -> None:
    """Measure and print Markdown."""
    options = _parser().parse_args()
    if options.child:
        clip, name, target = options.child
        export(open_clip(Path(clip)), name, Path(target))
        return
    print(f"{platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as folder:
        _speed(Path(folder), options.formats, options.sizes, options.frames, options.runs)
        _memory(Path(folder), options.formats, options.lengths)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.media", description=__doc__)
    parser.add_argument("--formats", nargs="*", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--sizes", nargs="*", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--frames", type=int, default=16, help="frames of a clip for the speed")
    parser.add_argument("--runs", type=int, default=2, help="runs, of which the fastest counts")
    parser.add_argument("--lengths", nargs="*", type=int, default=[49, 490], help="frames of the clips for the memory")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    return parser


def _speed(folder: Path, formats: list[str], sizes: list[str], frames: int, runs: int) -> None:
    print(f"Frames a second, PNG sequence of {frames} frames to the format: server.media / ffmpeg alone\n")
    print("| format | " + " | ".join(sizes) + " |\n|---|" + "---|" * len(sizes))
    clips = {size: write_clip(folder / f"clip-{size}", *SIZES[size], frames, distinct=frames) for size in sizes}
    for name in formats:
        cells = []
        for size in sizes:
            ours = min(_timed_export(clips[size], name, folder / "ours") for _ in range(runs))
            plain = (
                min((_timed_ffmpeg(clips[size], name) for _ in range(runs)), default=None) if name in PLAIN else None
            )
            cells.append(f"{frames / ours:.1f} / {f'{frames / plain:.1f}' if plain else '–'}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _memory(folder: Path, formats: list[str], lengths: list[int]) -> None:
    print("\nPeak memory in MB of the program and its ffmpeg, 720 x 480, by the number of frames\n")
    print("| format | " + " | ".join(map(str, lengths)) + " |\n|---|" + "---|" * len(lengths))
    clips = [write_clip(folder / f"memory-{length}", 720, 480, length, distinct=8) for length in lengths]
    for name in formats:
        peaks = [_peak_memory(clip, name) for clip in clips]
        print(f"| {name} | " + " | ".join(f"{peak / 1e6:.0f}" for peak in peaks) + " |", flush=True)


def write_clip(folder: Path, width: int, height: int, frames: int, distinct: int) -> Path:
    """A PNG sequence of a procedural fire; `distinct` frames that repeat."""
    folder.mkdir()
    clip = render(Look("fire", "orange"), np.random.default_rng(0), distinct, height, width)
    for number in range(frames):
        attributes = {"frame_rate": str(Fraction(24))}
        write_image(folder / f"{number + 1:04d}.png", quantised(clip[number % distinct], 8), attributes)
    return folder


def _timed_export(clip: Path, name: str, target: Path) -> float:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        start = time.perf_counter()
        export(open_clip(clip), name, Path(folder) / ("clip" + FORMATS[name].suffix))
        return time.perf_counter() - start


def _timed_ffmpeg(clip: Path, name: str) -> float:
    with tempfile.TemporaryDirectory(dir=clip.parent) as folder:
        source = ["-framerate", "24", "-i", str(clip / "%04d.png")]
        start = time.perf_counter()
        subprocess.run([executable(), "-v", "error", *source, *PLAIN[name]], cwd=folder, check=True)
        return time.perf_counter() - start


def _peak_memory(clip: Path, name: str) -> int:
    """Bytes resident in a fresh process and its children, asked every few milliseconds."""
    with tempfile.TemporaryDirectory(dir=clip.parent) as folder:
        target = Path(folder) / ("clip" + FORMATS[name].suffix)
        command = [sys.executable, "-m", "benchmarks.media", "--child", str(clip), name, str(target)]
        running = psutil.Popen(command)
        peak = 0
        while running.poll() is None:
            peak = max(peak, _resident(running))
            time.sleep(0.01)
        return peak


def _resident(process: psutil.Process) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):  # one of them has just ended
        for each in [process, *process.children(recursive=True)]:
            total += each.memory_info().rss
    return total


if __name__ == "__main__":
    main()
