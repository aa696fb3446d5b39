"""The command that starts the server: what the preferences say, or what is found on this computer."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from .address import parts
from .errors import ServerNotConfiguredError
from .server_file import read_installation, user_data_folder

_MODULE = ("-m", "server")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to start the server: a whole `command` line, or the `python` of its environment; "" leaves it to chance.

    `folder` is the folder to run in, "" for the user's own. `url` is the normalised address to listen on.
    """

    command: str = ""
    python: str = ""
    folder: str = ""
    url: str = ""


def split(command: str) -> list[str]:
    """The words of a command line. Raises ServerNotConfiguredError."""
    try:
        # Backslashes of Windows' paths are no escapes.
        words = shlex.split(command, posix=sys.platform != "win32")
    except ValueError as error:
        raise ServerNotConfiguredError(
            f"The server's command cannot be read ({error}). Correct it in the add-on's preferences."
        ) from error
    return [word[1:-1] if sys.platform == "win32" and _is_quoted(word) else word for word in words]


def data_folder(command: str) -> Path:
    """The data folder of a server started with this command line: its `--data-dir`, else the user's."""
    try:
        words = split(command)
    except ServerNotConfiguredError:
        words = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word == "--data-dir" and following:
            return Path(following)
        if word.startswith("--data-dir="):
            return Path(word.partition("=")[2])
    return user_data_folder()


def command_line(options: ServerOptions, places: Sequence[Path] = ()) -> tuple[list[str], Path]:
    """The words of the command and the folder to run it in.

    `places` are folders that may be a working copy of the project. Raises ServerNotConfiguredError.
    """
    folder = Path(options.folder).expanduser() if options.folder else None
    if folder is not None and not folder.is_dir():
        raise ServerNotConfiguredError(
            f"The server's folder {folder} is not there. Choose another one in the add-on's preferences."
        )
    if options.command.strip():
        words = split(options.command)
        _check_program(words[0])
    elif options.python:
        words = [str(_checked_python(Path(options.python).expanduser())), *_MODULE]
    else:
        python, found_in = _find(places)
        folder = folder or found_in
        words = [str(python), *_MODULE]
    return [*words, *_listen_on(words, options.url)], folder or Path.home()


def _listen_on(words: Sequence[str], url: str) -> list[str]:
    """The options that make the server listen where it will be looked for; what the command says itself stands."""
    if not url or any(word == "--port" or word.startswith("--port=") for word in words):
        return []
    host, port = parts(url)
    return ["--host", host, "--port", str(port)]


def _check_program(program: str) -> None:
    if shutil.which(program) is None:
        raise ServerNotConfiguredError(
            f"The program {program} of the server's command is not there. Correct it in the add-on's preferences."
        )


def _checked_python(chosen: Path) -> Path:
    """The interpreter that was chosen, or that of the environment that was chosen."""
    for python in (chosen, *_pythons_of(chosen)):
        if python.is_file() and os.access(python, os.X_OK):
            # Not resolved: an environment's Python is known by the place of its link.
            return python.absolute()
    raise ServerNotConfiguredError(
        f"There is no Python at {chosen}. Choose the server's environment again in the add-on's preferences."
    )


def _find(places: Sequence[Path]) -> tuple[Path, Path]:
    """An environment with the server in it, and the folder to run in: a working copy's, else that which ran last."""
    for place in places:
        if (place / "server/__main__.py").is_file():
            for environment in (".venv", ".nox/server"):
                for python in _pythons_of(place / environment):
                    if python.is_file():
                        return python, place
    installed = read_installation(user_data_folder())
    if installed is None:
        raise ServerNotConfiguredError(
            "Blender does not know how to start the server yet. Start it once with `python -m server`, or choose the "
            "Python of its environment in the add-on's preferences."
        )
    return installed


def _pythons_of(environment: Path) -> list[Path]:
    return [environment / name for name in ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")]


def _is_quoted(word: str) -> bool:
    return len(word) >= 2 and word[0] == word[-1] and word[0] in "\"'"
