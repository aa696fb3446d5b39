"""The history on disk: one small file for each wish, so that nothing is lost with the memory of a process.

Blender adds a wish before anything is sent, the courier writes down what becomes of it, and Blender what was placed.
Several Blenders may use the same folder. Whatever else lies in it is left alone.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .errors import TransPixarError, from_os_error
from .file_lock import FileLock
from .history_entry import Entry, KeptClip, is_key
from .saving import replace_file, sync_folder

_SUFFIX = ".json"
_PICTURE_SUFFIX = ".rgba"
_LOCK_SUFFIX = ".lock"
# What `from_os_error` says to choose.
_ELSEWHERE = "a TransPixar folder you can write to in the add-on's preferences"


class History:
    """The entries of one folder, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, entry: Entry) -> None:
        """Write a new entry; it is on the disk when this returns. Raises DiskFullError or FolderNotWritableError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(entry)
        except OSError as error:
            raise from_os_error(error, self.folder, _ELSEWHERE) from error

    def load(self, key: str) -> Entry | None:
        """One entry; None when it is not there, or cannot be read."""
        try:
            return _read(self._path(key))
        except (OSError, ValueError):
            return None

    def load_each(self) -> Iterator[Entry | str]:
        """Every entry in no order, one read at a time; of a file that looks like one and is none, its name."""
        for path in self._files():
            try:
                yield _read(path)
            except FileNotFoundError:
                # Removed by another Blender since the folder was listed.
                continue
            except (OSError, ValueError):
                yield path.name

    def change(self, key: str, **changes: Any) -> Entry | None:
        """Change fields of an entry; None when it is gone. Raises DiskFullError or FolderNotWritableError."""
        return self._edit(key, lambda entry: replace(entry, **changes))

    def keep_clip(self, key: str, clip: KeptClip) -> Entry | None:
        """Write down a clip that stands on the disk; that it was placed stays known. As `change`."""

        def with_clip(entry: Entry) -> Entry:
            placed = any(each.placed for each in entry.clips if each.index == clip.index)
            return replace(entry, clips=entry.with_clip(replace(clip, placed=placed or clip.placed)))

        return self._edit(key, with_clip)

    def mark_placed(self, key: str, index: int) -> Entry | None:
        """Write down that a clip stands in a scene. As `change`."""

        def with_mark(entry: Entry) -> Entry:
            clips = tuple(replace(clip, placed=clip.placed or clip.index == index) for clip in entry.clips)
            return replace(entry, clips=clips)

        return self._edit(key, with_mark)

    def remove(self, key: str) -> None:
        """Forget an entry; one that is gone already is no error."""
        with self._changing():
            for path in (self._path(key), self.picture_path(key), self._lock_path(key)):
                # Windows does not remove what another process has open; a lock that stays behind is empty.
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                sync_folder(self.folder)

    def follower(self, key: str) -> FileLock:
        """The lock held by whoever follows an entry's job, so that two Blenders do not both bring the clip."""
        return FileLock(self._lock_path(key))

    def is_followed(self, key: str) -> bool:
        """Whether somebody follows this entry's job at the moment."""
        lock = self.follower(key)
        try:
            free = lock.try_acquire()
        except OSError:
            return False
        lock.release()
        return not free

    def picture_path(self, key: str) -> Path:
        """Where an entry's newest preview is laid."""
        return self._named(key, _PICTURE_SUFFIX)

    def _edit(self, key: str, edit: Callable[[Entry], Entry]) -> Entry | None:
        try:
            with self._changing():
                entry = self.load(key)
                if entry is None:
                    # Deleted meanwhile: what was forgotten on purpose must not come back.
                    return None
                changed = edit(entry)
                if changed != entry:
                    self._write(changed)
                return changed
        except OSError as error:
            raise from_os_error(error, self.folder, _ELSEWHERE) from error

    def _write(self, entry: Entry) -> None:
        replace_file(self._path(entry.key), json.dumps(entry.to_json(), indent=1, default=str).encode())

    def _changing(self) -> FileLock:
        return FileLock(self.folder / "changing.lock")

    def _files(self) -> list[Path]:
        try:
            paths = list(self.folder.iterdir())
        except OSError:
            return []
        return [path for path in paths if path.suffix == _SUFFIX and not path.name.startswith(".")]

    def _path(self, key: str) -> Path:
        return self._named(key, _SUFFIX)

    def _lock_path(self, key: str) -> Path:
        return self._named(key, _LOCK_SUFFIX)

    def _named(self, key: str, suffix: str) -> Path:
        if not is_key(key):
            raise TransPixarError("This is no entry of the history.", code="not_found")
        return self.folder / f"{key}{suffix}"


def _read(path: Path) -> Entry:
    """Raises OSError, or ValueError when the file is no entry, or not the one of its name."""
    try:
        entry = Entry.from_json(json.loads(path.read_bytes()))
    except RecursionError as error:
        raise ValueError("This is no entry of the history.") from error
    if path.name != f"{entry.key}{_SUFFIX}":
        raise ValueError("This entry of the history has another name.")
    return entry
