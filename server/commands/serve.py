"""`python -m server serve`: the API on this machine."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from server.api.listen import serve as listen
from server.logs import log_to_stderr
from server.settings import Settings
from server.startup import StartFailure


def main(arguments: list[str]) -> int:
    """Serve the API on this machine."""
    log_to_stderr()
    try:
        listen(_settings(arguments))
    except StartFailure as failure:
        failure.print_line()
        return failure.exit_status
    return 0


def _settings(arguments: list[str]) -> Settings:
    """The settings in the options and the environment. Raises StartFailure (`bad_setting`)."""
    try:
        return CliApp.run(Settings, cli_args=arguments)
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        reason = first["msg"].removeprefix("Value error, ")
        raise StartFailure("bad_setting", f"The option {option} is not valid: {reason}.") from error
    except SettingsError as error:
        raise StartFailure("bad_setting", f"The options cannot be read: {error}. See --help.") from error
