"""Finding a server that runs on this computer, by the `server.json` in its data folder."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .address import is_loopback, normalise
from .errors import InvalidAddressError
from .process_id import is_running
from .typed_text import decoded, trimmed

RECORD_NAME = "server.json"
INSTALLATION_NAME = "installation.json"
# Far longer than any record; a larger file is something else.
_LARGEST_RECORD = 1 << 16


@dataclass(frozen=True, slots=True)
class RunningServer:
    """What `server.json` says; `url` is normalised. `token_file` has the token, None when none is needed."""

    pid: int
    url: str
    version: str
    api: int
    token_file: Path | None


def user_data_folder(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The server's data folder when nobody has chosen one: what `platformdirs` gives on this system."""
    chosen = environment.get("TRANSPIXAR_DATA_DIR")
    if chosen:
        return Path(chosen)
    if platform == "win32":
        local = environment.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData/Local") / "transpixar"
    if platform == "darwin":
        return Path.home() / "Library/Application Support/transpixar"
    # The specification of XDG says to ignore relative paths.
    data_home = environment.get("XDG_DATA_HOME", "").strip()
    return (Path(data_home) if data_home.startswith("/") else Path.home() / ".local/share") / "transpixar"


def read_record(data_folder: Path) -> RunningServer | None:
    """The server that runs with this data folder; None when there is none, or its record was left by a killed one."""
    try:
        with (data_folder / RECORD_NAME).open("rb") as file:
            data = json.loads(file.read(_LARGEST_RECORD))
        token_file = data["token_file"]
        found = RunningServer(
            pid=int(data["pid"]),
            url=normalise(str(data["url"])),
            version=str(data["version"]),
            api=int(data["api"]),
            token_file=None if token_file is None else Path(token_file),
        )
    except (OSError, ValueError, KeyError, TypeError, InvalidAddressError):
        return None
    # A server that listens on the network alone is nothing to be found without asking.
    return found if is_loopback(found.url) and is_running(found.pid) else None


def read_installation(data_folder: Path) -> tuple[Path, Path] | None:
    """The Python of the server that ran with this data folder last, and the folder to run it in; None without one."""
    try:
        with (data_folder / INSTALLATION_NAME).open("rb") as file:
            data = json.loads(file.read(_LARGEST_RECORD))
        python, folder = Path(data["python"]), Path(data["folder"])
        return (python, folder) if python.is_file() and folder.is_dir() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_token(file: Path) -> str | None:
    """The token in a server's token file, None when it cannot be read."""
    try:
        with file.open("rb") as text:
            return trimmed(decoded(text.read(4096))) or None
    except (OSError, UnicodeDecodeError):
        return None
