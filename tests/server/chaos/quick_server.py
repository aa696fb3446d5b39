"""`python -m tests.server.chaos.quick_server`: the server with quick workers that may die as often as they like."""

import sys

from pydantic_settings import CliApp

from server.api.listen import serve
from server.logs import log_to_stderr
from server.settings import Settings
from server.startup import StartFailure
from server.workers.local import LocalEngine
from server.workers.restarts import RestartPolicy

WORKER = [sys.executable, "-m", "tests.server.chaos.quick_worker"]
FORGIVING = RestartPolicy(first_delay=0.01, longest_delay=0.1, deaths=10_000)


def main() -> int:
    log_to_stderr()
    try:
        settings = CliApp.run(Settings, cli_args=sys.argv[1:])
        serve(settings, engines=[LocalEngine(WORKER, restarts=FORGIVING) for _ in settings.device])
    except StartFailure as failure:
        failure.print_line()
        return failure.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
