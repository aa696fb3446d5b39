"""Which files make up an image sequence."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from server.media.errors import MediaError
from server.media.images import SUFFIXES

# `shot.v2_0012.png`: the last number of the name is the frame's.
_NUMBERED = re.compile(r"^(?P<prefix>.*?)(?P<number>\d+)(?P<suffix>\.[^.]+)$")
_PATTERN = re.compile(r"^(?P<prefix>.*?)(?:%0?\d*d|#+)(?P<suffix>\.[^.]+)$")


@dataclass(frozen=True)
class ImageSequence:
    """The files of a sequence in order. `name` has `#` for the digits: `shot_####.png`."""

    name: str
    files: Sequence[Path]
    first_number: int


def is_pattern(path: Path) -> bool:
    """Whether the name stands for a sequence: `shot_%04d.png`, `shot_####.png`."""
    return bool(_PATTERN.match(path.name))


def image_sequence(path: Path) -> ImageSequence:
    """The sequence in a folder, of a pattern, or that an image belongs to (one without a number stands alone).

    Raises MediaError when there is none, several, or a gap in one.
    """
    if path.is_dir():
        return _only_one(path, _sequences(path.iterdir()))
    pattern = _PATTERN.match(path.name)
    key = pattern or _NUMBERED.match(path.name)
    if key is None:
        return ImageSequence(path.name, [path], 1)
    if not path.parent.is_dir():
        raise MediaError(f"There is no folder {path.parent}.")
    if pattern is None and not path.is_file():
        raise MediaError(f"There is no file {path}.")
    found = _sequences(path.parent.iterdir()).get((key["prefix"], key["suffix"]))
    if not found:
        raise MediaError(f"There is no numbered image {path.name} in {path.parent}.")
    return _checked(key["prefix"], key["suffix"], found)


def sequence_patterns(folder: Path) -> list[Path]:
    """The pattern of every sequence that lies in a folder (`folder/shot_####.png`), sorted; gaps do not matter here."""
    found = _sequences(folder.iterdir())
    return sorted(folder / _name(prefix, suffix, files) for (prefix, suffix), files in found.items())


Files = dict[tuple[str, str], list[tuple[int, Path]]]


def _sequences(files: Iterable[Path]) -> Files:
    """Files by what stands before and after their number."""
    found: Files = defaultdict(list)
    for file in files:
        key = _NUMBERED.match(file.name)
        if key and key["suffix"].lower() in SUFFIXES and not file.name.startswith(".") and file.is_file():
            found[key["prefix"], key["suffix"]].append((int(key["number"]), file))
    return found


def _only_one(folder: Path, found: Files) -> ImageSequence:
    if not found:
        raise MediaError(f"There are no numbered images in {folder}; name a movie, a sequence or a clip folder.")
    if len(found) > 1:
        names = sorted(_name(prefix, suffix, files) for (prefix, suffix), files in found.items())
        raise MediaError(f"There are several sequences in {folder} ({', '.join(names[:5])}); name one of them.")
    ((prefix, suffix), files) = next(iter(found.items()))
    return _checked(prefix, suffix, files)


def _checked(prefix: str, suffix: str, found: list[tuple[int, Path]]) -> ImageSequence:
    found.sort(key=lambda item: (item[0], item[1].name))
    numbers = [number for number, _ in found]
    name = _name(prefix, suffix, found)
    for (number, file), (following, other) in pairwise(found):
        if number == following:
            raise MediaError(f"{file.name} and {other.name} are both frame {number}; remove one of them.")
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers)) if _is_plausible(numbers) else []
    if missing:
        raise MediaError(
            f"{name} goes from {numbers[0]} to {numbers[-1]}, but {ranges(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; render or copy them again."
        )
    if not _is_plausible(numbers):
        raise MediaError(f"{name} goes from {numbers[0]} to {numbers[-1]} with only {len(numbers)} files.")
    return ImageSequence(name, [file for _, file in found], numbers[0])


def _is_plausible(numbers: list[int]) -> bool:
    """Numbers may be anything, times for example; do not list a billion that are missing."""
    return numbers[-1] - numbers[0] < 100 * len(numbers) + 1000


def _name(prefix: str, suffix: str, files: list[tuple[int, Path]]) -> str:
    digits = len(files[0][1].name) - len(prefix) - len(suffix)
    return f"{prefix}{'#' * digits}{suffix}"


def ranges(numbers: Sequence[int]) -> str:
    """Sorted numbers as people write them: `5, 7 to 9 and 12`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    if len(texts) > 12:
        texts = [*texts[:11], f"{sum(map(len, runs[11:]))} more"]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
