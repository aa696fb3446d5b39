"""Why a server cannot start: one machine-readable line and an exit status."""

from __future__ import annotations

import json

EXIT_STATUS = {
    "bad_setting": 2,
    "token_needed": 2,
    "port_in_use": 3,
    "cannot_listen": 3,
    "data_dir_unusable": 4,
    "already_running": 4,
    "database_locked": 4,
    "database_too_new": 4,
    "database_damaged": 4,
    "model_unusable": 5,
    "no_model": 5,
    "weights_missing": 5,
    "no_gpu": 6,
}


class StartFailure(Exception):
    """The server cannot start: a stable `code` and a message that says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def exit_status(self) -> int:
        """The status that the program ends with."""
        return EXIT_STATUS.get(self.code, 1)

    def print_line(self) -> None:
        """Print the start line of a server that cannot start."""
        print(json.dumps({"event": "failed", "code": self.code, "message": str(self)}), flush=True)
