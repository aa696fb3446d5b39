"""`python -m tests.server.api.fake_server`: the server with one fake engine for each device; options as for `serve`."""

import sys

import fastapi.routing
from pydantic_settings import CliApp

from server.api.listen import serve
from server.logs import log_to_stderr
from server.settings import Settings
from server.startup import StartFailure
from tests.server.api.fake_engine import FakeEngine


def main() -> int:
    log_to_stderr()
    # A test need not wait for FastAPI's 15 s.
    fastapi.routing._PING_INTERVAL = 0.5  # type: ignore[attr-defined]
    try:
        settings = CliApp.run(Settings, cli_args=sys.argv[1:])
        serve(settings, engines=[FakeEngine() for _ in settings.device])
    except StartFailure as failure:
        failure.print_line()
        return failure.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
