"""The words of each clip: from a table, a text file beside it, or the clip itself. No torch here.

A table is one `.jsonl` or `.csv` in the data folder with a clip's path in it (`file`; also `file_name`, `path`,
`video`, `clip`) and its caption (`caption`; also `text`, `prompt`). Several captions: a list under `captions` in JSONL,
further columns whose names begin with `caption` in CSV, or several lines with the same file. A text file has one
caption on each line. What the table says goes before the text file, and that before the prompt in a sidecar or movie.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from server.training.data.finding import FoundClip
from server.training.data.report import Problem

_FILE_KEYS = ("file", "file_name", "path", "video", "clip")
_CAPTION_KEYS = ("caption", "captions", "text", "prompt")
_SUFFIXES = (".jsonl", ".csv")


class _Unreadable(Exception):
    """A file of captions that cannot be read; the message is the rest of a sentence."""


class Captions:
    """The captions of a folder's clips, with what is wrong about them.

    Attributes:
        problems: of the table and the text files.
    """

    def __init__(self, folder: Path, clips: Iterable[FoundClip]) -> None:
        """Read the table and the text files; whatever cannot be read becomes a problem."""
        self.problems: list[Problem] = []
        clips = list(clips)
        self._words = {clip.name: words for clip in clips if (words := self._text(clip))}
        table, lines = self._table(folder)
        self._words |= self._matched(table, lines, clips)

    def of(self, clip: FoundClip, prompt: str | None = None) -> tuple[str, ...]:
        """The captions of a clip; `prompt` is the one that the clip itself carries. Empty when there is none."""
        own = tuple(_cleaned([prompt or ""]))
        return self._words.get(clip.name, own)

    def _text(self, clip: FoundClip) -> tuple[str, ...]:
        for file in clip.caption_files:
            if file.is_file():
                try:
                    return tuple(_cleaned(_read(file).splitlines()))
                except _Unreadable as error:
                    self._add(clip.name, f"{file.name}: {error}")
        return ()

    def _table(self, folder: Path) -> tuple[Path | None, list[tuple[int, str, list[str]]]]:
        tables = sorted(
            each for each in folder.iterdir() if each.suffix.lower() in _SUFFIXES and not each.name.startswith(".")
        )
        if not tables:
            return None, []
        if len(tables) > 1:
            names = ", ".join(each.name for each in tables)
            self._add("", f"There are several tables of captions ({names}); keep one of them.")
            return None, []
        lines: list[tuple[int, str, list[str]]] = []
        try:
            text = _read(tables[0])
            for number, entry in (_json_lines if tables[0].suffix.lower() == ".jsonl" else _csv_lines)(text):
                file, words = _file_of(entry), _captions_of(entry)
                if file is None:
                    self._add("", f"{tables[0].name}, line {number}: no clip is named; write its path under `file`.")
                elif words:
                    lines.append((number, file, words))
        except _Unreadable as error:
            self._add("", f"{tables[0].name}: {error}")
        return tables[0], lines

    def _matched(
        self, table: Path | None, lines: list[tuple[int, str, list[str]]], clips: list[FoundClip]
    ) -> dict[str, tuple[str, ...]]:
        known = {name: clip.name for clip in clips for name in (clip.name, *clip.other_names)}
        found: dict[str, list[str]] = {}
        for number, file, words in lines:
            name = known.get(file.replace("\\", "/").removeprefix("./").rstrip("/"))
            if name is None:
                assert table is not None
                self._add("", f"{table.name}, line {number}: there is no clip {file}; correct the name or add it.")
            else:
                found.setdefault(name, []).extend(words)
        return {name: tuple(dict.fromkeys(words)) for name, words in found.items()}

    def _add(self, clip: str, sentence: str) -> None:
        self.problems.append(Problem(clip, "error", "captions", sentence))


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise _Unreadable("it is no UTF-8 text; save it as UTF-8.") from None
    except OSError as error:
        raise _Unreadable(f"it cannot be read ({error.strerror}).") from None


def _json_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise _Unreadable(f"line {number} is no JSON ({error}); correct it.") from None
        if not isinstance(entry, dict):
            raise _Unreadable(f'line {number} is no JSON object; write {{"file": ..., "caption": ...}}.')
        yield number, entry


def _csv_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        if not {name.strip().lower() for name in rows.fieldnames or ()} & set(_FILE_KEYS):
            raise _Unreadable("the first line must name the columns: file,caption.")
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise _Unreadable(f"line {rows.line_num} is no CSV ({error}); correct it.") from None


def _file_of(entry: Mapping[str, Any]) -> str | None:
    named = {str(key).strip().lower(): value for key, value in entry.items()}
    return next((value for key in _FILE_KEYS if isinstance(value := named.get(key), str) and value.strip()), None)


def _captions_of(entry: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for key, value in entry.items():
        name = str(key).strip().lower()
        if name in _CAPTION_KEYS or name.startswith("caption"):
            words += value if isinstance(value, list) else [value]
    return _cleaned(word for word in words if isinstance(word, str))


def _cleaned(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for line in lines if (text := " ".join(line.split()))))
