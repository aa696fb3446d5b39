"""Frames a second of every finishing step, and the motion step beside ffmpeg's.

`python -m benchmarks.finishing` prints two tables. The first: frames that come out a second, from frames in memory, in
one process (the fastest of the runs). The second: how far frames between are from those that a procedural effect
really has there, for 8 to 24 frames a second; the mean difference in alpha over the effect, in 1/255.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import psutil

from server.media.colour import Frame, premultiplied, quantised
from server.media.ffmpeg import executable
from server.media.steps.background import RemoveBackground
from server.media.steps.choke import Choke
from server.media.steps.crop import Crop
from server.media.steps.extension import Extend
from server.media.steps.levels import Levels
from server.media.steps.loop import Loop
from server.media.steps.luma_key import LumaKey
from server.media.steps.order import PingPong, Reverse
from server.media.steps.resize import Resize
from server.media.steps.retime import Retime
from server.media.steps.smoothing import Smooth
from server.media.stream import ClipInfo, ClipStream, Step
from server.training.effects import Look, render

Clip = npt.NDArray[np.float32]

SIZES = {"480x720": (480, 720), "1080p": (1080, 1920)}
STEPS: dict[str, Step] = {
    "luma_key": LumaKey(),
    "remove_background": RemoveBackground(colour=(0.0, 0.0, 0.0)),
    "levels": Levels(black=0.02, white=0.98),
    "levels with gamma": Levels(black=0.02, white=0.98, gamma=1.2),
    "smooth": Smooth(),
    "choke 1": Choke(pixels=1),
    "choke 2.5": Choke(pixels=2.5),
    "choke -1": Choke(pixels=-1),
    "extend": Extend(),
    "crop": Crop(),
    "retime 8 to 24, blend": Retime(fps=Fraction(24), method="blend"),
    "retime 8 to 24, motion": Retime(fps=Fraction(24), method="motion"),
    "reverse": Reverse(),
    "ping_pong": PingPong(),
    "loop": Loop(),
    "resize 2": Resize(scale=2),
    "resize 4": Resize(scale=4),
    "resize 0.5": Resize(scale=0.5),
}
FAMILIES = ("fire", "smoke", "sparks", "bubbles", "snow", "swirl", "explosion", "confetti", "portal")
_RATIO = 3


def main() -> None:
    """Measure and print Markdown."""
    options = _parser().parse_args()
    print(f"{platform.processor() or platform.machine()}, {psutil.cpu_count()} cores\n")
    print("Frames a second\n\n| step | " + " | ".join(SIZES) + " |\n|---|" + "---|" * len(SIZES))
    clips = {name: render(Look("fire", "orange"), np.random.default_rng(0), 8, *size) for name, size in SIZES.items()}
    for name, step in STEPS.items():
        cells = [f"{max(_rate(clip, step) for _ in range(options.runs)):.1f}" for clip in clips.values()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    _accuracy()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finishing", description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="runs, of which the fastest counts")
    return parser


def _stream(clip: Clip) -> ClipStream:
    count, height, width, _ = clip.shape
    return ClipStream(ClipInfo("effect", width, height, Fraction(8), count), lambda: iter(clip))


def _rate(clip: Clip, step: Step) -> float:
    start = time.perf_counter()
    count = sum(1 for _ in step(_stream(clip)).frames())
    return count / (time.perf_counter() - start)


def _accuracy() -> None:
    ways: dict[str, Callable[[Clip], Clip]] = {
        "repeat": lambda clip: _retimed(clip, "repeat"),
        "blend": lambda clip: _retimed(clip, "blend"),
        "motion": lambda clip: _retimed(clip, "motion"),
        "ffmpeg's minterpolate": _minterpolated,
    }
    print("\nMean difference of alpha in frames between, 1/255\n\n| effect | " + " | ".join(ways) + " |")
    print("|---|" + "---|" * len(ways))
    for family in FAMILIES:
        truth = render(Look(family, "orange"), np.random.default_rng(3), 15 * _RATIO + 1, 240, 360)
        cells = [f"{_difference(way(truth[::_RATIO]), truth) * 255:.1f}" for way in ways.values()]
        print(f"| {family} | " + " | ".join(cells) + " |", flush=True)


def _retimed(clip: Clip, method: str) -> Clip:
    step = Retime.model_validate({"fps": str(8 * _RATIO), "method": method})
    return np.stack(list(step(_stream(clip)).frames()))


def _minterpolated(clip: Clip) -> Clip:
    """By ffmpeg, on premultiplied planes of 8 bits; it searches motion in the first plane, which is alpha here."""
    _, height, width, _ = clip.shape
    stored = np.stack([quantised(premultiplied(frame), 8) for frame in clip])
    planes = stored[..., [3, 0, 1, 2]].transpose(0, 3, 1, 2)  # (F, H, W, 4) -> (F, 4, H, W)
    raw = ["-f", "rawvideo", "-pix_fmt", "yuva444p"]
    motion = f"minterpolate=fps={8 * _RATIO}:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:scd=none"
    command = [executable(), "-v", "error", *raw, "-s", f"{width}x{height}", "-r", "8", "-i", "pipe:0", "-vf", motion]
    done = subprocess.run([*command, *raw, "pipe:1"], input=planes.tobytes(), capture_output=True, check=True)
    made = np.frombuffer(done.stdout, np.uint8).reshape(-1, 4, height, width)
    result: Clip = made.transpose(0, 2, 3, 1)[..., [1, 2, 3, 0]].astype(np.float32) / np.float32(255)
    return result


def _difference(frames: Clip, truth: Clip) -> float:
    differences = []
    for index, (frame, true) in enumerate(zip(frames, truth, strict=False)):
        if index % _RATIO:
            seen = np.maximum(frame[..., 3], true[..., 3]) > 1 / 255
            differences.append(float(_apart(frame, true)[seen].mean()))
    return float(np.mean(differences))


def _apart(first: Frame, second: Frame) -> npt.NDArray[np.float32]:
    return np.abs(first[..., 3] - second[..., 3])


if __name__ == "__main__":
    main()
