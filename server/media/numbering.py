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

# Of the name without its ending. The last number is the frame's: `shot.v2_0012`. A dash is a sign at the beginning and
# after anything but a letter or digit: `shot_-0012` is frame -12, `shot-0012` frame 12. The add-on has the same rule.
_NUMBERED = re.compile(r"(?P<head>.*?)(?P<number>(?:(?<![^\W_])-)?[0-9]+)(?P<tail>[^0-9]*)", re.DOTALL)
# What Blender counts with; longer numbers are times or dates.
_LARGEST_NUMBER = 2**31 - 1
# As Nuke (`%04d`, `####`) and After Effects (`[####]`, `[0001-0100]`) show the number of a sequence.
_PLACE = re.compile(r"%0?[0-9]*d|\[#+\]|\[[0-9]+(?:-[0-9]+)?\]|#+")


@dataclass(frozen=True)
class ImageSequence:
    """The files of a sequence in order. `name` has `#` for the digits: `shot_####.png`."""

    name: str
    files: Sequence[Path]
    first_number: int


def is_pattern(path: Path) -> bool:
    """Whether the name stands for a sequence: `shot_%04d.png`, `shot_####.png`, `shot_[0001-0100].png`."""
    return _PLACE.search(path.name) is not None and not path.exists()


def image_sequence(path: Path) -> ImageSequence:
    """The sequence in a folder, of a pattern, or that an image belongs to (one without a number stands alone).

    Raises MediaError when there is none, several, or a gap in one.
    """
    if path.is_dir():
        return _only_one(path, _sequences(path.iterdir()))
    if not path.parent.is_dir():
        raise MediaError(f"There is no folder {path.parent}.")
    if is_pattern(path):
        return _checked(*_matching(path))
    if not path.is_file():
        raise MediaError(f"There is no file {path}.")
    split = split_name(path.name)
    if split is None:
        return ImageSequence(path.name, [path], 1)
    head, _, tail = split
    return _checked(head, tail, _sequences(path.parent.iterdir()).get((head, tail)) or [(int(split[1]), path)])


def sequence_patterns(folder: Path) -> list[Path]:
    """The pattern of every sequence that lies in a folder (`folder/shot_####.png`), sorted; gaps do not matter here."""
    found = _sequences(folder.iterdir())
    return sorted(folder / _name(prefix, suffix, files) for (prefix, suffix), files in found.items())


def split_name(name: str) -> tuple[str, str, str] | None:
    """What stands before a frame's number, the number, and what stands behind it; None when it has none."""
    stem, dot, ending = name.rpartition(".")
    numbered = _NUMBERED.fullmatch(stem)
    # macOS puts a file of its own beside every other one on foreign disks: `._0001.png`.
    if numbered is None or name.startswith(".") or abs(int(numbered["number"])) > _LARGEST_NUMBER:
        return None
    return numbered["head"], numbered["number"], numbered["tail"] + dot + ending


def numbered_alike(path: Path) -> list[Path]:
    """The files beside an image whose names differ in its number only, itself included, whatever their kind."""
    split = split_name(path.name)
    if split is None:
        return [path]
    head, _, tail = split
    others = [(split_name(file.name), file) for file in path.parent.iterdir()]
    return [file for other, file in others if other is not None and (other[0], other[2]) == (head, tail)]


def name_without_number(path: Path) -> str:
    """What to call the sequence of a frame or pattern, without its ending: `shot_rgb` for `shot_0001_rgb.png`."""
    name = path.name
    if is_pattern(path):
        *_, place = _PLACE.finditer(name)
        head, tail = name[: place.start()], name[place.end() :]
    else:
        split = split_name(name)
        if split is None:
            return path.stem
        head, _, tail = split
    if head.endswith("[") and tail.startswith("]"):
        head, tail = head[:-1], tail[1:]
    return head.rstrip("_.- ") + tail.rpartition(".")[0]


Files = dict[tuple[str, str], list[tuple[int, Path]]]


def _sequences(files: Iterable[Path]) -> Files:
    """Files by what stands before and after their number."""
    found: Files = defaultdict(list)
    for file in files:
        split = split_name(file.name)
        if split and file.suffix.lower() in SUFFIXES and file.is_file():
            head, number, tail = split
            found[head, tail].append((int(number), file))
    return found


def _matching(pattern: Path) -> tuple[str, str, list[tuple[int, Path]]]:
    """What stands before and after the number in a pattern, and the files with their numbers. Raises MediaError.

    The number may stand anywhere in the name, because the pattern says where.
    """
    *_, place = _PLACE.finditer(pattern.name)
    prefix, suffix = pattern.name[: place.start()], pattern.name[place.end() :]
    tried = [(prefix, suffix)]
    if place[0].startswith("["):
        # After Effects shows brackets that the files do not have, but names can have them.
        tried.insert(0, (prefix + "[", "]" + suffix))
    for before, after in tried:
        sign = "" if before[-1:].isalnum() else "-?"
        number = re.compile(re.escape(before) + f"({sign}[0-9]+)" + re.escape(after))
        names = [(number.fullmatch(file.name), file) for file in pattern.parent.iterdir()]
        found = [(int(match[1]), file) for match, file in names if match and file.is_file()]
        if found:
            return before, after, found
    raise MediaError(f"There is no numbered image {pattern.name} in {pattern.parent}.")


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
    digits = len(files[0][1].name.removeprefix(prefix).removesuffix(suffix).lstrip("-"))
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
