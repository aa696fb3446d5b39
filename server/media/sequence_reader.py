"""Image sequences as clips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from server.media.colour import Frame, frame_from_linear_premultiplied, srgb_from_linear, unpremultiplied
from server.media.errors import MediaError
from server.media.images import ImageFacts, image_facts, read_image
from server.media.numbering import ImageSequence
from server.media.stream import AlphaMode, ClipInfo, ClipStream
from server.media.tags import SOFTWARE

# What is assumed of files that do not say.
DEFAULT_RATE = Fraction(24)
_OWN_TAGS = ("prompt", "seed", "model", "licence")


def open_sequence(
    sequence: ImageSequence,
    *,
    fps: Fraction | None = None,
    alpha: AlphaMode | None = None,
    layer: str | None = None,
    metadata: Mapping[str, str] | None = None,
    name: str | None = None,
) -> ClipStream:
    """A sequence as a clip; `fps`, `alpha` and `metadata` replace what the files say. Raises MediaError.

    `layer` names one of the layers of EXR files; else the one that is the whole picture is taken.
    """
    first = image_facts(sequence.files[0], layer)
    if alpha is None and first.alpha_mode == "opaque":
        raise MediaError(
            f"{sequence.files[0].name} has no alpha; name its matte with --matte, or take it as it is with "
            "--alpha opaque."
        )
    mode = alpha or first.alpha_mode
    rate, notes = (fps, ()) if fps else _rate(sequence, first)
    info = ClipInfo(
        name=name or sequence.name,
        width=first.width,
        height=first.height,
        fps=rate,
        frame_count=len(sequence.files),
        alpha_mode=mode,
        colour_space="Linear Rec.709" if first.is_float else "sRGB",
        bit_depth=first.bit_depth,
        metadata=dict(_own_tags(first) if metadata is None else metadata),
        notes=first.notes + notes,
    )

    def frames() -> Iterator[Frame]:
        for file in sequence.files:
            facts, stored = read_image(file, first.layer)
            _check_alike(file.name, facts, sequence.files[0].name, first)
            yield _frame(stored, mode, is_linear=facts.is_float)

    return ClipStream(info, frames)


def _frame(stored: Frame, mode: AlphaMode, *, is_linear: bool) -> Frame:
    """Stored pixels (H, W, 4) as a frame: straight and display-encoded."""
    if mode == "opaque":
        stored[..., 3] = 1
    if mode == "premultiplied":
        return frame_from_linear_premultiplied(stored) if is_linear else unpremultiplied(stored)
    if is_linear:
        encoded = srgb_from_linear(stored)
        encoded[..., 3] = stored[..., 3]
        return encoded
    return stored


def _own_tags(first: ImageFacts) -> dict[str, str]:
    """What an export wrote; other programs put other things under `prompt`."""
    if first.tags.get("software") != SOFTWARE:
        return {}
    return {key: first.tags[key] for key in _OWN_TAGS if key in first.tags}


def _rate(sequence: ImageSequence, first: ImageFacts) -> tuple[Fraction, tuple[str, ...]]:
    try:
        rate = Fraction(first.tags["frame_rate"])
        if rate > 0:
            return rate, ()
    except (KeyError, ValueError, ZeroDivisionError):
        pass
    note = f"{sequence.name} does not name its frame rate; {DEFAULT_RATE} frames a second are assumed (--input-fps)."
    return DEFAULT_RATE, (note,) if len(sequence.files) > 1 else ()


def _check_alike(name: str, facts: ImageFacts, first_name: str, first: ImageFacts) -> None:
    """Raises MediaError when a frame is not of the first one's kind."""
    if (facts.width, facts.height) != (first.width, first.height):
        raise MediaError(
            f"{name} is {facts.width} x {facts.height} and {first_name} {first.width} x {first.height}; all frames of "
            "a clip must have the same size."
        )
    if (facts.bit_depth, facts.is_float) != (first.bit_depth, first.is_float):
        raise MediaError(
            f"{name} has {facts.bit_depth} bits and {first_name} {first.bit_depth}; all frames of a clip must have "
            "the same bit depth."
        )
    if facts.alpha_mode != first.alpha_mode:
        has = "no alpha" if facts.alpha_mode == "opaque" else f"{facts.alpha_mode} alpha"
        other = "none" if first.alpha_mode == "opaque" else f"{first.alpha_mode} alpha"
        raise MediaError(f"{name} has {has} and {first_name} has {other}; all frames of a clip must agree.")
