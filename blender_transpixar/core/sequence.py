"""Numbered pictures on disk: a clip's, or any others with an alpha channel."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from .clip import SIDECAR_SUFFIX, Canvas, Clip
from .errors import InvalidClipError
from .finishing import repeats

PICTURE_SUFFIXES = (".png", ".exr", ".tif", ".tiff")

# The last number in a name counts, as in Blender: shot2_0001.png is picture 1.
_NUMBERED = re.compile(r"(?P<head>.*?)(?P<number>[0-9]{1,9})(?P<tail>[^0-9]*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sequence:
    """Pictures `first` to `first` + `frame_count` - 1, whose numbers have at least `digits` digits.

    `fps` is None when nothing says it. `clip` is the clip they are, None for other pictures.
    """

    folder: Path
    head: str
    tail: str
    digits: int
    first: int
    frame_count: int
    fps: Fraction | None = None
    clip: Clip | None = None

    @property
    def name(self) -> str:
        """What to call it in Blender."""
        if self.clip is not None:
            return self.clip.sidecar_path.stem
        return self.head.rstrip("_-. ") or self.folder.name or "Sequence"

    @property
    def canvas(self) -> Canvas | None:
        """What a cropped clip was cut out of."""
        return None if self.clip is None else self.clip.sidecar.canvas

    @property
    def runs_on(self) -> bool:
        """Whether it is a clip that was made to run on and on: finished as a loop, or generated as one."""
        if self.clip is None:
            return False
        sidecar = self.clip.sidecar
        return repeats(sidecar.finishing) or sidecar.request.get("loop") is True

    @property
    def first_path(self) -> Path:
        """The file of the first picture."""
        return self.folder / self.file_name(0)

    @property
    def is_linear(self) -> bool:
        """Whether the files are OpenEXR: linear colour, premultiplied."""
        return self.tail.lower().endswith(".exr")

    def file_name(self, index: int) -> str:
        """The name of the picture `index`, counted from 0."""
        return f"{self.head}{str(self.first + index).zfill(self.digits)}{self.tail}"

    @classmethod
    def of(cls, clip: Clip) -> "Sequence":
        """A clip's pictures."""
        sidecar = clip.sidecar
        head, number, tail = _split(next(sidecar.frame_names()))
        return cls(clip.folder, head, tail, len(number), sidecar.first_frame, sidecar.frame_count, sidecar.fps, clip)

    @classmethod
    def open(cls, path: Path) -> "Sequence":
        """The clip or sequence that a path is about: a sidecar, a picture, or the folder of either.

        Raises InvalidClipError, also when a picture in the middle is missing.
        """
        if path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES:
            clip = _clip_with(path)
            return cls.of(clip) if clip is not None else _sequence_with(path)
        if path.is_dir() and not any(path.glob(f"*{SIDECAR_SUFFIX}")):
            return _only_sequence_in(path)
        return cls.of(Clip.open(path))


def _clip_with(picture: Path) -> Clip | None:
    """The clip that a picture belongs to; None for one that has nothing to do with a sidecar beside it."""
    for sidecar in sorted(picture.parent.glob(f"*{SIDECAR_SUFFIX}")):
        try:
            clip = Clip.open(sidecar)
        except InvalidClipError:
            continue
        if picture.name in clip.sidecar.frame_names():
            return clip
    return None


def _sequence_with(picture: Path) -> Sequence:
    numbered = _NUMBERED.fullmatch(picture.name)
    if numbered is None:
        raise InvalidClipError(
            f"{picture.name} has no number in its name. Choose a picture of a sequence, such as smoke_0001.png."
        )
    head, tail = numbered["head"], numbered["tail"]
    return _gathered(picture.parent, head, tail, _numbers_in(picture.parent)[head, tail])


def _only_sequence_in(folder: Path) -> Sequence:
    found = _numbers_in(folder)
    if not found:
        raise InvalidClipError(
            f"{folder} holds no {SIDECAR_SUFFIX} file and no numbered pictures. Choose the folder of a clip."
        )
    if len(found) > 1:
        raise InvalidClipError(f"{folder} holds several sequences. Choose a picture of the one you mean.")
    ((head, tail), numbers) = next(iter(found.items()))
    return _gathered(folder, head, tail, numbers)


def _numbers_in(folder: Path) -> dict[tuple[str, str], dict[int, str]]:
    """The sequences of a folder by what stands before and behind the number: each number, and how it is written."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    for path in sorted(folder.iterdir()):
        numbered = _NUMBERED.fullmatch(path.name)
        if numbered is not None and path.suffix.lower() in PICTURE_SUFFIXES:
            numbers = found.setdefault((numbered["head"], numbered["tail"]), {})
            numbers.setdefault(int(numbered["number"]), numbered["number"])
    return found


def _gathered(folder: Path, head: str, tail: str, numbers: Mapping[int, str]) -> Sequence:
    first, last = min(numbers), max(numbers)
    sequence = Sequence(folder, head, tail, len(numbers[first]), first, last - first + 1)
    for index in range(min(sequence.frame_count, len(numbers) + 1)):
        if numbers.get(first + index) is None or f"{head}{numbers[first + index]}{tail}" != sequence.file_name(index):
            raise InvalidClipError(
                f"{sequence.file_name(index)} is missing in {folder}. Render it again, or move the pictures that "
                "belong together into a folder of their own."
            )
    return sequence


def _split(name: str) -> tuple[str, str, str]:
    numbered = _NUMBERED.fullmatch(name)
    if numbered is None:
        raise InvalidClipError(f"{name} has no number in its name. Make the clip again.")
    return numbered["head"], numbered["number"], numbered["tail"]
