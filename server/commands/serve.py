"""`python -m server serve`: the API on this machine."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from server.api.listen import StartFailure, print_failure
from server.api.listen import serve as listen
from server.logs import log_to_stderr
from server.settings import Settings


def main(arguments: list[str]) -> int:
    """Serve the API on this machine."""
    log_to_stderr()
    try:
        listen(CliApp.run(Settings, cli_args=arguments))
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        reason = first["msg"].removeprefix("Value error, ")
        print_failure(StartFailure("bad_setting", f"The option {option} is not valid: {reason}."))
        return 2
    except SettingsError as error:
        print_failure(StartFailure("bad_setting", f"The options cannot be read: {error}. See --help."))
        return 2
    except StartFailure as failure:
        print_failure(failure)
        return 1
    return 0
