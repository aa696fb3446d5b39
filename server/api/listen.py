"""Serves the application on a socket: the start line, signals, and an orderly end."""

from __future__ import annotations

import errno
import ipaddress
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from server import API_VERSION, __version__
from server.api.app import create_app
from server.api.services import Services
from server.jobs.folders import DataFolders
from server.models import ModelFolderError, ModelRegistry
from server.settings import Settings
from server.workers.local import LocalEngine

log = logging.getLogger(__name__)


class StartFailure(Exception):
    """The server cannot start: a stable `code` and a message that says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def print_failure(failure: StartFailure) -> None:
    """Print the start line of a server that cannot start."""
    print(json.dumps({"event": "failed", "code": failure.code, "message": str(failure)}), flush=True)


def serve(settings: Settings) -> None:
    """Serve until a signal ends it. Raises StartFailure."""
    models = _find_models(settings)
    folders = _make_folders(settings)
    listener = _listen(settings.host, settings.port)
    services = Services.build(models, folders, LocalEngine(), settings.cancel_grace)
    server = _Server(services)
    if settings.stop_with_parent:
        threading.Thread(target=_stop_at_end_of_input, args=[server], name="parent", daemon=True).start()
    server.run(sockets=[listener])


def _find_models(settings: Settings) -> ModelRegistry:
    try:
        models = ModelRegistry.discover(settings.model_dir)
    except ModelFolderError as error:
        raise StartFailure("model_unusable", str(error)) from error
    if not len(models):
        raise StartFailure("no_model", "No model is installed; name a model's folder with --model-dir.")
    return models


def _make_folders(settings: Settings) -> DataFolders:
    folders = DataFolders(settings.data_dir.absolute())
    try:
        folders.create()
    except OSError as error:
        message = (
            f"The data folder {settings.data_dir} cannot be used ({error.strerror}); choose another with --data-dir."
        )
        raise StartFailure("data_dir_unusable", message) from error
    return folders


def _listen(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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

    def __init__(self, services: Services) -> None:
        config = uvicorn.Config(
            create_app(services), lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=3
        )
        super().__init__(config)
        self._services = services

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say where."""
        self._services.scheduler.start()
        await super().startup(sockets)
        assert sockets is not None
        host, port = sockets[0].getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        line = {"event": "listening", "url": url, "pid": os.getpid(), "version": __version__, "api": API_VERSION}
        print(json.dumps(line), flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, end the work and the event streams, which uvicorn would wait for, and then uvicorn."""
        for listener in self.servers:
            listener.close()
        await self._services.stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGINT and SIGTERM without raising them again, unlike uvicorn: being asked to end is a success."""
        originals = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in originals.items():
                signal.signal(number, handler)
