"""The sidecar: the JSON file that describes a clip and holds the request that made it."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.jobs.job import Execution
from server.jobs.request import VideoRequest
from server.media.canvas import Canvas
from server.media.naming import FRAME_PATTERN

_Whole = Annotated[int, Field(gt=0)]
_Decimal = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# As `clip_rate` of the add-on reads a decimal: all the usual rates, 24000/1001 too, come out exact.
_LARGEST_DENOMINATOR = 1001


class SidecarError(Exception):
    """A sidecar that cannot be read; the message says why."""


class SidecarModel(BaseModel):
    """The model that made a clip."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    licence: str


class SidecarSource(BaseModel):
    """The clip that a finished one was made from: its folder, its sidecar's name, and the SHA-256 of that file."""

    model_config = ConfigDict(frozen=True)

    name: str
    sidecar: str
    sha256: str


class Sidecar(BaseModel):
    """What is known of a clip. Size in pixels, `fps` in frames a second, `sha256` by frame file in hex digits.

    A rate that is no whole number is a decimal, and exact in `fps_fraction` ("24000/1001"). A finished clip has its
    recipe as `finishing`, its `source`, `notes` on what the steps found and, when it was cropped, the `canvas` that it
    was cut out of.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal["transpixar-clip"] = "transpixar-clip"
    format_version: Literal[1] = 1
    job: str
    request: VideoRequest
    fps: _Whole | _Decimal
    fps_fraction: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}/[1-9][0-9]{0,8}$")] | None = None
    frame_count: int
    width: int
    height: int
    first_frame: int = 1
    pattern: str = FRAME_PATTERN
    alpha_mode: Literal["straight"] = "straight"
    colour_space: Literal["sRGB"] = "sRGB"
    bit_depth: Literal[8] = 8
    model: SidecarModel
    execution: Execution | None = None
    versions: dict[str, str]
    created_at: str
    sha256: dict[str, str]
    finishing: dict[str, Any] | None = None
    source: SidecarSource | None = None
    notes: tuple[str, ...] = ()
    canvas: Canvas | None = None

    @property
    def rate(self) -> Fraction:
        """The frame rate as an exact fraction."""
        return Fraction(self.fps_fraction or Fraction(self.fps).limit_denominator(_LARGEST_DENOMINATOR))

    def to_json(self) -> bytes:
        """The contents of the sidecar's file."""
        return self.model_dump_json(indent=2).encode("utf-8") + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Sidecar:
        """The sidecar in a file's contents. Raises SidecarError when it is none of this version."""
        try:
            # What a later version has added to a request or elsewhere is left aside.
            return cls.model_validate_json(data, extra="ignore")
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "file"
            raise SidecarError(f"This is no clip that this version can read ({where}: {first['msg']}).") from None
