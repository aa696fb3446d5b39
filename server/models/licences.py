"""Which licences of models have been accepted, on record in `licences.json` of the data folder."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from server import __version__
from server.files import write_file
from server.models.description import Licence, ModelDescription

log = logging.getLogger(__name__)

_FORMAT = 1


class LicenceError(Exception):
    """Licences that are not, or not rightly, accepted; the message is a sentence that says what to do."""


class AcceptedLicence(BaseModel):
    """One line of the record: what was accepted, when, and with which version of this program."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str
    url: str
    text_sha256: str
    accepted_at: str
    program_version: str


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")

    format_version: int = _FORMAT
    accepted: list[AcceptedLicence] = []


class Acceptances:
    """The accepted licences. Several processes may share the file: it is read anew whenever it has changed.

    A licence whose name, address or notice has changed since counts as not accepted. May be used by several threads.
    """

    def __init__(self, path: Path) -> None:
        """See `load`."""
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._accepted: dict[str, AcceptedLicence] = {}
        self._lock = threading.RLock()

    @classmethod
    def load(cls, path: Path) -> Self:
        """The acceptances in the file `path`; none where it does not exist or cannot be read."""
        acceptances = cls(path)
        acceptances._current()
        return acceptances

    @property
    def accepted(self) -> tuple[AcceptedLicence, ...]:
        """What is on record."""
        return tuple(self._current().values())

    def has(self, licence: Licence) -> bool:
        """Whether this licence, as it reads now, is accepted."""
        found = self._current().get(licence.id)
        return found is not None and found.text_sha256 == licence_hash(licence)

    def has_all(self, description: ModelDescription) -> bool:
        """Whether every licence of a model is accepted."""
        return not self.missing(description)

    def missing(self, description: ModelDescription) -> tuple[Licence, ...]:
        """The licences of a model that are not accepted yet."""
        return tuple(licence for licence in description.licences if not self.has(licence))

    def require(self, description: ModelDescription) -> None:
        """Raise LicenceError, naming what to accept, unless `has_all`."""
        missing = self.missing(description)
        if missing:
            names = " and ".join(f"'{licence.id}' ({licence.name}, {licence.url})" for licence in missing)
            raise LicenceError(
                f"The model '{description.name}' needs your consent to {names}; read and accept with "
                f"`python -m server models accept {description.name}`."
            )

    def accept(self, description: ModelDescription, ids: Iterable[str]) -> None:
        """Put the licences `ids`, all that the model lists, on record.

        What was accepted before keeps its date. Raises LicenceError when `ids` are not all of the model's licences and
        only those, and OSError when the record cannot be written.
        """
        named, listed = set(ids), {licence.id for licence in description.licences}
        if unknown := sorted(named - listed):
            has = f"its licences are {_quoted(sorted(listed))}" if listed else "it has none to accept"
            raise LicenceError(f"The model '{description.name}' has no licence {_quoted(unknown)}; {has}.")
        if left_out := sorted(listed - named):
            raise LicenceError(
                f"The model '{description.name}' also needs {_quoted(left_out)}; accept all of its licences together."
            )
        with self._lock:
            missing = self.missing(description)
            if missing:
                now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
                self._write(self._current() | {licence.id: _accept(licence, now) for licence in missing})

    def _current(self) -> dict[str, AcceptedLicence]:
        """The acceptances as the file has them now, by id."""
        with self._lock:
            stamp = self._read_stamp()
            if stamp != self._stamp:
                self._stamp, self._accepted = stamp, {} if stamp is None else self._read()
            return self._accepted

    def _read(self) -> dict[str, AcceptedLicence]:
        try:
            record = _Record.model_validate(json.loads(self.path.read_text("utf-8")))
        except (OSError, ValueError, RecursionError) as error:
            log.warning("%s cannot be read (%s); no licence counts as accepted", self.path, _first_line(error))
            return {}
        return {licence.id: licence for licence in record.accepted}

    def _write(self, accepted: dict[str, AcceptedLicence]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._keep_unreadable()
        record = _Record(accepted=list(accepted.values()))
        write_file(self.path, (record.model_dump_json(indent=2) + "\n").encode())
        self._stamp, self._accepted = self._read_stamp(), accepted

    def _keep_unreadable(self) -> None:
        """Put a record that cannot be read aside in place of writing over it: somebody may want to look at it."""
        try:
            _Record.model_validate(json.loads(self.path.read_text("utf-8")))
        except FileNotFoundError:
            return
        except (ValueError, RecursionError):
            self.path.replace(self.path.with_name(f"{self.path.name}.unreadable"))

    def _read_stamp(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size


def licence_hash(licence: Licence) -> str:
    """The SHA-256, in hex, of what a person is shown of a licence."""
    shown = json.dumps([licence.name, licence.url, licence.notice], ensure_ascii=True)
    return hashlib.sha256(shown.encode("ascii")).hexdigest()


def _accept(licence: Licence, now: str) -> AcceptedLicence:
    return AcceptedLicence(
        id=licence.id,
        name=licence.name,
        url=licence.url,
        text_sha256=licence_hash(licence),
        accepted_at=now,
        program_version=__version__,
    )


def _quoted(ids: list[str]) -> str:
    return " and ".join(f"'{licence_id}'" for licence_id in ids)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "it is no record of licences"
    return (str(error).splitlines() or [type(error).__name__])[0]
