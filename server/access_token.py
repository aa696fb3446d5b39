"""The token that callers must show when the server asks for one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from server.files import new_file
from server.startup import StartFailure
from server.typed_text import decoded, trimmed

VARIABLE = "TRANSPIXAR_TOKEN"
_SHORTEST = 16


class TokenUnreadable(Exception):
    """A token file that cannot be used; the message is a sentence that says what to do."""


def server_token(token_file: Path | None) -> str | None:
    """The token of a server: from its file, which is made when it is not there, or from the environment.

    Raises StartFailure (`bad_setting`) when it cannot be used or others can read the file.
    """
    try:
        if token_file is not None:
            return _of_file(token_file)
        token = trimmed(os.environ.get(VARIABLE, ""))
        return _checked(token, VARIABLE) if token else None
    except TokenUnreadable as error:
        raise StartFailure("bad_setting", str(error)) from error


def callers_token(token: str | None) -> str | None:
    """The token that a caller shows: the one given, else that of the environment. Raises TokenUnreadable."""
    found = trimmed(token or os.environ.get(VARIABLE, ""))
    if not all("!" <= character <= "~" for character in found):
        source = "the call" if token else VARIABLE
        raise TokenUnreadable(f"The token of {source} is not usable; it has letters and digits without spaces only.")
    return found or None


def read_token(file: Path) -> str:
    """The token in a file. Raises TokenUnreadable."""
    try:
        return _checked(trimmed(decoded(file.read_bytes())), str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise TokenUnreadable(f"The token file {file} cannot be read ({reason}); choose another.") from error


def _of_file(file: Path) -> str:
    _create(file)
    # On Windows, the folders of a user are closed to others, and these bits mean nothing.
    if os.name == "posix" and file.stat().st_mode & 0o077:
        raise TokenUnreadable(f"The token file {file} can be read by others; make it yours alone with `chmod 600`.")
    return read_token(file)


def _create(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(file):
            return
        with new_file(file) as partial:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as output:
                output.write(secrets.token_urlsafe(32) + "\n")
    except OSError as error:
        raise TokenUnreadable(f"The token file {file} cannot be made ({error.strerror}); choose another.") from error


def _checked(token: str, source: str) -> str:
    # What an HTTP header can carry, and what nobody guesses.
    if len(token) < _SHORTEST or not all("!" <= character <= "~" for character in token):
        raise TokenUnreadable(
            f"The token of {source} is not usable; write at least {_SHORTEST} letters and digits without spaces."
        )
    return token
