"""Movies as clips: any that ffmpeg decodes, one frame at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np

from server.media.alpha_mode import SAMPLED_EVERY, SAMPLED_FRAMES, guessed_alpha_mode
from server.media.colour import Frame, unpremultiplied
from server.media.errors import MediaError
from server.media.ffmpeg import decoded, decoding
from server.media.movie_facts import MovieFacts, movie_facts
from server.media.stream import AlphaMode, ClipInfo, ClipStream

SUFFIXES = {".mov", ".mkv", ".webm", ".mp4", ".m4v", ".avi", ".mxf", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".nut"}
# The WebM project's page on alpha has encoders take straight colour, and browsers show it so.
_ALWAYS_STRAIGHT = {"vp8", "vp9"}
_OWN_TAGS = {"prompt", "seed", "model", "licence"}


def open_movie(path: Path, *, fps: Fraction | None = None, alpha: AlphaMode | None = None) -> ClipStream:
    """A movie as a clip; `fps` and `alpha` replace what the file says. Raises MediaError."""
    facts = movie_facts(path)
    if alpha is None and not facts.has_alpha:
        raise MediaError(
            f"{path.name} has no alpha ({facts.codec}, {facts.pixels}); name its matte with --matte, or take it as it "
            "is with --alpha opaque."
        )
    mode, notes = (alpha, []) if alpha else _alpha_mode(path, facts)
    if not facts.is_steady and fps is None:
        notes.append(f"The frames of {path.name} last differently long; their mean rate is used (--input-fps).")
    if facts.pixel_aspect != 1:
        notes.append(
            f"The pixels of {path.name} are {float(facts.pixel_aspect):.3g} times as wide as high; they are read as "
            "squares, and the picture has to be stretched."
        )
    info = ClipInfo(
        name=path.name,
        width=facts.width,
        height=facts.height,
        fps=fps or facts.fps,
        frame_count=facts.frame_count,
        alpha_mode=mode,
        bit_depth=facts.bit_depth,
        metadata={key: value for key, value in facts.tags.items() if key in _OWN_TAGS},
        notes=tuple(notes),
    )

    def frames() -> Iterator[Frame]:
        for stored in _stored_frames(path, facts):
            if mode == "opaque":
                stored[..., 3] = 1
            # Where alpha is low a lossy codec's error exceeds the colour.
            yield np.minimum(unpremultiplied(stored), 1) if mode == "premultiplied" else stored

    return ClipStream(info, frames)


def _alpha_mode(path: Path, facts: MovieFacts) -> tuple[AlphaMode, list[str]]:
    tagged = facts.tags.get("alpha_mode")
    if tagged in ("straight", "premultiplied"):
        return tagged, []  # type: ignore[return-value]
    if facts.codec in _ALWAYS_STRAIGHT:
        return "straight", []
    sample = []
    with closing(_stored_frames(path, facts)) as stored:
        for index, frame in enumerate(stored):
            if index >= SAMPLED_FRAMES * SAMPLED_EVERY:
                break
            if index % SAMPLED_EVERY == 0:
                sample.append(frame)
    mode = guessed_alpha_mode(sample)
    return mode, [f"{path.name} does not name its alpha; from its colours it is {mode} (--alpha says otherwise)."]


def _stored_frames(path: Path, facts: MovieFacts) -> Generator[Frame, None, None]:
    """RGBA frames (H, W, 4) as the file has them, 0..1."""
    wide = facts.bit_depth > 8
    force = ["-c:v", facts.decoder] if facts.decoder else []
    # Files of high definition that do not say are Rec. 709 everywhere but in ffmpeg.
    matrix = "" if facts.matrix_known or facts.height <= 576 else "in_color_matrix=bt709:"
    scale = f"scale={matrix}flags=accurate_rnd+full_chroma_int+full_chroma_inp"
    after = ["-vf", scale, "-pix_fmt", "rgba64le" if wide else "rgba"]
    dtype = np.dtype("<u2" if wide else "u1")
    shape = (facts.height, facts.width, 4)
    top = np.full(4, 65535 if wide else 255, np.float32)
    if wide and facts.pixels.startswith(("yuva", "gbrap")):
        # ffmpeg fills the low bits of a 10 or 12 bit alpha with zeros.
        top[3] = (2**facts.bit_depth - 1) << (16 - facts.bit_depth)
    size = dtype.itemsize * facts.height * facts.width * 4
    with closing(decoded(decoding(force, path, after), path, size)) as raw:
        for data in raw:
            yield np.minimum(np.frombuffer(data, dtype).reshape(shape) / top, np.float32(1)).astype(np.float32)
