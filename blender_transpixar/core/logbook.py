"""What an errand writes down of itself, if it has an entry in the history."""

import contextlib
from pathlib import Path
from typing import Any

from .errors import TransPixarError
from .file_lock import FileLock
from .history import History
from .history_entry import EntryState, KeptClip
from .job import JobClip


class Logbook:
    """The entry of one errand. That something could not be written never stops the errand: the key finds its job."""

    def __init__(self, history: History | None, key: str) -> None:
        self._history = history
        self._key = key
        self._lock: FileLock | None = None
        self.warnings: tuple[str, ...] = ()

    @property
    def keeps(self) -> bool:
        """Whether anything is written down at all."""
        return self._history is not None

    def begin(self) -> bool:
        """Become the one who follows this entry; False when another process does."""
        if self._history is None:
            return True
        self._lock = self._history.follower(self._key)
        try:
            return self._lock.try_acquire()
        except OSError:
            # Better followed twice than not at all.
            return True

    def end(self) -> None:
        """Follow it no longer."""
        if self._lock is not None:
            self._lock.release()

    def note(self, **changes: Any) -> None:
        """Change fields of the entry."""
        if self._history is not None:
            with contextlib.suppress(TransPixarError):
                self._history.change(self._key, **changes)

    def keep(self, clip: JobClip, folder: Path) -> None:
        """A clip has arrived."""
        if self._history is not None:
            with contextlib.suppress(TransPixarError):
                self._history.keep_clip(self._key, KeptClip(clip.index, str(folder), clip.seed))

    def ended(self, state: EntryState) -> None:
        """The wish came to its end."""
        self.note(state=state, error=None, warnings=self.warnings)

    def failed(self, error: TransPixarError, final: bool) -> None:
        """The errand could not go on; unless that is final, the wish stays open."""
        changes: dict[str, Any] = {"state": EntryState.FAILED} if final else {}
        self.note(error=error.to_json(), warnings=self.warnings, **changes)

    def picture_path(self) -> Path | None:
        """Where the entry's preview is laid; None without an entry."""
        return None if self._history is None else self._history.picture_path(self._key)
