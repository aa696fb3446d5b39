"""Clips on disk: a folder of frames and the `.transpixar` sidecar that describes it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from .errors import InvalidClipError
from .timing import clip_rate

SIDECAR_SUFFIX = ".transpixar"
FORMAT = "transpixar-clip"
FORMAT_VERSION = 1
_LARGEST_CANVAS = 1_000_000

# One plain name, the same on every file system: a sidecar or a server must not reach outside of the clip's folder.
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_SAFE_PATTERN = re.compile(r"[A-Za-z0-9_-]{0,100}%0[1-9]d\.png")
# Windows keeps these for devices, whatever suffix they have.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Origin:
    """The clip a finished one was made from: its folder's name, its sidecar's name and that file's SHA-256."""

    name: str
    sidecar: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Canvas:
    """The picture a cropped clip was cut out of, in pixels: its size, and where the clip's top left corner was in it.

    `x` counts from the left, `y` from the top; negative where the clip reaches beyond the picture.
    """

    width: int
    height: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar says: sizes in pixels, `fps` in frames per second, `first_frame` the number of the first file.

    `model` is what made the clip (name, title, licence). A finished clip has the recipe that finished it as
    `finishing`, and its `source`; a cropped one the `canvas` it was cut out of.
    """

    job: str
    request: Mapping[str, Any]
    fps: Fraction
    frame_count: int
    width: int
    height: int
    first_frame: int
    pattern: str
    alpha_mode: str
    colour_space: str
    bit_depth: int
    sha256: Mapping[str, str]
    finishing: Mapping[str, Any] | None = None
    source: Origin | None = None
    canvas: Canvas | None = None
    model: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seed(self) -> int | None:
        """The seed that made the clip, which tells it from the others of its job."""
        seed = self.request.get("seed")
        return seed if isinstance(seed, int) and not isinstance(seed, bool) else None

    @classmethod
    def from_json(cls, data: Any) -> "Sidecar":
        """Check and read the sidecar's JSON. Raises InvalidClipError."""
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise InvalidClipError("This file does not describe a TransPixar clip. Choose a clip's .transpixar file.")
        if data.get("format_version") != FORMAT_VERSION:
            raise InvalidClipError(
                f"This clip was written in format {data.get('format_version')}; this add-on reads format "
                f"{FORMAT_VERSION}. Update the add-on."
            )
        sidecar = cls(
            job=str(data.get("job", "")),
            request=dict(_of_type(data, "request", dict)),
            fps=clip_rate(_positive(data, "fps", (int, float))),
            frame_count=int(_positive(data, "frame_count", int)),
            width=int(_positive(data, "width", int)),
            height=int(_positive(data, "height", int)),
            first_frame=int(_of_type(data, "first_frame", int)),
            pattern=str(_of_type(data, "pattern", str)),
            alpha_mode=str(_of_type(data, "alpha_mode", str)),
            colour_space=str(_of_type(data, "colour_space", str)),
            bit_depth=int(_positive(data, "bit_depth", int)),
            sha256=dict(_of_type(data, "sha256", dict)),
            finishing=None if data.get("finishing") is None else dict(_of_type(data, "finishing", dict)),
            source=None if data.get("source") is None else _origin(_of_type(data, "source", dict)),
            canvas=None if data.get("canvas") is None else _canvas(_of_type(data, "canvas", dict)),
            model=dict(data["model"]) if isinstance(data.get("model"), dict) else {},
        )
        if not _SAFE_PATTERN.fullmatch(sidecar.pattern) or sidecar.first_frame < 0:
            raise _damaged("pattern")
        return sidecar

    def frame_names(self) -> Iterator[str]:
        """The file names of the frames, in order."""
        for number in range(self.first_frame, self.first_frame + self.frame_count):
            yield self.pattern % number


@dataclass(frozen=True, slots=True)
class Clip:
    """A complete clip folder."""

    folder: Path
    sidecar_path: Path
    sidecar: Sidecar

    @property
    def first_frame_path(self) -> Path:
        """The file of the first frame."""
        return self.folder / next(self.sidecar.frame_names())

    @classmethod
    def open(cls, path: Path) -> "Clip":
        """Open a clip by its folder, its sidecar or one of its frames. Raises InvalidClipError.

        Every frame must be there; their checksums are not read, because that takes as long as loading them.
        """
        sidecar_path = _find_sidecar(path)
        try:
            data = json.loads(sidecar_path.read_bytes())
        except (OSError, ValueError) as error:
            raise InvalidClipError(
                f"{sidecar_path.name} could not be read ({error}). Choose another clip or make this one again."
            ) from error
        clip = cls(sidecar_path.parent, sidecar_path, Sidecar.from_json(data))
        for name in clip.sidecar.frame_names():
            if not (clip.folder / name).is_file():
                raise InvalidClipError(
                    f"The clip is not complete: {name} is missing in {clip.folder}. Copy the whole folder, "
                    "or make the clip again."
                )
        return clip


def is_safe_name(name: str) -> bool:
    """Whether this is one plain file name, the same on every file system."""
    is_plain = _SAFE_NAME.fullmatch(name) is not None
    return is_plain and not name.endswith(".") and _RESERVED.fullmatch(name) is None


def safe_name(name: str) -> str:
    """The name itself when it is one plain file name. Raises InvalidClipError."""
    if not is_safe_name(name):
        raise InvalidClipError(f"The server named a clip {name!r}, which cannot be a file name. Update the server.")
    return name


def _find_sidecar(path: Path) -> Path:
    if path.is_file() and path.suffix == SIDECAR_SUFFIX:
        return path
    folder = path if path.is_dir() else path.parent
    sidecars = sorted(folder.glob(f"*{SIDECAR_SUFFIX}")) if path.exists() else []
    if len(sidecars) == 1:
        return sidecars[0]
    if not path.exists():
        raise InvalidClipError(f"{path} does not exist. Choose a clip's folder or its {SIDECAR_SUFFIX} file.")
    if sidecars:
        raise InvalidClipError(f"{folder} holds several clips. Choose one of its {SIDECAR_SUFFIX} files.")
    raise InvalidClipError(f"{folder} holds no {SIDECAR_SUFFIX} file. Choose the folder of a clip.")


def _origin(data: Mapping[str, Any]) -> Origin:
    name, sidecar, sha256 = (str(_of_type(data, key, str)) for key in ("name", "sidecar", "sha256"))
    if not is_safe_name(name) or not is_safe_name(sidecar):
        raise _damaged("source")
    return Origin(name, sidecar, sha256)


def _canvas(data: Mapping[str, Any]) -> Canvas:
    x, y = (int(_of_type(data, key, int)) for key in ("x", "y"))
    if max(abs(x), abs(y)) > _LARGEST_CANVAS:
        raise _damaged("canvas")
    width, height = (int(_positive(data, key, int, _LARGEST_CANVAS)) for key in ("width", "height"))
    return Canvas(width, height, x, y)


def _of_type(data: Mapping[str, Any], key: str, kinds: type | tuple[type, ...]) -> Any:
    value = data.get(key)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise _damaged(key)
    return value


def _positive(data: Mapping[str, Any], key: str, kinds: type | tuple[type, ...], largest: float = 1e9) -> Any:
    value = _of_type(data, key, kinds)
    if not 0 < value < largest:
        raise _damaged(key)
    return value


def _damaged(key: str) -> InvalidClipError:
    return InvalidClipError(f'The clip\'s description is damaged ("{key}" is missing or wrong). Make the clip again.')
