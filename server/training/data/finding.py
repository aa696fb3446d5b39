"""Which clips a folder holds, in whatever way people keep them. No torch here.

A clip is: a movie; a folder with one image sequence; one of several sequences in a folder; a clip folder of the server
(by its sidecar); a folder with `fgr` and `pha` that are movies or sequences. Where `fgr` and `pha` are folders of such,
as VideoMatte240K has them, those of equal names belong together. Hidden files and folders are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from server.media.clip_reader import COLOUR_NAME, MATTE_NAME, open_clip
from server.media.errors import MediaError
from server.media.movie_reader import SUFFIXES as MOVIE_SUFFIXES
from server.media.naming import SIDECAR_SUFFIX
from server.media.numbering import image_sequence, sequence_patterns
from server.media.stream import AlphaMode, ClipStream
from server.training.data.errors import DataError
from server.training.data.report import Problem

_MOVIES = MOVIE_SUFFIXES | {".webp"}
# Inside a folder that is a clip, beside the usual file with the folder's name.
_CAPTION_IN_FOLDER = "caption.txt"


@dataclass(frozen=True)
class FoundClip:
    """Something that should be a clip; nothing of it was read yet.

    Attributes:
        name: its path in the data folder, with forward slashes; of a pair that of the colour.
        path: what `open_clip` takes.
        matte: the other half of a pair.
        caption_files: text files that may hold its captions, the first that exists counts.
        other_names: by which a table of captions may call it besides `name`.
    """

    name: str
    path: Path
    matte: Path | None = None
    caption_files: tuple[Path, ...] = ()
    other_names: tuple[str, ...] = ()

    def open(self, *, fps: Fraction | None = None, alpha: AlphaMode | None = None) -> ClipStream:
        """The clip; `fps` and `alpha` replace what its files say. Raises MediaError."""
        return open_clip(self.path, fps=fps, alpha=None if self.matte else alpha, matte=self.matte)

    def files(self) -> list[Path]:
        """All files that its pixels depend on, in order. Raises MediaError."""
        return [file for part in (self.path, self.matte) if part is not None for file in _files(part)]


@dataclass
class Found:
    """The clips of a folder in the order of their names, and what belongs to none."""

    clips: list[FoundClip] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def find_clips(folder: Path) -> Found:
    """Look for clips in a folder and all folders below.

    Raises DataError when there is no such folder; a folder without clips is one without clips.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; name the one that holds the clips.")
    found = Found()
    _look_into(folder, folder, found, set())
    found.clips.sort(key=lambda clip: clip.name)
    return found


def _look_into(folder: Path, root: Path, found: Found, seen: set[Path]) -> None:
    real = folder.resolve()
    if real in seen:  # a link back to a folder above
        return
    seen.add(real)
    files, folders = _visible(folder)
    if any(file.suffix.lower() == SIDECAR_SUFFIX for file in files):
        found.clips.append(_of_folder(folder, root))
        return
    colour, matte = _part(folder, COLOUR_NAME), _part(folder, MATTE_NAME)
    if colour and matte:
        if _is_clip(colour) and _is_clip(matte):
            found.clips.append(_of_folder(folder, root))
        else:
            _pair_up(colour, matte, root, found)
        folders = [each for each in folders if each not in (colour, matte)]
        files = [each for each in files if each not in (colour, matte)]
    found.clips.extend(_in_folder(folder, files, root))
    for each in folders:
        _look_into(each, root, found, seen)


def _in_folder(folder: Path, files: list[Path], root: Path) -> Iterator[FoundClip]:
    """The movies and image sequences that lie directly in a folder."""
    patterns = sequence_patterns(folder)
    for file in files:
        if file.suffix.lower() in MOVIE_SUFFIXES or (file.suffix.lower() == ".webp" and not _is_numbered(file)):
            yield _of_file(file, root)
    if len(patterns) == 1 and folder != root:
        yield _of_folder(folder, root)
        return
    for pattern in patterns:
        if pattern.suffix.lower() == ".webp" and len(alone := _matching(pattern, files)) == 1:
            yield _of_file(alone[0], root)  # an animated picture that happens to have a number
            continue
        plain = pattern.stem.replace("#", "").rstrip("._- ") or folder.name
        yield FoundClip(
            name=_name(pattern, root),
            path=pattern,
            caption_files=(pattern.with_name(f"{plain}.txt"),),
            other_names=(_name(pattern.with_name(plain), root),),
        )


def _of_file(file: Path, root: Path) -> FoundClip:
    names = (_name(file.with_suffix(""), root),)
    return FoundClip(_name(file, root), file, caption_files=(file.with_suffix(".txt"),), other_names=names)


def _of_folder(folder: Path, root: Path) -> FoundClip:
    beside = folder.parent / f"{folder.name}.txt"
    inside = folder / _CAPTION_IN_FOLDER
    return FoundClip(_name(folder, root), folder, caption_files=(beside, inside) if folder != root else (inside,))


def _pair_up(colour: Path, matte: Path, root: Path, found: Found) -> None:
    """The clips in `fgr/` and `pha/` that have the same name."""
    colours, mattes = _by_stem(colour), _by_stem(matte)
    for stem in sorted(colours.keys() | mattes.keys()):
        ours, theirs = colours.get(stem), mattes.get(stem)
        if ours is None or theirs is None:
            there, missing = ours or theirs, (colour if ours is None else matte).name
            assert there is not None
            sentence = f"There is no clip of the same name in {missing}/; add it, or remove this one."
            found.problems.append(Problem(_name(there, root), "error", "unpaired", sentence))
            continue
        above = colour.parent
        found.clips.append(
            FoundClip(
                name=_name(ours, root),
                path=ours,
                matte=theirs,
                caption_files=(above / f"{stem}.txt", colour / f"{stem}.txt"),
                other_names=(_name(above / stem, root), _name(colour / stem, root), _name(above / ours.name, root)),
            )
        )


def _by_stem(folder: Path) -> dict[str, Path]:
    files, folders = _visible(folder)
    movies = {file.stem: file for file in files if file.suffix.lower() in _MOVIES}
    return movies | {each.name: each for each in folders}


def _is_clip(part: Path) -> bool:
    """Whether `fgr` is one clip, rather than a folder of them."""
    return part.is_file() or bool(sequence_patterns(part))


def _is_numbered(file: Path) -> bool:
    return file.stem[-1:].isdigit()


def _matching(pattern: Path, files: list[Path]) -> list[Path]:
    digits = re.compile(re.sub("#+", lambda _: r"\d+", re.escape(pattern.name).replace(r"\#", "#")))
    return [file for file in files if digits.fullmatch(file.name)]


def _part(folder: Path, name: str) -> Path | None:
    candidates = [folder / name, *(folder / (name + suffix) for suffix in sorted(MOVIE_SUFFIXES))]
    return next((part for part in candidates if part.exists()), None)


def _visible(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files and folders, sorted."""
    entries = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    return [each for each in entries if each.is_file()], [each for each in entries if each.is_dir()]


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path != root else root.name


def _files(part: Path) -> list[Path]:
    if part.is_file():
        return [part]
    if part.is_dir():
        return sorted(each for each in part.rglob("*") if each.is_file() and not _is_aside(each))
    try:
        return list(image_sequence(part).files)
    except OSError as error:
        raise MediaError(f"{part.name} cannot be read ({error.strerror}).") from None


def _is_aside(file: Path) -> bool:
    return file.name.startswith(".") or file.suffix.lower() == ".txt"
