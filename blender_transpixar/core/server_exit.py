"""Why the server has ended, in words."""

import contextlib
import re
import signal

from .errors import ServerNotStartedError
from .server_log import start_line

_BY_STATUS = {
    2: "An option of its command is not valid",
    3: "It cannot listen at its address",
    4: "Its data folder cannot be used",
    5: "A model cannot be used",
    6: "No GPU was found",
}
_MISSING_MODULE = re.compile(r"No module named '?([\w.]+)'?")
_LONGEST_LINE = 200


def reason_for_end(status: int, lines: list[str]) -> ServerNotStartedError:
    """The error for a server that ended by itself with this exit status, after these last lines of its log.

    The code is that of the server's start line when it has said one, `server_missing` when its Python does not have it,
    else `server_ended`.
    """
    said = start_line(lines)
    if said is not None and said.get("event") == "failed":
        return ServerNotStartedError(str(said.get("message", "")), code=str(said.get("code", "")) or None)
    for line in reversed(lines):
        missing = _MISSING_MODULE.search(line)
        if missing:
            return _missing_module(missing.group(1))
    why = _killed_by(-status) if status < 0 else _BY_STATUS.get(status) or _last_words(lines, status)
    return ServerNotStartedError(f"The server has ended by itself. {why}. Look at its log.", code="server_ended")


def _missing_module(name: str) -> ServerNotStartedError:
    if name.split(".")[0] == "server":
        return ServerNotStartedError(
            "The chosen Python does not have the TransPixar server. In the add-on's preferences, choose the Python of "
            "the environment in which the server is installed.",
            code="server_missing",
        )
    return ServerNotStartedError(
        f"The server's environment lacks the package {name}. Install the server there once more.",
        code="server_missing",
    )


def _killed_by(number: int) -> str:
    if number == getattr(signal, "SIGKILL", 9):
        return "It was killed, perhaps by the system because the memory was full"
    name = str(number)
    with contextlib.suppress(ValueError):
        name = signal.Signals(number).name
    return f"It was ended by the signal {name}"


def _last_words(lines: list[str], status: int) -> str:
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if status == 0 and not last:
        return "It was asked to end"
    return f'The last line of its log is "{last[:_LONGEST_LINE]}"' if last else f"Its exit status was {status}"
