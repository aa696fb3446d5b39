"""Sprite sheets for game engines: one PNG with all frames in a grid and a JSON file that says where each is.

The JSON is the array form that TexturePacker and Aseprite export and that Phaser, PixiJS, Godot and Unity importers
read; `meta` has `frameRate`, `alphaMode` and what is known of the clip beside the usual entries.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.media.colour import Frame, quantised, unpremultiplied
from server.media.errors import MediaError
from server.media.images import image_facts, image_spec, let_text_be_unicode, read_rows, writing
from server.media.stream import AlphaMode, ClipInfo, ClipStream
from server.media.tags import SOFTWARE, tags_of

# What graphics cards take as one texture.
LARGEST_SIDE = 16384
SHEET_NAME = "sheet.png"
DESCRIPTION_NAME = "sheet.json"


class _Rectangle(BaseModel):
    x: int = Field(ge=0)
    y: int = Field(ge=0)
    w: int = Field(gt=0)
    h: int = Field(gt=0)


class _Size(BaseModel):
    w: int = Field(gt=0, le=LARGEST_SIDE)
    h: int = Field(gt=0, le=LARGEST_SIDE)


class _Sprite(BaseModel):
    filename: str = ""
    frame: _Rectangle
    rotated: bool = False
    spriteSourceSize: _Rectangle | None = None
    sourceSize: _Size | None = None
    duration: float | None = None

    def size(self) -> tuple[int, int]:
        """Width and height of the picture, with what was trimmed from it."""
        whole = self.sourceSize or self.frame
        return whole.w, whole.h


class _Meta(BaseModel):
    model_config = ConfigDict(extra="allow")

    image: str
    frameRate: str | None = None
    alphaMode: str | None = None
    prompt: str | None = None
    seed: str | None = None


class _Description(BaseModel):
    frames: list[_Sprite] | dict[str, _Sprite]
    meta: _Meta

    def sprites(self) -> list[_Sprite]:
        """The frames in their order; the other form of the file has them by name."""
        return self.frames if isinstance(self.frames, list) else list(self.frames.values())


def grid(width: int, height: int, count: int) -> tuple[int, int]:
    """Columns and rows of a sheet that is as square as it can be. Raises MediaError when no texture is that large."""
    columns = min(max(math.ceil(math.sqrt(count * height / width)), 1), count, max(LARGEST_SIDE // width, 1))
    rows = math.ceil(count / columns)
    if columns * width > LARGEST_SIDE or rows * height > LARGEST_SIDE:
        raise MediaError(
            f"{count} frames of {width} x {height} do not fit on a sheet of {LARGEST_SIDE} x {LARGEST_SIDE}; use fewer "
            "frames, or a smaller size."
        )
    return columns, rows


def write_sprite_sheet(stream: ClipStream, target: Path) -> None:
    """Write a folder with the sheet and its description, a row of frames in memory. Raises MediaError and OSError."""
    info = stream.info
    columns, rows = grid(info.width, info.height, info.frame_count)
    target.mkdir()
    sheet = target / SHEET_NAME
    tags = tags_of(info, "straight")
    spec = image_spec(columns * info.width, rows * info.height, 4, "uint8", tags)
    with closing(stream.frames()) as frames, writing(sheet, spec) as output:
        for row in range(rows):
            band = np.zeros((info.height, columns * info.width, 4), np.uint8)
            for column, frame in enumerate(islice(frames, columns)):
                band[:, column * info.width : (column + 1) * info.width] = quantised(frame, 8)
            top = row * info.height
            if not output.write_scanlines(top, top + info.height, 0, band):
                raise MediaError(f"{SHEET_NAME} cannot be written: {output.geterror()}.")
        next(frames, None)  # the stream says so when it holds another number of frames than it told
    let_text_be_unicode(sheet, tags)
    text = json.dumps(_description(info, columns, rows), indent=1, ensure_ascii=False)
    (target / DESCRIPTION_NAME).write_text(text + "\n", "utf-8")


def _description(info: ClipInfo, columns: int, rows: int) -> dict[str, Any]:
    size = {"w": info.width, "h": info.height}
    milliseconds = float(1000 / info.fps)
    return {
        "frames": [
            {
                "filename": f"{number + 1:04d}",
                "frame": {"x": number % columns * info.width, "y": number // columns * info.height, **size},
                "rotated": False,
                "trimmed": False,
                "spriteSourceSize": {"x": 0, "y": 0, **size},
                "sourceSize": size,
                "duration": round(milliseconds, 3),
            }
            for number in range(info.frame_count)
        ],
        "meta": {
            "app": SOFTWARE,
            "version": "1.0",
            "image": SHEET_NAME,
            "format": "RGBA8888",
            "size": {"w": columns * info.width, "h": rows * info.height},
            "scale": "1",
            "frameRate": str(info.fps),
            "alphaMode": "straight",
            **info.metadata,
        },
    }


def open_sprite_sheet(path: Path, *, fps: Fraction | None = None, alpha: AlphaMode | None = None) -> ClipStream:
    """The clip that a sheet's JSON file describes; `fps` and `alpha` replace what it says. Raises MediaError."""
    description = _read_description(path)
    sprites = description.sprites()
    sheet = path.parent / Path(description.meta.image).name
    facts = image_facts(sheet)
    if alpha is None and facts.alpha_mode == "opaque":
        raise MediaError(f"{sheet.name} has no alpha; take it as it is with --alpha opaque.")
    _check_sprites(path, sprites, facts.width, facts.height)
    tagged: AlphaMode = "premultiplied" if description.meta.alphaMode == "premultiplied" else "straight"
    mode = alpha or tagged
    width, height = sprites[0].size()
    about = {"prompt": description.meta.prompt, "seed": description.meta.seed}
    info = ClipInfo(
        name=path.name,
        width=width,
        height=height,
        fps=fps or _rate(description),
        frame_count=len(sprites),
        alpha_mode=mode,
        bit_depth=facts.bit_depth,
        metadata={key: value for key, value in about.items() if value is not None},
    )

    def frames() -> Iterator[Frame]:
        band, rows = np.empty((0, 0, 4), np.float32), (0, 0)
        for sprite in sprites:
            wanted = (sprite.frame.y, sprite.frame.y + sprite.frame.h)
            if wanted != rows:
                band, rows = read_rows(sheet, *wanted), wanted
            frame = _placed(sprite, band)
            if mode == "opaque":
                frame[..., 3] = 1
            yield unpremultiplied(frame) if mode == "premultiplied" else frame

    return ClipStream(info, frames)


def _read_description(path: Path) -> _Description:
    try:
        description = _Description.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise MediaError(f"There is no file {path}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise MediaError(f"{path.name} does not describe a sprite sheet ({where}: {first['msg']}).") from None
    if not description.sprites():
        raise MediaError(f"{path.name} lists no frames.")
    return description


def _check_sprites(path: Path, sprites: list[_Sprite], width: int, height: int) -> None:
    size = sprites[0].size()
    for number, sprite in enumerate(sprites, start=1):
        place = sprite.frame
        if sprite.rotated:
            raise MediaError(f"Frame {number} of {path.name} is rotated; export the sheet without rotation.")
        if place.x + place.w > width or place.y + place.h > height:
            raise MediaError(f"Frame {number} of {path.name} lies outside of its sheet of {width} x {height}.")
        if sprite.size() != size:
            raise MediaError(f"Frame {number} of {path.name} has another size than frame 1; a clip must have one size.")
        inside = sprite.spriteSourceSize
        if inside and (inside.x + place.w > size[0] or inside.y + place.h > size[1]):
            raise MediaError(f"Frame {number} of {path.name} does not fit into its source size.")


def _placed(sprite: _Sprite, band: Frame) -> Frame:
    """The picture of a sprite with the border that was trimmed."""
    width, height = sprite.size()
    place = sprite.frame
    left, top = (sprite.spriteSourceSize.x, sprite.spriteSourceSize.y) if sprite.spriteSourceSize else (0, 0)
    frame = np.zeros((height, width, 4), np.float32)
    frame[top : top + place.h, left : left + place.w] = band[:, place.x : place.x + place.w]
    return frame


def _rate(description: _Description) -> Fraction:
    try:
        return max(Fraction(description.meta.frameRate or "0"), Fraction(0)) or _rate_of_durations(description)
    except (ValueError, ZeroDivisionError):
        return _rate_of_durations(description)


def _rate_of_durations(description: _Description) -> Fraction:
    durations = [sprite.duration for sprite in description.sprites() if sprite.duration]
    if not durations:
        return Fraction(24)
    return Fraction(1000 * len(durations) / sum(durations)).limit_denominator(1001)
