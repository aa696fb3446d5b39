"""Still images of any kind that compositors exchange: PNG, EXR, TIFF, JPEG, DPX, TGA and the like, by OpenImageIO."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from server.media.colour import Frame, Integers
from server.media.errors import MediaError
from server.media.stream import AlphaMode

SUFFIXES = {".png", ".exr", ".tif", ".tiff", ".jpg", ".jpeg", ".dpx", ".tga", ".webp"}

# Stored colour must come as it is: OpenImageIO would multiply it by alpha, which 8 bits do not survive.
_AS_STORED = oiio.ImageSpec()
_AS_STORED.attribute("oiio:UnassociatedAlpha", 1)
_KINDS = {"uint8": "uint8", "uint16": "uint16", "float32": "float"}
_DEPTHS = {"uint8": 8, "uint16": 16, "half": 16, "float": 32}


@dataclass(frozen=True)
class ImageFacts:
    """The header of an image. `bit_depth` per channel; `is_float` (then it holds linear light); size in pixels."""

    width: int
    height: int
    bit_depth: int
    is_float: bool
    alpha_mode: AlphaMode
    tags: Mapping[str, str]


def image_facts(path: Path) -> ImageFacts:
    """Read a header. Raises MediaError when the file is no image or has a depth that nobody exchanges."""
    with _opened(path) as image:
        return _facts(path, image)


def read_image(path: Path) -> tuple[ImageFacts, Frame]:
    """The header and the pixels as stored: float32 (H, W, 4), integers scaled to 0..1, alpha 1 where there is none.

    Raises MediaError when the file is damaged or holds values that are no numbers.
    """
    with _opened(path) as image:
        facts = _facts(path, image)
        spec = image.spec()
        pixels = image.read_image(oiio.UNKNOWN if not facts.is_float else oiio.FLOAT)
        if pixels is None:
            reason = (image.geterror() or "its pixels are missing").splitlines()[0].rstrip(".")
            raise MediaError(f"{path.name} is damaged or incomplete ({reason}); copy or render it again.")
    values = pixels.reshape(spec.height, spec.width, spec.nchannels).astype(np.float32)
    if not facts.is_float:
        values /= np.float32(2**facts.bit_depth - 1)
    elif not np.isfinite(values).all():
        raise MediaError(f"{path.name} holds values that are no numbers (NaN or infinity); render it again.")
    return facts, _in_display_window(_rgba(values, spec), spec)


def write_image(path: Path, pixels: Integers | Frame, attributes: Mapping[str, object], *, half: bool = False) -> None:
    """Write an image (H, W, C) of the type of its pixels; `half` stores floats in 16 bits. Raises MediaError.

    A pair of numbers among the attributes is written as a rational one.
    """
    height, width, channels = pixels.shape
    kind = "half" if half else _KINDS[pixels.dtype.name]
    spec = image_spec(width, height, channels, kind, attributes)
    with writing(path, spec) as output:
        if not output.write_image(np.ascontiguousarray(pixels)):
            raise _write_error(path, output)


def image_spec(width: int, height: int, channels: int, kind: str, attributes: Mapping[str, object]) -> oiio.ImageSpec:
    """OpenImageIO's description of an image to write; alpha is straight, but in EXR, which ignores that."""
    spec = oiio.ImageSpec(width, height, channels, kind)
    spec.attribute("oiio:UnassociatedAlpha", 1)
    # Level 1 takes a third of the time of the default and a tenth more space.
    spec.attribute("png:compressionLevel", 1)
    for name, value in attributes.items():
        if isinstance(value, Fraction):
            spec.attribute(name, oiio.TypeDesc("rational"), (value.numerator, value.denominator))
        else:
            spec.attribute(name, value)
    return spec


@contextmanager
def writing(path: Path, spec: oiio.ImageSpec) -> Iterator[oiio.ImageOutput]:
    """An open image to write to. Raises MediaError when it cannot be opened or closed."""
    output = oiio.ImageOutput.create(str(path))
    if output is None or not output.open(str(path), spec):
        raise _write_error(path, output)
    try:
        yield output
    finally:
        closed = output.close()
    if not closed:
        raise _write_error(path, output)


def read_rows(path: Path, top: int, bottom: int) -> npt.NDArray[np.float32]:
    """Rows `top` up to, without, `bottom` of an image as stored: float32 (rows, W, 4). Raises MediaError."""
    with _opened(path) as image:
        facts, spec = _facts(path, image), image.spec()
        pixels = image.read_scanlines(0, 0, top, bottom, 0, 0, spec.nchannels, oiio.UNKNOWN)
        if pixels is None:
            reason = (image.geterror() or "its pixels are missing").splitlines()[0].rstrip(".")
            raise MediaError(f"{path.name} is damaged or incomplete ({reason}); copy or export it again.")
    values = pixels.reshape(bottom - top, spec.width, spec.nchannels).astype(np.float32)
    return _rgba(values / np.float32(1 if facts.is_float else 2**facts.bit_depth - 1), spec)


@contextmanager
def _opened(path: Path) -> Iterator[oiio.ImageInput]:
    if not path.is_file():
        raise MediaError(f"There is no file {path}.")
    image = oiio.ImageInput.open(str(path), _AS_STORED)
    if image is None:
        reason = (oiio.geterror() or "unknown format").splitlines()[0].rstrip(".")
        raise MediaError(f"{path.name} is no image that can be read ({reason}); copy or render it again.")
    try:
        yield image
    finally:
        image.close()


def _facts(path: Path, image: oiio.ImageInput) -> ImageFacts:
    spec = image.spec()
    kind = str(spec.format)
    if kind not in _DEPTHS:
        raise MediaError(f"{path.name} has pixels of the type {kind}; save it with 8 or 16 bits, or as half or float.")
    is_exr = image.format_name() == "openexr"
    mode: AlphaMode
    if _channels(spec)[3] is None:
        mode = "opaque"
    else:
        # EXR is premultiplied by its specification; the rest say so themselves.
        associated = is_exr or (image.format_name() == "tiff" and not spec.getattribute("oiio:UnassociatedAlpha"))
        mode = "premultiplied" if associated else "straight"
    tags = {item.name.lower(): str(item.value) for item in spec.extra_attribs if ":" not in item.name}
    if "framespersecond" in tags:
        numerator, denominator = spec.getattribute("FramesPerSecond")
        tags["frame_rate"] = f"{numerator}/{denominator}"
    return ImageFacts(
        width=spec.full_width or spec.width,
        height=spec.full_height or spec.height,
        bit_depth=_DEPTHS[kind],
        is_float=kind in ("half", "float"),
        alpha_mode=mode,
        tags=tags,
    )


def _channels(spec: oiio.ImageSpec) -> list[int | None]:
    """Which channels are red, green, blue and alpha; a layer's name before the last dot does not matter."""
    first: dict[str, int] = {}
    for index, name in enumerate(spec.channelnames):
        first.setdefault(name.rpartition(".")[2].upper()[:1], index)
    alpha = spec.alpha_channel if spec.alpha_channel >= 0 else first.get("A")
    if {"R", "G", "B"} <= first.keys():
        return [first["R"], first["G"], first["B"], alpha]
    return [0, 0, 0, alpha if alpha != 0 else None]


def _rgba(values: Frame, spec: oiio.ImageSpec) -> Frame:
    """(H, W, C) -> (H, W, 4); grey becomes three equal channels."""
    rgba = np.ones((*values.shape[:2], 4), np.float32)
    for target, source in enumerate(_channels(spec)):
        if source is not None:
            rgba[..., target] = values[..., source]
    return rgba


def _in_display_window(rgba: Frame, spec: oiio.ImageSpec) -> Frame:
    """EXR files may store a part of their picture only, or more of it (overscan)."""
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    width, height = spec.full_width or spec.width, spec.full_height or spec.height
    if (left, top, spec.width, spec.height) == (0, 0, width, height):
        return rgba
    whole = np.zeros((height, width, 4), np.float32)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + spec.width, width), min(top + spec.height, height)
    if x0 < x1 and y0 < y1:
        whole[y0:y1, x0:x1] = rgba[y0 - top : y1 - top, x0 - left : x1 - left]
    return whole


def _write_error(path: Path, output: oiio.ImageOutput | None) -> MediaError:
    reason = (output.geterror() if output else "") or oiio.geterror() or "unknown reason"
    return MediaError(f"{path.name} cannot be written: {reason.splitlines()[0].rstrip('.')}.")
