"""Connections that another thread can break off while one waits for an answer."""

import contextlib
import socket
import threading
import weakref
from typing import Any

import requests.adapters


class InterruptibleAdapter(requests.adapters.HTTPAdapter):
    """An adapter of `requests` that knows its sockets. Works with urllib3 1.26 and 2, which Blender bundles."""

    def __init__(self) -> None:
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._interrupted = False
        super().__init__()

    def interrupt(self) -> None:
        """Shut every connection down, those that are still to come included; calls that wait raise at once."""
        with self._lock:
            self._interrupted = True
            sockets = list(self._sockets)
        for each in sockets:
            _shut_down(each)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Let the pools make connections that report their sockets."""
        super().init_poolmanager(*arguments, **options)
        pools = self.poolmanager.pool_classes_by_scheme
        self.poolmanager.pool_classes_by_scheme = {scheme: self._reporting(pool) for scheme, pool in pools.items()}

    def _note(self, connected: socket.socket) -> None:
        with self._lock:
            self._sockets.add(connected)
            interrupted = self._interrupted
        if interrupted:
            _shut_down(connected)

    def _reporting(self, pool: Any) -> Any:
        note = self._note

        class Connection(pool.ConnectionCls):
            def connect(self) -> None:
                super().connect()
                note(self.sock)

        return type(pool.__name__, (pool,), {"ConnectionCls": Connection})


def _shut_down(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not the method of a TLS socket, which forgets its state while the other thread reads.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
