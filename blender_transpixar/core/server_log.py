"""The log of a server that Blender has started: what it writes to both of its outputs."""

import itertools
import json
from pathlib import Path
from typing import Any

LOG_NAME = "server.log"
# How many logs of earlier starts stay beside the present one.
KEPT = 3
_TAIL_BYTES = 1 << 16


def rotate(folder: Path) -> Path:
    """Make room for a new log: `server.log` becomes `server.1.log`, and so on. Returns its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [LOG_NAME, *(f"server.{number}.log" for number in range(1, KEPT + 1))]
    for newer, older in reversed(list(itertools.pairwise(names))):
        if (folder / newer).exists():
            (folder / newer).replace(folder / older)
    return folder / LOG_NAME


def tail(log: Path, lines: int = 200) -> list[str]:
    """The last lines of a log, at most 64 KiB of them; none when there is no log."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    found = text.splitlines()
    # The first line is a part of one when the beginning of the log was left out.
    return (found[1:] if size > _TAIL_BYTES else found)[-lines:]


def start_line(lines: list[str]) -> dict[str, Any] | None:
    """What the server has said of its start, see "Starting the server" in the contract; None when nothing."""
    for line in reversed(lines):
        if line.startswith('{"event"'):
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if isinstance(said, dict) and said.get("event") in ("listening", "failed"):
                return said
    return None
