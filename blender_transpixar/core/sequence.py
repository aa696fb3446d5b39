"""Numbered pictures on disk: a clip's, or any others with an alpha channel."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from .clip import SIDECAR_SUFFIX, Canvas, Clip
from .errors import InvalidClipError
from .finishing import repeats

PICTURE_SUFFIXES = (".png", ".exr", ".tif", ".tiff")

# The last number before the ending counts, as in Blender: shot2_0001.png is picture 1. A dash is a sign at the
# beginning and after anything but a letter or digit: a_-0001.png is picture -1, and shot-0001.png picture 1.
_NUMBERED = re.compile(r"(?P<head>.*?)(?P<number>(?:(?<![^\W_])-)?[0-9]+)(?P<tail>[^0-9]*)", re.DOTALL)
# What Blender counts with; longer numbers are times or dates.
_LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Sequence:
    """Pictures `first` to `first` + `frame_count` - 1, whose numbers have at least `digits` digits.

    `fps` is None when nothing says it. `clip` is the clip they are, None for other pictures. `numbers` is how each
    number is written; empty when Blender can count so.
    """

    folder: Path
    head: str
    tail: str
    digits: int
    first: int
    frame_count: int
    fps: Fraction | None = None
    clip: Clip | None = None
    numbers: tuple[str, ...] = ()

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

    def file_name(self, index: int) -> str:
        """The name of the picture `index`, counted from 0."""
        number = self.numbers[index] if self.numbers else str(self.first + index).zfill(self.digits)
        return f"{self.head}{number}{self.tail}"

    def check_countable(self) -> None:
        """Raises InvalidClipError when Blender cannot count through the files, which only strips do without."""
        if self.numbers:
            last = self.frame_count - 1
            raise InvalidClipError(
                f"Blender cannot count from {self.file_name(0)} to {self.file_name(last)}. Number the pictures from 0 "
                "on, all with as many digits, or place them as a strip."
            )

    @classmethod
    def of(cls, clip: Clip) -> "Sequence":
        """A clip's pictures."""
        sidecar = clip.sidecar
        head, _, after = sidecar.pattern.partition("%0")
        digits, _, tail = after.partition("d")
        return cls(clip.folder, head, tail, int(digits), sidecar.first_frame, sidecar.frame_count, sidecar.fps, clip)

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


def split_name(name: str) -> tuple[str, str, str] | None:
    """What stands before a picture's number, the number, and what stands behind it; None when it has none.

    The server numbers by the same rule.
    """
    stem, dot, ending = name.rpartition(".")
    numbered = _NUMBERED.fullmatch(stem)
    # macOS puts a file of its own beside every other one on foreign disks: ._0001.png.
    if numbered is None or name.startswith(".") or abs(int(numbered["number"])) > _LARGEST_NUMBER:
        return None
    return numbered["head"], numbered["number"], numbered["tail"] + dot + ending


def _sequence_with(picture: Path) -> Sequence:
    split = split_name(picture.name)
    if split is None:
        raise InvalidClipError(
            f"{picture.name} has no number in its name. Choose a picture of a sequence, such as smoke_0001.png."
        )
    head, _, tail = split
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


def _numbers_in(folder: Path) -> dict[tuple[str, str], list[str]]:
    """The sequences of a folder by what stands before and behind the number, and how each number is written."""
    found: dict[tuple[str, str], list[str]] = {}
    # Names and no paths, which take five times as long: a folder may hold tens of thousands.
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        split = split_name(name) if name.lower().endswith(PICTURE_SUFFIXES) else None
        if split is not None:
            head, number, tail = split
            found.setdefault((head, tail), []).append(number)
    return found


def _gathered(folder: Path, head: str, tail: str, written: Iterable[str]) -> Sequence:
    numbers = sorted(written, key=int)
    first, digits = int(numbers[0]), len(numbers[0])
    for index, (number, following) in enumerate(pairwise(numbers), start=1):
        if int(following) == int(number):
            one, other = f"{head}{number}{tail}", f"{head}{following}{tail}"
            raise InvalidClipError(f"{one} and {other} have the same number in {folder}. Move one of them away.")
        if int(following) != first + index:
            missing = f"{head}{str(first + index).zfill(digits)}{tail}"
            raise InvalidClipError(
                f"{missing} is missing in {folder}. Render it again, or move the pictures that belong together into a "
                "folder of their own."
            )
    is_counted = first >= 0 and all(str(int(number)).zfill(digits) == number for number in numbers)
    return Sequence(folder, head, tail, digits, first, len(numbers), numbers=() if is_counted else tuple(numbers))
