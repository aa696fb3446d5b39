"""Moving artists' work out of a folder that is not theirs, once, without losing any of it.

What lies in the subfolders `KINDS` of one folder goes into those of another, piece by piece: a clip's folder, an entry
of the history, a file. A piece is renamed; on another file system it is copied under a hidden name, compared, renamed,
and only then removed from the old place. Nothing is overwritten: a piece whose name is taken gets a numbered one,
unless the same is there already. So a move that was broken off at any moment is taken up by simply moving again.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .catalogs import FILE_NAME as CATALOGS
from .catalogs import combined
from .errors import InvalidLibraryError, TransPixarError
from .file_lock import FileLock
from .history import History
from .history_entry import Entry, EntryState
from .saving import replace_file, sync_folder

CLIPS, LIBRARY, HISTORY = KINDS = ("clips", "library", "history")
_LOCK = ".moving.lock"
_RECORD = ".moved.json"
_COPY_SUFFIX = ".moving"
# Left by writers that were broken off, or being written: no piece of work yet.
_UNFINISHED = (".part", _COPY_SUFFIX)
_ENTRY_SUFFIX, _LOCK_SUFFIX = ".json", ".lock"


class Moved:
    """Where pieces of work are that were moved into a folder, as its record says; it is read when it is made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._renamed = _read_record(folder / _RECORD)

    def __bool__(self) -> bool:
        return bool(self._renamed)

    def now(self, path: Path) -> Path:
        """Where a file or folder is that was at this absolute path; the path itself when it was not moved.

        Of a whole kind, all clips say, it is where its pieces go.
        """
        for old, renamed in self._renamed.items():
            inside = _inside(path, old)
            if inside is None or not inside.parts or inside.parts[0] not in KINDS:
                continue
            kind, *rest = inside.parts
            if rest:
                rest[0] = renamed.get(f"{kind}/{rest[0]}", rest[0])
            found = self._folder.joinpath(kind, *rest)
            if not rest or os.path.lexists(found):
                return found
        return path

    def remember(self, old: Path, piece: str = "", name: str = "") -> None:
        """Write down that things come from `old`, and the new name of a piece, such as `clips/fire`. Raises OSError."""
        for root in {str(old), str(old.resolve())}:
            self._renamed.setdefault(root, {})
            if piece:
                self._renamed[root][piece] = name
        record = {"format_version": 1, "moved": [{"from": k, "renamed": v} for k, v in self._renamed.items()]}
        replace_file(self._folder / _RECORD, json.dumps(record, indent=1).encode())


@dataclass
class Move:
    """One go at moving all work from `old` to `new`; a piece that cannot be moved stays, and the others go on.

    `error` is the first thing that was in the way.
    """

    old: Path
    new: Path
    error: TransPixarError | None = None

    @property
    def is_needed(self) -> bool:
        """Whether there is any work in the old place, and the new one is another."""
        if _inside(self.new.resolve(), str(self.old.resolve())) is not None:
            return False
        return any(_pieces(self.old / kind) for kind in KINDS)

    def steps(self) -> Iterator[bool]:
        """Move, a file or a folder at a time; False is given while another Blender moves, as often as it is asked."""
        if not self.is_needed:
            return
        try:
            self.new.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.new / _LOCK)
            while not lock.try_acquire():
                yield False
        except OSError as error:
            self._note(error)
            return
        try:
            moved = Moved(self.new)
            moved.remember(self.old)
            for kind in KINDS:
                yield from self._move_kind(kind, moved)
        except OSError as error:
            self._note(error)
        finally:
            lock.release()

    def _move_kind(self, kind: str, moved: Moved) -> Iterator[bool]:
        folder = self.old / kind
        for piece in _pieces(folder):
            (self.new / kind).mkdir(parents=True, exist_ok=True)
            try:
                if kind == HISTORY and piece.suffix == _ENTRY_SUFFIX:
                    self._move_entry(piece, moved)
                elif kind == LIBRARY and piece.name == CATALOGS:
                    self._move_catalogs(piece, moved)
                else:
                    yield from self._move(piece, kind, moved)
            except FileNotFoundError:
                # Taken away by its owner since the folder was listed.
                continue
            except OSError as error:
                self._note(error)
            except TransPixarError as error:
                self.error = self.error or error
            yield True
        with contextlib.suppress(OSError):
            folder.rmdir()  # when it is empty: what may be left in it is no work, or could not be moved

    def _move(self, piece: Path, kind: str, moved: Moved) -> Iterator[bool]:
        target = self.new / kind / piece.name
        number = 1
        while os.path.lexists(target):
            if _holds(target, piece):
                _remove(piece)
                return
            number += 1
            stem, suffix = (piece.stem, piece.suffix) if piece.is_file() else (piece.name, "")
            target = target.with_name(f"{stem}-{number}{suffix}")
        if number > 1:
            moved.remember(self.old, f"{kind}/{piece.name}", target.name)
        try:
            piece.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            yield from _copy_checked(piece, target)
            _remove(piece)
        sync_folder(target.parent)

    def _move_entry(self, file: Path, moved: Moved) -> None:
        """Move an entry of the history, and let it name the clips' new places."""
        source, history = History(file.parent), History(self.new / HISTORY)
        entry = source.load(file.stem)
        if entry is None:
            for _ in self._move(file, HISTORY, moved):
                pass
            return
        lock = source.follower(entry.key)
        if not lock.try_acquire():
            return  # A Blender that was started before follows it; it is moved at the next start.
        try:
            there = history.load(entry.key)
            here = _with_new_places(entry, moved)
            if there is None:
                history.add(here)
            else:
                history.change(entry.key, clips=_all_clips(there, here), state=_later_state(there, here))
        finally:
            lock.release()
        source.remove(entry.key)

    def _move_catalogs(self, file: Path, moved: Moved) -> None:
        """Add a library's catalogs to those that are in the new place; of two that do not agree, both files stay."""
        target = self.new / LIBRARY / CATALOGS
        if target.exists():
            try:
                text = combined(*(path.read_bytes().decode() for path in (target, file)))
            except (InvalidLibraryError, UnicodeDecodeError):
                pass
            else:
                replace_file(target, text.encode())
                file.unlink()
                return
        for _ in self._move(file, LIBRARY, moved):
            pass

    def _note(self, error: OSError) -> None:
        reason = error.strerror or str(error)
        self.error = self.error or TransPixarError(
            f"Clips could not be moved from {self.old} to {self.new} ({reason}); they are still there. Make room and "
            "let both folders be written to, or choose another TransPixar folder in the add-on's preferences, then "
            "start Blender again.",
            code="not_moved",
        )


def _pieces(folder: Path) -> list[Path]:
    """What is to be moved, entries of the history after the pictures that belong to them."""
    try:
        found = [path for path in folder.iterdir() if not _is_unfinished(path)]
    except OSError:
        return []
    return sorted(found, key=lambda path: (path.suffix == _ENTRY_SUFFIX, path.name))


def _is_unfinished(path: Path) -> bool:
    return path.suffix == _LOCK_SUFFIX or (path.name.startswith(".") and path.suffix in _UNFINISHED)


def _copy_checked(source: Path, target: Path) -> Iterator[bool]:
    """Copy to another file system, a file at a time; the name is given to what was compared, and is on the disk."""
    temporary = target.with_name(f".{target.name}{_COPY_SUFFIX}")
    if os.path.lexists(temporary):
        _remove(temporary)  # of a move that was broken off; the lock says that it is nobody's
    try:
        for file in _tree(source):
            _copy(file, temporary / file.relative_to(source) if file != source else temporary)
            yield True
        if not _holds(temporary, source):
            raise OSError(errno.EIO, "the copy is not the same as the original")
        temporary.rename(target)
    except BaseException:
        with contextlib.suppress(OSError):
            _remove(temporary)
        raise


def _copy(file: Path, copy: Path) -> None:
    if file.is_symlink():
        copy.symlink_to(file.readlink())
    elif file.is_dir():
        copy.mkdir()
    else:
        shutil.copy2(file, copy)
        with copy.open("rb+") as written:
            os.fsync(written.fileno())


def _holds(there: Path, here: Path) -> bool:
    """Whether all that is in `here` is in `there`, with the same content."""
    for file in _tree(here):
        other = there / file.relative_to(here) if file != here else there
        if file.is_symlink() or other.is_symlink():
            same = file.is_symlink() and other.is_symlink() and file.readlink() == other.readlink()
        elif file.is_dir():
            same = other.is_dir()
        else:
            same = other.is_file() and file.stat().st_size == other.stat().st_size and _sha256(file) == _sha256(other)
        if not same:
            return False
    return True


def _tree(path: Path) -> Iterator[Path]:
    """A file; or a folder, then all that is in it, with folders before what they hold."""
    yield path
    if path.is_dir() and not path.is_symlink():
        for child in sorted(path.iterdir()):
            yield from _tree(child)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _with_new_places(entry: Entry, moved: Moved) -> Entry:
    clips = tuple(replace(clip, folder=str(moved.now(Path(clip.folder)))) for clip in entry.clips)
    return replace(entry, clips=clips, destination=str(moved.now(Path(entry.destination))))


def _all_clips(there: Entry, here: Entry) -> tuple[Any, ...]:
    known = {clip.index for clip in there.clips}
    missing = (clip for clip in here.clips if clip.index not in known)
    return tuple(sorted([*there.clips, *missing], key=lambda clip: clip.index))


def _later_state(there: Entry, here: Entry) -> EntryState:
    return here.state if there.state is EntryState.OPEN else there.state


def _inside(path: Path, folder: str) -> Path | None:
    """The path as seen from a folder; None when it is not in it."""
    plain, root = os.path.normpath(path), os.path.normpath(folder)
    if os.path.normcase(plain) == os.path.normcase(root):
        return Path()
    if not os.path.normcase(plain).startswith(os.path.normcase(root) + os.sep):
        return None
    return Path(plain[len(root) + 1 :])


def _read_record(path: Path) -> dict[str, dict[str, str]]:
    """What a record says; one that cannot be read says nothing."""
    try:
        moved = json.loads(path.read_bytes())["moved"]
        return {str(each["from"]): _texts(each["renamed"]) for each in moved}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(new) for name, new in value.items()}
