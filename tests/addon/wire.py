"""A network wire that can be cut: forwards TCP connections to a port until somebody pulls the plug."""

import contextlib
import socket
import threading
from typing import Any


class Wire:
    """Listens on a free port of its own and forwards to `target_port`, both ways."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._passed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def bytes_passed(self) -> int:
        """How much has come back from the target so far."""
        return self._passed

    def cut(self) -> None:
        """Break every connection that is open now; new ones are forwarded as before."""
        connections, self._open = self._open, []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Pull the plug for good."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                return
            self._open += [near, far]
            threading.Thread(target=self._forward, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._forward, args=(far, near, True), daemon=True).start()

    def _forward(self, source: Any, sink: Any, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self._passed += len(data) if counted else 0
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
