"""Errors an artist can meet. Every message is a sentence that says what to do."""

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class TransPixarError(Exception):
    """Base of all errors that are shown to the artist.

    `code` is stable and machine-readable, `message` is a sentence, `field` names the request's field at fault, if any.
    """

    code = "unexpected"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.field = field

    def to_json(self) -> dict[str, Any]:
        """The error in the shape of the server's `error` objects."""
        return {"code": self.code, "message": self.message, "field": self.field}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "TransPixarError":
        """The error of an `error` object, with the class that belongs to its code."""
        code = str(data.get("code") or TransPixarError.code)
        message = str(data.get("message") or "The server reported an error without saying which.")
        field = data.get("field")
        cls = _CLASSES.get(code, TransPixarError)
        return cls(message, code=code, field=None if field is None else str(field))


class InvalidAddressError(TransPixarError):
    """The server address is no HTTP address."""

    code = "invalid_address"


class OnlineAccessError(TransPixarError):
    """The address is on another computer and Blender's online access is off."""

    code = "online_access_off"


class InvalidRequestError(TransPixarError):
    """The request was refused, here or by the server (HTTP 422)."""

    code = "invalid_request"


class ServerNotRunningError(TransPixarError):
    """Nothing listens at the address."""

    code = "server_not_running"


class NotATransPixarServerError(TransPixarError):
    """Another program answers at the address."""

    code = "other_program"


class ServerVersionError(TransPixarError):
    """The server speaks another version of the API."""

    code = "server_version"


class DisconnectedError(TransPixarError):
    """The server stopped answering while a clip was being made, and did not come back."""

    code = "disconnected"


class ServerRefusedError(TransPixarError):
    """The server answered with an error that is not about the request's values."""

    code = "server_refused"


class ServerBusyError(ServerRefusedError):
    """The server takes nothing more just now; `retry_after` are the seconds to wait, where it says so."""

    def __init__(
        self, message: str, *, code: str | None = None, field: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code, field=field)
        self.retry_after = retry_after


class JobFailedError(TransPixarError):
    """The server could not make the clip; its own sentence is passed on."""

    code = "job_failed"


class JobInterruptedError(TransPixarError):
    """The server was stopped or restarted in the middle of the job."""

    code = "job_interrupted"


class ClipGoneError(TransPixarError):
    """The server does not have the clip that is to be finished or exported."""

    code = "clip_gone"


class DownloadError(TransPixarError):
    """A finished clip could not be fetched intact."""

    code = "download_failed"


class DiskFullError(TransPixarError):
    """No space is left where clips are kept."""

    code = "disk_full"


class FolderNotWritableError(TransPixarError):
    """Clips cannot be written to the chosen folder."""

    code = "folder_not_writable"


class InvalidClipError(TransPixarError):
    """A folder or file is no complete clip."""

    code = "invalid_clip"


class InvalidLibraryError(TransPixarError):
    """The asset library holds something that cannot be kept as it is and be added to."""

    code = "invalid_library"


class ServerNotConfiguredError(TransPixarError):
    """The add-on's preferences do not say how to start the server, or say it wrongly."""

    code = "server_not_configured"


class ServerNotStartedError(TransPixarError):
    """The server could not be started, or has ended by itself."""

    code = "server_not_started"


class CourierStoppedError(TransPixarError):
    """The courier process ended by itself."""

    code = "courier_stopped"


_CLASSES: dict[str, type[TransPixarError]] = {cls.code: cls for cls in TransPixarError.__subclasses__()}


# What `from_os_error` says to choose.
CLIP_FOLDER = "a clip folder you can write to in the add-on's preferences"


def unexpected(error: Exception) -> TransPixarError:
    """The sentence for what should not happen."""
    return TransPixarError(
        f"Something went wrong that should not ({type(error).__name__}: {error}). Try again; if it stays, report it."
    )


def from_os_error(error: OSError, folder: Path, elsewhere: str = CLIP_FOLDER) -> TransPixarError:
    """The sentence for a failed write under `folder`; `elsewhere` completes "Choose ..."."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"The disk is full, so the clip could not be saved in {folder}. Free some space, or choose {elsewhere}."
        )
    reason = error.strerror or str(error)
    return FolderNotWritableError(f"The clip could not be saved in {folder} ({reason}). Choose {elsewhere}.")
