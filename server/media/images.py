"""Still images of any kind that compositors exchange: PNG, EXR, TIFF, JPEG, DPX, TGA and the like, by OpenImageIO."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio
from PIL import Image

from server.media.colour import Frame, Integers
from server.media.errors import MediaError
from server.media.layers import Layer, chosen_layer, layers_of, listed
from server.media.png import with_unicode_text
from server.media.stream import AlphaMode
from server.media.whole import is_whole_png

SUFFIXES = {".png", ".exr", ".tif", ".tiff", ".jpg", ".jpeg", ".dpx", ".tga", ".webp"}

# Stored colour must come as it is: OpenImageIO would multiply it by alpha, which 8 bits do not survive.
_AS_STORED = oiio.ImageSpec()
_AS_STORED.attribute("oiio:UnassociatedAlpha", 1)
_KINDS = {"uint8": "uint8", "uint16": "uint16", "float32": "float"}
_DEPTHS = {"uint8": 8, "uint16": 16, "half": 16, "float": 32}


@dataclass(frozen=True)
class ImageFacts:
    """The header of an image. `bit_depth` per channel; `is_float` (then it holds linear light); size in pixels.

    Only what the chosen `layer` holds counts. `notes` are sentences about what else is in the file.
    """

    width: int
    height: int
    bit_depth: int
    is_float: bool
    alpha_mode: AlphaMode
    tags: Mapping[str, str]
    layer: str = ""
    notes: tuple[str, ...] = ()


def image_facts(path: Path, layer: str | None = None) -> ImageFacts:
    """Read a header; `layer` names one of a file of several. Raises MediaError.

    It is raised when the file is no image, has no such layer or has a depth that nobody exchanges.
    """
    with _opened(path) as image:
        return _facts(path, image, layer)[0]


def read_image(path: Path, layer: str | None = None) -> tuple[ImageFacts, Frame]:
    """The header and the pixels as stored: float32 (H, W, 4), integers scaled to 0..1, alpha 1 where there is none.

    `layer` names one of a file of several. Raises MediaError when the file is damaged or holds values that are no
    numbers; what other layers hold does not matter.
    """
    with _opened(path) as image:
        facts, used = _facts(path, image, layer)
        spec = image.spec()
        first, end = used.span
        pixels = image.read_image(used.part, 0, first, end, oiio.FLOAT if facts.is_float else oiio.UNKNOWN)
        if pixels is None:
            reason = (image.geterror() or "its pixels are missing").splitlines()[0].rstrip(".")
            raise MediaError(f"{path.name} is damaged or incomplete ({reason}); copy or render it again.")
    values = pixels.reshape(spec.height, spec.width, end - first).astype(np.float32)
    rgba = _rgba(values, used)
    if not facts.is_float:
        rgba = _scaled(rgba, facts, used)
    elif not np.isfinite(rgba).all():
        raise MediaError(f"{path.name} holds values that are no numbers (NaN or infinity); render it again.")
    return facts, _in_display_window(rgba, spec)


def is_animated_png(path: Path) -> bool:
    """Whether a file is a PNG of several pictures, of which OpenImageIO reads one without a word."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return bool(getattr(image, "is_animated", False))
    # Whatever Pillow came upon, OpenImageIO tells what is wrong with a damaged file.
    except Exception:
        return False


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
    let_text_be_unicode(path, attributes)


def let_text_be_unicode(path: Path, attributes: Mapping[str, object]) -> None:
    """Mend the texts of a PNG that was written with `attributes`. Raises OSError."""
    if path.suffix.lower() == ".png" and not all(str(value).isascii() for value in attributes.values()):
        path.write_bytes(with_unicode_text(path.read_bytes()))


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
    """An open image to write to. Raises MediaError when it cannot be opened, or is not whole at the end."""
    with _name(path) as name:
        output = oiio.ImageOutput.create(name)
        is_open = output is not None and output.open(name, spec)
    if output is None or not is_open:
        raise _write_error(path, output)
    try:
        yield output
    finally:
        closed = output.close()
    if not closed:
        raise _write_error(path, output)
    # OpenImageIO does not notice when libpng could not write to its end.
    if path.suffix.lower() == ".png" and not is_whole_png(path):
        raise MediaError(f"{path.name} cannot be written whole; make room on the disk and try again.")


def read_rows(path: Path, top: int, bottom: int) -> npt.NDArray[np.float32]:
    """Rows `top` up to, without, `bottom` of an image as stored: float32 (rows, W, 4). Raises MediaError."""
    with _opened(path) as image:
        facts, used = _facts(path, image, None)
        spec = image.spec()
        first, end = used.span
        pixels = image.read_scanlines(used.part, 0, top, bottom, 0, first, end, oiio.UNKNOWN)
        if pixels is None:
            reason = (image.geterror() or "its pixels are missing").splitlines()[0].rstrip(".")
            raise MediaError(f"{path.name} is damaged or incomplete ({reason}); copy or export it again.")
    rgba = _rgba(pixels.reshape(bottom - top, spec.width, end - first).astype(np.float32), used)
    return rgba if facts.is_float else _scaled(rgba, facts, used)


@contextmanager
def _opened(path: Path) -> Iterator[oiio.ImageInput]:
    if not path.is_file():
        raise MediaError(f"There is no file {path}.")
    with _name(path) as name:
        image = oiio.ImageInput.open(name, _AS_STORED)
        if image is None:
            reason = (oiio.geterror() or "unknown format").splitlines()[0].rstrip(".")
            raise MediaError(f"{path.name} is no image that can be read ({reason}); copy or render it again.")
        try:
            yield image
        finally:
            image.close()


@contextmanager
def _name(path: Path) -> Iterator[str]:
    """A path as OpenImageIO takes it, which is UTF-8; other names get a link in a temporary folder to open them by."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            link = Path(folder) / f"image{path.suffix}"
            link.symlink_to(path.absolute())
            yield str(link)
    else:
        yield str(path)


def _facts(path: Path, image: oiio.ImageInput, wanted: str | None) -> tuple[ImageFacts, Layer]:
    """The facts of a layer, and which channels it has; the image then stands at the layer's part."""
    kind = image.format_name()
    is_exr = kind == "openexr"
    parts = _parts(image)
    if (kind == "webp" and len(parts) > 1) or (kind == "png" and is_animated_png(path)):
        raise MediaError(
            f"{path.name} is an animation, not a frame of one; move it into a folder of its own and name it alone."
        )
    if wanted and not is_exr:
        raise MediaError(f"{path.name} has no layers, only OpenEXR files have; leave out --layer.")
    layers = layers_of(parts if is_exr else parts[:1])
    used = chosen_layer(layers, wanted if is_exr else None, path.name)
    image.seek_subimage(used.part, 0)
    spec = image.spec()
    if spec.deep:
        raise MediaError(f"{path.name} holds deep pixels; flatten it, which in Nuke is DeepToImage.")
    formats = spec.channelformats or [spec.format] * spec.nchannels
    kinds = {str(formats[channel]) for channel in used.channels if channel is not None}
    unknown = sorted(kinds - _DEPTHS.keys())
    if unknown:
        raise MediaError(
            f"{path.name} has pixels of the type {unknown[0]}; save it with 8 or 16 bits, or as half or float."
        )
    mode: AlphaMode
    if used.channels[3] is None:
        mode = "opaque"
    else:
        # EXR is premultiplied by its specification; the rest say so themselves.
        associated = is_exr or (kind == "tiff" and not spec.getattribute("oiio:UnassociatedAlpha"))
        mode = "premultiplied" if associated else "straight"
    tags = {item.name.lower(): str(item.value) for item in spec.extra_attribs if ":" not in item.name}
    if "framespersecond" in tags:
        numerator, denominator = spec.getattribute("FramesPerSecond")
        tags["frame_rate"] = f"{numerator}/{denominator}"
    facts = ImageFacts(
        width=spec.full_width or spec.width,
        height=spec.full_height or spec.height,
        bit_depth=max(_DEPTHS[kind] for kind in kinds),
        is_float=not kinds.isdisjoint(("half", "float")),
        alpha_mode=mode,
        tags=tags,
        layer=used.name,
        notes=_notes(path, used, layers, len(parts)),
    )
    return facts, used


def _parts(image: oiio.ImageInput) -> list[tuple[str, tuple[str, ...]]]:
    """Name and channels of every part of an EXR, every page of a TIFF or every picture of an animation."""
    parts: list[tuple[str, tuple[str, ...]]] = []
    while image.seek_subimage(len(parts), 0):
        spec = image.spec()
        parts.append((str(spec.getattribute("oiio:subimagename") or ""), tuple(spec.channelnames)))
    return parts


def _notes(path: Path, used: Layer, layers: list[Layer], parts: int) -> tuple[str, ...]:
    others = [layer for layer in layers if layer is not used]
    if others:
        taken = f"the layer {used.name} is" if used.name else "its channels without a layer are"
        return (f"{path.name} has several layers: {taken} taken; --layer takes another: {listed(others)}.",)
    if parts > 1 and {layer.part for layer in layers} == {0} and path.suffix.lower() in (".tif", ".tiff"):
        return (f"{path.name} has {parts} pages, of which the first is taken.",)
    return ()


def _rgba(values: Frame, used: Layer) -> Frame:
    """The layer's channels among those of its span, (H, W, C) -> (H, W, 4); grey becomes three equal channels."""
    rgba = np.ones((*values.shape[:2], 4), np.float32)
    for target, source in enumerate(used.channels):
        if source is not None:
            rgba[..., target] = values[..., source - used.span[0]]
    return rgba


def _scaled(rgba: Frame, facts: ImageFacts, used: Layer) -> Frame:
    """Integers as 0..1, in place; alpha that is not there is 1 already."""
    rgba[..., : 3 if used.channels[3] is None else 4] /= np.float32(2**facts.bit_depth - 1)
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
    reason = reason.splitlines()[0].rstrip(".").replace(str(path), path.name)
    return MediaError(f"{path.name} cannot be written: {reason}.")
