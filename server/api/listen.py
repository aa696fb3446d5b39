"""Serves the application on a socket: what must be there first, the start line, signals, and an orderly end."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from server import API_VERSION, __version__
from server.access_token import server_token
from server.api.app import create_app
from server.api.security import AllowedHosts
from server.api.services import Services
from server.ending import ending_signals
from server.files import is_full
from server.instance import RunningServer, claim, recorded
from server.jobs.errors import DatabaseError
from server.jobs.folders import DataFolders
from server.jobs.reserve import Reserve
from server.jobs.store import StoreFailed
from server.models import ModelFolderError, ModelRegistry
from server.settings import Settings, is_loopback
from server.startup import StartFailure
from server.workers.engine import Engine, WorkerUnusable
from server.workers.local import LocalEngine

log = logging.getLogger(__name__)

# The event streams have ended by then; this is for answers that are on their way.
_LAST_ANSWERS_SECONDS = 1


def serve(settings: Settings, engines: Sequence[Engine] | None = None) -> None:
    """Serve until a signal ends it. `engines` take the place of one worker process for each device.

    Raises StartFailure.
    """
    token = server_token(settings.token_file)
    if token is None and not is_loopback(settings.host):
        message = (
            f"Others can reach {settings.host}, so calls must carry a token; name a file for it with --token-file."
        )
        raise StartFailure("token_needed", message)
    folders = _make_folders(settings)
    Reserve(folders.reserve).release_if_full()
    with claim(folders.root):
        models = _find_models(settings, folders)
        listener = listen(settings.host, settings.port)
        services = _build(settings, folders, models, engines or [LocalEngine(device=name) for name in settings.device])
        app = create_app(services, AllowedHosts([*settings.allowed_host, settings.host]), token)
        server = _Server(app, services)
        if settings.stop_with_parent:
            threading.Thread(target=_stop_at_end_of_input, args=[server], name="parent", daemon=True).start()
        try:
            server.run(sockets=[listener])
        finally:
            services.close()
    if server.failure is not None:
        raise server.failure


def _make_folders(settings: Settings) -> DataFolders:
    folders = DataFolders(settings.data_dir.absolute())
    try:
        folders.create()
    except OSError as error:
        raise _unusable_data_dir(settings, error) from error
    return folders


def _unusable_data_dir(settings: Settings, error: OSError) -> StartFailure:
    if is_full(error):
        message = f"The disk of the data folder {settings.data_dir} is full; make room on it, or choose another folder "
        message += "with --data-dir."
    else:
        message = (
            f"The data folder {settings.data_dir} cannot be used ({error.strerror}); choose another with --data-dir."
        )
    return StartFailure("data_dir_unusable", message)


def _find_models(settings: Settings, folders: DataFolders) -> ModelRegistry:
    try:
        models = ModelRegistry.discover(settings.model_dir, folders.root / "models")
    except ModelFolderError as error:
        raise StartFailure("model_unusable", str(error)) from error
    for problem in models.problems:
        log.warning("a model is left out: %s", problem)
    if not len(models):
        raise StartFailure("no_model", "No model is installed; name a model's folder with --model-dir.")
    return models


def _build(settings: Settings, folders: DataFolders, models: ModelRegistry, engines: Sequence[Engine]) -> Services:
    try:
        services = Services.build(settings, folders, models, engines)
    except DatabaseError as error:
        raise StartFailure(error.code, str(error)) from error
    except StoreFailed as error:
        raise StartFailure("database_damaged", f"The jobs cannot be read: {error}.") from error
    except OSError as error:
        raise _unusable_data_dir(settings, error) from error
    problem = services.models.installed_problem()
    if problem is not None:
        services.close()
        raise StartFailure("weights_missing", problem)
    return services


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on an IP address or `localhost`. Raises StartFailure (`port_in_use`, `cannot_listen`)."""
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    # TCP by name, because asyncio sets TCP_NODELAY only where it stands; without, each answer waits 40 ms for the other
    # side's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        # A restart need not wait for old connections. On Windows the option would let two servers share the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} is in use; stop the program that uses it or choose another port with --port."
            raise StartFailure("port_in_use", message) from error
        message = f"The server cannot listen on {host}:{port} ({error.strerror}); choose another address or port."
        raise StartFailure("cannot_listen", message) from error
    return listener


def _stop_at_end_of_input(server: uvicorn.Server) -> None:
    # Not sys.stdin: a thread that holds its lock would keep the interpreter from ending.
    while os.read(0, 4096):
        pass
    server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn with this server's start line, signals and end."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        )
        super().__init__(config)
        self.failure: StartFailure | None = None
        self._services = services
        self._record = contextlib.ExitStack()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say where."""
        assert sockets is not None
        try:
            await self._require_gpus()
        except StartFailure as failure:
            self.failure, self.should_exit = failure, True
            return
        self._services.start()
        await super().startup(sockets)
        running = _describe(sockets[0], self._services.settings.token_file)
        self._record.enter_context(recorded(self._services.folders.root, running))
        line = {"event": "listening", **asdict(running)}
        told = ("event", "url", "pid", "version", "api")
        print(json.dumps({name: line[name] for name in told}), flush=True)

    async def _require_gpus(self) -> None:
        """Wait for the workers that somebody wants on a GPU. Raises StartFailure (`no_gpu`) when there is none."""
        for engine in self._services.engines:
            if engine.device.startswith("cuda"):
                try:
                    await engine.start()
                except WorkerUnusable as error:
                    await engine.stop()
                    raise StartFailure(error.code, str(error)) from error

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, end the work and the event streams, which uvicorn would wait for, and then uvicorn."""
        # First, so that nobody looks for this server any more.
        self._record.close()
        for listener in self.servers:
            listener.close()
        await self._services.stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on Ctrl+C, SIGTERM and a closed terminal without raising them again, unlike uvicorn.

        Being asked to end is a success.
        """
        numbers = (signal.SIGINT, *ending_signals())
        originals = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in originals.items():
                signal.signal(number, handler)


def _describe(listener: socket.socket, token_file: Path | None) -> RunningServer:
    """What this server tells others of itself."""
    host, port = listener.getsockname()[:2]
    # Listening on all addresses includes this machine's own.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return RunningServer(
        pid=os.getpid(),
        url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}",
        port=port,
        version=__version__,
        api=API_VERSION,
        token_file=None if token_file is None else str(token_file.absolute()),
    )
